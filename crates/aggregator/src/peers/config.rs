//! How a member presents itself to the others, and the bounds of what travels.

use std::sync::Arc;
use std::time::Duration;

use multibeam_ledger::node::disk::NodeId;
use multibeam_rt::backoff::Backoff;

use crate::store::Acquaintances;

/// How a member presents itself to the others.
#[derive(Clone, Debug)]
pub struct PeerConfig {
    /// Which member this is.
    pub node: NodeId,
    /// The name of its group.
    pub group: String,
    /// Where the others reach it: what [`super::Connect::connect`] of theirs takes.
    pub address: String,
    /// The newest format of commands that it reads.
    pub reads: u8,
    /// Whose directories are known.
    pub acquaintances: Arc<Acquaintances>,
    /// Bounds of what waits.
    pub limits: PeerLimits,
    /// Waits.
    pub timing: PeerTiming,
}

/// Bounds of what waits for one member. A message that is larger than all of it is taken when
/// nothing else waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerLimits {
    /// Messages.
    pub messages: usize,
    /// Bytes of them.
    pub bytes: usize,
    /// Bytes of an incoming state, without the payloads: these are never in memory together.
    pub state_bytes: u64,
}

/// Waits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PeerTiming {
    /// Between attempts to reach a member. It is short: a group without a leader waits for it.
    pub backoff: Backoff,
    /// Before the failure to send a state is told.
    pub state_backoff: Backoff,
    /// Making a connection takes no longer.
    pub connect: Duration,
    /// A connection that lasted as long has worked: the next wait is the shortest again.
    pub settled: Duration,
    /// A state of which nothing moves for so long has failed.
    pub stalled: Duration,
    /// What waits for a member that is no longer one, or at the end, may take as long to leave.
    pub farewell: Duration,
}

impl PeerConfig {
    /// With the usual limits and waits.
    #[must_use]
    pub fn new(
        node: NodeId,
        group: impl Into<String>,
        address: impl Into<String>,
        acquaintances: Acquaintances,
    ) -> Self {
        Self {
            node,
            group: group.into(),
            address: address.into(),
            reads: multibeam_model::command::COMMAND_FORMAT,
            acquaintances: Arc::new(acquaintances),
            limits: PeerLimits::default(),
            timing: PeerTiming::default(),
        }
    }
}

impl Default for PeerLimits {
    fn default() -> Self {
        Self { messages: WAITING, bytes: WAITING_BYTES, state_bytes: STATE_BYTES }
    }
}

impl Default for PeerTiming {
    fn default() -> Self {
        let backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(1), 0.5);
        Self {
            backoff: backoff.unwrap_or(Backoff::SERVICE),
            state_backoff: Backoff::SERVICE,
            connect: CONNECT,
            settled: SETTLED,
            stalled: STALLED,
            farewell: FAREWELL,
        }
    }
}

// What the defaults above are; the fields say what it means.
const WAITING: usize = 4096;
const WAITING_BYTES: usize = 64 << 20;
const STATE_BYTES: u64 = 1 << 30;
const CONNECT: Duration = Duration::from_secs(2);
const SETTLED: Duration = Duration::from_secs(2);
const STALLED: Duration = Duration::from_secs(30);
const FAREWELL: Duration = Duration::from_secs(1);

/// Bytes of one message of raft: the largest entry, and what stands around it.
pub(crate) const MESSAGE_BYTES: usize = multibeam_proto::MAX_MESSAGE_BYTES + (1 << 16);
/// Bytes of one message of gRPC between members.
pub(crate) const WIRE_BYTES: usize = MESSAGE_BYTES + (1 << 16);
/// What waits is sent together up to so many bytes...
pub(crate) const ENVELOPE_BYTES: usize = 1 << 20;
/// ... and messages.
pub(crate) const ENVELOPE_MESSAGES: usize = 1024;
/// Bytes of an address, or of a group's name.
pub(crate) const NAME_BYTES: usize = 512;
/// Entries travel in messages of at most so many bytes, ...
pub(crate) const ENTRIES_BYTES: usize = 512 << 10;
/// ... to which each part of an entry adds this.
pub(crate) const ENTRY_OVERHEAD: usize = 32;
/// Bytes of the data of one entry.
pub(crate) const ENTRY_BYTES: usize = multibeam_proto::MAX_MESSAGE_BYTES;
/// Staged together: few enough to be held in memory, enough to be worth a write.
pub(crate) const STAGE_BYTES: usize = 4 << 20;
