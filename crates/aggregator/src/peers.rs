//! How the members of a group of aggregators reach each other.
//!
//! ```text
//!  owner ──send──▶ queue ─▶ task per member ══Deliver══▶ checks ──PeerEvent::Message──▶ owner
//!        ──snapshot──▶ log, piece by piece ══Install══▶ checks ──Stage, …, Install───▶
//! ```
//!
//! The owner of the node never waits for another member: what does not fit into a queue is dropped,
//! and raft sends it again. What comes in is checked before the owner sees it: that it is of this
//! group, for this member, from the one whose certificate it is, and something that members send.
//!
//! A state travels in pieces, each with the sum of all that came before; neither side has more in
//! memory than the state itself and a few pieces, however large the payloads are in sum.

pub mod assemble;
mod check;
mod config;
mod connect;
mod cut;
mod deliver;
mod event;
mod install;
mod link;
mod queue;
mod send_state;
mod shared;
pub mod sum;

use std::sync::Arc;

use multibeam_ledger::node::disk::{NodeId, ReadLog};
use multibeam_ledger::node::io::{Outgoing, OutgoingState};
use multibeam_proto::aggregator::v1 as wire;
use multibeam_proto::aggregator::v1::raft_server::{Raft, RaftServer};
use multibeam_rt::access::Peer;
use multibeam_rt::tasks::Spawner;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

pub use check::Refusal;
pub use config::{PeerConfig, PeerLimits, PeerTiming};
pub use connect::{Connect, ConnectError, InMemory};
pub use event::{PeerEvent, Reply};

use link::Link;
use send_state::{Parcel, send_state};
use shared::Shared;

/// The way to the other members; cheap to clone. All calls return at once and may come from any
/// thread.
#[derive(Clone)]
pub struct Peers {
    shared: Arc<Shared>,
}

/// Takes what other members send.
#[derive(Clone)]
pub struct RaftService {
    shared: Arc<Shared>,
}

// === impl Peers ===

impl Peers {
    /// Reaches nobody yet. Its tasks belong to the group of `spawner` and end with it.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    #[must_use]
    pub fn new(
        config: PeerConfig,
        connect: Arc<dyn Connect>,
        events: mpsc::Sender<PeerEvent>,
        spawner: Spawner,
    ) -> Self {
        Self { shared: Arc::new(Shared::new(config, connect, events, spawner)) }
    }

    /// The service that takes what other members send. The layer in front of it
    /// ([`multibeam_rt::access::RequireRole`]) must say who calls: without that nothing is taken.
    #[must_use]
    pub fn server(&self) -> RaftServer<RaftService> {
        RaftServer::new(RaftService { shared: Arc::clone(&self.shared) })
            .max_decoding_message_size(config::WIRE_BYTES)
    }

    /// The members, this one or not, and where they are reached. Connections to others are made at
    /// once and kept; those to nodes that are not among them end when what waits has left. May be
    /// called as often as one likes.
    pub fn members(&self, members: impl IntoIterator<Item = (NodeId, String)>) {
        let own = self.shared.config.node;
        let mut table = self.shared.table();
        table.members = members.into_iter().filter(|(node, _)| *node != own).collect();
        let table = &mut *table;
        table.links.retain(|node, link| {
            let address = table.members.get(node);
            match address {
                Some(address) if *address == link.address => return true,
                Some(_) => link.abort(),
                None => link.close(),
            }
            false
        });
        for (node, address) in &table.members {
            table.learned.remove(node);
            if !table.links.contains_key(node) {
                table.links.insert(*node, Link::start(&self.shared, *node, address.clone()));
            }
        }
    }

    /// Sends a message if it can; it is lost otherwise. Messages to one node keep their order.
    pub fn send(&self, outgoing: Outgoing) {
        let Outgoing { to, message } = outgoing;
        let mut table = self.shared.table();
        let Some(address) = table.address(to).cloned() else {
            tracing::debug!(peer = %to, "no address for a message");
            return;
        };
        // A node that is no member may have moved.
        if table.links.get(&to).is_none_or(|link| link.address != address)
            && let Some(old) = table.links.insert(to, Link::start(&self.shared, to, address))
        {
            old.abort();
        }
        if let Some(link) = table.links.get(&to) {
            link.send(&self.shared, message);
        }
    }

    /// Has a state made on a thread of its own, sends it, and tells how it went by
    /// [`PeerEvent::SnapshotSent`]. One that still goes to the same member ends, and nothing more is told
    /// of it.
    pub fn snapshot(
        &self,
        to: NodeId,
        make: impl FnOnce() -> OutgoingState + Send + 'static,
        log: Arc<dyn ReadLog + Send + Sync>,
    ) {
        let mut table = self.shared.table();
        if let Some(older) = table.states.remove(&to) {
            older.abort();
        }
        let address = table.address(to).cloned();
        let parcel = Parcel { make: Box::new(make), log };
        let sending = send_state(Arc::clone(&self.shared), to, address, parcel);
        let task = self.shared.spawn(format!("state for peer {to}"), sending);
        table.states.insert(to, task);
    }
}

impl std::fmt::Debug for Peers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let table = self.shared.table();
        f.debug_struct("Peers")
            .field("config", &self.shared.config)
            .field("members", &table.members)
            .finish_non_exhaustive()
    }
}

// === impl RaftService ===

/// Answers of a call that may wait for their reader.
const ANSWERS_AHEAD: usize = 2;

#[tonic::async_trait]
impl Raft for RaftService {
    async fn deliver(
        &self,
        request: Request<Streaming<wire::Envelope>>,
    ) -> Result<Response<wire::DeliverResponse>, Status> {
        let peer = request.extensions().get::<Peer>().cloned();
        let end = deliver::deliver(&self.shared, peer.as_ref(), request.into_inner()).await;
        end.map(Response::new)
    }

    type InstallStream = ReceiverStream<Result<wire::InstallResponse, Status>>;

    async fn install(
        &self,
        request: Request<Streaming<wire::InstallRequest>>,
    ) -> Result<Response<Self::InstallStream>, Status> {
        let peer = request.extensions().get::<Peer>().cloned();
        let (answers, stream) = mpsc::channel(ANSWERS_AHEAD);
        let taking =
            install::install(Arc::clone(&self.shared), peer, request.into_inner(), answers);
        self.shared.spawn("incoming state".to_owned(), taking);
        Ok(Response::new(ReceiverStream::new(stream)))
    }
}

impl std::fmt::Debug for RaftService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RaftService").field("config", &self.shared.config).finish_non_exhaustive()
    }
}
