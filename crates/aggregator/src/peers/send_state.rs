//! A state that goes out.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use multibeam_ledger::node::disk::{NodeId, ReadLog};
use multibeam_ledger::node::io::OutgoingState;
use multibeam_proto::aggregator::v1 as wire;
use multibeam_proto::aggregator::v1::install_response::Step;
use multibeam_proto::aggregator::v1::raft_client::RaftClient;
use multibeam_rt::backoff;
use multibeam_rt::leisure::{Leisure, at_leisure};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Status, Streaming};

use super::config::{PeerConfig, WIRE_BYTES};
use super::connect::ConnectError;
use super::cut::{CutError, Cutter};
use super::event::PeerEvent;
use super::link::chain;
use super::shared::Shared;

/// Parts that wait to be sent: each at most 512 KiB.
const PARTS_AHEAD: usize = 2;

/// The log of this member, for the thread that reads it.
type Log = Arc<dyn ReadLog + Send + Sync>;

/// Makes a state.
type Make = Box<dyn FnOnce() -> OutgoingState + Send>;

/// What a member is to get.
pub(super) struct Parcel {
    /// Makes the state, which takes long when there are many reports.
    pub(super) make: Make,
    /// Has the payloads.
    pub(super) log: Log,
}

/// Sends one state and tells the owner how it went.
pub(super) async fn send_state(
    shared: Arc<Shared>,
    to: NodeId,
    address: Option<String>,
    parcel: Parcel,
) {
    let sent = match address {
        Some(address) => attempt(&shared, &address, parcel).await,
        None => Err("its address is not known".into()),
    };
    let ok = sent.is_ok();
    if let Err(error) = sent {
        tracing::warn!(peer = %to, error = %chain(&*error), "a member did not get the state");
        let failures = failed(&shared, to);
        let timing = shared.config.timing;
        let delay = timing.state_backoff.delay(failures, backoff::random());
        tokio::select! {
            () = tokio::time::sleep(delay) => {}
            () = shared.spawner.drain().requested() => return,
        }
    } else {
        shared.table().failed_states.remove(&to);
        tracing::info!(peer = %to, "a member has got the state");
    }
    let _ = shared.events.send(PeerEvent::SnapshotSent { to, ok }).await;
}

/// How often it had failed before.
fn failed(shared: &Shared, to: NodeId) -> u32 {
    let mut table = shared.table();
    let failures = table.failed_states.entry(to).or_default();
    *failures = failures.saturating_add(1);
    *failures - 1
}

async fn attempt(
    shared: &Arc<Shared>,
    address: &str,
    Parcel { make, log }: Parcel,
) -> Result<(), ConnectError> {
    let stops = || "this member stops".into();
    let state = tokio::select! {
        made = made(shared, make) => made?,
        () = shared.spawner.drain().requested() => return Err(stops()),
    };
    // A connection of its own: messages must not wait behind the state.
    let channel = shared.connect(address).await?;
    let client = RaftClient::new(channel).max_encoding_message_size(WIRE_BYTES);
    let (parts, outgoing) = mpsc::channel(PARTS_AHEAD);
    let (has, receiver_has) = oneshot::channel();
    let moved = Arc::new(AtomicU64::new(0));
    let feed =
        Feed { config: shared.config.clone(), state, log, receiver_has, moved: moved.clone() };
    // Dropped with this future, at the latest.
    let (wanted, unwanted) = oneshot::channel::<()>();
    let feeding = tokio::task::spawn_blocking(move || feed.run(&parts, unwanted));
    let call = Call { shared, moved: &moved };
    let sent = tokio::select! {
        sent = call.run(client, outgoing, has) => sent,
        () = shared.spawner.drain().requested() => Err(stops()),
    };
    drop(wanted);
    match (sent, feeding.await) {
        (Ok(()), _) => Ok(()),
        (Err(_), Ok(Err(error @ (CutError::Read { .. } | CutError::Gone { .. })))) => {
            Err(error.into())
        }
        (Err(error), _) => Err(error),
    }
}

/// Makes a state out, when the one before is made.
async fn made(shared: &Shared, make: Make) -> Result<OutgoingState, ConnectError> {
    let turn = Arc::clone(&shared.making).acquire_owned().await?;
    let making = at_leisure("state for a member", Leisure::Tenth, move || {
        let _turn = turn;
        make()
    });
    Ok(making.await?.0)
}

/// What runs where blocking is allowed.
struct Feed {
    config: PeerConfig,
    state: OutgoingState,
    log: Log,
    receiver_has: oneshot::Receiver<u64>,
    moved: Arc<AtomicU64>,
}

// === impl Feed ===

impl Feed {
    fn run(
        self,
        parts: &mpsc::Sender<wire::InstallRequest>,
        mut unwanted: oneshot::Receiver<()>,
    ) -> Result<(), CutError> {
        // The transport keeps a request's stream when its call is dropped, and if the other side
        // does not read, for as long as it likes. This thread must not hang on it.
        let mut send = async |part| {
            tokio::select! {
                sent = parts.send(part) => sent.map_err(|_| CutError::Unwanted),
                _ = &mut unwanted => Err(CutError::Unwanted),
            }
        };
        let runtime = Handle::current();
        let mut cutter = Cutter::new(|part| {
            runtime.block_on(send(part))?;
            self.moved.fetch_add(1, Ordering::Relaxed);
            Ok(())
        });
        cutter.header(&self.config, &self.state)?;
        let has = self.receiver_has.blocking_recv().map_err(|_| CutError::Unwanted)?;
        cutter.rest(&self.state, has, &*self.log)
    }
}

struct Call<'a> {
    shared: &'a Shared,
    moved: &'a AtomicU64,
}

// === impl Call ===

impl Call<'_> {
    async fn run(
        &self,
        mut client: RaftClient<Channel>,
        outgoing: mpsc::Receiver<wire::InstallRequest>,
        has: oneshot::Sender<u64>,
    ) -> Result<(), ConnectError> {
        let stalled = self.shared.config.timing.stalled;
        let call = timeout(stalled, client.install(ReceiverStream::new(outgoing)));
        let mut answers = call.await.map_err(|_| no_answer())??.into_inner();
        match self.answer(&mut answers).await? {
            // It fails when the thread could not make the header, and then knows why.
            Step::Has(index) => drop(has.send(index)),
            Step::Done(_) => return Err("the member answered before it was asked".into()),
        }
        match self.answer(&mut answers).await? {
            Step::Done(_) => Ok(()),
            Step::Has(_) => Err("the member answered twice".into()),
        }
    }

    /// The next answer, as long as something moves.
    async fn answer(
        &self,
        answers: &mut Streaming<wire::InstallResponse>,
    ) -> Result<Step, ConnectError> {
        loop {
            let before = self.moved.load(Ordering::Relaxed);
            match timeout(self.shared.config.timing.stalled, answers.message()).await {
                Ok(answer) => {
                    let answer = answer?.and_then(|answer| answer.step);
                    return answer.ok_or_else(|| "the member ended the call".into());
                }
                Err(_) if self.moved.load(Ordering::Relaxed) != before => {}
                Err(_) => return Err(no_answer().into()),
            }
        }
    }
}

fn no_answer() -> Status {
    Status::deadline_exceeded("nothing of the state moves any more")
}
