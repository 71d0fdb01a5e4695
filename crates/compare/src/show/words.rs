//! Sentences about explanations and histories, the same in every form of output.

use crate::compare::{Comparison, FailingSpec, Group, TargetHistory, Unsteady};
use crate::explain::{Condition, Explanation};
use crate::history::Steadiness;

/// A share of coincidences from which an explanation is called weak.
const WEAK: f64 = 0.1;

/// What is said about a group: the first part stands out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sentences {
    /// The explanation in a few words.
    pub(super) headline: String,
    /// What supports it.
    pub(super) support: String,
    /// What speaks against it, or weakens it.
    pub(super) against: Vec<String>,
}

/// `1 spec`, `2 specs`.
pub(super) fn count(number: usize, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
}

/// `a`, `a and b`, `a, b, and c`.
pub(super) fn list(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [one, two] => format!("{one} and {two}"),
        [first @ .., last] => format!("{}, and {last}", first.join(", ")),
    }
}

pub(super) fn condition(condition: &Condition) -> String {
    condition.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ")
}

/// What was compared, in one line.
pub(super) fn scope(comparison: &Comparison) -> String {
    let targets = count(comparison.targets.len(), "target");
    let specs = count(comparison.specs, "spec");
    match comparison.runs.as_slice() {
        [run] => format!("run {run}: {targets}, {specs}"),
        runs => format!("{}, {targets}, {specs}: {}", count(runs.len(), "run"), list(runs)),
    }
}

/// What came of it, in one line.
pub(super) fn result(comparison: &Comparison) -> String {
    let (differing, everywhere) = (comparison.differing, comparison.failing_everywhere);
    let fail = |number| if number == 1 { "fails" } else { "fail" };
    match (differing, everywhere) {
        (0, 0) => "no spec fails".to_owned(),
        (0, n) => format!("{} {} in every target, none differs", count(n, "spec"), fail(n)),
        (d, 0) => format!("{} {} in some targets and not in others", count(d, "spec"), fail(d)),
        (d, n) => format!(
            "{} {} in some targets and not in others, {n} {} in every target",
            count(d, "spec"),
            fail(d),
            fail(n)
        ),
    }
}

pub(super) fn explanation(group: &Group) -> Sentences {
    let (failing, passing) = (group.failing.len(), group.passing.len());
    match &group.explanation {
        Explanation::Everywhere if failing == 1 => Sentences {
            headline: "no other target has a result".to_owned(),
            support: "fails in the only target with a result".to_owned(),
            against: Vec::new(),
        },
        Explanation::Everywhere => Sentences {
            headline: "fails everywhere".to_owned(),
            support: format!("fails in all {}", count(failing, "target")),
            against: Vec::new(),
        },
        Explanation::Nothing => Sentences {
            headline: "no label explains it".to_owned(),
            support: format!(
                "fails in {failing} of {}, and no label has to do with it",
                count(failing + passing, "target")
            ),
            against: Vec::new(),
        },
        Explanation::Separated { condition: found, also, coincidence } => {
            let found = condition(found);
            let mut against = Vec::new();
            if !also.is_empty() {
                let also: Vec<String> = also.iter().map(condition).collect();
                let explain = if also.len() == 1 { "explains" } else { "explain" };
                against.push(format!("{} {explain} it as well", list(&also)));
            }
            if let Some(share) = coincidence.filter(|share| *share > WEAK) {
                against.push(format!(
                    "weak: labels would explain {:.0} % of all choices of {failing} out of {} just as simply",
                    share * 100.0,
                    count(failing + passing, "target")
                ));
            }
            let support = format!(
                "fails in {} with {found}, {}",
                all(failing, "target"),
                match passing {
                    1 => "not in the other one".to_owned(),
                    n => format!("in none of the {n} others"),
                }
            );
            Sentences { headline: found, support, against }
        }
        Explanation::Partly {
            condition: found,
            failing_with,
            passing_with,
            failing_without,
            passing_without,
            exhaustive,
        } => {
            let found = condition(found);
            let with = failing_with.len() + passing_with.len();
            let without = failing_without.len() + passing_without.len();
            let support = format!(
                "closest is {found}: fails in {} of {} with it, in {} of the {} without",
                failing_with.len(),
                count(with, "target"),
                if failing_without.is_empty() {
                    "none".to_owned()
                } else {
                    failing_without.len().to_string()
                },
                without
            );
            let mut against = Vec::new();
            if !passing_with.is_empty() {
                against.push(format!("passes all the same in {}", list(passing_with)));
            }
            if !failing_without.is_empty() {
                against.push(format!("fails without it in {}", list(failing_without)));
            }
            if !exhaustive {
                against
                    .push("there are too many labels: not all combinations were tried".to_owned());
            }
            Sentences { headline: "no label explains it".to_owned(), support, against }
        }
    }
}

fn all(number: usize, one: &str) -> String {
    if number == 1 { format!("the only {one}") } else { format!("all {}", count(number, one)) }
}

/// How the failures of a spec stand to earlier runs, one part per kind; empty without any.
pub(super) fn history(spec: &FailingSpec) -> Vec<String> {
    by_kind(&spec.history)
}

/// The same of a spec that passes now.
pub(super) fn unsteady(spec: &Unsteady) -> Vec<String> {
    by_kind(&spec.history)
}

fn by_kind(history: &[TargetHistory]) -> Vec<String> {
    let mut kinds: Vec<(&Steadiness, Vec<String>)> = Vec::new();
    for one in history {
        match kinds.iter_mut().find(|(kind, _)| *kind == &one.steadiness) {
            Some((_, targets)) => targets.push(one.target.clone()),
            None => kinds.push((&one.steadiness, vec![one.target.clone()])),
        }
    }
    kinds.sort();
    let parts = kinds.into_iter().map(|(kind, targets)| match targets.len() == history.len() {
        true => steadiness(kind),
        false => format!("{} in {}", steadiness(kind), list(&targets)),
    });
    parts.collect()
}

fn steadiness(kind: &Steadiness) -> String {
    match kind {
        Steadiness::Flaky { failed, results, retried: 0 } => {
            format!("flaky: failed {failed} of {results} times")
        }
        Steadiness::Flaky { failed: 0, retried, .. } => {
            format!("flaky: passed only after further attempts {}", times(*retried))
        }
        Steadiness::Flaky { failed, results, retried } => format!(
            "flaky: failed {failed} of {results} times, passed only after further attempts {}",
            times(*retried)
        ),
        Steadiness::New { passed } => format!("new: {} passed", count(*passed, "earlier run")),
        Steadiness::Since { run, failed } => {
            format!("steady since {run}: failed {}", times(*failed))
        }
        Steadiness::Steady { failed } => format!("steady: failed {}", times(*failed)),
        Steadiness::Unknown => "no earlier result".to_owned(),
        Steadiness::Mended { failed } => {
            format!("mended: passes after it failed {}", times(*failed))
        }
    }
}

fn times(number: usize) -> String {
    if number == 1 { "once".to_owned() } else { format!("{number} times") }
}
