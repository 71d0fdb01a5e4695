//! Who may send: aggregators, and each for itself if its certificate says which one it is.

use std::path::Path;
use std::time::Duration;

use multibeam_aggregator::peers::PeerEvent;
use multibeam_ledger::node::disk::NodeId;
use multibeam_proto::aggregator::v1 as wire;
use multibeam_proto::aggregator::v1::raft_client::RaftClient;
use multibeam_rt::identity::{Identity, Role};
use multibeam_rt::pki;
use multibeam_rt::tls::{Credentials, Security};
use tokio_stream::iter;
use tonic::{Code, Status};

use crate::rig::{GROUP, Member};

const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

fn issue(dir: &Path, role: Role, name: &str) -> Security {
    let identity = Identity { role, name: name.to_owned() };
    let files = pki::issue(dir, &identity, &["localhost".to_owned()], YEAR).unwrap();
    Security::MutualTls(Credentials::read(&files).unwrap())
}

async fn says_it_is(from: u64, security: &Security, member: &Member) -> Result<(), Status> {
    let channel = security.channel(&member.address).unwrap();
    let envelope = wire::Envelope {
        group: GROUP.to_owned(),
        from,
        to: member.node.0,
        reads: 1,
        ..wire::Envelope::default()
    };
    RaftClient::new(channel).deliver(iter([envelope])).await.map(|_| ())
}

#[tokio::test(flavor = "multi_thread")]
async fn members_speak_for_themselves() {
    let dir = tempfile::tempdir().unwrap();
    pki::make_ca(dir.path(), YEAR).unwrap();
    let own = |node: &str| issue(dir.path(), Role::Aggregator, node);
    let (first, named) = (own("1"), own("east-wing"));
    let a = Member::start(1, &first, "127.0.0.1:0", |_| {});
    let mut b = Member::start(2, &own("2"), "127.0.0.1:0", |_| {});
    a.knows(&[(2, &b.address)]);
    a.send(2, 5);
    assert_eq!(b.next_number().await, 5);

    says_it_is(1, &first, &b).await.unwrap();
    let status = says_it_is(3, &first, &b).await.unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied);
    assert!(status.message().contains("aggregator 1, the sender says it is 3"), "{status:?}");
    says_it_is(3, &named, &b).await.unwrap();
    let reads = |event: &PeerEvent| matches!(event, PeerEvent::Reads { node: NodeId(3), .. });
    b.until(reads).await;
    for role in [Role::Worker, Role::Coordinator, Role::User] {
        let status = says_it_is(1, &issue(dir.path(), role, "1"), &b).await.unwrap_err();
        assert_eq!(status.code(), Code::PermissionDenied, "{role}");
    }
}
