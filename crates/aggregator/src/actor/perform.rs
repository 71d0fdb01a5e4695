//! What the node wants done: sent, answered, written; in the order it says.

use multibeam_ledger::node::io::{Answer, Outgoing, SnapshotOrder, Ticket};

use tokio::time::Instant;

use super::{Compacting, Owner};
use crate::LedgerError;
use crate::store::Disk;

impl<D: Disk> Owner<D> {
    /// Does everything that is to be done now.
    pub(super) fn perform(&mut self) -> Result<(), LedgerError> {
        loop {
            let Some(work) = self.shared.write_node().work()? else { return Ok(()) };
            self.send(work.send, work.snapshots);
            self.answer(work.answers);
            if let Some(install) = work.install {
                // It begins behind whatever this node was about to compact.
                self.compacting = Compacting::No;
                self.disk.install(&install)?;
                let payloads = self.shared.read_node().ledger().payloads(..);
                self.disk.retain(&payloads)?;
            }
            if work.unstage {
                self.disk.unstage()?;
            }
            if let Some(write) = work.write {
                let begun = Instant::now();
                self.disk.write(&write)?;
                if write.sync {
                    self.shared.writes.observe(write.entries.len(), begun.elapsed());
                }
            }
            let done = self.shared.write_node().written()?;
            self.send(done.send, done.snapshots);
            self.tell_applied();
            self.answer(done.answers);
            if !done.forget.is_empty() {
                self.disk.forget(&done.forget)?;
                self.compacting.forget(&done.forget);
            }
            if let Some(compaction) = done.compact {
                self.compacting = Compacting::begin(compaction);
            }
            if done.removed {
                return Err(LedgerError::Removed);
            }
            self.meet_members();
        }
    }

    /// One slice of what can wait; true while more is left.
    pub(super) fn keep_house(&mut self) -> Result<bool, LedgerError> {
        let Compacting::Writing(compact) = &self.compacting else {
            return Ok(self.disk.tidy()?);
        };
        if !self.disk.prepare(compact)? {
            self.disk.compact(compact)?;
            let bytes = compact.state.len() as u64;
            self.compacting = Compacting::No;
            self.shared.write_node().compacted(bytes);
        }
        Ok(true)
    }

    fn send(&self, messages: Vec<Outgoing>, snapshots: Vec<SnapshotOrder>) {
        let Some(peers) = &self.peers else { return };
        for message in messages {
            peers.send(message);
        }
        for order in snapshots {
            peers.snapshot(order.to, || order.make(), self.disk.reader());
        }
    }

    fn answer(&mut self, answers: Vec<(Ticket, Answer)>) {
        for (ticket, answer) in answers {
            if let Some(waiting) = self.waiting.remove(&ticket) {
                // Nobody listens when the caller has gone; its commands count all the same.
                let _ = waiting.answer.send(answer);
            }
        }
    }

    pub(super) fn tell_applied(&self) {
        let applied = self.shared.read_node().ledger().applied();
        self.applied.send_if_modified(|old| std::mem::replace(old, applied) != applied);
    }

    /// Tells the transport who the others are, when that has changed.
    pub(super) fn meet_members(&mut self) {
        let Some(peers) = &self.peers else { return };
        let members = self.shared.read_node().peers();
        if members != self.known {
            peers.members(members.clone());
            self.known = members;
        }
    }
}
