//! What a made-up suite process does, and when it asks.

use clap::ValueEnum;
use multibeam_model::{AttemptId, RunId};
use tokio::time::Instant;

/// When a process asks for its next group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Asks {
    /// When it begins one, as workers do: the next is there when that one ends.
    Ahead,
    /// When it has nothing left: each request waits for all that has to happen.
    Late,
}

/// A suite process.
pub(super) struct Process {
    pub(super) run: RunId,
    stage: Stage,
    /// Handed out ahead.
    queued: Option<AttemptId>,
    /// The report of the group before is not durable yet.
    reporting: bool,
    /// Since when it is.
    free: Instant,
}

enum Stage {
    /// It waits for a group since then.
    Waits(Instant),
    /// A group runs. Whether its beginning was told.
    Runs { attempt: AttemptId, until: Instant, told: bool },
    /// It was told that there are no more groups.
    Rests,
}

impl Process {
    /// One that waits for its first group.
    pub(super) fn new(run: RunId) -> Self {
        let now = Instant::now();
        Self { run, stage: Stage::Waits(now), queued: None, reporting: false, free: now }
    }

    /// When it does something by itself. It is never ahead of the ledger by more than one report.
    pub(super) fn due(&self) -> Option<Instant> {
        match self.stage {
            Stage::Runs { until, .. } if !self.reporting => Some(until),
            _ => None,
        }
    }

    /// A group is there. Since when it was waited for, if it was; it is to begin then.
    pub(super) fn take(&mut self, attempt: AttemptId) -> Option<Instant> {
        match self.stage {
            Stage::Waits(since) => Some(since),
            _ => {
                self.queued = Some(attempt);
                None
            }
        }
    }

    /// A group begins.
    pub(super) fn begin(&mut self, attempt: AttemptId, until: Instant) {
        self.stage = Stage::Runs { attempt, until, told: false };
    }

    /// The group that runs is over, and its report under way: gives it, since when the process has nothing
    /// left, and what is next.
    pub(super) fn end(&mut self) -> Option<(AttemptId, Instant, Option<AttemptId>)> {
        let Stage::Runs { attempt, until, .. } = self.stage else { return None };
        let since = until.max(self.free);
        self.reporting = true;
        self.stage = Stage::Waits(since);
        Some((attempt, since, self.queued.take()))
    }

    /// The report is durable. One that asks `late` does so now.
    pub(super) fn reported(&mut self, late: bool) {
        (self.reporting, self.free) = (false, Instant::now());
        if let Stage::Waits(since) = &mut self.stage
            && late
        {
            *since = self.free;
        }
    }

    /// The group whose beginning is to be told now, once: what was before it is durable.
    pub(super) fn tell_begun(&mut self) -> Option<AttemptId> {
        match &mut self.stage {
            Stage::Runs { attempt, told, .. } if !self.reporting && !*told => {
                *told = true;
                Some(*attempt)
            }
            _ => None,
        }
    }

    /// Whether it waits for a group.
    pub(super) fn waits(&self) -> bool {
        matches!(self.stage, Stage::Waits(_))
    }

    /// The end of what runs, to be drawn again.
    pub(super) fn until(&mut self) -> Option<&mut Instant> {
        match &mut self.stage {
            Stage::Runs { until, .. } => Some(until),
            _ => None,
        }
    }

    /// Takes an attempt out of its queue; whether it was there.
    pub(super) fn give_back(&mut self, attempt: AttemptId) -> bool {
        self.queued.take_if(|queued| *queued == attempt).is_some()
    }

    /// There are no more groups.
    pub(super) fn rest(&mut self) {
        if self.waits() {
            self.stage = Stage::Rests;
        }
    }
}
