//! The hub: one task that owns every worker connection and every run. Everything else talks to it
//! by messages, so there are no locks and one order of events.

use std::collections::BTreeMap;
use std::time::Duration;

use multibeam_model::event::{Event, What};
use multibeam_model::link::{CoordinatorMessage, Hello, ProcessNews, WorkerMessage};
use multibeam_model::record::RunRecord;
use multibeam_model::run::{Limits, RunSpec};
use multibeam_model::{Epoch, Moment, RunId, WorkerId};
use multibeam_rt::tasks::Spawner;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tonic::Status;

use crate::clock::{Clock, wall};
use crate::committer::{self, Effects, Performed};
use crate::doubt::Doubts;
use crate::ledger::Ledger;
use crate::messages::ToHub;
use crate::run::{ActiveRun, Begin};
use crate::workers::{ToStream, Workers};

/// Messages that wait for the hub; a stream that fills it waits.
const QUEUE: usize = 1024;

/// Ended runs that can still be watched; the ledger has all of them.
const ENDED_RUNS: usize = 32;

/// How often silent workers are looked for.
const LEASE_CHECK: Duration = Duration::from_secs(1);

/// Why a coordinator cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// The aggregator does not let it take office.
    #[error("cannot take office at the aggregator: {0}")]
    Claim(String),
}

/// A handle to the hub.
#[derive(Clone, Debug)]
pub struct Hub {
    pub(crate) inbox: mpsc::Sender<ToHub>,
    pub(crate) spawner: Spawner,
    pub(crate) ledger: Ledger,
    pub(crate) epoch: Epoch,
}

impl Hub {
    /// Takes office at the ledger behind `aggregator` and starts the hub's task. `name` tells
    /// people which coordinator this is. The task ends when the group drains.
    ///
    /// # Errors
    /// When the aggregator refuses.
    pub async fn start(
        aggregator: multibeam_rt::endpoints::Endpoints,
        name: &str,
        spawner: &Spawner,
    ) -> Result<Self, HubError> {
        let ledger = Ledger::new(aggregator);
        let epoch = ledger.claim(name).await;
        let epoch = epoch.map_err(|status| HubError::Claim(status.message().to_owned()))?;
        let (inbox, messages) = mpsc::channel(QUEUE);
        let spawned = spawner.clone();
        let hub = Self { inbox: inbox.clone(), spawner: spawned, ledger: ledger.clone(), epoch };
        let task = Task {
            clock: Clock::start(),
            ledger,
            epoch,
            inbox,
            workers: Workers::default(),
            runs: BTreeMap::new(),
            doubts: Doubts::default(),
            committers: JoinSet::new(),
        };
        let drain = spawner.drain();
        spawner.spawn("hub", task.run(messages, drain.requested()));
        Ok(hub)
    }

    /// Asks the hub something.
    pub(crate) async fn ask<T>(
        &self,
        make: impl FnOnce(oneshot::Sender<T>) -> ToHub,
    ) -> Result<T, Status> {
        let gone = || Status::unavailable("the coordinator is shutting down");
        let (reply, answer) = oneshot::channel();
        self.inbox.send(make(reply)).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())
    }

    /// Reads a run's record.
    pub(crate) async fn record(&self, run: &RunId) -> Result<RunRecord, Status> {
        self.ledger.record(run).await
    }
}

struct Task {
    clock: Clock,
    ledger: Ledger,
    epoch: Epoch,
    inbox: mpsc::Sender<ToHub>,
    workers: Workers,
    runs: BTreeMap<RunId, ActiveRun>,
    doubts: Doubts,
    committers: JoinSet<()>,
}

impl Task {
    async fn run(
        mut self,
        mut messages: mpsc::Receiver<ToHub>,
        shutdown: impl Future<Output = ()>,
    ) {
        let mut lease_check = tokio::time::interval(LEASE_CHECK);
        tokio::pin!(shutdown);
        loop {
            let deadline = self.runs.values().filter_map(ActiveRun::next_deadline).min();
            tokio::select! {
                () = &mut shutdown => break,
                message = messages.recv() => match message {
                    Some(message) => self.handle(message),
                    None => break,
                },
                () = sleep_until(self.clock, deadline) => self.tick(),
                _ = lease_check.tick() => self.expire_workers(),
                Some(done) = self.committers.join_next() => {
                    if let Err(error) = done && error.is_panic() {
                        std::panic::resume_unwind(error.into_panic());
                    }
                }
            }
        }
        // They hold spans, which have to be closed before the last traces are sent.
        self.committers.shutdown().await;
    }

    fn handle(&mut self, message: ToHub) {
        let now = self.clock.now();
        match message {
            ToHub::Connected { hello, stream, sender } => self.connect(hello, stream, sender, now),
            ToHub::Said { worker, number, acknowledged, message } => {
                if self.workers.heard(&worker, number, acknowledged, now) {
                    self.said(&worker, message, now);
                }
            }
            ToHub::Disconnected { worker, stream } => self.workers.disconnect(&worker, stream),
            ToHub::Catalog { run, target, sent } => {
                self.with_run(&run, |run| run.catalog(target, *sent, now));
            }
            ToHub::ServedBy { run, target, reply } => {
                let _ = reply.send(self.runs.get(&run).and_then(|run| run.served_by(target)));
            }
            ToHub::Performed { run, performed } => self.performed(&run, performed, now),
            ToHub::Begin(begin, reply) => {
                // The caller may be gone; the run begins all the same.
                let _ = reply.send(self.begin(*begin, now));
            }
            ToHub::Cancel { run, force } => {
                self.with_run(&run, |run| run.cancel(force, now));
            }
            ToHub::Abandon { run } => self.abandon(&run, now),
            ToHub::Settle { doubt, reply } => {
                self.doubts.add(doubt, reply);
                self.doubts.resolve(now, &self.workers);
            }
            ToHub::Watch { run, reply } => {
                let _ = reply.send(self.runs.get(&run).map(ActiveRun::watch));
            }
        }
    }

    fn connect(&mut self, hello: Hello, stream: u64, sender: ToStream, now: Moment) {
        let refused = sender.clone();
        match self.workers.connect(hello.clone(), stream, sender, self.epoch, now) {
            Ok(true) => {
                let Hello { worker, cluster, slots, host, .. } = &hello;
                tracing::info!(%worker, cluster, slots, host, "worker joined");
                let runs: Vec<RunId> = self.runs.keys().cloned().collect();
                for run in runs {
                    self.with_run(&run, |run| run.worker_joined(&hello, None, now));
                }
            }
            Ok(false) => {}
            Err(status) => {
                let _ = refused.try_send(Err(status));
            }
        }
    }

    fn said(&mut self, worker: &WorkerId, message: WorkerMessage, now: Moment) {
        match message {
            // The first message of a stream comes as `Connected`.
            WorkerMessage::Hello(_) => {}
            WorkerMessage::Heartbeat { sent_at } => {
                self.workers.send_now(worker, CoordinatorMessage::HeartbeatAck { sent_at });
            }
            WorkerMessage::Prepared { run, target, result } => {
                let worker = worker.clone();
                self.with_run(&run, |run| run.prepared(&worker, target, result, now));
            }
            WorkerMessage::Process { run, process, news } => {
                if matches!(news, ProcessNews::Ended { .. }) {
                    self.workers.ended(worker, &run, process);
                    self.doubts.resolve(now, &self.workers);
                }
                self.with_run(&run, |run| run.news(process, news, now));
            }
            WorkerMessage::ClusterReady { ready, detail } => {
                self.workers.cluster_ready(worker, ready, &detail);
                let runs: Vec<RunId> = self.runs.keys().cloned().collect();
                for run in runs {
                    self.with_run(&run, |run| run.cluster_ready(worker, ready, &detail, now));
                }
            }
            WorkerMessage::CleanedUp { run, process, removed } => {
                self.with_run(&run, |run| run.cleaned_up(worker, process, removed, now));
            }
            WorkerMessage::Settled { epoch } if epoch == self.epoch => {
                self.workers.settled(worker);
                self.doubts.resolve(now, &self.workers);
            }
            WorkerMessage::Settled { .. } => {}
        }
    }

    fn begin(&mut self, begin: Begin, now: Moment) -> Result<(), Status> {
        let id = begin.run.clone();
        if self.runs.get(&id).is_some_and(|run| !run.is_told_over()) {
            return Err(Status::already_exists("this run is under way"));
        }
        let (effects, received) = mpsc::unbounded_channel();
        let committer = self.committers.spawn(committer::run(
            self.ledger.clone(),
            id.clone(),
            self.epoch,
            received,
            self.inbox.clone(),
        ));
        self.runs.insert(id, ActiveRun::new(begin, Effects::new(effects, committer)));
        self.activate_runs(now);
        Ok(())
    }

    /// Lets every queued run begin whose clusters are free. Runs take turns by their ids, which is
    /// by their start, so none is overtaken for ever.
    fn activate_runs(&mut self, now: Moment) {
        let mut taken: BTreeMap<String, RunId> = BTreeMap::new();
        let mut begin = Vec::new();
        let under_way = |run: &ActiveRun| !run.is_queued() && !run.is_told_over();
        for (id, run) in self.runs.iter().filter(|(_, run)| under_way(run)) {
            taken.extend(run.cluster_names().map(|name| (name.to_owned(), id.clone())));
        }
        for (id, run) in self.runs.iter_mut().filter(|(_, run)| run.is_queued()) {
            let clusters: Vec<String> = run.cluster_names().map(str::to_owned).collect();
            match clusters.iter().find_map(|name| Some((name, taken.get(name)?.clone()))) {
                Some((cluster, holder)) => run.wait_for(&holder, cluster),
                None => begin.push(id.clone()),
            }
            for cluster in clusters {
                taken.entry(cluster).or_insert_with(|| id.clone());
            }
        }
        for id in begin {
            self.with_run(&id, |run| run.activate(now));
            let clusters = self.runs.get(&id).into_iter().flat_map(ActiveRun::cluster_names);
            let workers = clusters.flat_map(|name| self.workers.of_cluster(name));
            let workers =
                workers.map(|(hello, unready)| (hello.clone(), unready.map(str::to_owned)));
            for (hello, unready) in workers.collect::<Vec<_>>() {
                self.with_run(&id, |run| run.worker_joined(&hello, unready.as_deref(), now));
            }
        }
    }

    fn performed(&mut self, run: &RunId, performed: Performed, now: Moment) {
        if let Some(reason) = &performed.fenced {
            tracing::error!(%run, %reason, "the ledger takes no more decisions of this run");
            // Its watchers see the stream end without an end of the run. Its processes end: a
            // coordinator that takes the run up counts their attempts as lost.
            return self.abandon(run, now);
        }
        for (worker, message) in performed.sends {
            let contexts = self.runs.get(run).map(|run| run.contexts(&message));
            self.workers.send(&worker, message, contexts.unwrap_or_default());
        }
        let Performed { events, refused, voided, ended, .. } = performed;
        self.with_run(run, |run| {
            run.trace_ended(&ended);
            run.performed(events, refused, &voided, now);
        });
        if self.runs.get(run).is_some_and(ActiveRun::is_told_over) {
            self.forget(run);
            self.activate_runs(now);
        }
    }

    /// Lets go of a run without an end of it; a resume goes on with it.
    fn abandon(&mut self, run: &RunId, now: Moment) {
        self.release_workers(run);
        if let Some(run) = self.runs.remove(run) {
            // What it still decides must not reach the ledger behind a resume's back.
            run.stop_committing();
        }
        self.activate_runs(now);
    }

    /// The run stays to be watched for a while; its workers need it no more.
    fn forget(&mut self, id: &RunId) {
        self.release_workers(id);
        let ended = self.runs.iter().filter(|(_, run)| run.is_told_over());
        let ended: Vec<RunId> = ended.map(|(id, _)| id.clone()).collect();
        for old in ended.iter().take(ended.len().saturating_sub(ENDED_RUNS)) {
            self.runs.remove(old);
        }
    }

    fn release_workers(&mut self, id: &RunId) {
        let workers = self.runs.get_mut(id).map(ActiveRun::take_workers).unwrap_or_default();
        for worker in workers {
            let forget = CoordinatorMessage::Forget { run: id.clone() };
            self.workers.send(&worker, forget, Vec::new());
        }
    }

    fn tick(&mut self) {
        let now = self.clock.now();
        let due = |run: &ActiveRun| run.next_deadline().is_some_and(|deadline| deadline <= now);
        let runs: Vec<RunId> =
            self.runs.iter().filter(|(_, run)| due(run)).map(|(id, _)| id.clone()).collect();
        for run in runs {
            self.with_run(&run, |run| run.tick(now));
        }
    }

    fn expire_workers(&mut self) {
        let now = self.clock.now();
        self.doubts.resolve(now, &self.workers);
        let active = self.runs.values().filter(|run| !run.is_over()).map(ActiveRun::patience);
        let patience = active.max().unwrap_or_else(|| Limits::default().patience());
        for gone in self.workers.expire(patience, now) {
            tracing::warn!(worker = %gone.worker, cluster = gone.cluster, "worker lost");
            let runs: Vec<RunId> = self.runs.keys().cloned().collect();
            for run in runs {
                self.with_run(&run, |run| run.worker_lost(&gone.worker, "not heard from", now));
            }
        }
    }

    /// Lets a run do something and sends what needs no commit.
    fn with_run(&mut self, id: &RunId, act: impl FnOnce(&mut ActiveRun)) {
        let Some(run) = self.runs.get_mut(id) else { return };
        act(run);
        for (worker, message) in run.take_sends() {
            let contexts = run.contexts(&message);
            self.workers.send(&worker, message, contexts);
        }
    }
}

async fn sleep_until(clock: Clock, moment: Option<Moment>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(clock.at(moment)).await,
        None => std::future::pending().await,
    }
}

/// An event that happens now.
pub(crate) fn event(what: What) -> Event {
    Event { at: wall(), what }
}

/// A run's spec as the ledger keeps it. Its clusters are looked up by number later on.
pub(crate) fn read_spec(bytes: &[u8]) -> Result<RunSpec, Status> {
    let spec: RunSpec = serde_json::from_slice(bytes)
        .map_err(|error| Status::invalid_argument(format!("the run cannot be read: {error}")))?;
    let mut used = spec.targets.iter().flat_map(|target| &target.clusters);
    match used.find(|cluster| spec.clusters.get(**cluster as usize).is_none()) {
        Some(cluster) => {
            Err(Status::invalid_argument(format!("the run has no cluster number {cluster}")))
        }
        None => Ok(spec),
    }
}

#[cfg(test)]
mod tests;
