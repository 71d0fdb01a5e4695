//! Which coordinator's claim the leader admits. Only the leader's own clock counts, and a new
//! leader counts anew: a claim is admitted when the coordinator in office was silent for long, or has
//! given its office back. The latter is not in the log: a leader that does not know of it waits.

use std::time::Duration;

use multibeam_model::command::Refusal;
use multibeam_model::{Epoch, Moment, Timestamp};

use crate::{Claim, Ledger};

/// What the leader knows of the coordinator in office.
#[derive(Debug)]
pub(super) struct Office {
    silence: Duration,
    /// When it was heard from last, or this node began to lead.
    heard: Moment,
    /// The claim that this leader admitted last; it may not be applied yet.
    admitted: Option<Admitted>,
    /// The coordinator in office has given it back.
    vacant: bool,
}

/// Tells one claim from others.
#[derive(Debug, PartialEq, Eq)]
struct Admitted {
    coordinator: String,
    at: Timestamp,
}

impl Admitted {
    fn is(&self, claim: Option<&Claim>) -> bool {
        claim.is_some_and(|claim| claim.coordinator == self.coordinator && claim.at == self.at)
    }
}

impl Office {
    pub(super) fn new(silence: Duration) -> Self {
        Self { silence, heard: Moment::default(), admitted: None, vacant: false }
    }

    /// This node leads from now on.
    pub(super) fn begin(&mut self, now: Moment) {
        self.heard = now;
        self.admitted = None;
        self.vacant = false;
    }

    /// The coordinator in office gives it back.
    pub(super) fn leave(&mut self) {
        self.vacant = true;
    }

    /// A coordinator says that it is alive. `None` while nobody can say who is in office: a claim
    /// is on its way through the log.
    pub(super) fn attend(
        &mut self,
        ledger: &Ledger,
        epoch: Epoch,
        now: Moment,
    ) -> Option<Result<(), Epoch>> {
        let newest = ledger.epoch();
        if epoch != newest {
            return Some(Err(newest));
        }
        if self.admitted.as_ref().is_some_and(|it| !it.is(ledger.claim())) {
            return None;
        }
        self.heard = now;
        Some(Ok(()))
    }

    /// Whether a claim may be put into the log. `ledger` has everything from before this node's
    /// term.
    pub(super) fn admits(
        &self,
        ledger: &Ledger,
        coordinator: &str,
        at: Timestamp,
        take_over: bool,
        now: Moment,
    ) -> Result<(), Refusal> {
        // One that is on its way counts as well: of two that come together only one is admitted.
        let applied = ledger.claim().map(|claim| (claim.coordinator.as_str(), claim.at));
        let on_its_way = self.admitted.as_ref().map(|it| (it.coordinator.as_str(), it.at));
        if let Some(newest) = on_its_way.or(applied)
            // The same claim once more: its answer was lost.
            && newest != (coordinator, at)
            && !take_over
            && !self.vacant
            && now.since(self.heard) <= self.silence
        {
            return Err(Refusal::InOffice { coordinator: newest.0.to_owned() });
        }
        Ok(())
    }

    /// A claim was put into the log. Until it is heard from, the new one counts as alive.
    pub(super) fn put(&mut self, coordinator: String, at: Timestamp, now: Moment) {
        self.heard = now;
        self.admitted = Some(Admitted { coordinator, at });
        self.vacant = false;
    }
}
