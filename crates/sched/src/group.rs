//! One group: where it stands, and what a loss means for it.
//!
//! A group gets at most `limits.attempts` attempts, whatever lost them; two when its process died
//! both times. The last one that it can get runs with nothing else on its worker. The second loss
//! to an unreachable API server counts as the group's failure. A hung group is never tried again:
//! it would cost its whole limit once more, and the interrupt has had its chance to end it.
//!
//! An attempt that never began costs nothing. One that goes back although its session did not get
//! anything done in the meantime is counted, so that a group cannot go round for ever.

use multibeam_model::command::Decision;
use multibeam_model::outcome::ProcessEnd;
use multibeam_model::plan::GroupPlan;
use multibeam_model::{AttemptId, LossCause, ProcessId, SessionId, TargetId};

use crate::recover::RecoveredGroup;

/// How often a group may go back without anything having been done.
const MAX_IDLE_RETURNS: u32 = 20;

/// Where a group stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stand {
    /// No attempt is under way.
    Waiting,
    /// This attempt is.
    Live {
        /// Its number.
        number: u32,
        /// Where.
        process: ProcessId,
        /// How much its session had done when it was handed out.
        progress: u32,
    },
    /// It has its result.
    Sealed {
        /// Whether one of its specs failed.
        failed: bool,
    },
    /// It gets no further attempt.
    GivenUp {
        /// Whether that counts as its failure: what it reported looked like one.
        failed: bool,
    },
}

/// One group.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) plan: GroupPlan,
    pub(crate) stand: Stand,
    /// The number of the next attempt.
    pub(crate) next: u32,
    /// For a serial group: the session whose process 1 has it in its share.
    pub(crate) session: Option<SessionId>,
    losses: Vec<LossCause>,
    idle_returns: u32,
}

impl Group {
    pub(crate) fn new(plan: GroupPlan, past: Option<&RecoveredGroup>) -> Self {
        let past = past.cloned().unwrap_or_default();
        let stand = match (past.sealed, &past.given_up) {
            (Some(failed), _) => Stand::Sealed { failed },
            (None, Some(cause)) => Stand::GivenUp { failed: is_failure(cause) },
            (None, None) => match past.live {
                Some(process) => Stand::Live { number: past.attempts, process, progress: 0 },
                None => Stand::Waiting,
            },
        };
        Self {
            plan,
            stand,
            next: past.attempts + 1,
            session: None,
            losses: past.losses,
            idle_returns: 0,
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        matches!(self.stand, Stand::Sealed { .. } | Stand::GivenUp { .. })
    }

    /// The attempt that is under way and where it is.
    pub(crate) fn live(&self, target: TargetId) -> Option<(AttemptId, ProcessId)> {
        match self.stand {
            Stand::Live { number, process, .. } => {
                Some((AttemptId { target, group: self.plan.id, number }, process))
            }
            _ => None,
        }
    }

    /// Takes the next attempt's number for a process.
    pub(crate) fn begin(
        &mut self,
        target: TargetId,
        process: ProcessId,
        progress: u32,
    ) -> AttemptId {
        let number = self.next;
        self.next += 1;
        self.stand = Stand::Live { number, process, progress };
        AttemptId { target, group: self.plan.id, number }
    }

    /// Whether an attempt of it was lost.
    pub(crate) fn was_lost(&self) -> bool {
        !self.losses.is_empty()
    }

    /// Whether its next attempt is to run with nothing else on its worker: it is the last one.
    pub(crate) fn wants_quiet(&self, attempts: u32) -> bool {
        !self.losses.is_empty() && self.losses.len() + 1 >= attempts.max(1) as usize
    }

    /// Takes a loss in; whether it was the last straw.
    pub(crate) fn lose(&mut self, cause: LossCause, attempts: u32) -> bool {
        self.losses.push(cause);
        self.stand = Stand::Waiting;
        self.is_used_up(attempts)
    }

    /// The last loss of a group that waits although it may not be tried again.
    pub(crate) fn overdue(&self, attempts: u32) -> Option<&LossCause> {
        let waits = self.stand == Stand::Waiting;
        self.losses.last().filter(|_| waits && self.is_used_up(attempts))
    }

    /// Whether its losses leave it no further attempt.
    fn is_used_up(&self, attempts: u32) -> bool {
        let count = |of: fn(&LossCause) -> bool| self.losses.iter().filter(|l| of(l)).count();
        let deaths = count(|l| matches!(l, LossCause::ProcessDied { .. }));
        let cluster = count(|l| matches!(l, LossCause::ClusterLost { .. }));
        let hung = self.losses.last().is_some_and(|l| matches!(l, LossCause::Hung { .. }));
        hung
            || self.losses.len() >= attempts.max(1) as usize
            || cluster >= 2
            // Twice in a row from the start: the spec kills its process.
            || (deaths == 2 && self.losses.len() == 2)
    }

    /// Takes a return in: at so much progress of its session, absent when it was asked for. Gives the cause
    /// to give the group up with when it goes round for nothing.
    pub(crate) fn give_back(&mut self, progress_now: Option<u32>) -> Option<LossCause> {
        if let Stand::Live { progress, .. } = self.stand
            && Some(progress) == progress_now
        {
            self.idle_returns += 1;
        }
        self.stand = Stand::Waiting;
        (self.idle_returns >= MAX_IDLE_RETURNS).then(|| LossCause::ProcessDied {
            end: ProcessEnd::NotStarted,
            last_output: format!("it was handed out {MAX_IDLE_RETURNS} times and never begun"),
        })
    }

    /// The decision that ends its attempts.
    pub(crate) fn give_up(&mut self, target: TargetId, cause: LossCause) -> Decision {
        self.stand = Stand::GivenUp { failed: is_failure(&cause) };
        Decision::GiveUp { target, group: self.plan.id, cause }
    }
}

/// Whether giving a group up for this cause counts as its failure. A second loss to an unreachable
/// API server does; everything else leaves the target incomplete.
fn is_failure(cause: &LossCause) -> bool {
    matches!(cause, LossCause::ClusterLost { .. })
}
