//! Failing specs, in groups; and those that have failed before.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::{FailingSpec, Group, Table, TargetHistory, Unsteady};
use crate::bits::Bits;
use crate::explain::{Explainer, Explanation};
use crate::history::{Past, Steadiness, steadiness};
use crate::input::Outcome;
use crate::message::{cut, normalise, without_colours};

/// A message is shown up to here, in bytes; the reports have all of it.
const MOST_MESSAGE: usize = 4 << 10;

/// What the specs of a group have in common: where they fail, where they pass, what they say.
type Kind = (Bits, Bits, String);

/// All failing specs in groups; how many fail in some targets only; how many wherever they ran.
pub(super) fn groups(
    table: &Table<'_>,
    specs: &BTreeSet<&str>,
    labels: &[BTreeMap<String, String>],
    keys: &[String],
) -> (Vec<Group>, usize, usize) {
    let mut kinds: BTreeMap<Kind, (String, Vec<FailingSpec>)> = BTreeMap::new();
    let (mut differing, mut everywhere) = (0, 0);
    for spec in specs {
        let (failing, passing) = table.pattern(spec);
        if failing.is_empty() {
            continue;
        }
        *(if passing.is_empty() { &mut everywhere } else { &mut differing }) += 1;
        let (said, message, found) = failing_spec(table, spec, &failing);
        let group = kinds.entry((failing, passing, said)).or_insert_with(|| (message, Vec::new()));
        group.1.push(found);
    }
    let mut explainer = Explainer::new(labels.iter().collect(), keys);
    let groups = kinds.into_iter().map(|((failing, passing, _), (message, specs))| {
        let decided = failing.or(&passing);
        let undecided = Bits::of(table.size(), |at| !decided.has(at));
        let explanation = explainer.explain(&failing, &passing);
        Group {
            explanation: explanation.map(|at| table.ids[at].clone()),
            failing: table.names(&failing),
            passing: table.names(&passing),
            undecided: table.names(&undecided),
            message,
            specs,
        }
    });
    let mut groups: Vec<Group> = groups.collect();
    groups.sort_by_cached_key(|group| {
        let class = match group.explanation {
            Explanation::Separated { .. } => 0,
            Explanation::Partly { .. } => 1,
            Explanation::Nothing => 2,
            Explanation::Everywhere => 3,
        };
        let first = group.specs.first().map(|spec| spec.spec.clone());
        (class, Reverse(group.specs.len()), Reverse(group.failing.len()), first)
    });
    (groups, differing, everywhere)
}

/// What a failing spec mostly says, in the general and in one of its own forms; and the spec.
fn failing_spec(table: &Table<'_>, spec: &str, failing: &Bits) -> (String, String, FailingSpec) {
    let mut said: BTreeMap<String, (usize, &str)> = BTreeMap::new();
    let mut states = BTreeSet::new();
    for at in failing.members() {
        if let Some(Outcome::Failed { state, message }) = table.outcome(at, spec) {
            states.insert(state.to_string());
            said.entry(normalise(message)).or_insert((0, message)).0 += 1;
        }
    }
    let messages = said.len();
    let most = said.into_iter().max_by_key(|(text, (often, _))| (*often, Reverse(text.clone())));
    let (general, (_, own)) = most.unwrap_or_default();
    let history = match table.earlier.is_empty() {
        true => Vec::new(),
        false => history(table, spec, &failing.members()),
    };
    let found = FailingSpec {
        spec: spec.to_owned(),
        states: states.into_iter().collect(),
        messages,
        history,
    };
    (general, shown(own), found)
}

fn shown(message: &str) -> String {
    let start = cut(message, MOST_MESSAGE);
    let rest = if start.len() < message.len() { "…" } else { "" };
    format!("{}{rest}", without_colours(start).trim_end())
}

/// How a spec's outcomes in these targets stand to those of earlier runs.
fn history(table: &Table<'_>, spec: &str, targets: &[usize]) -> Vec<TargetHistory> {
    let of = |at: &usize| {
        let (run, target) = table.targets[*at];
        let earlier = table.earlier.iter().filter_map(|run| {
            let same = run.targets.iter().find(|earlier| earlier.name == target.name)?;
            past(&run.id, same.specs.get(spec)?)
        });
        let now = past(&run.id, target.specs.get(spec)?)?;
        let results: Vec<Past<'_>> = earlier.chain([now]).collect();
        let steadiness = steadiness(&results)?;
        Some(TargetHistory { target: table.ids[*at].clone(), steadiness })
    };
    targets.iter().filter_map(of).collect()
}

fn past<'a>(run: &'a str, outcome: &Outcome) -> Option<Past<'a>> {
    let failed = outcome.failed()?;
    Some(Past { run, failed, retried: *outcome == Outcome::Flaked })
}

/// Specs that pass now, and failed in an earlier run or needed further attempts.
pub(super) fn unsteady(table: &Table<'_>, specs: &BTreeSet<&str>) -> Vec<Unsteady> {
    let of = |spec: &&str| {
        let (_, passing) = table.pattern(spec);
        let history = history(table, spec, &passing.members());
        let is_news = |it: &TargetHistory| !matches!(it.steadiness, Steadiness::Unknown);
        let history: Vec<TargetHistory> = history.into_iter().filter(is_news).collect();
        (!history.is_empty()).then(|| Unsteady { spec: (*spec).to_owned(), history })
    };
    specs.iter().filter_map(of).collect()
}
