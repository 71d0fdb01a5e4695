//! Who takes part, and how that changes: a new member first only follows (a *learner*), and votes
//! once it has caught up. Every change goes through raft's joint configurations.

use multibeam_model::command::DecodeError;
use protobuf::Message as _;
use raft::eraftpb::{ConfChangeSingle, ConfChangeTransition, ConfChangeType, ConfChangeV2};
use serde::{Deserialize, Serialize};

use super::disk::NodeId;
use super::envelope::check_change;

/// A member as the ledger's state has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Where the others and the clients reach it, as an URL.
    pub address: String,
}

/// A change of who takes part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MemberChange {
    /// A new member begins to follow. It gets a vote by itself once it has caught up.
    Add {
        /// Its number; that of a member which was removed is used up, the others do not hear a new one
        /// under it.
        id: NodeId,
        /// Where it is reached.
        address: String,
    },
    /// A member that has caught up gets a vote.
    Promote {
        /// The member.
        id: NodeId,
    },
    /// A member leaves.
    Remove {
        /// The member.
        id: NodeId,
    },
}

/// Why a change of members was not begun.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MemberRefusal {
    /// Another change is under way.
    #[error("another change of members is under way (hint: try again in a few seconds)")]
    UnderWay,
    /// There is a member with this number.
    #[error("there is a member {0} already")]
    Exists(NodeId),
    /// There is no member with this number.
    #[error("there is no member {0}")]
    Unknown(NodeId),
    /// It would leave nobody.
    #[error("member {0} is the last one that votes")]
    Last(NodeId),
    /// Too few of the others are alive.
    #[error(
        "without member {id} only {alive} of {voters} members would be alive, fewer than a majority (hint: bring the others back first, or force it)"
    )]
    Quorum {
        /// The member to be removed.
        id: NodeId,
        /// How many of the others that vote are alive.
        alive: usize,
        /// How many of the others vote.
        voters: usize,
    },
    /// It is the leader's own number; another one is asked to lead.
    #[error("member {0} leads; another one takes over now (hint: try again in a few seconds)")]
    Leads(NodeId),
}

/// The format of the changes this build writes.
const CHANGE_FORMAT: u8 = 1;

impl MemberChange {
    /// The member that it is about.
    #[must_use]
    pub fn id(&self) -> NodeId {
        match self {
            Self::Add { id, .. } | Self::Promote { id } | Self::Remove { id } => *id,
        }
    }

    /// The change as raft takes it.
    pub(super) fn to_raft(&self) -> ConfChangeV2 {
        let mut single = ConfChangeSingle { node_id: self.id().0, ..ConfChangeSingle::default() };
        single.set_change_type(match self {
            Self::Add { .. } => ConfChangeType::AddLearnerNode,
            Self::Promote { .. } => ConfChangeType::AddNode,
            Self::Remove { .. } => ConfChangeType::RemoveNode,
        });
        let mut change = ConfChangeV2 {
            context: postcard::to_extend(self, vec![CHANGE_FORMAT])
                .expect("writing to memory cannot fail and every type has a known shape")
                .into(),
            ..ConfChangeV2::default()
        };
        change.set_changes(vec![single].into());
        // Joint also for one member: the same path whatever the change.
        change.set_transition(ConfChangeTransition::Implicit);
        change
    }
}

/// Reads an entry's change of members: raft's part, and ours. The entry with which raft leaves a
/// joint configuration has none of ours.
pub(super) fn read(
    data: &bytes::Bytes,
) -> Result<(ConfChangeV2, Option<MemberChange>), DecodeError> {
    let damaged = || DecodeError::Damaged(postcard::Error::DeserializeBadEncoding);
    check_change(data).map_err(|_| damaged())?;
    let change = ConfChangeV2::parse_from_carllerche_bytes(data).map_err(|_| damaged())?;
    let ours = match change.context.as_ref() {
        [] => None,
        [CHANGE_FORMAT, body @ ..] => {
            Some(postcard::from_bytes(body).map_err(DecodeError::Damaged)?)
        }
        [found, ..] => return Err(DecodeError::Format { found: *found }),
    };
    Ok((change, ours))
}

impl crate::Ledger {
    /// A change of members, or an entry without effect, stands at `index` in the log.
    pub(super) fn apply_members(&mut self, index: u64, change: Option<&MemberChange>) {
        assert!(
            index > self.applied,
            "entry {index} applied after command {}: the log is out of order",
            self.applied
        );
        self.applied = index;
        match change {
            Some(MemberChange::Add { id, address }) => {
                self.members.insert(*id, Member { address: address.clone() });
            }
            Some(MemberChange::Remove { id }) => {
                self.members.remove(id);
            }
            Some(MemberChange::Promote { .. }) | None => {}
        }
    }
}
