//! Which coordinator's claim the leader admits. Only the leader's own clock counts, and a new
//! leader counts anew: a claim is admitted when the coordinator in office was silent for long.

use std::time::Duration;

use multibeam_model::command::Refusal;
use multibeam_model::{Epoch, Moment, Timestamp};

use crate::Ledger;

/// What the leader knows of the coordinator in office.
#[derive(Debug)]
pub(super) struct Office {
    silence: Duration,
    /// When it was heard from last, or this node began to lead.
    heard: Moment,
}

impl Office {
    pub(super) fn new(silence: Duration) -> Self {
        Self { silence, heard: Moment::default() }
    }

    /// This node leads from now on.
    pub(super) fn begin(&mut self, now: Moment) {
        self.heard = now;
    }

    /// A coordinator says that it is alive.
    pub(super) fn attend(
        &mut self,
        ledger: &Ledger,
        epoch: Epoch,
        now: Moment,
    ) -> Result<(), Epoch> {
        let newest = ledger.epoch();
        if epoch != newest {
            return Err(newest);
        }
        self.heard = now;
        Ok(())
    }

    /// Whether a claim may be put into the log.
    pub(super) fn admit(
        &mut self,
        ledger: &Ledger,
        coordinator: &str,
        at: Timestamp,
        take_over: bool,
        now: Moment,
    ) -> Result<(), Refusal> {
        let admitted = match ledger.claim() {
            None => true,
            // The same claim once more: its answer was lost.
            Some(claim) if claim.coordinator == coordinator && claim.at == at => true,
            Some(_) => take_over || now.since(self.heard) > self.silence,
        };
        match ledger.claim().filter(|_| !admitted) {
            Some(claim) => Err(Refusal::InOffice { coordinator: claim.coordinator.clone() }),
            None => {
                // Until it is heard from, the new one counts as alive.
                self.heard = now;
                Ok(())
            }
        }
    }
}
