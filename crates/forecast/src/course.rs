//! What a forecast gives: when which group would run where.

use std::collections::BTreeMap;
use std::time::Duration;

use multibeam_model::outcome::Verdict;
use multibeam_model::{ClusterId, GroupId, ProcessId, TargetId};

/// How a run would go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Course {
    /// When each target is over.
    pub ends: BTreeMap<TargetId, Duration>,
    /// How each target ends.
    pub verdicts: BTreeMap<TargetId, Verdict>,
    /// Every execution of a group, in the order of their ends.
    pub bars: Vec<Bar>,
    /// Every process, in the order of their ends.
    pub lives: Vec<Life>,
    /// How many inputs the scheduler took in.
    pub inputs: u64,
}

/// One execution of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bar {
    /// The target.
    pub target: TargetId,
    /// The cluster.
    pub cluster: ClusterId,
    /// The process.
    pub process: ProcessId,
    /// The group.
    pub group: GroupId,
    /// Whether it had the cluster to itself.
    pub serial: bool,
    /// Whether it came to its end: the others were lost with their worker.
    pub sealed: bool,
    /// When it began.
    pub from: Duration,
    /// When it ended.
    pub to: Duration,
}

/// One process, from the order to start it to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    /// The target.
    pub target: TargetId,
    /// The cluster.
    pub cluster: ClusterId,
    /// The process.
    pub process: ProcessId,
    /// When it was started.
    pub from: Duration,
    /// When it was gone.
    pub to: Duration,
}

impl Bar {
    /// How long it took.
    #[must_use]
    pub fn length(&self) -> Duration {
        self.to.saturating_sub(self.from)
    }
}

impl Course {
    /// When the whole run is over.
    #[must_use]
    pub fn end(&self) -> Duration {
        self.ends.values().max().copied().unwrap_or_default()
    }
}
