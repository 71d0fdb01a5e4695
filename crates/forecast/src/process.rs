//! A suite process, as far as the scheduler can see it through its worker.

use std::collections::VecDeque;

use multibeam_model::{AttemptId, ClusterId, Moment, ProcessId, TargetId, WorkerId};

/// Where a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It builds its tree.
    Booting,
    /// Process 1 runs its half of the before-suite.
    BeforeSuite,
    /// The others wait for it.
    Waiting,
    /// It asks for a group.
    Asking,
    /// It runs a group.
    Running(AttemptId),
    /// Process 1 waits for the others, or goes on with its serial groups.
    Serial,
    /// Its specs are over.
    AfterSuite,
}

/// A process that has been started and has not ended.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    pub(crate) id: ProcessId,
    pub(crate) worker: WorkerId,
    pub(crate) target: TargetId,
    pub(crate) cluster: ClusterId,
    pub(crate) since: Moment,
    /// When it began the group that it ran last.
    pub(crate) began: Moment,
    pub(crate) stage: Stage,
    /// Counts the stages, so that a timer of an earlier one is known to be old.
    pub(crate) stages: u64,
    pub(crate) queued: Option<AttemptId>,
    pub(crate) told_want: bool,
    pub(crate) no_more: bool,
    /// Its serial attempts, once the others have ended.
    pub(crate) serial: Option<VecDeque<AttemptId>>,
    /// It runs nothing more after the group at hand.
    pub(crate) stopped: bool,
}

impl Process {
    pub(crate) fn is_first(&self) -> bool {
        self.id.number.is_first()
    }
}
