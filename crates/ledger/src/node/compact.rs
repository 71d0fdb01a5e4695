//! When the disk gets a newer base, and where the log begins then.

use super::Node;
use super::disk::{Base, Compact, ReadLog, Start};
use crate::Ledger;

/// A newer state that is to be kept. To make it out as bytes takes long when there are many reports, so that
/// is left to whoever has the time: the node goes on meanwhile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compaction {
    base: Base,
    start: Start,
    /// Where the log has begun before.
    begun: u64,
    ledger: Ledger,
}

impl Compaction {
    /// What the disk is to be given. [`Node::compacted`] follows when it has it.
    #[must_use]
    pub fn make(self) -> Compact {
        Compact {
            state: self.ledger.snapshot(),
            keep: self.ledger.payloads(self.begun..self.start.first),
            base: self.base,
            start: self.start,
        }
    }
}

impl<L: ReadLog> Node<L> {
    /// The disk has what the last [`Compaction`] has come to; its state has so many bytes. To be told of each that
    /// no install has made void: until then there is no other one.
    pub fn compacted(&mut self, bytes: u64) {
        self.compacting = false;
        self.base_bytes = bytes;
    }

    /// A newer base for the disk, when enough was applied since the last one, and the disk has that.
    pub(super) fn compact(&mut self) -> Option<Compaction> {
        let (applied, _) = self.raw.store().applied();
        let config = &self.config;
        let worth = config.compact_every.max(self.base_bytes / config.state_bytes_per_entry.max(1));
        if self.compacting || applied.saturating_sub(self.base) < worth {
            return None;
        }
        let old = self.raw.store().start();
        let kept = (applied + 1).saturating_sub(self.config.trailing);
        let most = (applied + 1).saturating_sub(self.config.trailing_most);
        let first = kept.min(self.needed_by_others().max(most)).max(old.first);
        let before = self.raw.store().term_at(first - 1)?;
        let start = Start { first, before };
        let (base, ledger) = (self.raw.store().base(), self.ledger.clone());
        self.base = applied;
        self.compacting = true;
        self.raw.mut_store().begin_at(start);
        Some(Compaction { base, start, begun: old.first, ledger })
    }

    /// The first entry that some other member still needs, as far as the leader knows.
    fn needed_by_others(&self) -> u64 {
        if !self.leads() {
            return u64::MAX;
        }
        let others = self.raw.raft.prs().iter().filter(|(id, _)| **id != self.config.id.0);
        others
            .map(|(_, peer)| peer.matched.max(peer.pending_snapshot) + 1)
            .min()
            .unwrap_or(u64::MAX)
    }
}
