//! One number for several durations, which a single bad run cannot move far.
//!
//! The median and the median absolute deviation have a breakdown point of one half: fewer than half of
//! the values can be anything and the result stays within the range of the others (Rousseeuw and Croux:
//! *Alternatives to the Median Absolute Deviation*, JASA 88, 1993). A mean has none.

use std::time::Duration;

/// Makes the median absolute deviation of normally distributed values their standard deviation
/// (1 / Φ⁻¹(3/4), from the same paper).
const CONSISTENCY: f64 = 1.4826;

/// How far durations differ from run to run where too few are known to tell, as a part of what is
/// expected.
pub const USUAL_SPREAD: f64 = 0.3;

/// From this many values on their own spread counts: two may agree by chance.
const ENOUGH: usize = 3;

/// What several durations say together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Robust {
    /// Their median.
    pub typical: Duration,
    /// About their standard deviation, outliers damped.
    pub spread: Duration,
}

/// Sums durations up, in whatever order they come; `None` when there are none.
#[must_use]
pub fn robust(durations: impl IntoIterator<Item = Duration>) -> Option<Robust> {
    let mut sorted: Vec<Duration> = durations.into_iter().collect();
    let typical = median(&mut sorted)?;
    if sorted.len() < ENOUGH {
        return Some(Robust { typical, spread: typical.mul_f64(USUAL_SPREAD) });
    }
    let mut off: Vec<Duration> = sorted.iter().map(|one| one.abs_diff(typical)).collect();
    let spread = median(&mut off)?.mul_f64(CONSISTENCY);
    Some(Robust { typical, spread })
}

/// The value in the middle; of two, the mean. Sorts.
pub(crate) fn median(values: &mut [Duration]) -> Option<Duration> {
    values.sort_unstable();
    let upper = *values.get(values.len() / 2)?;
    match values.len() % 2 {
        1 => Some(upper),
        // Half of the difference cannot overflow where a sum could.
        _ => values.get(values.len() / 2 - 1).map(|lower| *lower + (upper - *lower) / 2),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn millis(values: &[u64]) -> Vec<Duration> {
        values.iter().copied().map(Duration::from_millis).collect()
    }

    #[test]
    fn small_numbers() {
        let of = |values: &[u64]| {
            robust(millis(values)).map(|it| (it.typical.as_millis(), it.spread.as_millis()))
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[1000]), Some((1000, 300)));
        assert_eq!(of(&[1000, 3000]), Some((2000, 600)));
        assert_eq!(of(&[3000, 1000, 2000]), Some((2000, 1482)));
        assert_eq!(of(&[5, 5, 5, 5, 90_000]), Some((5, 0)));
    }

    proptest! {
        #[test]
        fn one_outlier_does_not_lead_out_of_the_range_of_the_others(
            others in prop::collection::vec(0..86_400_000_u64, 2..9),
            outlier in 0..u64::from(u32::MAX),
            place in 0..9_usize,
        ) {
            let mut all = others.clone();
            all.insert(place.min(others.len()), outlier);
            let found = robust(millis(&all)).expect("there are some");
            let (least, most) = (others.iter().min().unwrap(), others.iter().max().unwrap());
            prop_assert!(found.typical >= Duration::from_millis(*least));
            prop_assert!(found.typical <= Duration::from_millis(*most));
            let range = Duration::from_millis(most - least).mul_f64(CONSISTENCY);
            prop_assert!(found.spread <= range + Duration::from_nanos(1));
        }

        #[test]
        fn the_order_does_not_matter(
            (one, other) in prop::collection::vec(0..100_000_u64, 0..9)
                .prop_flat_map(|values| (Just(values.clone()), Just(values).prop_shuffle())),
        ) {
            prop_assert_eq!(robust(millis(&one)), robust(millis(&other)));
        }
    }
}
