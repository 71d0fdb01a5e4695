//! The coordinator's gRPC service: turns calls into messages to the hub.

mod resume;

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use multibeam_history::History;
use multibeam_model::command::{Change, Command, Refusal, Reply};
use multibeam_model::lesson::Lesson;
use multibeam_model::link::WorkerMessage;
use multibeam_model::{RunId, TargetId};
use multibeam_proto::aggregator::v1::RunState;
use multibeam_proto::coordinator::v1 as wire;
use multibeam_proto::coordinator::v1::coordinator_server::Coordinator;
use multibeam_proto::coordinator::v1::watch_response::Update;
use multibeam_rt::access::Peer;
use tokio::sync::{broadcast, mpsc};
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use crate::clock::wall;
use crate::expected::Expected;
use crate::messages::{PACKED_CATALOG_BYTES, SentCatalog, ToHub, Watched};
use crate::office::Hub;
use crate::run::Begin;
use crate::spec::read_spec;
use crate::workers::STREAM_QUEUE;

/// How long a kill waits for the ledger before it goes without.
const LEDGER_PATIENCE: Duration = Duration::from_secs(5);

/// Lessons that are proposed together, of 128 KiB at most: with one at a time a large import would wait
/// for hundreds of commits, and with all of it at once everybody else for one.
const LESSONS_AT_ONCE: usize = 32;

/// The service of one coordinator.
#[derive(Clone, Debug)]
pub struct CoordinatorService {
    hub: Hub,
    streams: Arc<AtomicU64>,
    /// Names this host in the clusters' lock objects.
    host: String,
    /// Whether an earlier coordinator may have left processes running.
    heir: bool,
    /// What is known of durations besides what the ledger remembers.
    known: Arc<History>,
}

type BoxStream<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

impl CoordinatorService {
    /// The service in front of a hub.
    #[must_use]
    pub fn new(hub: Hub, host: String) -> Self {
        Self { hub, streams: Arc::default(), host, heir: true, known: Arc::default() }
    }

    /// The same for a coordinator whose predecessors' suite processes are known to be dead, so that
    /// nothing has to be waited for.
    #[must_use]
    pub fn alone(self) -> Self {
        Self { heir: false, ..self }
    }

    /// The same with durations that its ledger need not know.
    #[must_use]
    pub fn remembering(self, known: History) -> Self {
        Self { known: Arc::new(known), ..self }
    }

    async fn create(&self, run: String, spec_json: Vec<u8>) -> Result<RunId, Status> {
        let _ = self.hub.term()?;
        let spec = read_spec(&spec_json)?;
        let run = RunId(if run.is_empty() { new_run_id() } else { run });
        let seed = spec.seed.unwrap_or_else(random_seed);
        // First what may take its time: once the run is in the ledger, it is to begin at once.
        let expected = Expected::of(&self.hub.ledger, &self.known, &spec).await;
        let created = wall();
        let create = Command::CreateRun { run: run.clone(), spec: spec_json, seed, at: created };
        expect(self.hub.ledger.propose(&[create]).await?)?;
        self.begin(Begin {
            run: run.clone(),
            spec,
            expected,
            seed,
            created,
            resumed: None,
            recovered: None,
            catalogs: BTreeMap::new(),
            admitted: BTreeMap::new(),
            ended: Vec::new(),
            holder: self.host.clone(),
        })
        .await?;
        Ok(run)
    }

    async fn begin(&self, begin: Begin) -> Result<(), Status> {
        self.hub.ask(|reply| ToHub::Begin(Box::new(begin), reply)).await?
    }

    /// A worker sends the catalogs of targets that its own cluster serves.
    pub(crate) async fn may_send_catalog(
        &self,
        peer: Option<Peer>,
        run: &RunId,
        target: TargetId,
    ) -> Result<(), Status> {
        let ask = |reply| ToHub::ServedBy { run: run.clone(), target, reply };
        let clusters = self.hub.ask(ask).await?.ok_or_else(|| {
            Status::not_found(format!("run {run} is not under way here, or has no target {target}"))
        })?;
        match peer.is_some_and(|peer| clusters.iter().any(|name| peer.may_serve(name))) {
            true => Ok(()),
            false => Err(Status::permission_denied(format!(
                "this certificate may not send the catalog of target {target} of run {run}, which runs on {} (hint: each worker needs the certificate of its own cluster)",
                clusters.join(", ")
            ))),
        }
    }

    async fn watched(&self, run: &RunId) -> Result<Watched, Status> {
        let watched = self.hub.ask(|reply| ToHub::Watch { run: run.clone(), reply }).await?;
        watched.ok_or_else(|| {
            Status::not_found(format!(
                "run {run} is not under way here (hint: see `multibeam runs`)"
            ))
        })
    }
}

#[tonic::async_trait]
impl Coordinator for CoordinatorService {
    type WorkStream = ReceiverStream<Result<wire::CoordinatorMessage, Status>>;
    type WatchStream = BoxStream<wire::WatchResponse>;

    async fn work(
        &self,
        request: Request<Streaming<wire::WorkerMessage>>,
    ) -> Result<Response<Self::WorkStream>, Status> {
        let peer = request.extensions().get::<Peer>().cloned();
        let mut messages = request.into_inner();
        let first = messages.message().await?;
        let first = first.ok_or_else(|| Status::invalid_argument("expected a hello"))?;
        let WorkerMessage::Hello(hello) = parse(first)?.2 else {
            return Err(Status::invalid_argument("expected a hello as the first message"));
        };
        if !peer.is_some_and(|peer| peer.may_serve(&hello.cluster)) {
            return Err(Status::permission_denied(format!(
                "this certificate may not act for cluster {} (hint: `multibeam pki issue worker --name {}` makes one that may)",
                hello.cluster, hello.cluster
            )));
        }
        let (sender, stream) = mpsc::channel(STREAM_QUEUE);
        let number = self.streams.fetch_add(1, Ordering::Relaxed);
        let worker = hello.worker.clone();
        // The stream is of this term of office, and ends with it.
        let term = self.hub.term()?;
        let inbox = term.inbox.clone();
        term.tell(ToHub::Connected { hello, stream: number, sender }).await?;
        // Ends with the stream, of which the hub hears, or with the hub.
        self.hub.spawner.spawn("stream of a worker", async move {
            loop {
                let frame = tokio::select! {
                    frame = messages.message() => frame,
                    () = inbox.closed() => return,
                };
                let Ok(Some(Ok((number, acknowledged, message)))) = frame.map(|it| it.map(parse))
                else {
                    break;
                };
                let said = ToHub::Said { worker: worker.clone(), number, acknowledged, message };
                if inbox.send(said).await.is_err() {
                    return;
                }
            }
            let _ = inbox.send(ToHub::Disconnected { worker, stream: number }).await;
        });
        Ok(Response::new(ReceiverStream::new(stream)))
    }

    async fn upload_catalog(
        &self,
        request: Request<Streaming<wire::UploadCatalogRequest>>,
    ) -> Result<Response<wire::UploadCatalogResponse>, Status> {
        let peer = request.extensions().get::<Peer>().cloned();
        let mut chunks = request.into_inner();
        let first = chunks.message().await?;
        let first = first.ok_or_else(|| Status::invalid_argument("expected a catalog"))?;
        let (run, target, digest) = (RunId(first.run), TargetId(first.target), first.digest);
        self.may_send_catalog(peer, &run, target).await?;
        let mut bytes = first.data.to_vec();
        while let Some(chunk) = chunks.message().await? {
            if bytes.len() + chunk.data.len() > PACKED_CATALOG_BYTES {
                return Err(Status::invalid_argument(format!(
                    "the catalog of target {target} is larger than {PACKED_CATALOG_BYTES} bytes, the most that is taken"
                )));
            }
            bytes.extend_from_slice(&chunk.data);
        }
        let sent = tokio::task::spawn_blocking(move || SentCatalog::read(digest, bytes)).await;
        let sent = sent.map_err(|error| Status::internal(error.to_string()))?;
        let catalog = ToHub::Catalog { run, target, sent: Box::new(sent) };
        self.hub.term()?.tell(catalog).await?;
        Ok(Response::new(wire::UploadCatalogResponse {}))
    }

    async fn submit(
        &self,
        request: Request<wire::SubmitRequest>,
    ) -> Result<Response<wire::SubmitResponse>, Status> {
        let wire::SubmitRequest { spec_json, resume_run, force, run } = request.into_inner();
        let run = match resume_run {
            Some(run) => self.resume(RunId(run), force).await?,
            None => self.create(run, spec_json.into()).await?,
        };
        Ok(Response::new(wire::SubmitResponse { run: run.0 }))
    }

    async fn watch(
        &self,
        request: Request<wire::WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let run = RunId(request.into_inner().run);
        let watched = self.watched(&run).await?;
        let (sender, stream) = mpsc::channel(64);
        let (this, drain) = (self.clone(), self.hub.spawner.drain());
        // Ends with the run, with the watcher, or with this coordinator.
        self.hub.spawner.spawn("watcher", async move {
            let end = tokio::select! {
                end = this.stream(run, watched, &sender) => end,
                () = drain.requested() => Err(ending()),
            };
            if let Err(status) = end {
                // The watcher may be gone.
                let _ = sender.send(Err(status)).await;
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(stream))))
    }

    async fn cancel(
        &self,
        request: Request<wire::CancelRequest>,
    ) -> Result<Response<wire::CancelResponse>, Status> {
        let _ = self.hub.term()?;
        let wire::CancelRequest { run, force, by } = request.into_inner();
        let run = RunId(run);
        let cancel =
            Command::Run { run: run.clone(), change: Change::Cancel { by, force, at: wall() } };
        let taken_in = async { expect(self.hub.ledger.propose(&[cancel]).await?) };
        if !force {
            taken_in.await?;
        } else if let Ok(taken_in) = tokio::time::timeout(LEDGER_PATIENCE, taken_in).await {
            taken_in?;
        } else {
            // Without the ledger nothing can be decided, but what runs can be killed.
            self.hub.term()?.tell(ToHub::Abandon { run: run.clone() }).await?;
            return Err(Status::unavailable(format!(
                "the ledger cannot be reached; what runs is killed, and the run stays open (hint: `multibeam run --resume {run}` goes on with it)"
            )));
        }
        self.hub.term()?.tell(ToHub::Cancel { run, force }).await?;
        Ok(Response::new(wire::CancelResponse {}))
    }

    async fn list_runs(
        &self,
        _request: Request<wire::ListRunsRequest>,
    ) -> Result<Response<wire::ListRunsResponse>, Status> {
        let _ = self.hub.term()?;
        let mut runs = self.hub.ledger.runs().await?;
        // Which of them wait only this coordinator knows.
        let waits_for = self.hub.ask(|reply| ToHub::Queue { reply }).await?;
        for row in runs.iter_mut().filter(|row| row.state() == RunState::Running) {
            if let Some(behind) = waits_for.get(&RunId(row.run.clone())) {
                row.set_state(RunState::Queued);
                row.waits_for = Some(behind.0.clone());
            }
        }
        Ok(Response::new(wire::ListRunsResponse { runs }))
    }

    async fn status(
        &self,
        request: Request<wire::StatusRequest>,
    ) -> Result<Response<wire::StatusResponse>, Status> {
        let watched = self.watched(&RunId(request.into_inner().run)).await?;
        let status_json = json(&watched.status)?;
        Ok(Response::new(wire::StatusResponse { status_json }))
    }

    type ReadHistoryStream = BoxStream<multibeam_proto::aggregator::v1::Chunk>;

    async fn read_history(
        &self,
        _request: Request<wire::ReadHistoryRequest>,
    ) -> Result<Response<Self::ReadHistoryStream>, Status> {
        let _ = self.hub.term()?;
        let history = self.hub.ledger.history_encoded().await?;
        let chunk = |data| Ok(multibeam_proto::aggregator::v1::Chunk { data });
        let chunks = multibeam_proto::chunks(history.into()).map(chunk);
        Ok(Response::new(Box::pin(tokio_stream::iter(chunks))))
    }

    async fn learn(
        &self,
        request: Request<wire::LearnRequest>,
    ) -> Result<Response<wire::LearnResponse>, Status> {
        let _ = self.hub.term()?;
        let history = History::decode(&request.into_inner().history)
            .map_err(|error| Status::invalid_argument(error.to_string()))?;
        let lessons = history.lessons().into_iter().flat_map(Lesson::parts).map(Command::Learn);
        for together in lessons.collect::<Vec<_>>().chunks(LESSONS_AT_ONCE) {
            expect(self.hub.ledger.propose(together).await?)?;
        }
        Ok(Response::new(wire::LearnResponse {}))
    }
}

impl CoordinatorService {
    /// Feeds a watcher until the run has ended.
    async fn stream(
        &self,
        run: RunId,
        watched: Watched,
        to: &mpsc::Sender<Result<wire::WatchResponse, Status>>,
    ) -> Result<(), Status> {
        let gone = |_: mpsc::error::SendError<_>| Status::cancelled("the watcher is gone");
        let Watched { status, mut events } = watched;
        let mut over = status.verdict.is_some();
        let snapshot = Update::SnapshotJson(json(&status)?);
        to.send(Ok(wire::WatchResponse { update: Some(snapshot) })).await.map_err(gone)?;
        while !over {
            let update = match events.recv().await {
                Ok(event) => {
                    over = matches!(event.what, multibeam_model::event::What::RunEnded { .. });
                    Update::EventJson(json(&event)?)
                }
                Err(broadcast::error::RecvError::Lagged(_)) => {
                    let again = self.watched(&run).await?;
                    over = again.status.verdict.is_some();
                    events = again.events;
                    Update::SnapshotJson(json(&again.status)?)
                }
                Err(broadcast::error::RecvError::Closed) => {
                    return Err(Status::aborted(format!(
                        "run {run} is no longer under way here: the ledger failed, or another coordinator is in office (hint: `multibeam attach {run}` follows it there; `multibeam run --resume {run}` goes on with one that nobody has)"
                    )));
                }
            };
            to.send(Ok(wire::WatchResponse { update: Some(update) })).await.map_err(gone)?;
        }
        Ok(())
    }
}

/// What is told to those who follow something over a coordinator that ends: they go on elsewhere.
pub(crate) fn ending() -> Status {
    Status::unavailable("this coordinator ends (hint: the one in office can be asked again)")
}

fn parse(frame: wire::WorkerMessage) -> Result<(u64, u64, WorkerMessage), Status> {
    let (number, acknowledged) = (frame.number, frame.acknowledged);
    let message = WorkerMessage::try_from(frame)
        .map_err(|error| Status::invalid_argument(error.to_string()))?;
    Ok((number, acknowledged, message))
}

fn json<T: serde::Serialize>(value: &T) -> Result<bytes::Bytes, Status> {
    let json = serde_json::to_vec(value).map_err(|error| Status::internal(error.to_string()))?;
    Ok(json.into())
}

/// Every refusal is an error of the call.
fn expect(replies: Vec<Reply>) -> Result<(), Status> {
    for reply in replies {
        if let Reply::Refused(why) = reply {
            return Err(match why {
                Refusal::NoSuchRun => Status::not_found(why.to_string()),
                Refusal::RunExists => Status::already_exists(why.to_string()),
                _ => Status::failed_precondition(why.to_string()),
            });
        }
    }
    Ok(())
}

/// A new run's id: `YYYYMMDD-HHMMSS-xxxx` in UTC, so that names sort by start.
#[must_use]
pub fn new_run_id() -> String {
    let now = jiff::Timestamp::from_nanosecond(i128::from(wall().0)).unwrap_or_default();
    format!("{}-{:04x}", now.strftime("%Y%m%d-%H%M%S"), random_seed() & 0xffff)
}

/// A seed as Ginkgo takes it: not negative, 31 bits.
#[must_use]
pub fn random_seed() -> i64 {
    use std::hash::{BuildHasher as _, Hasher as _};
    // The keys of a new hasher come from the system's randomness.
    let hash = std::collections::hash_map::RandomState::new().build_hasher().finish();
    i64::from((hash >> 33) as u32 & 0x7fff_ffff)
}
