//! How long groups take beside what was expected of them.

use std::time::Duration;

/// The groups of a session that have come to an end.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pace {
    parallel: Sums,
    serial: Sums,
}

#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    took: Duration,
    expected: Duration,
}

// === impl Pace ===

impl Pace {
    /// A group has come to its end.
    pub(crate) fn note(&mut self, serial: bool, took: Duration, expected: Duration) {
        let sums = if serial { &mut self.serial } else { &mut self.parallel };
        sums.took += took;
        sums.expected += expected;
    }

    /// What a serial group takes for each second that is expected of it. Before as much of them is
    /// known as `weight`, the parallel ones speak for them; before anything is known, 1.
    pub(crate) fn of_serial(&self, weight: Duration) -> f64 {
        let before = self.parallel.ratio().unwrap_or(1.0);
        let weight = weight.as_secs_f64().max(0.001);
        let took = self.serial.took.as_secs_f64() + weight * before;
        took / (self.serial.expected.as_secs_f64() + weight)
    }
}

// === impl Sums ===

impl Sums {
    fn ratio(self) -> Option<f64> {
        let expected = self.expected.as_secs_f64();
        (expected > 0.0).then(|| self.took.as_secs_f64() / expected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn parallel_groups_speak_for_serial_ones_until_those_are_known() {
        let mut pace = Pace::default();
        assert!((pace.of_serial(s(10)) - 1.0).abs() < 1e-9);
        pace.note(false, s(1), s(10));
        assert!((pace.of_serial(s(10)) - 0.1).abs() < 1e-9);
        pace.note(true, s(20), s(10));
        assert!((pace.of_serial(s(10)) - 1.05).abs() < 1e-9);
    }
}
