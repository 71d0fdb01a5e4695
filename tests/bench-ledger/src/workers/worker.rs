//! A worker whose suite processes are made up: it speaks with the real coordinator and the real
//! ledger, and its groups take as long as it says.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fastrand::Rng;
use multibeam_model::link::{
    CoordinatorMessage, Hello, ORDER_FORMAT, Prepared, ProcessNews, ProcessOrder, WorkerMessage,
};
use multibeam_model::relay::Inbox;
use multibeam_model::{AttemptId, Epoch, Moment, ProcessId, RunId, SpecIndex, SpecState, WorkerId};
use multibeam_proto::coordinator::v1 as wire;
use multibeam_proto::coordinator::v1::coordinator_client::CoordinatorClient;
use multibeam_rt::endpoints::Endpoints;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use super::process::{Asks, Process};
use super::suite::Suite;
use super::times::Times;
use crate::Outcome;
use crate::group::Ledger;
use crate::runs::report;
use crate::store::Store as _;

/// Messages on their way into the stream.
const QUEUE: usize = 64;

/// Between two signs of life, as a run has it by default.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// What all workers have in common.
pub(super) struct Shared {
    pub(super) suite: Suite,
    /// Packed reports; they take turns.
    pub(super) reports: Vec<Bytes>,
    pub(super) times: Times,
    /// How long a group takes on average. The time of each is exponential, so all of them together
    /// ask at random moments, however long an answer takes.
    pub(super) pace: watch::Sender<Duration>,
    pub(super) asks: Asks,
}

/// One worker.
pub(super) struct Worker {
    shared: Arc<Shared>,
    coordinator: CoordinatorClient<Endpoints>,
    ledger: Ledger,
    to: mpsc::Sender<wire::WorkerMessage>,
    sent: u64,
    inbox: Inbox,
    rng: Rng,
    begun: Instant,
    processes: BTreeMap<ProcessId, Process>,
    /// Reports under way.
    reports: JoinSet<Outcome<(ProcessId, AttemptId)>>,
}

impl Worker {
    /// Connects and works until its coordinator or its ledger fails it.
    pub(super) async fn run(
        shared: Arc<Shared>,
        hello: Hello,
        coordinator: Endpoints,
        ledger: Ledger,
        seed: u64,
    ) -> Outcome<()> {
        let (to, stream) = mpsc::channel(QUEUE);
        let mut coordinator = CoordinatorClient::new(coordinator);
        to.send(WorkerMessage::Hello(hello).into()).await?;
        let stream = coordinator.work(ReceiverStream::new(stream)).await?.into_inner();
        let this = Self {
            shared,
            coordinator,
            ledger,
            to,
            sent: 0,
            inbox: Inbox::default(),
            rng: Rng::with_seed(seed),
            begun: Instant::now(),
            processes: BTreeMap::new(),
            reports: JoinSet::new(),
        };
        this.work(stream).await
    }

    async fn work(mut self, mut stream: Streaming<wire::CoordinatorMessage>) -> Outcome<()> {
        let mut pace = self.shared.pace.subscribe();
        let mut beat = interval(HEARTBEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let due = self.processes.values().filter_map(Process::due).min();
            let due = due.unwrap_or_else(|| Instant::now() + HEARTBEAT);
            tokio::select! {
                frame = stream.message() => {
                    let mut frame = frame?.ok_or("the coordinator has ended a stream")?;
                    let number = frame.number;
                    frame.traceparents.clear();
                    if number == 0 || self.inbox.accept(number) {
                        self.hear(CoordinatorMessage::try_from(frame)?).await?;
                    }
                }
                () = sleep_until(due) => self.end_groups(),
                Some(sealed) = self.reports.join_next() => {
                    let (process, attempt) = sealed??;
                    self.sealed(process, attempt).await?;
                }
                changed = pace.changed() => {
                    changed?;
                    self.draw_again();
                }
                _ = beat.tick() => {
                    let sent_at = Moment(self.begun.elapsed().as_micros() as u64);
                    self.say(WorkerMessage::Heartbeat { sent_at }).await?;
                }
            }
        }
    }

    async fn hear(&mut self, message: CoordinatorMessage) -> Outcome<()> {
        match message {
            CoordinatorMessage::Welcome { epoch } => self.stand(epoch).await,
            CoordinatorMessage::Prepare(prepare) => {
                let digest = || Suite::DIGEST.to_owned();
                let (suite_digest, catalog_digest) = (digest(), digest());
                let result = Ok(Prepared { suite_digest, catalog_digest, cluster: None });
                let (run, target) = (prepare.run, prepare.target);
                self.say(WorkerMessage::Prepared { run, target, result }).await
            }
            CoordinatorMessage::SendCatalog { run, target } => {
                let digest = Suite::DIGEST.to_owned();
                let chunks = multibeam_proto::chunks(self.shared.suite.admission.clone());
                let requests = chunks.map(|data| wire::UploadCatalogRequest {
                    run: run.0.clone(),
                    target: target.0,
                    digest: digest.clone(),
                    data,
                });
                let requests = tokio_stream::iter(requests.collect::<Vec<_>>());
                self.coordinator.upload_catalog(requests).await?;
                Ok(())
            }
            CoordinatorMessage::Process { run, process, order } => {
                self.obey(run, process, order).await
            }
            CoordinatorMessage::HeartbeatAck { .. }
            | CoordinatorMessage::Fact { .. }
            | CoordinatorMessage::CleanUp { .. }
            | CoordinatorMessage::Forget { .. } => Ok(()),
        }
    }

    async fn stand(&mut self, epoch: Epoch) -> Outcome<()> {
        self.say(WorkerMessage::Standing { epoch, processes: Vec::new() }).await
    }

    async fn obey(&mut self, run: RunId, id: ProcessId, order: ProcessOrder) -> Outcome<()> {
        if let ProcessOrder::Start(_) = order {
            self.processes.insert(id, Process::new(run.clone()));
            return self.tell(run, id, ProcessNews::WantsGroup).await;
        }
        let Some(process) = self.processes.get_mut(&id) else { return Ok(()) };
        match order {
            ProcessOrder::HandOut { attempt } => {
                if let Some(since) = process.take(attempt) {
                    self.shared.times.handed_out(since.elapsed());
                    self.begin(id, attempt);
                    self.tell_begun(id).await?;
                }
                Ok(())
            }
            ProcessOrder::TakeBack { attempt } => match process.give_back(attempt) {
                true => self.tell(run, id, ProcessNews::GivenBack { attempt }).await,
                false => Ok(()),
            },
            ProcessOrder::NoMoreGroups | ProcessOrder::SerialPhase { .. } => {
                process.rest();
                Ok(())
            }
            ProcessOrder::Stop(_) => Err("a process is stopped before its time".into()),
            ProcessOrder::Start(_) => Ok(()),
        }
    }

    fn begin(&mut self, id: ProcessId, attempt: AttemptId) {
        let until = self.draw();
        if let Some(process) = self.processes.get_mut(&id) {
            process.begin(attempt, until);
        }
    }

    /// Tells that a group has begun, once that may be told, and asks for the next one.
    async fn tell_begun(&mut self, id: ProcessId) -> Outcome<()> {
        let Some(process) = self.processes.get_mut(&id) else { return Ok(()) };
        let run = process.run.clone();
        if let Some(attempt) = process.tell_begun() {
            self.tell(run.clone(), id, ProcessNews::Started { attempt }).await?;
            if self.shared.asks == Asks::Ahead {
                self.tell(run, id, ProcessNews::WantsGroup).await?;
            }
        }
        Ok(())
    }

    /// Reports the groups that have come to their ends, and begins those that are next.
    fn end_groups(&mut self) {
        let now = Instant::now();
        let due = self.processes.iter().filter(|(_, it)| it.due().is_some_and(|at| at <= now));
        for id in due.map(|(id, _)| *id).collect::<Vec<_>>() {
            let Some(process) = self.processes.get_mut(&id) else { continue };
            let run = process.run.clone();
            let Some((attempt, since, next)) = process.end() else { continue };
            if let Some(next) = next {
                self.shared.times.handed_out(since.elapsed());
                self.begin(id, next);
            }
            let payload =
                &self.shared.reports[attempt.group.0 as usize % self.shared.reports.len()];
            let report = report(run, attempt, payload);
            let (ledger, shared) = (self.ledger.clone(), Arc::clone(&self.shared));
            self.reports.spawn(async move {
                ledger.put(vec![report]).await?;
                shared.times.reported(now.elapsed());
                Ok((id, attempt))
            });
        }
    }

    async fn sealed(&mut self, id: ProcessId, attempt: AttemptId) -> Outcome<()> {
        let late = self.shared.asks == Asks::Late;
        let Some(process) = self.processes.get_mut(&id) else { return Ok(()) };
        process.reported(late);
        let (run, waits) = (process.run.clone(), process.waits());
        let (spec, state) = (SpecIndex(attempt.group.0), SpecState::Passed);
        let message = String::new();
        let done = ProcessNews::SpecDone { attempt, spec, state, run_time_us: 0, message };
        self.tell(run.clone(), id, done).await?;
        self.tell(run.clone(), id, ProcessNews::Sealed { attempt, failed: false }).await?;
        if late && waits {
            self.tell(run, id, ProcessNews::WantsGroup).await?;
        }
        self.tell_begun(id).await
    }

    /// When a group that begins now ends.
    fn draw(&mut self) -> Instant {
        let mean = *self.shared.pace.borrow();
        Instant::now() + mean.mul_f64(-(1.0 - self.rng.f64()).ln())
    }

    /// The pace has changed. What is left of an exponential time is exponential, so the times of all
    /// that runs may be drawn again.
    fn draw_again(&mut self) {
        let running = self.processes.values_mut().filter_map(Process::until).count();
        let mut drawn: Vec<Instant> = (0..running).map(|_| self.draw()).collect();
        for until in self.processes.values_mut().filter_map(Process::until) {
            if let Some(next) = drawn.pop() {
                *until = next;
            }
        }
    }

    async fn tell(&mut self, run: RunId, process: ProcessId, news: ProcessNews) -> Outcome<()> {
        self.say(WorkerMessage::Process { run, process, news }).await
    }

    async fn say(&mut self, message: WorkerMessage) -> Outcome<()> {
        let number = match message {
            WorkerMessage::Heartbeat { .. } => 0,
            _ => {
                self.sent += 1;
                self.sent
            }
        };
        let acknowledged = self.inbox.last();
        let frame = wire::WorkerMessage { number, acknowledged, ..message.into() };
        Ok(self.to.send(frame).await?)
    }
}

/// Who a worker is.
pub(super) fn hello(number: usize, cluster: &str, slots: u32) -> Hello {
    Hello {
        worker: WorkerId(format!("worker-{cluster}-{number:04}")),
        cluster: cluster.to_owned(),
        slots,
        epoch: Epoch(0),
        host: "bench".to_owned(),
        processes: Vec::new(),
        format: ORDER_FORMAT,
    }
}
