//! The group of aggregators over gRPC.

use multibeam_ledger::node::Status as NodeStatus;
use multibeam_ledger::node::disk::NodeId;
use multibeam_ledger::node::members::MemberChange;
use multibeam_proto::aggregator::v1 as wire;
use multibeam_proto::aggregator::v1::group_server::Group;
use tonic::{Request, Response, Status};

use super::forward::{Forward, at_the_leader};
use crate::Handle;

/// Serves the group.
#[derive(Clone, Debug)]
pub struct GroupService {
    ledger: Handle,
    forward: Option<Forward>,
}

// === impl GroupService ===

impl GroupService {
    /// Serves the group of this member.
    #[must_use]
    pub fn new(ledger: Handle, forward: Option<Forward>) -> Self {
        Self { ledger, forward }
    }

    fn way(&self) -> (&Handle, Option<&Forward>) {
        (&self.ledger, self.forward.as_ref())
    }
}

#[tonic::async_trait]
impl Group for GroupService {
    async fn list_members(
        &self,
        request: Request<wire::ListMembersRequest>,
    ) -> Result<Response<wire::ListMembersResponse>, Status> {
        let here = async |_| {
            // Only the leader knows how the others stand, and only a present one.
            self.ledger.current().await?;
            let status = self.ledger.status();
            if status.leader == Some(status.id) {
                Ok(list(status, false))
            } else {
                Err(self.ledger.not_leader())
            }
        };
        if request.get_ref().stale {
            return Ok(Response::new(list(self.ledger.status(), true)));
        }
        at_the_leader(self.way(), request, here, async |forward, leader, request| {
            forward.group(leader)?.list_members(request).await
        })
        .await
    }

    async fn add_member(
        &self,
        request: Request<wire::AddMemberRequest>,
    ) -> Result<Response<wire::AddMemberResponse>, Status> {
        let here = async |message: wire::AddMemberRequest| {
            let wire::AddMemberRequest { node, address } = message;
            let change = MemberChange::Add { id: NodeId(node), address };
            self.ledger.change_members(change, false).await?;
            Ok(wire::AddMemberResponse {})
        };
        if request.get_ref().node == 0 {
            return Err(Status::invalid_argument("members are numbered from 1"));
        }
        at_the_leader(self.way(), request, here, async |forward, leader, request| {
            forward.group(leader)?.add_member(request).await
        })
        .await
    }

    async fn remove_member(
        &self,
        request: Request<wire::RemoveMemberRequest>,
    ) -> Result<Response<wire::RemoveMemberResponse>, Status> {
        let here = async |message: wire::RemoveMemberRequest| {
            let change = MemberChange::Remove { id: NodeId(message.node) };
            self.ledger.change_members(change, message.force).await?;
            Ok(wire::RemoveMemberResponse {})
        };
        at_the_leader(self.way(), request, here, async |forward, leader, request| {
            forward.group(leader)?.remove_member(request).await
        })
        .await
    }
}

fn list(status: NodeStatus, stale: bool) -> wire::ListMembersResponse {
    let members = status.members.into_iter().map(|member| wire::Member {
        node: member.id.0,
        address: member.address,
        leads: status.leader == Some(member.id),
        votes: member.votes,
        alive: member.alive,
        matched: member.matched,
    });
    wire::ListMembersResponse {
        members: members.collect(),
        term: status.term,
        commit: status.commit,
        stale,
        by: status.id.0,
    }
}
