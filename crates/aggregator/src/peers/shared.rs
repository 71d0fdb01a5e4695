//! What the parts of the transport share.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use multibeam_ledger::node::disk::NodeId;
use multibeam_rt::tasks::{Spawner, Task};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::timeout;
use tonic::transport::Channel;

use super::config::PeerConfig;
use super::connect::{Connect, ConnectError};
use super::event::PeerEvent;
use super::link::Link;

/// Senders that are no members whose addresses are remembered, and senders with a stream: more
/// than any group has, and few enough that nobody can fill the memory with them.
const STRANGERS: usize = 64;

pub(super) struct Shared {
    pub(super) config: PeerConfig,
    pub(super) events: mpsc::Sender<PeerEvent>,
    pub(super) spawner: Spawner,
    /// Held by the one state that is coming in.
    pub(super) receiving: Arc<Semaphore>,
    /// Held while a state is being made: the thread goes on when nobody wants it any more.
    pub(super) making: Arc<Semaphore>,
    connect: Arc<dyn Connect>,
    runtime: Handle,
    table: Mutex<Table>,
    incoming: Mutex<Incoming>,
}

/// Whom this member sends to.
#[derive(Default)]
pub(super) struct Table {
    pub(super) members: BTreeMap<NodeId, String>,
    pub(super) learned: BTreeMap<NodeId, String>,
    pub(super) links: BTreeMap<NodeId, Link>,
    pub(super) states: BTreeMap<NodeId, Task>,
    /// States in a row that a member did not get.
    pub(super) failed_states: BTreeMap<NodeId, u32>,
}

/// Who sends to this member.
#[derive(Default)]
struct Incoming {
    /// Ends the stream when it is dropped.
    streams: BTreeMap<NodeId, (u64, oneshot::Sender<()>)>,
    next: u64,
    /// What was said once in the log already.
    refused: BTreeSet<(NodeId, i32)>,
}

/// The newest stream of a sender; takes itself off the list.
pub(super) struct Stream {
    shared: Arc<Shared>,
    from: NodeId,
    number: u64,
    pub(super) superseded: oneshot::Receiver<()>,
}

// === impl Shared ===

impl Shared {
    pub(super) fn new(
        config: PeerConfig,
        connect: Arc<dyn Connect>,
        events: mpsc::Sender<PeerEvent>,
        spawner: Spawner,
    ) -> Self {
        Self {
            config,
            events,
            spawner,
            receiving: Arc::new(Semaphore::new(1)),
            making: Arc::new(Semaphore::new(1)),
            connect,
            runtime: Handle::current(),
            table: Mutex::default(),
            incoming: Mutex::default(),
        }
    }

    pub(super) fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn incoming(&self) -> MutexGuard<'_, Incoming> {
        self.incoming.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a task; also from a thread that is none of the runtime's.
    pub(super) fn spawn(
        &self,
        name: String,
        future: impl Future<Output = ()> + Send + 'static,
    ) -> Task {
        let _inside = self.runtime.enter();
        self.spawner.spawn(name, future)
    }

    pub(super) async fn connect(&self, address: &str) -> Result<Channel, ConnectError> {
        let connected = timeout(self.config.timing.connect, self.connect.connect(address)).await;
        connected.unwrap_or_else(|_| Err("connecting takes too long".into()))
    }

    /// A sender that is reached at `address`; whether that is news.
    pub(super) fn learn(&self, node: NodeId, address: &str) -> bool {
        let mut table = self.table();
        let full = table.learned.len() >= STRANGERS && !table.learned.contains_key(&node);
        if address.is_empty() || full || table.members.contains_key(&node) {
            return false;
        }
        let known = table.learned.insert(node, address.to_owned());
        known.as_deref() != Some(address)
    }

    /// Registers a stream of `from` and ends its older one; `None` when there are too many.
    pub(super) fn begin(self: &Arc<Self>, from: NodeId) -> Option<Stream> {
        let mut incoming = self.incoming();
        if incoming.streams.len() >= STRANGERS && !incoming.streams.contains_key(&from) {
            return None;
        }
        let (end, superseded) = oneshot::channel();
        let number = incoming.next;
        incoming.next += 1;
        incoming.streams.insert(from, (number, end));
        Some(Stream { shared: Arc::clone(self), from, number, superseded })
    }

    /// Whether this kind of refusal was not told of this sender before.
    pub(super) fn is_news(&self, from: NodeId, code: tonic::Code) -> bool {
        let refused = &mut self.incoming().refused;
        refused.len() < STRANGERS && refused.insert((from, code.into()))
    }
}

// === impl Table ===

impl Table {
    pub(super) fn address(&self, node: NodeId) -> Option<&String> {
        self.members.get(&node).or_else(|| self.learned.get(&node))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let streams = &mut self.shared.incoming().streams;
        if streams.get(&self.from).is_some_and(|(number, _)| *number == self.number) {
            streams.remove(&self.from);
        }
    }
}
