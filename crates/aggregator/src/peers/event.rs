//! What the owner of the node is told.

use std::error::Error;

use multibeam_ledger::node::disk::{LogEntry, NodeId};
use multibeam_ledger::node::envelope::Received;
use tokio::sync::oneshot;

/// The owner's answer to a step of an incoming state. An error ends that state and goes into the
/// log here; the sender only learns that it failed. Dropping the channel without an answer means
/// that the owner has stopped.
pub type Reply = oneshot::Sender<Result<(), Box<dyn Error + Send + Sync>>>;

/// What the owner of the node is told.
///
/// An incoming state is told as [`PeerEvent::SnapshotHas`], any number of [`PeerEvent::Stage`], and
/// then exactly one of [`PeerEvent::Install`] and [`PeerEvent::StageAborted`]. There is never more
/// than one incoming state at a time. Each step waits for the answer to the one before it, and this
/// is what bounds the memory.
#[derive(Debug)]
pub enum PeerEvent {
    /// For [`multibeam_ledger::node::io::Input::Message`].
    Message(Received),
    /// For [`multibeam_ledger::node::io::Input::Unreachable`]: what was sent to this member is
    /// lost. Told once for each failed attempt to reach it, and once when too much waits for it.
    Unreachable(NodeId),
    /// This member was heard with another directory before: it has forgotten what that one knew, and must
    /// not go on.
    Disowned {
        /// Who says so.
        by: NodeId,
    },
    /// For [`multibeam_ledger::node::io::Input::Reads`]: told when a member has connected.
    Reads {
        /// The member.
        node: NodeId,
        /// The newest format of commands that it reads.
        format: u8,
    },
    /// For [`multibeam_ledger::node::io::Input::SnapshotSent`]. A failure is told only after a
    /// pause, so that a member that cannot take a state does not keep this one busy making new
    /// ones.
    SnapshotSent {
        /// The member that the state was for.
        to: NodeId,
        /// Whether it has all of it.
        ok: bool,
    },
    /// Somebody who is not among the members is reached at this address; messages to it go there.
    /// Nothing needs to be done.
    Learned {
        /// Who.
        node: NodeId,
        /// Where.
        address: String,
    },
    /// A state is about to come.
    SnapshotHas {
        /// Gets the commit index: payloads up to it are not sent.
        reply: oneshot::Sender<u64>,
    },
    /// Payloads of the incoming state, to be kept aside; by index, each once.
    Stage {
        /// The entries.
        entries: Vec<LogEntry>,
        /// Answered when they are kept.
        reply: Reply,
    },
    /// All of the incoming state is here, and its payloads are staged. For
    /// [`multibeam_ledger::node::io::Input::Snapshot`]; what is staged belongs to the owner now.
    Install {
        /// The message that announced it.
        message: Received,
        /// The state.
        state: Vec<u8>,
        /// Answered when the node was given it, whether or not it took it.
        reply: Reply,
    },
    /// The incoming state will not come to its end: what was staged is of no use.
    StageAborted,
}
