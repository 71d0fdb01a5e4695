//! A state that comes in.

use std::pin::pin;
use std::sync::Arc;

use multibeam_ledger::node::disk::NodeId;
use multibeam_proto::aggregator::v1 as wire;
use multibeam_proto::aggregator::v1::install_request::Part;
use multibeam_proto::aggregator::v1::install_response::Step as Answer;
use multibeam_rt::access::Peer;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tonic::{Status, Streaming};

use super::assemble::{Assembler, Step, Whole};
use super::check;
use super::deliver::{refuse, stopping};
use super::event::{PeerEvent, Reply};
use super::shared::Shared;

pub(super) type Answers = mpsc::Sender<Result<wire::InstallResponse, Status>>;

/// Takes one state. It runs as a task of its own: when the connection breaks, the call's future is
/// dropped, but the owner has to be told.
pub(super) async fn install(
    shared: Arc<Shared>,
    peer: Option<Peer>,
    stream: Streaming<wire::InstallRequest>,
    answers: Answers,
) {
    let receiver = Receiver { shared: &shared, peer, stream, answers: &answers };
    if let Err(status) = receiver.receive().await {
        tracing::info!(%status, "a state did not arrive");
        // Nobody listens when the connection is what broke.
        let _ = answers.send(Err(status)).await;
    }
}

struct Receiver<'a> {
    shared: &'a Shared,
    peer: Option<Peer>,
    stream: Streaming<wire::InstallRequest>,
    answers: &'a Answers,
}

// === impl Receiver ===

impl Receiver<'_> {
    async fn receive(mut self) -> Result<(), Status> {
        let first = self.next().await?;
        let from = match &first.part {
            Some(Part::Header(header)) => NodeId(header.from),
            _ => NodeId::default(),
        };
        let begun = Assembler::begin(&self.shared.config, first);
        let begun = begun.and_then(|assembler| {
            check::caller(self.peer.as_ref(), assembler.from()).map(|()| assembler)
        });
        let assembler = begun.map_err(|refusal| refuse(self.shared, from, refusal))?;
        let permit = self.shared.receiving.try_acquire();
        let _permit = permit.map_err(|_| Status::aborted("another state is being taken"))?;
        tracing::info!(%from, "taking a state");
        let draining = pin!(self.shared.spawner.drain().requested());
        let taken = tokio::select! {
            taken = self.take(assembler) => taken,
            () = draining => Err(stopping()),
        };
        let whole = match taken {
            Ok(whole) => whole,
            Err(status) => {
                // It fails when the owner has stopped: then it cleans up at its next start.
                let _ = self.shared.events.send(PeerEvent::StageAborted).await;
                return Err(status);
            }
        };
        let (message, state) = (whole.message, whole.state);
        self.ask(|reply| PeerEvent::Install { message, state, reply }).await?;
        self.answer(Answer::Done(wire::InstallDone {})).await;
        Ok(())
    }

    /// Takes everything and stages all payloads.
    async fn take(&mut self, mut assembler: Assembler) -> Result<Whole, Status> {
        let (reply, has) = oneshot::channel();
        self.tell(PeerEvent::SnapshotHas { reply }).await?;
        let has = has.await.map_err(|_| stopping())?;
        assembler.set_has(has);
        self.answer(Answer::Has(has)).await;
        loop {
            let part = self.next().await?;
            let from = assembler.from();
            let step = assembler.take(part).map_err(|r| refuse(self.shared, from, r))?;
            match step {
                Step::More => {}
                Step::Stage(entries) => {
                    self.ask(|reply| PeerEvent::Stage { entries, reply }).await?;
                }
                Step::All(mut whole) => {
                    let entries = std::mem::take(&mut whole.rest);
                    if !entries.is_empty() {
                        self.ask(|reply| PeerEvent::Stage { entries, reply }).await?;
                    }
                    return Ok(*whole);
                }
            }
        }
    }

    async fn next(&mut self) -> Result<wire::InstallRequest, Status> {
        let next = timeout(self.shared.config.timing.stalled, self.stream.message()).await;
        let next = next.map_err(|_| Status::deadline_exceeded("no part of the state came"))??;
        next.ok_or_else(|| Status::invalid_argument("the state is cut short"))
    }

    async fn tell(&self, event: PeerEvent) -> Result<(), Status> {
        self.shared.events.send(event).await.map_err(|_| stopping())
    }

    async fn ask(&self, event: impl FnOnce(Reply) -> PeerEvent) -> Result<(), Status> {
        let (reply, answer) = oneshot::channel();
        self.tell(event(reply)).await?;
        answer.await.map_err(|_| stopping())?.map_err(|error| {
            tracing::error!(%error, "a state cannot be kept");
            Status::internal("the state cannot be kept")
        })
    }

    async fn answer(&self, step: Answer) {
        // Whether somebody listens shows when the next part is read.
        let _ = self.answers.send(Ok(wire::InstallResponse { step: Some(step) })).await;
    }
}
