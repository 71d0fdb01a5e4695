//! What must be equal between two runs of a suite, and what the zoo is expected to give.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::Path;

use serde::Deserialize;

use crate::report::{Report, SpecLine};
use crate::trace::Execution;

/// One spec's outcome. Process numbers, times, and places in memory are not in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub struct Outcome {
    /// The full text.
    pub text: String,
    /// The final state.
    pub state: String,
    /// Ginkgo's own attempts.
    pub attempts: u32,
    /// The failure's message.
    #[serde(default)]
    pub message: String,
    /// What was thrown.
    #[serde(default)]
    pub panic: String,
    /// The messages of further failures.
    #[serde(default)]
    pub additional: Vec<String>,
}

impl Outcome {
    /// That of a report.
    #[must_use]
    pub fn of(spec: &SpecLine) -> Self {
        let additional = spec.additional_failures.as_array().into_iter().flatten();
        let message = |failure: &serde_json::Value| failure["Message"].as_str().map(str::to_owned);
        Self {
            text: spec.text(),
            state: spec.state.clone(),
            attempts: spec.num_attempts,
            message: spec.message().to_owned(),
            panic: spec.failure["ForwardedPanic"].as_str().unwrap_or_default().to_owned(),
            additional: additional.filter_map(|more| message(&more["Failure"])).collect(),
        }
    }

    /// Those of all specs of a report.
    #[must_use]
    pub fn all(report: &Report) -> Vec<Self> {
        report.specs().map(Self::of).collect()
    }
}

/// Panics unless two lists are equal but for their order.
pub fn assert_same<T: Ord + Debug>(what: &str, want: Vec<T>, got: Vec<T>) {
    let mut counts: BTreeMap<T, i64> = BTreeMap::new();
    for item in want {
        *counts.entry(item).or_default() += 1;
    }
    for item in got {
        *counts.entry(item).or_default() -= 1;
    }
    let off: Vec<String> = counts
        .iter()
        .filter(|(_, count)| **count != 0)
        .map(|(item, count)| {
            let text: String = format!("{item:?}").chars().take(400).collect();
            if *count > 0 {
                format!("{count} missing: {text}")
            } else {
                format!("{} too many: {text}", -count)
            }
        })
        .collect();
    assert!(off.is_empty(), "{what}:\n{}", off.join("\n"));
}

#[derive(Deserialize)]
struct Expected {
    #[serde(flatten)]
    outcome: Outcome,
    text_before_2_25_1: Option<String>,
}

fn expected() -> Vec<Expected> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../suites/zoo/expected.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Panics unless a target's report has what a plain run of the zoo gives, and its traces (those of all
/// its clusters together) say that every spec that can begin ran to its end exactly once.
pub fn assert_plain_zoo(report: &Report, executions: &[Execution]) {
    let expected = expected();
    let mut names = BTreeMap::new();
    for spec in &expected {
        if let Some(before) = &spec.text_before_2_25_1 {
            names.insert(before.clone(), spec.outcome.text.clone());
        }
    }
    let ran = expected.iter().filter(|spec| spec.outcome.attempts > 0);
    let ran = ran.map(|spec| (spec.outcome.text.clone(), spec.outcome.state.clone()));
    let traced = executions.iter().map(|execution| {
        let end = execution.end.as_ref();
        let end = end.unwrap_or_else(|| panic!("{:?} did not end", execution.start.text));
        let text = names.get(&end.text).unwrap_or(&end.text).clone();
        (text, end.state.clone())
    });
    assert_same("executions in the traces", ran.collect(), traced.collect());
    let want = expected.into_iter().map(|spec| spec.outcome).collect();
    assert_same("outcomes in the report", want, Outcome::all(report));
}
