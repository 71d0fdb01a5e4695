//! How a node is set up, and what a group begins with.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use multibeam_model::command::{COMMAND_FORMAT, Command, DecodeError};

use super::disk::{Base, HardState, Membership, NodeId, Recovered, Start};
use super::members::Member;
use crate::Ledger;

/// How a node is set up. The same for all members, but for `id` and `boot`.
#[derive(Clone, Debug)]
pub struct NodeConfig {
    /// Which member this is.
    pub id: NodeId,
    /// A number that this member has never been started with before: tells its questions to the
    /// leader from those of an earlier life.
    pub boot: u64,
    /// Ticks without a leader before an election: drawn anew from this range (the end exclusive)
    /// each time. A range of one makes a node reproducible.
    pub election_ticks: std::ops::Range<u32>,
    /// Ticks between a leader's signs of life.
    pub heartbeat_ticks: u32,
    /// How long the coordinator in office may be silent before another one's claim is admitted.
    pub office_silence: Duration,
    /// Applied entries after which the disk gets a newer base.
    pub compact_every: u64,
    /// Bytes of state that a newer base may write for each entry applied since the last one. A large
    /// state is written less often, so that the log costs more than the state does.
    pub state_bytes_per_entry: u64,
    /// Entries that stay in the log for members that lag.
    pub trailing: u64,
    /// Entries that stay at most for a member that lags more or is being sent a state.
    pub trailing_most: u64,
    /// Applied entries between two comparisons of the members' states.
    pub witness_every: u64,
    /// The commands that this build can read.
    pub codec: Codec,
    /// Where raft's own log lines go.
    pub log: fn(Level, &fmt::Arguments<'_>),
}

/// How serious one of raft's log lines is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// The node is about to stop.
    Error,
    /// Something is not as it should be.
    Warning,
    /// Elections and the like.
    Info,
    /// Anything else.
    Debug,
}

/// How commands are read.
#[derive(Clone, Copy, Debug)]
pub struct Codec {
    /// The newest format that is read.
    pub reads: u8,
    /// Reads a command of this or an older format.
    pub decode: fn(&[u8]) -> Result<Command, DecodeError>,
}

impl NodeConfig {
    /// Production's settings: with a tick of 50 ms an election begins 0.6 to 1.2 s after the
    /// leader's last sign of life.
    #[must_use]
    pub fn new(id: NodeId, boot: u64) -> Self {
        Self {
            id,
            boot,
            election_ticks: 12..24,
            heartbeat_ticks: 2,
            office_silence: OFFICE_SILENCE,
            compact_every: COMPACT_EVERY,
            state_bytes_per_entry: STATE_BYTES_PER_ENTRY,
            trailing: TRAILING,
            trailing_most: TRAILING_MOST,
            witness_every: WITNESS_EVERY,
            codec: Codec { reads: COMMAND_FORMAT, decode: Command::decode },
            log: |_, _| {},
        }
    }

    pub(super) fn raft(&self, applied: u64) -> raft::Config {
        raft::Config {
            election_tick: self.election_ticks.start as usize,
            min_election_tick: self.election_ticks.start as usize,
            max_election_tick: self.election_ticks.end as usize,
            heartbeat_tick: self.heartbeat_ticks as usize,
            applied,
            max_size_per_msg: MESSAGE_BYTES,
            max_inflight_msgs: IN_FLIGHT,
            check_quorum: true,
            pre_vote: true,
            max_uncommitted_size: UNCOMMITTED_BYTES,
            max_committed_size_per_ready: APPLIED_BYTES,
            ..raft::Config::new(self.id.0)
        }
    }
}

// What NodeConfig::new sets; the fields say what it means.
const OFFICE_SILENCE: Duration = Duration::from_secs(15);
const COMPACT_EVERY: u64 = 10_000;
const STATE_BYTES_PER_ENTRY: u64 = 256;
const TRAILING: u64 = 5_000;
const TRAILING_MOST: u64 = 200_000;
const WITNESS_EVERY: u64 = 10_000;

/// Bytes of entries in one message to a follower; a larger entry travels alone.
pub(super) const MESSAGE_BYTES: u64 = 1 << 20;
/// Messages to a follower that may be unanswered.
const IN_FLIGHT: usize = 64;
/// Bytes of entries that may wait for a majority; more are answered `Busy`.
const UNCOMMITTED_BYTES: u64 = 64 << 20;
/// Bytes of entries applied in one step.
const APPLIED_BYTES: u64 = 8 << 20;

/// The index of the state that a group begins with. It is not 0, so that a member that joins later
/// and has nothing cannot take the log for complete without that state.
pub const FOUNDING_INDEX: u64 = 1;

/// What each founding member's disk begins with. All must be given the same members.
#[must_use]
pub fn founding(members: &BTreeMap<NodeId, Member>) -> Recovered {
    let membership =
        Membership { voters: members.keys().copied().collect(), ..Membership::default() };
    let base = Base { index: FOUNDING_INDEX, term: 1, membership };
    Recovered {
        state: Ledger::founded(members.clone()).snapshot(),
        hard: HardState { term: 1, vote: 0, commit: FOUNDING_INDEX },
        start: Start { first: FOUNDING_INDEX + 1, before: 1 },
        terms: Vec::new(),
        last: FOUNDING_INDEX,
        base,
    }
}
