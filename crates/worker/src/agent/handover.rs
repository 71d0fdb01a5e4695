//! From one coordinator to the next: when nothing that the earlier one started lives any more. Only
//! then may the new one count the attempts of this worker as lost.

use std::collections::BTreeSet;

use multibeam_model::{Epoch, ProcessId, RunId};

/// A process of a run.
type Key = (RunId, ProcessId);

/// The suite processes that live, and those that a new coordinator has to know the end of.
#[derive(Debug, Default)]
pub(super) struct Handover {
    alive: BTreeSet<Key>,
    before: BTreeSet<Key>,
    /// The coordinator that was not told yet.
    owed: Option<Epoch>,
}

impl Handover {
    /// A process is about to be started.
    pub(super) fn started(&mut self, process: Key) {
        self.alive.insert(process);
    }

    /// A process is gone with all its descendants, or never came to life.
    pub(super) fn ended(&mut self, process: &Key) {
        self.alive.remove(process);
        self.before.remove(process);
    }

    /// A coordinator took office: what lives now is of an earlier one.
    pub(super) fn welcomed(&mut self, epoch: Epoch) {
        self.before = self.alive.clone();
        self.owed = Some(epoch);
    }

    /// The coordinator to be told that nothing from before lives any more; once for each.
    pub(super) fn settled(&mut self) -> Option<Epoch> {
        self.owed.take_if(|_| self.before.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use multibeam_model::{ProcessNumber, SessionId};

    use super::*;

    fn process(number: u32) -> Key {
        let number = ProcessNumber(number);
        (RunId("run".into()), ProcessId { session: SessionId(1), number, incarnation: 1 })
    }

    #[test]
    fn a_coordinator_is_told_once_when_all_from_before_are_gone() {
        let mut handover = Handover::default();
        handover.welcomed(Epoch(1));
        assert_eq!(handover.settled(), Some(Epoch(1)), "nothing was there");
        handover.started(process(1));
        handover.started(process(2));
        assert_eq!(handover.settled(), None);

        handover.welcomed(Epoch(2));
        // What the new one starts is its own business.
        handover.started(process(3));
        handover.ended(&process(1));
        assert_eq!(handover.settled(), None);
        handover.ended(&process(2));
        assert_eq!(handover.settled(), Some(Epoch(2)));
        assert_eq!(handover.settled(), None);
    }

    #[test]
    fn a_coordinator_that_is_followed_soon_is_not_told() {
        let mut handover = Handover::default();
        handover.started(process(1));
        handover.welcomed(Epoch(2));
        handover.started(process(2));
        handover.welcomed(Epoch(3));
        handover.ended(&process(1));
        assert_eq!(handover.settled(), None, "the one between started a process, too");
        handover.ended(&process(2));
        assert_eq!(handover.settled(), Some(Epoch(3)));
    }
}
