//! From outcomes to what is worth telling.

mod failures;
#[cfg(test)]
mod tests;
mod uneven;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::bits::Bits;
use crate::explain::Explanation;
use crate::history::Steadiness;
use crate::input::{Outcome, Run, Target};

/// The version of the JSON that a comparison is written as. It grows when a reader of the old one
/// would be misled.
pub const FORMAT: u32 = 1;

/// Why runs cannot be compared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CompareError {
    /// There is nothing to compare.
    #[error("expected a run with at least one target")]
    NoTarget,
    /// A run is there twice.
    #[error("run {run} is given twice (hint: what is compared is no earlier run of itself)")]
    SameRun {
        /// The run.
        run: String,
    },
    /// A target is there twice.
    #[error("run {run} has two targets that are called {target}")]
    SameTarget {
        /// The run.
        run: String,
        /// The target.
        target: String,
    },
    /// A label was asked for that no target has.
    #[error("no target has a label {key} (hint: there are {})", known.join(", "))]
    NoLabel {
        /// What was asked for.
        key: String,
        /// What there is.
        known: Vec<String>,
    },
}

/// What was compared, and what came of it. Targets are named by their ids throughout.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    /// [`FORMAT`].
    pub format: u32,
    /// The runs compared, the oldest first.
    pub runs: Vec<String>,
    /// Earlier runs that tell flaky from steady, the oldest first.
    pub earlier: Vec<String>,
    /// The labels that may explain something, and `run` where there are several.
    pub labels: Vec<String>,
    /// The targets, by run and name.
    pub targets: Vec<TargetSummary>,
    /// Specs with a result in at least one target, and nodes of the suite that failed in one.
    pub specs: usize,
    /// Of these, specs that fail in some targets and pass in others.
    pub differing: usize,
    /// Of these, specs that fail wherever they have a result.
    pub failing_everywhere: usize,
    /// What fails, in groups that fail together with one message; explained ones first.
    pub groups: Vec<Group>,
    /// Specs that pass now and have failed before, or needed further attempts.
    pub unsteady: Vec<Unsteady>,
    /// Specs with a result in some targets only.
    pub uneven: Vec<Uneven>,
}

/// A target in numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TargetSummary {
    /// Its name; with its run before it where several runs are compared.
    pub id: String,
    /// Its run.
    pub run: String,
    /// Its labels, with `run` where several runs are compared.
    pub labels: BTreeMap<String, String>,
    /// Specs that passed.
    pub passed: usize,
    /// Specs that failed.
    pub failed: usize,
    /// Specs that were skipped or not run.
    pub skipped: usize,
}

/// Specs that fail in the same targets, pass in the same targets, and say the same.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Group {
    /// What tells its failing targets from the passing ones.
    pub explanation: Explanation<String>,
    /// Where they fail.
    pub failing: Vec<String>,
    /// Where they pass.
    pub passing: Vec<String>,
    /// Where they have no result.
    pub undecided: Vec<String>,
    /// What one of them says.
    pub message: String,
    /// The specs, by text.
    pub specs: Vec<FailingSpec>,
}

/// A spec that fails.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FailingSpec {
    /// Its full text.
    pub spec: String,
    /// How it ended where it fails, such as `failed` or `timedout`.
    pub states: Vec<String>,
    /// Different messages, over all targets.
    pub messages: usize,
    /// How its failures stand to earlier runs; empty without any.
    pub history: Vec<TargetHistory>,
}

/// A target and how a spec's outcome in it stands to earlier ones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TargetHistory {
    /// The target.
    pub target: String,
    /// How.
    #[serde(flatten)]
    pub steadiness: Steadiness,
}

/// A spec that passes now, and has not always.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Unsteady {
    /// Its full text.
    pub spec: String,
    /// Where.
    pub history: Vec<TargetHistory>,
}

/// Specs that have a result in the same targets only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Uneven {
    /// Where they have one.
    pub ran: Vec<String>,
    /// Where they have none, although others have.
    pub absent: Vec<String>,
    /// The specs, by text.
    pub specs: Vec<String>,
}

/// What the steps of a comparison look at.
struct Table<'a> {
    runs: Vec<&'a Run>,
    earlier: Vec<&'a Run>,
    /// By run and name.
    targets: Vec<(&'a Run, &'a Target)>,
    ids: Vec<String>,
}

/// Compares the targets of `runs`. `earlier` runs say what is flaky; `only` limits the labels that
/// may explain something. The order of everything given makes no difference.
///
/// # Errors
/// When there is no target, something is there twice, or a label is asked for that there is not.
pub fn compare(
    runs: &[Run],
    earlier: &[Run],
    only: Option<&[String]>,
) -> Result<Comparison, CompareError> {
    let table = Table::new(runs, earlier)?;
    let labels = table.labels();
    let keys = keys(&labels, only)?;
    let specs = table.specs();
    let (groups, differing, failing_everywhere) = failures::groups(&table, &specs, &labels, &keys);
    Ok(Comparison {
        format: FORMAT,
        runs: table.runs.iter().map(|run| run.id.clone()).collect(),
        earlier: table.earlier.iter().map(|run| run.id.clone()).collect(),
        targets: table.summaries(&labels),
        specs: specs.len(),
        differing,
        failing_everywhere,
        groups,
        unsteady: failures::unsteady(&table, &specs),
        uneven: uneven::uneven(&table, &specs),
        labels: keys,
    })
}

fn keys(
    labels: &[BTreeMap<String, String>],
    only: Option<&[String]>,
) -> Result<Vec<String>, CompareError> {
    let known: BTreeSet<&String> = labels.iter().flat_map(BTreeMap::keys).collect();
    let known: Vec<String> = known.into_iter().cloned().collect();
    let Some(only) = only else { return Ok(known) };
    if let Some(key) = only.iter().find(|key| !known.contains(key)) {
        return Err(CompareError::NoLabel { key: key.clone(), known });
    }
    Ok(known.into_iter().filter(|key| only.contains(key)).collect())
}

// === impl Table ===

impl<'a> Table<'a> {
    fn new(runs: &'a [Run], earlier: &'a [Run]) -> Result<Self, CompareError> {
        let mut seen = BTreeSet::new();
        for run in runs.iter().chain(earlier) {
            if !seen.insert(&run.id) {
                return Err(CompareError::SameRun { run: run.id.clone() });
            }
            let mut names = BTreeSet::new();
            if let Some(twice) = run.targets.iter().find(|target| !names.insert(&target.name)) {
                let (run, target) = (run.id.clone(), twice.name.clone());
                return Err(CompareError::SameTarget { run, target });
            }
        }
        let in_order = |runs: &'a [Run]| {
            let mut runs: Vec<&Run> = runs.iter().collect();
            runs.sort_by_key(|run| (run.started, &run.id));
            runs
        };
        let runs = in_order(runs);
        let mut targets = Vec::new();
        for run in &runs {
            let mut own: Vec<&Target> = run.targets.iter().collect();
            own.sort_by_key(|target| &target.name);
            targets.extend(own.into_iter().map(|target| (*run, target)));
        }
        if targets.is_empty() {
            return Err(CompareError::NoTarget);
        }
        let id = |(run, target): &(&Run, &Target)| match runs.len() {
            1 => target.name.clone(),
            _ => format!("{}/{}", run.id, target.name),
        };
        let ids = targets.iter().map(id).collect();
        Ok(Self { earlier: in_order(earlier), runs, targets, ids })
    }

    fn size(&self) -> usize {
        self.targets.len()
    }

    /// The labels of each target; of several runs the run is one, unless they have such a label.
    fn labels(&self) -> Vec<BTreeMap<String, String>> {
        let own = self.targets.iter().map(|(run, target)| {
            let mut labels = target.labels.clone();
            if self.runs.len() > 1 {
                labels.entry("run".to_owned()).or_insert_with(|| run.id.clone());
            }
            labels
        });
        own.collect()
    }

    /// Every spec with a result in some target.
    fn specs(&self) -> BTreeSet<&'a str> {
        let all = self.targets.iter().flat_map(|(_, target)| target.counted());
        let decided = all.filter(|(_, outcome)| outcome.failed().is_some());
        decided.map(|(spec, _)| spec.as_str()).collect()
    }

    fn outcome(&self, at: usize, spec: &str) -> Option<&'a Outcome> {
        self.targets[at].1.specs.get(spec)
    }

    /// Where a spec fails, and where it passes.
    fn pattern(&self, spec: &str) -> (Bits, Bits) {
        let failed = |at: usize| self.outcome(at, spec).and_then(Outcome::failed);
        let failing = Bits::of(self.size(), |at| failed(at) == Some(true));
        (failing, Bits::of(self.size(), |at| failed(at) == Some(false)))
    }

    fn names(&self, of: &Bits) -> Vec<String> {
        of.members().into_iter().map(|at| self.ids[at].clone()).collect()
    }

    fn summaries(&self, labels: &[BTreeMap<String, String>]) -> Vec<TargetSummary> {
        let all = self.targets.iter().zip(&self.ids).zip(labels);
        let sum = all.map(|(((run, target), id), labels)| {
            let count = |wanted| target.counted().filter(|(_, o)| o.failed() == wanted).count();
            TargetSummary {
                id: id.clone(),
                run: run.id.clone(),
                labels: labels.clone(),
                passed: count(Some(false)),
                failed: count(Some(true)),
                skipped: count(None),
            }
        });
        sum.collect()
    }
}
