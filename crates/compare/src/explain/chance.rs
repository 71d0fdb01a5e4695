//! How easily labels would explain anything at all.

use std::collections::BTreeSet;

use super::term::Choice;
use crate::bits::Bits;

/// Sets that are looked at; beyond this nothing is said.
const MOST_SETS: usize = 100_000;

/// The share of all choices of `size` out of `targets` that at most `terms` terms would pick out:
/// what an explanation of that kind is worth when nothing is behind it. Near 0 it is hardly a
/// coincidence; at 1 labels merely give every choice a name. `None` when there are too many terms
/// to count.
pub(super) fn coincidence(
    choices: &[Choice],
    terms: usize,
    size: usize,
    targets: usize,
) -> Option<f64> {
    let mut sets: BTreeSet<Bits> = choices.iter().map(|choice| choice.on.clone()).collect();
    for _ in 1..terms {
        if sets.len().checked_mul(choices.len())? > MOST_SETS {
            return None;
        }
        let longer = sets.iter().flat_map(|set| choices.iter().map(|more| set.and(&more.on)));
        let longer: Vec<Bits> = longer.collect();
        sets.extend(longer);
    }
    let explained = sets.iter().filter(|set| set.len() == size).count();
    Some((explained as f64 / binomial(targets, size)).min(1.0))
}

/// In how many ways `size` can be chosen out of `all`.
fn binomial(all: usize, size: usize) -> f64 {
    (0..size.min(all - size)).fold(1.0, |ways, at| ways * (all - at) as f64 / (at + 1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_are_counted_as_pascal_did() {
        let row: Vec<f64> = (0..=6).map(|size| binomial(6, size)).collect();
        assert_eq!(row, [1.0, 6.0, 15.0, 20.0, 15.0, 6.0, 1.0]);
    }

    #[test]
    fn names_explain_every_single_target() {
        let choice = |at: usize| Choice { terms: Vec::new(), on: Bits::of(4, |i| i == at) };
        let named: Vec<Choice> = (0..4).map(choice).collect();
        assert_eq!(coincidence(&named, 1, 1, 4), Some(1.0));
        assert_eq!(coincidence(&named[..1], 1, 1, 4), Some(0.25));
        assert_eq!(coincidence(&named, 1, 2, 4), Some(0.0));
    }
}
