//! Why the ledger does not do what it was asked.

use std::io;
use std::time::Duration;

use multibeam_ledger::node::disk::NodeId;
use multibeam_ledger::node::members::MemberRefusal;
use multibeam_ledger::node::{NodeError, disk};
use multibeam_model::command::DecodeError;

use crate::store::StoreError;

/// The ledger cannot do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The storage failed. The ledger has stopped.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The node cannot go on. The ledger has stopped.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// An entry of the log cannot be read.
    #[error("cannot read entry {index} of the ledger's log")]
    Entry {
        /// The entry.
        index: u64,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A proposed command cannot be read.
    #[error("malformed command")]
    Command(#[source] DecodeError),
    /// A command that this caller may not propose.
    #[error("{reason}")]
    Forbidden {
        /// Why not.
        reason: String,
    },
    /// A proposed command is of a newer format than all aggregators can read.
    #[error(
        "a command of a newer format than {newest} is not taken yet (hint: upgrade all aggregators first)"
    )]
    Format {
        /// The newest format that is taken.
        newest: u8,
    },
    /// A proposal is too large.
    #[error("a proposal of {bytes} bytes is too large, at most {most} are taken")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        most: u32,
    },
    /// This node does not lead, so nothing is known of what was proposed. Asking again is safe.
    #[error("this aggregator does not lead{}", .leader.as_ref().map_or_else(
        || ", and no other one is known to".to_owned(),
        |leader| format!(", {} does", leader.address),
    ))]
    NotLeader {
        /// Who does, as far as this node knows.
        leader: Option<Leader>,
    },
    /// Too much waits to be replicated.
    #[error(
        "too much waits to be replicated (hint: a majority of the aggregators is slow or away)"
    )]
    Busy,
    /// A change of members was not begun.
    #[error(transparent)]
    Members(#[from] MemberRefusal),
    /// The ledger has stopped: after a failure of its storage, or because it was told to. Whether
    /// commands that were under way took effect is known after the next start.
    #[error("the ledger has stopped")]
    Stopped,
    /// The thread that owns the ledger hangs. It may hold whatever others need, so that only the end
    /// of the process helps.
    #[error(
        "the ledger has stood still for {} s: its disk takes something and does not come back (hint: \
         look at the disk and the kernel's log, and start again; nothing that was answered is lost)",
        limit.as_secs()
    )]
    Standstill {
        /// For how long at least.
        limit: Duration,
    },
    /// This member was removed from its group.
    #[error("this aggregator was removed from its group (hint: its directory is of no more use)")]
    Removed,
    /// Others know this member with another directory.
    #[error(
        "member {by} knows this aggregator with another directory: what that one had acknowledged is \
         not in this one (hint: bring the old directory back, or `multibeam aggregator remove` this \
         member and add a new one under another number)"
    )]
    Disowned {
        /// Who says so.
        by: NodeId,
    },
    /// The directory belongs to another member.
    #[error(
        "this directory belongs to member {} of group {:?}, expected member {} of group {:?} (hint: check --node, --group, and --data)",
        found.0, found.1, expected.0, expected.1
    )]
    OtherMember {
        /// Whose it is.
        found: (NodeId, String),
        /// Who was started on it.
        expected: (NodeId, String),
    },
    /// The entry is there and carries no payload.
    #[error("entry {index} of the ledger's log carries no payload")]
    NoPayload {
        /// The entry.
        index: u64,
    },
    /// A thread of the ledger could not be started, or panicked.
    #[error("a thread of the ledger could not do its work")]
    Thread(#[source] io::Error),
}

/// The member that leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leader {
    /// Which one.
    pub id: disk::NodeId,
    /// Where it is reached, as an URL.
    pub address: String,
}
