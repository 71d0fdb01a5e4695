//! How a node stands, for people and metrics.

use super::Node;
use super::disk::{NodeId, ReadLog};

/// How a node stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Which member it is.
    pub id: NodeId,
    /// What it is at the moment.
    pub role: Role,
    /// The term of office that it knows of.
    pub term: u64,
    /// Who leads, as far as it knows.
    pub leader: Option<NodeId>,
    /// The last index that it knows to be on a majority's disks.
    pub commit: u64,
    /// The last index in its state.
    pub applied: u64,
    /// The last index of its log.
    pub last: u64,
    /// The first index of its log.
    pub first: u64,
    /// All members, by number.
    pub members: Vec<MemberStatus>,
}

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It follows the leader.
    Follower,
    /// It asks for votes.
    Candidate,
    /// It leads.
    Leader,
}

/// A member, as one node sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberStatus {
    /// Its number.
    pub id: NodeId,
    /// Where it is reached.
    pub address: String,
    /// Whether it votes; else it only follows until it has caught up.
    pub votes: bool,
    /// The last index that it is known to have; only the leader knows.
    pub matched: Option<u64>,
    /// Whether it was heard from lately; only the leader knows.
    pub alive: Option<bool>,
}

impl<L: ReadLog> Node<L> {
    /// How this node stands.
    #[must_use]
    pub fn status(&self) -> Status {
        let raft = &self.raw.raft;
        let store = self.raw.store();
        let voters = store.base().membership.voters;
        let progress = |id: NodeId| raft.prs().get(id.0).filter(|_| self.leads());
        let members = self.ledger().members().iter().map(|(id, member)| MemberStatus {
            id: *id,
            address: member.address.clone(),
            votes: voters.contains(id),
            matched: progress(*id).map(|peer| peer.matched),
            alive: progress(*id).map(|peer| *id == self.id() || peer.recent_active),
        });
        Status {
            id: self.id(),
            role: match raft.state {
                raft::StateRole::Leader => Role::Leader,
                raft::StateRole::Follower => Role::Follower,
                raft::StateRole::Candidate | raft::StateRole::PreCandidate => Role::Candidate,
            },
            term: raft.term,
            leader: self.leader(),
            commit: raft.raft_log.committed,
            applied: store.applied().0,
            last: store.last(),
            first: store.start().first,
            members: members.collect(),
        }
    }
}
