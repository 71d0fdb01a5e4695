//! What a node keeps on its disk, and the order in which it must get there.
//!
//! The disk holds a *base* (everything up to one index, as a state) and a log. The log goes on behind
//! the base, and begins somewhat before it: members that lag by a few entries shall get these and
//! not a whole state. Entries before the log's first one are gone, except those that carry payloads
//! the state refers to: their bytes are written once and stay where they are.
//!
//! ```text
//!   kept payloads      first ........ base ........ last
//!   ·    · ·   ·       [#############################]
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::members::Member;

/// A member of the group of aggregators, from 1.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
pub struct NodeId(pub u64);

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One entry of the replicated log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// Its place in the log, from 1.
    pub index: u64,
    /// The term of the leader that made it.
    pub term: u64,
    /// What `data` is.
    pub kind: EntryKind,
    /// The encoded command or change of members; empty for the entry that begins a term.
    pub data: Bytes,
}

/// What an entry carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A [`multibeam_model::command::Command`], or nothing.
    Command,
    /// A change of members, as the raft crate encodes it.
    Members,
}

/// The part of raft's state that must be durable before any message that follows from it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HardState {
    /// The newest term this node has seen.
    pub term: u64,
    /// Whom it voted for in that term; 0 for nobody.
    pub vote: u64,
    /// Up to where it knows the log to be committed.
    pub commit: u64,
}

/// Who takes part: raft's own configuration, joint while a change is under way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// Members that vote.
    pub voters: Vec<NodeId>,
    /// Members that only follow.
    pub learners: Vec<NodeId>,
    /// The voters of the configuration that is being left; empty when none is.
    pub outgoing: Vec<NodeId>,
    /// Voters that become learners when it is left.
    pub learners_next: Vec<NodeId>,
    /// Whether it is left without being asked.
    pub auto_leave: bool,
}

/// Up to where the state on the disk goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    /// Everything up to this index is in the state.
    pub index: u64,
    /// The term of the entry that stood there.
    pub term: u64,
    /// The members at that index.
    pub membership: Membership,
}

/// Where the log begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// Its first entry, at most the one behind the base.
    pub first: u64,
    /// The term of the entry before that one: it is compared with other members' logs.
    pub before: u64,
}

/// What a disk holds, as a node begins with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Where the state ends. Index 0: this node has nothing yet and waits to be added to a group.
    pub base: Base,
    /// The state at the base: [`crate::Ledger::snapshot`]; empty when the base's index is 0.
    pub state: Vec<u8>,
    /// Terms and votes.
    pub hard: HardState,
    /// Where the log begins.
    pub start: Start,
    /// The terms of the log's entries: the first index of each run of equal terms, and that term,
    /// by index.
    pub terms: Vec<(u64, u64)>,
    /// The last index of the log, at least the base's. One before the first when it is empty.
    pub last: u64,
}

/// A durable write: all of it or nothing, and nothing that follows from it leaves the node before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Write {
    /// Entries without gaps. Those that stand at or behind the first one's index are replaced.
    pub entries: Vec<LogEntry>,
    /// The new hard state, if it changed.
    pub hard: Option<HardState>,
    /// Whether it has to be synced. If not (only the commit index moved), it may be lost.
    pub sync: bool,
}

/// A newer state is to be kept, so that the log can begin later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compact {
    /// Where the state ends from now on; nothing behind it changes.
    pub base: Base,
    /// The state there.
    pub state: Vec<u8>,
    /// Where the log begins from now on: not before its present beginning, not behind the base.
    pub start: Start,
    /// Entries from the old beginning of the log up to the new one (exclusive) that stay for their
    /// payloads, in order. The others between these may go; what was kept before stays.
    pub keep: Vec<u64>,
}

impl Compact {
    /// These payloads have expired meanwhile: their entries need not stay.
    pub fn forget(&mut self, payloads: &BTreeSet<u64>) {
        self.keep.retain(|index| !payloads.contains(index));
    }
}

/// A state that came from another node has replaced everything. Its payloads were staged before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Install {
    /// Where the state ends. The log is empty: it begins right behind.
    pub base: Base,
    /// The state there.
    pub state: Vec<u8>,
    /// The hard state that goes with it.
    pub hard: HardState,
}

/// Reads single entries of the log, those kept for their payloads included.
pub trait ReadLog {
    /// The entry at `index`; `None` when none is kept there.
    ///
    /// # Errors
    /// When the disk fails or what it gives is damaged. The node cannot go on then.
    fn entry(&self, index: u64) -> Result<Option<LogEntry>, Box<dyn Error + Send + Sync>>;
}

impl<L: ReadLog + ?Sized> ReadLog for std::sync::Arc<L> {
    fn entry(&self, index: u64) -> Result<Option<LogEntry>, Box<dyn Error + Send + Sync>> {
        (**self).entry(index)
    }
}

// === impl Ledger ===

impl crate::Ledger {
    /// The same state with other members: for a node that goes on without its group.
    #[must_use]
    pub fn with_members(self, members: BTreeMap<NodeId, Member>) -> Self {
        Self { members, ..self }
    }
}

// === impl LogEntry ===

/// Bytes before an entry's data when it is stored: its kind and its term.
const HEAD: usize = 1 + size_of::<u64>();

impl LogEntry {
    /// The entry as it is stored; its index is its key.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEAD + self.data.len());
        bytes.push(match self.kind {
            EntryKind::Command => 0,
            EntryKind::Members => 1,
        });
        bytes.extend_from_slice(&self.term.to_le_bytes());
        bytes.extend_from_slice(&self.data);
        bytes
    }

    /// Reads what [`LogEntry::encode`] wrote; `None` when these bytes are no entry.
    #[must_use]
    pub fn decode(index: u64, bytes: Bytes) -> Option<Self> {
        let kind = match bytes.first()? {
            0 => EntryKind::Command,
            1 => EntryKind::Members,
            _ => return None,
        };
        let term = u64::from_le_bytes(*bytes.get(1..HEAD)?.first_chunk()?);
        Some(Self { index, term, kind, data: bytes.slice(HEAD..) })
    }
}
