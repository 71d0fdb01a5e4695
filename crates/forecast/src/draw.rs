//! Numbers drawn from a seed.

use std::f64::consts::TAU;

/// `SplitMix64`, from Steele, Lea, Flood: *Fast splittable pseudorandom number generators* (2014).
#[derive(Clone, Debug)]
pub struct Draw(pub u64);

// === impl Draw ===

impl Draw {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From `low` to `high`, both included.
    pub fn range(&mut self, low: u32, high: u32) -> u32 {
        let span = u64::from(high - low) + 1;
        low + u32::try_from(self.bits() % span).unwrap_or_default()
    }

    /// From 0 (included) to 1 (excluded).
    pub fn unit(&mut self) -> f64 {
        f64::from(self.range(0, u32::MAX - 1)) / f64::from(u32::MAX)
    }

    /// `exp(sigma · z)` with `z` from the standard normal distribution (Box and Muller).
    pub fn log_normal(&mut self, sigma: f64) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        (sigma * radius * (TAU * self.unit()).cos()).exp()
    }

    /// Between `1/factor` and `factor`, evenly on a logarithmic scale.
    pub fn off_by(&mut self, factor: f64) -> f64 {
        factor.powf(2.0 * self.unit() - 1.0)
    }
}
