//! What tells the targets in which a spec fails from those in which it passes.
//!
//! An explanation is a condition of as few terms as possible (`kube-proxy=ipvs`, then `cni=cilium
//! and kubernetes≥1.35`) that is true of all failing targets and of no passing one. Each term is
//! about another label: several about one would call the targets by their names. Where there is no
//! such condition, the one that comes closest is given with everything that speaks against it.

mod chance;
mod term;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::Serialize;

use crate::bits::Bits;
use term::{Choice, choices};
pub use term::{Term, Test};

/// Most terms of a condition: more would describe single targets.
pub const MOST_TERMS: usize = 3;

/// Most other conditions that are named beside the best one.
const MOST_ALSO: usize = 3;

/// Combinations that are tried for one pattern of failures. A matrix of eight labels with five
/// values each stays far below.
const BUDGET: usize = 100_000;

/// A second term must halve the counter-examples of a condition that is not complete: otherwise it
/// fits the accident rather than the cause.
const WORTH_A_TERM: usize = 2;

/// A conjunction of terms.
pub type Condition = Vec<Term>;

/// What explains where a spec fails; `T` is a target.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Explanation<T> {
    /// A condition is true of all failing targets and of no passing one.
    #[serde(rename_all = "camelCase")]
    Separated {
        /// The condition.
        condition: Condition,
        /// Others of the same length that are true of the same targets.
        also: Vec<Condition>,
        /// Which share of all choices of as many targets as fail conditions of this length would
        /// pick out: near 0 this is hardly a coincidence. `None` when it was not counted.
        coincidence: Option<f64>,
    },
    /// No condition separates them; one comes close.
    #[serde(rename_all = "camelCase")]
    Partly {
        /// The condition.
        condition: Condition,
        /// It is true of these, and they fail.
        failing_with: Vec<T>,
        /// It is true of these, and they pass: counter-examples.
        passing_with: Vec<T>,
        /// It is not true of these, and they fail: counter-examples.
        failing_without: Vec<T>,
        /// It is not true of these, and they pass.
        passing_without: Vec<T>,
        /// Whether all conditions were tried before giving up.
        exhaustive: bool,
    },
    /// No label has to do with it.
    Nothing,
    /// It fails wherever it has a result.
    Everywhere,
}

/// Explains patterns of failures over the same targets; the same pattern is looked at once.
pub(crate) struct Explainer<'a> {
    labels: Vec<&'a BTreeMap<String, String>>,
    keys: &'a [String],
    known: BTreeMap<(Bits, Bits), Explanation<usize>>,
}

// === impl Explainer ===

impl<'a> Explainer<'a> {
    /// For targets with these labels, of which these keys may explain something.
    pub(crate) fn new(labels: Vec<&'a BTreeMap<String, String>>, keys: &'a [String]) -> Self {
        Self { labels, keys, known: BTreeMap::new() }
    }

    /// Explains a spec that fails in some targets and passes in others.
    pub(crate) fn explain(&mut self, failing: &Bits, passing: &Bits) -> Explanation<usize> {
        let pattern = (failing.clone(), passing.clone());
        let (labels, keys) = (&self.labels, self.keys);
        let explain = || explain(labels, keys, failing, passing);
        self.known.entry(pattern).or_insert_with(explain).clone()
    }
}

impl<T> Explanation<T> {
    /// The same with other targets.
    pub(crate) fn map<U>(self, name: impl Fn(T) -> U) -> Explanation<U> {
        let names = |targets: Vec<T>| targets.into_iter().map(&name).collect();
        match self {
            Self::Separated { condition, also, coincidence } => {
                Explanation::Separated { condition, also, coincidence }
            }
            Self::Partly {
                condition,
                failing_with,
                passing_with,
                failing_without,
                passing_without,
                exhaustive,
            } => Explanation::Partly {
                condition,
                failing_with: names(failing_with),
                passing_with: names(passing_with),
                failing_without: names(failing_without),
                passing_without: names(passing_without),
                exhaustive,
            },
            Self::Nothing => Explanation::Nothing,
            Self::Everywhere => Explanation::Everywhere,
        }
    }
}

fn explain(
    labels: &[&BTreeMap<String, String>],
    keys: &[String],
    failing: &Bits,
    passing: &Bits,
) -> Explanation<usize> {
    if passing.is_empty() {
        return Explanation::Everywhere;
    }
    let choices = choices(labels, keys, &failing.or(passing), failing);
    let mut budget = BUDGET;
    let found = separated(&choices, failing, passing, &mut budget);
    found.unwrap_or_else(|| partly(&choices, failing, passing, budget > 0))
}

/// The shortest condition that is true of exactly the failing targets.
fn separated(
    choices: &[Choice],
    failing: &Bits,
    passing: &Bits,
    budget: &mut usize,
) -> Option<Explanation<usize>> {
    // A term that misses a failing target is in no such condition, and one that another term about
    // the same label outdoes is in none that is needed.
    let covering: Vec<&Choice> = choices.iter().filter(|it| it.on.covers(failing)).collect();
    let outdone = |it: &Choice| {
        covering.iter().any(|o| it.on != o.on && it.on.covers(&o.on) && o.can_stand_for(it))
    };
    let covering: Vec<&Choice> = covering.iter().copied().filter(|it| !outdone(it)).collect();
    for terms in 1..=MOST_TERMS {
        let mut found = Vec::new();
        combine(&covering, terms, &mut Vec::new(), None, budget, &mut |chosen, on| {
            if on == failing {
                found.extend(spell(chosen));
            }
        });
        if !found.is_empty() {
            let condition = found.remove(0);
            found.truncate(MOST_ALSO);
            let of_values = condition.iter().any(|term| matches!(term.test, Test::OneOf(_)));
            let coincidence = (!of_values)
                .then(|| {
                    let targets = failing.len() + passing.len();
                    chance::coincidence(choices, terms, failing.len(), targets)
                })
                .flatten();
            return Some(Explanation::Separated { condition, also: found, coincidence });
        }
    }
    None
}

/// Calls back with every combination of so many choices, and of what it is true.
fn combine<'c>(
    choices: &[&'c Choice],
    terms: usize,
    chosen: &mut Vec<&'c Choice>,
    on: Option<&Bits>,
    budget: &mut usize,
    each: &mut impl FnMut(&[&'c Choice], &Bits),
) {
    for (at, choice) in choices.iter().enumerate() {
        if *budget == 0 {
            return;
        }
        *budget -= 1;
        let on = on.map_or_else(|| choice.on.clone(), |on| on.and(&choice.on));
        chosen.push(choice);
        if terms == 1 {
            each(chosen, &on);
        } else {
            combine(&choices[at + 1..], terms - 1, chosen, Some(&on), budget, each);
        }
        chosen.pop();
    }
}

/// The conditions that such a combination can be written as, the best first: none if its terms
/// cannot be about different labels.
fn spell(chosen: &[&Choice]) -> Vec<Condition> {
    let mut all = vec![Condition::new()];
    for choice in chosen {
        let longer = all.iter().flat_map(|begun| {
            let is_new = |term: &&Term| begun.iter().all(|known| known.key != term.key);
            let terms = choice.terms.iter().filter(is_new);
            terms.map(|term| begun.iter().chain([term]).cloned().collect::<Condition>())
        });
        all = longer.take(MOST_ALSO + 1).collect();
    }
    all
}

/// How well a condition tells failing from passing targets.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Fit {
    /// Youden's index (W. J. Youden, "Index for rating diagnostic tests", 1950), times the number
    /// of failing and of passing targets: the share of failing targets it is true of, less the
    /// share of passing ones.
    youden: i64,
    /// Targets that speak against it.
    against: usize,
}

impl Fit {
    fn of(on: &Bits, failing: &Bits, passing: &Bits) -> Self {
        let number = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        let (with, wrong) = (on.shared(failing), on.shared(passing));
        let youden = number(with * passing.len()).saturating_sub(number(wrong * failing.len()));
        Self { youden, against: failing.len() - with + wrong }
    }

    fn is_better_than(self, other: Self) -> bool {
        (self.youden, other.against) > (other.youden, self.against)
    }
}

/// The condition that comes closest.
fn partly(
    choices: &[Choice],
    failing: &Bits,
    passing: &Bits,
    was_exhaustive: bool,
) -> Explanation<usize> {
    let choices: Vec<&Choice> = choices.iter().collect();
    let mut budget = BUDGET;
    let mut best: Option<(Fit, Condition, Bits)> = None;
    for terms in 1..=2 {
        let before = best.as_ref().map(|(fit, _, _)| fit.against);
        combine(&choices, terms, &mut Vec::new(), None, &mut budget, &mut |chosen, on| {
            let fit = Fit::of(on, failing, passing);
            let is_worth_it = before.is_none_or(|b| fit.against.saturating_mul(WORTH_A_TERM) <= b);
            let is_better = best.as_ref().is_none_or(|(known, _, _)| fit.is_better_than(*known));
            if fit.youden > 0
                && is_worth_it
                && is_better
                && let Some(condition) = spell(chosen).into_iter().next()
            {
                best = Some((fit, condition, on.clone()));
            }
        });
    }
    let Some((_, condition, on)) = best else { return Explanation::Nothing };
    Explanation::Partly {
        condition,
        failing_with: failing.and(&on).members(),
        passing_with: passing.and(&on).members(),
        failing_without: failing.without(&on).members(),
        passing_without: passing.without(&on).members(),
        exhaustive: was_exhaustive && budget > 0,
    }
}
