//! Members that reach each other over loopback, and an owner that keeps what comes in.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use multibeam_aggregator::peers::{Connect, PeerConfig, PeerEvent, Peers};
use multibeam_aggregator::store::Acquaintances;
use multibeam_ledger::node::disk::{NodeId, ReadLog};
use multibeam_ledger::node::io::{Outgoing, OutgoingState};
use multibeam_proto::aggregator::v1::raft_client::RaftClient;
use multibeam_rt::access::RequireRole;
use multibeam_rt::backoff::Backoff;
use multibeam_rt::identity::Role;
use multibeam_rt::tasks::TaskGroup;
use multibeam_rt::tls::Security;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tonic::transport::Channel;

pub(crate) const GROUP: &str = "east";

/// A member that is running.
pub(crate) struct Member {
    pub(crate) node: NodeId,
    pub(crate) address: String,
    pub(crate) peers: Peers,
    pub(crate) events: mpsc::Receiver<PeerEvent>,
    tasks: TaskGroup,
}

pub(crate) fn member(node: u64) -> Member {
    Member::start(node, &Security::Plaintext, "127.0.0.1:0", |_| {})
}

impl Member {
    pub(crate) fn start(
        node: u64,
        security: &Security,
        listen: &str,
        configure: impl FnOnce(&mut PeerConfig),
    ) -> Self {
        let listener = std::net::TcpListener::bind(listen).unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let incoming = security.incoming(TcpListener::from_std(listener).unwrap());
        let plaintext = matches!(security, Security::Plaintext);
        let address = match security {
            Security::Plaintext => format!("http://127.0.0.1:{port}"),
            Security::MutualTls(_) => format!("https://localhost:{port}"),
        };
        let tasks = TaskGroup::new();
        // Small, so that tests meet a full one.
        let (sender, events) = mpsc::channel(16);
        let mut config =
            PeerConfig::new(NodeId(node), GROUP, &address, Acquaintances::unwritten(node));
        let ms = Duration::from_millis;
        config.timing.state_backoff = Backoff::new(ms(10), ms(100), 0.0).unwrap();
        configure(&mut config);
        let connect: Arc<dyn Connect> = Arc::new(security.clone());
        let peers = Peers::new(config, connect, sender, tasks.spawner());
        let rules = RequireRole::new()
            .allow("/multibeam.aggregator.v1.Raft", &[Role::Aggregator])
            .accept_plaintext(plaintext);
        let server = security.server().layer(rules).add_service(peers.server());
        let server =
            server.serve_with_incoming_shutdown(incoming, tasks.spawner().drain().requested());
        tasks.spawner().spawn("server", async move { server.await.unwrap() });
        Self { node: NodeId(node), address, peers, events, tasks }
    }

    /// The port that it listens at, for one that comes after it.
    pub(crate) fn listen(&self) -> String {
        format!("127.0.0.1:{}", self.address.rsplit_once(':').unwrap().1)
    }

    pub(crate) async fn stop(self) {
        drop(self.events);
        assert!(self.tasks.shutdown(Duration::from_secs(20)).await.unwrap().is_empty());
    }

    pub(crate) fn knows(&self, others: &[(u64, &str)]) {
        let others = others.iter().map(|(node, address)| (NodeId(*node), (*address).to_owned()));
        self.peers.members(others);
    }

    pub(crate) fn send(&self, to: u64, number: u64) {
        let message = message(HEARTBEAT, self.node.0, to, number);
        self.peers.send(Outgoing { to: NodeId(to), message });
    }

    /// Sends a state whose payloads are in `log`.
    pub(crate) fn send_state<L>(&self, state: OutgoingState, log: &Arc<L>)
    where
        L: ReadLog + Send + Sync + 'static,
    {
        self.peers.snapshot(state.to, || state, log.clone());
    }

    /// The next event, whatever it is.
    pub(crate) async fn next(&mut self) -> PeerEvent {
        let next = tokio::time::timeout(Duration::from_secs(60), self.events.recv()).await;
        next.expect("an event within a minute").expect("events as long as the member runs")
    }

    /// The number of the next message; other events are passed over.
    pub(crate) async fn next_number(&mut self) -> u64 {
        loop {
            if let PeerEvent::Message(received) = self.next().await {
                return received.snapshot_index();
            }
        }
    }

    /// Passes over events until this one.
    pub(crate) async fn until(&mut self, mut wanted: impl FnMut(&PeerEvent) -> bool) {
        while !wanted(&self.next().await) {}
    }

    pub(crate) async fn client(&self) -> RaftClient<Channel> {
        let channel = Security::Plaintext.channel(&self.address).unwrap();
        RaftClient::new(channel).max_encoding_message_size(usize::MAX)
    }
}

pub(crate) const HUP: u64 = 0;
pub(crate) const PROPOSE: u64 = 2;
pub(crate) const SNAPSHOT: u64 = 7;
pub(crate) const HEARTBEAT: u64 = 8;

/// A message of raft as its library encodes it. The number is that of a state: a place where any
/// number may stand, and which can be read again.
pub(crate) fn message(kind: u64, from: u64, to: u64, number: u64) -> Bytes {
    let mut metadata = Vec::new();
    field(&mut metadata, 2, number);
    let mut snapshot = Vec::new();
    nested(&mut snapshot, 2, &metadata);
    let mut bytes = Vec::new();
    field(&mut bytes, 1, kind);
    field(&mut bytes, 2, to);
    field(&mut bytes, 3, from);
    nested(&mut bytes, 9, &snapshot);
    bytes.into()
}

fn field(out: &mut Vec<u8>, number: u8, value: u64) {
    out.push(number << 3);
    varint(out, value);
}

fn nested(out: &mut Vec<u8>, number: u8, body: &[u8]) {
    out.push(number << 3 | 2);
    varint(out, body.len() as u64);
    out.extend_from_slice(body);
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
