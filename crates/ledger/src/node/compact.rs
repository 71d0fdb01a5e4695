//! When the disk gets a newer base, and where the log begins then.

use super::Node;
use super::disk::{Compact, ReadLog, Start};

impl<L: ReadLog> Node<L> {
    /// A newer base for the disk, when enough was applied since the last one.
    pub(super) fn compact(&mut self) -> Option<Compact> {
        let (applied, _) = self.raw.store().applied();
        let config = &self.config;
        let worth = config.compact_every.max(self.base_bytes / config.state_bytes_per_entry.max(1));
        if applied.saturating_sub(self.base) < worth {
            return None;
        }
        let old = self.raw.store().start();
        let kept = (applied + 1).saturating_sub(self.config.trailing);
        let most = (applied + 1).saturating_sub(self.config.trailing_most);
        let first = kept.min(self.needed_by_others().max(most)).max(old.first);
        let before = self.raw.store().term_at(first - 1)?;
        let start = Start { first, before };
        let compact = Compact {
            base: self.raw.store().base(),
            state: self.ledger.snapshot(),
            start,
            keep: self.ledger.payloads(old.first..first),
        };
        self.base = applied;
        self.base_bytes = compact.state.len() as u64;
        self.raw.mut_store().begin_at(start);
        Some(compact)
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
