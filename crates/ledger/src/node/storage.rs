//! The node's log as the raft crate sees it: sizes and terms in memory, the newest entries in a
//! bounded cache, older ones from the disk.

use std::collections::VecDeque;
use std::error::Error;
use std::sync::OnceLock;

use raft::eraftpb::{Entry, Snapshot};
use raft::{GetEntriesContext, RaftState, Storage, StorageError};

use super::convert;
use super::disk::{Base, HardState, LogEntry, Membership, ReadLog, Recovered, Start};

/// Bytes of entries that are kept in memory: what followers and the state machine ask for next.
const CACHE_BYTES: usize = 16 << 20;

/// The log of one node.
pub(super) struct LogStore<L> {
    disk: L,
    hard: HardState,
    start: Start,
    last: u64,
    /// The first index of each run of equal terms, and that term.
    terms: VecDeque<(u64, u64)>,
    cache: Cache,
    applied: (u64, u64),
    membership: Membership,
    /// Why the disk could not be read. The raft crate only hears that it could not.
    failure: OnceLock<Box<dyn Error + Send + Sync>>,
}

#[derive(Default)]
struct Cache {
    entries: VecDeque<LogEntry>,
    bytes: usize,
}

// === impl LogStore ===

impl<L: ReadLog> LogStore<L> {
    pub(super) fn new(recovered: &Recovered, disk: L) -> Self {
        // A commit index alone is written without being synced, so the base may know better.
        let commit = recovered.hard.commit.max(recovered.base.index);
        Self {
            disk,
            hard: HardState { commit, ..recovered.hard },
            start: recovered.start,
            last: recovered.last,
            terms: recovered.terms.iter().copied().collect(),
            cache: Cache::default(),
            applied: (recovered.base.index, recovered.base.term),
            membership: recovered.base.membership.clone(),
            failure: OnceLock::new(),
        }
    }

    pub(super) fn start(&self) -> Start {
        self.start
    }

    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// The index and the term of the last entry that was applied.
    pub(super) fn applied(&self) -> (u64, u64) {
        self.applied
    }

    pub(super) fn set_applied(&mut self, index: u64, term: u64) {
        self.applied = (index, term);
    }

    pub(super) fn set_membership(&mut self, membership: Membership) {
        self.membership = membership;
    }

    /// What a base at the last applied entry is.
    pub(super) fn base(&self) -> Base {
        let (index, term) = self.applied;
        Base { index, term, membership: self.membership.clone() }
    }

    pub(super) fn hard(&self) -> HardState {
        self.hard
    }

    pub(super) fn set_hard(&mut self, hard: HardState) {
        self.hard = hard;
    }

    pub(super) fn take_failure(&mut self) -> Option<Box<dyn Error + Send + Sync>> {
        self.failure.take()
    }

    /// Entries are on the disk now.
    pub(super) fn append(&mut self, entries: Vec<LogEntry>) {
        let Some(first) = entries.first().map(|entry| entry.index) else { return };
        while self.terms.back().is_some_and(|(from, _)| *from >= first) {
            self.terms.pop_back();
        }
        for entry in entries {
            if self.terms.back().is_none_or(|(_, term)| *term != entry.term) {
                self.terms.push_back((entry.index, entry.term));
            }
            self.last = entry.index;
            self.cache.push(entry);
        }
    }

    /// The log begins later from now on.
    pub(super) fn begin_at(&mut self, start: Start) {
        self.start = start;
        // The run of terms that the first entry is in stays.
        while self.terms.get(1).is_some_and(|(from, _)| *from <= start.first) {
            self.terms.pop_front();
        }
        if self.last < start.first {
            self.terms.clear();
        }
    }

    /// A state from elsewhere has replaced everything.
    pub(super) fn install(&mut self, base: &Base, hard: HardState) {
        self.start = Start { first: base.index + 1, before: base.term };
        self.last = base.index;
        self.terms.clear();
        self.cache = Cache::default();
        self.hard = hard;
        self.applied = (base.index, base.term);
        self.membership = base.membership.clone();
    }

    /// The term of an entry of the log, or of the one before its first; `None` for others.
    pub(super) fn term_at(&self, index: u64) -> Option<u64> {
        if index + 1 == self.start.first {
            return Some(self.start.before);
        }
        if index < self.start.first || index > self.last {
            return None;
        }
        self.terms.iter().rev().find(|(from, _)| *from <= index).map(|(_, term)| *term)
    }

    fn read(&self, index: u64) -> raft::Result<Entry> {
        if let Some(entry) = self.cache.get(index) {
            return Ok(convert::entry(entry.clone()));
        }
        let failure = match self.disk.entry(index) {
            Ok(Some(entry)) => return Ok(convert::entry(entry)),
            Ok(None) => format!("entry {index} is missing from the log").into(),
            Err(error) => error,
        };
        // The first one says why; it ends the node.
        let _ = self.failure.set(failure);
        Err(raft::Error::Store(StorageError::Unavailable))
    }
}

impl<L: ReadLog> Storage for LogStore<L> {
    fn initial_state(&self) -> raft::Result<RaftState> {
        Ok(RaftState {
            hard_state: convert::raft_hard_state(self.hard),
            conf_state: convert::conf_state(&self.membership),
        })
    }

    fn entries(
        &self,
        low: u64,
        high: u64,
        max_size: impl Into<Option<u64>>,
        _: GetEntriesContext,
    ) -> raft::Result<Vec<Entry>> {
        if low < self.start.first {
            return Err(raft::Error::Store(StorageError::Compacted));
        }
        let most = max_size.into().unwrap_or(u64::MAX);
        let mut entries = Vec::new();
        let mut bytes = 0;
        for index in low..high {
            let entry = self.read(index)?;
            bytes += entry.data.len() as u64;
            if bytes > most && !entries.is_empty() {
                break;
            }
            entries.push(entry);
        }
        Ok(entries)
    }

    fn term(&self, index: u64) -> raft::Result<u64> {
        self.term_at(index).ok_or(raft::Error::Store(if index < self.start.first {
            StorageError::Compacted
        } else {
            StorageError::Unavailable
        }))
    }

    fn first_index(&self) -> raft::Result<u64> {
        Ok(self.start.first)
    }

    fn last_index(&self) -> raft::Result<u64> {
        Ok(self.last)
    }

    /// Only says which state it is: that of the last entry applied. The state itself does not
    /// travel in raft's messages.
    fn snapshot(&self, request_index: u64, _to: u64) -> raft::Result<Snapshot> {
        let (index, term) = self.applied;
        if index < request_index {
            return Err(raft::Error::Store(StorageError::SnapshotTemporarilyUnavailable));
        }
        let mut snapshot = Snapshot::default();
        let metadata = snapshot.mut_metadata();
        metadata.index = index;
        metadata.term = term;
        metadata.set_conf_state(convert::conf_state(&self.membership));
        Ok(snapshot)
    }
}

// === impl Cache ===

impl Cache {
    fn push(&mut self, entry: LogEntry) {
        while self.entries.back().is_some_and(|last| last.index >= entry.index) {
            let replaced = self.entries.pop_back();
            self.bytes -= replaced.map_or(0, |entry| entry.data.len());
        }
        self.bytes += entry.data.len();
        self.entries.push_back(entry);
        while self.bytes > CACHE_BYTES && self.entries.len() > 1 {
            let oldest = self.entries.pop_front();
            self.bytes -= oldest.map_or(0, |entry| entry.data.len());
        }
    }

    fn get(&self, index: u64) -> Option<&LogEntry> {
        let first = self.entries.front()?.index;
        self.entries.get(usize::try_from(index.checked_sub(first)?).ok()?)
    }
}
