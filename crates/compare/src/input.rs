//! What is compared, as plain data: whoever reads reports of some format fills these.

use std::collections::{BTreeMap, BTreeSet};

use multibeam_model::outcome::SpecState;

/// A run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// Its id, unique among the runs compared.
    pub id: String,
    /// When it started, in nanoseconds since 1970; puts runs in order.
    pub started: i64,
    /// Its targets.
    pub targets: Vec<Target>,
}

/// A target and what came of its specs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// Its name, unique in its run. The same name in an earlier run means the same target.
    pub name: String,
    /// What sets it apart, such as `cni` and `kube-proxy`.
    pub labels: BTreeMap<String, String>,
    /// Outcomes by full text, of nodes of the suite as well. A spec that was not selected is absent.
    pub specs: BTreeMap<String, Outcome>,
    /// Which of these are no specs but nodes of the suite, such as its before-suite: they are compared
    /// where one fails, and do not count otherwise.
    pub suite_nodes: BTreeSet<String>,
}

/// What came of a spec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It passed.
    Passed,
    /// It passed after failed attempts.
    Flaked,
    /// It failed.
    Failed {
        /// The state that fails a suite: failed, panicked, timed out, interrupted, or aborted.
        state: SpecState,
        /// What it says.
        message: String,
    },
    /// It skipped itself, is pending, or was not run. Neither passed nor failed.
    Skipped,
}

// === impl Outcome ===

impl Outcome {
    /// Whether it failed; `None` where that is not decided.
    #[must_use]
    pub fn failed(&self) -> Option<bool> {
        match self {
            Self::Passed | Self::Flaked => Some(false),
            Self::Failed { .. } => Some(true),
            Self::Skipped => None,
        }
    }

    /// What two specs of the same text give together: a failure counts before a pass, a pass
    /// before a skip.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let rank = |outcome: &Self| match outcome {
            Self::Skipped => 0,
            Self::Passed => 1,
            Self::Flaked => 2,
            Self::Failed { .. } => 3,
        };
        if rank(&other) > rank(&self) { other } else { self }
    }
}

// === impl Target ===

impl Target {
    /// Adds what came of a node of the suite.
    pub fn add_suite_node(&mut self, node: String, outcome: Outcome) {
        self.suite_nodes.insert(node.clone());
        self.add(node, outcome);
    }

    /// What counts: each spec, and each node of the suite that failed.
    pub(crate) fn counted(&self) -> impl Iterator<Item = (&String, &Outcome)> {
        let counts = |(name, outcome): &(&String, &Outcome)| {
            outcome.failed() == Some(true) || !self.suite_nodes.contains(*name)
        };
        self.specs.iter().filter(counts)
    }

    /// Adds what came of a spec; of several with the same text, see [`Outcome::and`].
    pub fn add(&mut self, spec: String, outcome: Outcome) {
        match self.specs.remove(&spec) {
            Some(known) => self.specs.insert(spec, known.and(outcome)),
            None => self.specs.insert(spec, outcome),
        };
    }
}
