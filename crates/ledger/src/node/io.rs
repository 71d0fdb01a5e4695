//! What a node is told, and what it wants done.

use bytes::Bytes;
use multibeam_model::Epoch;
use multibeam_model::command::{Command, Reply};

use super::NodeError;
use super::compact::Compaction;
use super::disk::{Install, NodeId, Write};
use super::envelope::Received;
use super::members::{MemberChange, MemberRefusal};
use crate::Ledger;

/// Tells the answer to one question from those to others. Chosen by who asks, never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// What a node is told.
#[derive(Debug)]
pub enum Input {
    /// One step of the election clock.
    Tick,
    /// Another member says something.
    Message(Received),
    /// Commands to be replicated, one after the other and without others between them. Answered
    /// by [`Answer::Replies`].
    Propose {
        /// For the answer.
        ticket: Ticket,
        /// The commands and their encoded bytes.
        commands: Vec<(Command, Bytes)>,
    },
    /// Somebody wants to read what was acknowledged before now, wherever that was. Answered by
    /// [`Answer::Readable`] when this node's state has it.
    Read {
        /// For the answer.
        ticket: Ticket,
    },
    /// A coordinator says that it is alive. Answered by [`Answer::InOffice`].
    Attend {
        /// For the answer.
        ticket: Ticket,
        /// Its epoch.
        epoch: Epoch,
    },
    /// A coordinator gives its office back. Answered by [`Answer::InOffice`], for as long as nobody
    /// has claimed it.
    Leave {
        /// For the answer.
        ticket: Ticket,
        /// Its epoch.
        epoch: Epoch,
    },
    /// Somebody changes who takes part. Answered by [`Answer::Members`].
    Members {
        /// For the answer.
        ticket: Ticket,
        /// The change.
        change: MemberChange,
        /// Whether it is done although too few members seem alive to carry on after it.
        force: bool,
    },
    /// A message to this member could not be delivered.
    Unreachable(NodeId),
    /// A [`SnapshotOrder`] was carried out, or was not.
    SnapshotSent {
        /// The member it went to.
        to: NodeId,
        /// Whether that member has all of it.
        ok: bool,
    },
    /// A state came from another member; its payloads are staged on the disk.
    Snapshot {
        /// The message that announced it.
        message: Received,
        /// The state, as [`crate::Ledger::snapshot`] wrote it.
        state: Vec<u8>,
    },
    /// The format of commands that a member can read; it was told when the member connected.
    Reads {
        /// The member.
        node: NodeId,
        /// The newest format it reads.
        format: u8,
    },
    /// This node is about to stop: another one shall lead.
    Abdicate,
}

/// The answer to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The commands are durable on a majority and applied here; their replies, in order.
    Replies(Vec<Reply>),
    /// What was acknowledged before the question is in this node's state.
    Readable,
    /// The leader knows the coordinator to be alive; if another one is in office, its epoch.
    InOffice(Result<(), Epoch>),
    /// The change of members has begun, or why it has not.
    Members(Result<(), MemberRefusal>),
    /// Nothing is known: this node does not lead, or ceased to. Asking the leader again is safe.
    NotLeader(Option<NodeId>),
    /// Too much waits to be replicated. Asking again later is safe.
    Busy,
    /// The command is of a newer format than all members can read.
    Format {
        /// The newest format that is taken now.
        newest: u8,
    },
}

/// A message to another member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// The member.
    pub to: NodeId,
    /// The message, as [`Received::decode`] reads it.
    pub message: Bytes,
}

/// A member is too far behind for single entries: it gets the state and the payloads. To make the state
/// out as bytes takes long when there are many reports, so that is left to whoever has the time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotOrder {
    /// The member.
    pub to: NodeId,
    pub(super) message: Bytes,
    pub(super) ledger: Ledger,
}

impl SnapshotOrder {
    /// What the member is to be given. [`Input::SnapshotSent`] follows when it has that, or does not get it.
    #[must_use]
    pub fn make(self) -> OutgoingState {
        OutgoingState {
            to: self.to,
            message: self.message,
            state: self.ledger.snapshot().into(),
            payloads: self.ledger.payloads(..),
        }
    }
}

/// What a [`SnapshotOrder`] comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutgoingState {
    /// The member.
    pub to: NodeId,
    /// The message that goes with it, to be given to that node's [`Input::Snapshot`].
    pub message: Bytes,
    /// The state.
    pub state: Bytes,
    /// The entries whose payloads the state refers to, in order. The member has those already that
    /// lie at or before its own commit index.
    pub payloads: Vec<u64>,
}

/// What has to be done, in the order of the fields. Then [`super::Node::written`] is called.
#[derive(Debug, Default)]
pub struct Work {
    /// Goes out at once.
    pub send: Vec<Outgoing>,
    /// Begin to go out at once.
    pub snapshots: Vec<SnapshotOrder>,
    /// Go out at once: all of them are about what is durable already.
    pub answers: Vec<(Ticket, Answer)>,
    /// A staged state to be taken over on the disk, before anything is written.
    pub install: Option<Install>,
    /// Staged payloads that are of no use: the state that they belong to was not needed.
    pub unstage: bool,
    /// To be made durable.
    pub write: Option<Write>,
}

/// What follows from a [`Work`] that is done.
#[derive(Debug, Default)]
pub struct Done {
    /// Goes out at once.
    pub send: Vec<Outgoing>,
    /// Begin to go out at once.
    pub snapshots: Vec<SnapshotOrder>,
    /// Go out at once.
    pub answers: Vec<(Ticket, Answer)>,
    /// Payloads of runs that have expired; their entries may go from the disk.
    pub forget: Vec<u64>,
    /// A newer base for the disk. The next one comes after [`super::Node::compacted`], or after an install,
    /// which makes this one void.
    pub compact: Option<Compaction>,
    /// This node was removed from the group: it has nothing more to do.
    pub removed: bool,
}

/// The outcome of most calls: an error ends the node.
pub type Outcome<T> = Result<T, NodeError>;
