//! What a scheduler knows of its processes, for whoever plays the rest of the run.

use std::time::Duration;

use multibeam_model::{AttemptId, ClusterId, Moment, ProcessId, TargetId, WorkerId};

use crate::Scheduler;
use crate::session::{Process, Running, Session};
use crate::target::Target;

/// A process that has been started and has not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessView {
    /// Which one.
    pub process: ProcessId,
    /// Its worker.
    pub worker: WorkerId,
    /// Its target.
    pub target: TargetId,
    /// Its cluster.
    pub cluster: ClusterId,
    /// When it was ordered to start.
    pub since: Moment,
    /// Whether the before-suite of its session is over.
    pub session_begun: bool,
    /// Whether it has got past its own: it has asked for a group.
    pub begun: bool,
    /// Whether it has room for a group.
    pub wants: bool,
    /// What was handed out to it and has not begun.
    pub queued: Option<AttemptId>,
    /// What runs on it, and how long that should still take.
    pub running: Option<(AttemptId, Duration)>,
    /// For a process 1 whose turn has come: its serial attempts that have not begun.
    pub serial: Option<Vec<AttemptId>>,
    /// Whether it was told that there are no more groups.
    pub released: bool,
    /// Whether it is being stopped.
    pub stopping: bool,
}

// === impl Scheduler ===

impl Scheduler {
    /// All processes as they stand at a moment. `None` while that is not known: after a takeover, before
    /// their workers have spoken.
    #[must_use]
    pub fn processes(&self, now: Moment) -> Option<Vec<ProcessView>> {
        let all = || self.run.processes();
        if self.run.lacks_plans() || all().any(|(_, process)| process.held.is_some()) {
            return None;
        }
        Some(all().map(|(session, process)| self.view(session, process, now)).collect())
    }

    fn view(&self, session: &Session, process: &Process, now: Moment) -> ProcessView {
        let pace = self.pace(session.target);
        let left = |it: &Running| self.run.remaining_at(it, now).mul_f64(pace);
        ProcessView {
            process: process.id,
            worker: process.worker.clone(),
            target: session.target,
            cluster: session.cluster,
            since: process.since,
            session_begun: session.passed,
            begun: process.asked,
            wants: process.wants,
            queued: process.queued,
            running: process.running.first().map(|it| (it.attempt, left(it))),
            serial: process.alone_told.then(|| process.serial.iter().copied().collect()),
            released: process.released,
            stopping: process.stop.is_some(),
        }
    }

    /// The workers that are there, with their clusters.
    pub fn workers(&self) -> impl Iterator<Item = (&WorkerId, ClusterId)> {
        self.run.workers.iter().map(|(id, worker)| (id, worker.cluster))
    }

    /// Clusters get neither fewer processes nor more from now on, as
    /// [`Concurrency::adaptive`](multibeam_model::run::Concurrency::adaptive) has it.
    pub fn keep_widths(&mut self) {
        self.run.keeps_widths = true;
    }

    /// How many times longer the groups of a target take than was expected of them.
    #[must_use]
    pub fn pace(&self, target: TargetId) -> f64 {
        self.run.target(target).map_or(1.0, Target::pace)
    }

    /// The targets of which it is not known yet what they consist of.
    pub fn unprepared(&self) -> impl Iterator<Item = TargetId> {
        let open = self.run.targets.iter().filter(|(_, target)| target.ended.is_none());
        open.filter(|(_, target)| !target.prepared).map(|(id, _)| *id)
    }
}
