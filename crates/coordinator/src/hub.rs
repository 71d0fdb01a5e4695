//! The hub: one task that owns every worker connection and every run. Everything else talks to it
//! by messages, so there are no locks and one order of events.

use std::collections::BTreeMap;
use std::time::Duration;

use multibeam_model::adopt::AdoptedProcess;
use multibeam_model::link::{CoordinatorMessage, Hello, ProcessNews, WorkerMessage};
use multibeam_model::run::Limits;
use multibeam_model::{Epoch, Moment, RunId, WorkerId};
use multibeam_rt::leisure::at_leisure;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tonic::Status;

use crate::clock::Clock;
use crate::committer::{self, Effects, Performed};
use crate::doubt::Doubts;
use crate::ledger::Ledger;
use crate::messages::ToHub;
use crate::metrics::OfficeMetrics;
use crate::office::{CONFIRMED, Term};
use crate::run::{ActiveRun, Begin};
use crate::workers::{ToStream, Workers};

/// Ended runs that can still be watched; the ledger has all of them.
const ENDED_RUNS: usize = 32;

/// How often silent workers are looked for.
const LEASE_CHECK: Duration = Duration::from_secs(1);

/// Everything that a coordinator in office has under way.
pub(crate) struct Task {
    clock: Clock,
    ledger: Ledger,
    epoch: Epoch,
    inbox: mpsc::Sender<ToHub>,
    workers: Workers,
    runs: BTreeMap<RunId, ActiveRun>,
    doubts: Doubts,
    /// Committers of runs, and what looks ahead for them.
    committers: JoinSet<()>,
    /// When this coordinator last knew that it was in office; `None` when it cannot lose it.
    confirmed: Option<watch::Receiver<Instant>>,
    /// The ledger has said that a newer one is.
    fenced: bool,
    metrics: OfficeMetrics,
}

/// What ends a term of office.
pub(crate) struct Until<F, S> {
    /// Ready when a newer coordinator is in office.
    pub(crate) fenced: F,
    /// Ready when the program ends.
    pub(crate) shutdown: S,
}

impl Task {
    /// Messages that wait for the hub; a stream that fills it waits.
    pub(crate) const QUEUE: usize = 1024;

    pub(crate) fn new(
        ledger: Ledger,
        term: &Term,
        confirmed: Option<watch::Receiver<Instant>>,
        metrics: OfficeMetrics,
    ) -> Self {
        Self {
            clock: Clock::start(),
            ledger,
            epoch: term.epoch,
            inbox: term.inbox.clone(),
            workers: Workers::default(),
            runs: BTreeMap::new(),
            doubts: Doubts::default(),
            committers: JoinSet::new(),
            confirmed,
            fenced: false,
            metrics,
        }
    }

    /// See [`Workers::expect_other_renewals`].
    pub(crate) fn expect_other_renewals(&mut self, after: Duration) {
        self.workers.expect_other_renewals(after);
    }

    /// Goes on with the runs of an earlier coordinator. Those that have a session keep their
    /// clusters, whoever else wants them, and those that are cancelled end.
    pub(crate) fn take_over(&mut self, runs: Vec<Begin>) {
        let now = self.clock.now();
        let at_once = runs.iter().filter(|begin| begin.waits_for_nobody());
        let at_once: Vec<RunId> = at_once.map(|begin| begin.run.clone()).collect();
        for begin in runs {
            self.add(begin);
        }
        for run in at_once {
            self.activate(&run, now);
        }
        self.activate_runs(now);
    }

    pub(crate) async fn run(
        mut self,
        mut messages: mpsc::Receiver<ToHub>,
        until: Until<impl Future<Output = ()>, impl Future<Output = ()>>,
    ) {
        let mut lease_check = tokio::time::interval(LEASE_CHECK);
        let Until { fenced, shutdown } = until;
        tokio::pin!(shutdown, fenced);
        while !self.fenced {
            let waiting = self.inbox.max_capacity() - self.inbox.capacity();
            self.metrics.stands(self.epoch, self.workers.count(), &self.runs, waiting);
            let deadline = self.runs.values().filter_map(ActiveRun::next_deadline).min();
            tokio::select! {
                () = &mut shutdown => break,
                () = &mut fenced => break,
                message = messages.recv() => match message {
                    Some(message) => self.handle(message),
                    None => break,
                },
                () = self.clock.sleep_until(deadline) => self.tick(),
                _ = lease_check.tick() => {
                    self.expire_workers();
                    self.notice_silence();
                    self.look_ahead_everywhere();
                }
                Some(done) = self.committers.join_next() => {
                    if let Err(error) = done && error.is_panic() {
                        std::panic::resume_unwind(error.into_panic());
                    }
                }
            }
        }
        self.metrics.stands_by();
        // Nobody is told to forget anything: what runs is the next coordinator's.
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
                self.look_ahead(&run, now);
            }
            ToHub::Foreseen { run, answer } => {
                self.with_run(&run, |run| run.foreseen(answer, now));
                // The plan of a run is wanted before it is over, also when that is soon.
                self.look_ahead(&run, now);
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
            ToHub::Queue { reply } => {
                let waiting = self.runs.iter();
                let waiting = waiting.filter_map(|(id, run)| Some((id.clone(), run.waits_for()?)));
                let _ = reply.send(waiting.collect());
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
                let confirmed = self.confirmed.as_ref().map(|confirmed| *confirmed.borrow());
                // A lease is granted only while nobody else can be in office.
                if confirmed.is_none_or(|at| at.elapsed() < CONFIRMED) {
                    self.workers.send_now(worker, CoordinatorMessage::HeartbeatAck { sent_at });
                }
            }
            WorkerMessage::Prepared { run, target, result } => {
                let worker = worker.clone();
                self.with_run(&run, |run| run.prepared(&worker, target, result, now));
            }
            // What it said before it told how everything stands is in there.
            WorkerMessage::Process { .. } if !self.workers.stands(worker) => {}
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
            WorkerMessage::Standing { epoch, processes } if epoch == self.epoch => {
                self.standing(worker, processes, now);
            }
            // It was meant for an earlier coordinator.
            WorkerMessage::Standing { .. } => {}
        }
    }

    /// A worker tells how all its processes stand.
    fn standing(
        &mut self,
        worker: &WorkerId,
        processes: Vec<(RunId, AdoptedProcess)>,
        now: Moment,
    ) {
        self.workers.standing(worker, &processes);
        self.doubts.resolve(now, &self.workers);
        let mut by_run: BTreeMap<RunId, Vec<AdoptedProcess>> = BTreeMap::new();
        for (run, process) in processes {
            by_run.entry(run).or_default().push(process);
        }
        for run in self.runs.keys().cloned().collect::<Vec<_>>() {
            if self.runs.get(&run).is_some_and(|run| !run.is_told_over()) {
                let processes = by_run.remove(&run).unwrap_or_default();
                self.with_run(&run, |run| run.adopt(worker, processes, now));
            }
        }
        // Nobody needs these any more.
        for run in by_run.into_keys() {
            self.workers.send(worker, CoordinatorMessage::Forget { run }, Vec::new());
        }
    }

    fn begin(&mut self, begin: Begin, now: Moment) -> Result<(), Status> {
        let id = begin.run.clone();
        if self.runs.get(&id).is_some_and(|run| !run.is_told_over()) {
            return Err(Status::already_exists("this run is under way"));
        }
        self.add(begin);
        self.activate_runs(now);
        Ok(())
    }

    fn add(&mut self, begin: Begin) {
        let id = begin.run.clone();
        let (effects, received) = mpsc::unbounded_channel();
        let committer = self.committers.spawn(committer::run(
            self.ledger.clone(),
            id.clone(),
            self.epoch,
            received,
            self.inbox.clone(),
        ));
        self.runs.insert(id, ActiveRun::new(begin, Effects::new(effects, committer)));
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
            self.activate(&id, now);
        }
    }

    fn activate(&mut self, id: &RunId, now: Moment) {
        self.with_run(id, |run| run.activate(now));
        let clusters = self.runs.get(id).into_iter().flat_map(ActiveRun::cluster_names);
        let workers = clusters.flat_map(|name| self.workers.of_cluster(name));
        let workers = workers.map(|(hello, unready)| (hello.clone(), unready.map(str::to_owned)));
        for (hello, unready) in workers.collect::<Vec<_>>() {
            self.with_run(id, |run| run.worker_joined(&hello, unready.as_deref(), now));
        }
    }

    fn performed(&mut self, run: &RunId, performed: Performed, now: Moment) {
        self.metrics.performed(&performed);
        if let Some(newest) = performed.newest {
            tracing::warn!(epoch = %self.epoch, %newest, "a newer coordinator is in office");
            self.fenced = true;
            return;
        }
        if let Some(reason) = &performed.refused_for_good {
            tracing::error!(%run, %reason, "the ledger takes no more decisions of this run");
            // Its watchers see the stream end without an end of the run. Its processes end: a
            // coordinator that takes the run up counts their attempts as lost.
            return self.abandon(run, now);
        }
        for (worker, message) in performed.sends {
            let contexts = self.runs.get(run).map(|run| run.contexts(&message));
            self.workers.send(&worker, message, contexts.unwrap_or_default());
        }
        let Performed { events, not_taken, ended, .. } = performed;
        self.with_run(run, |run| {
            run.trace_ended(&ended);
            run.performed(events, not_taken, now);
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

    /// How long a worker may be silent: as long as every run allows that has not ended.
    fn patience(&self) -> Duration {
        let active = self.runs.values().filter(|run| !run.is_over()).map(ActiveRun::patience);
        active.max().unwrap_or_else(|| Limits::default().patience())
    }

    /// Lets every run tell its watchers which of its workers are not heard from, before it has to
    /// give them up.
    fn notice_silence(&mut self) {
        let (now, patience) = (self.clock.now(), self.patience());
        for run in self.runs.values_mut() {
            run.notice_silence(&self.workers, patience, now);
        }
    }

    fn expire_workers(&mut self) {
        let now = self.clock.now();
        self.doubts.resolve(now, &self.workers);
        for gone in self.workers.expire(self.patience(), now) {
            tracing::warn!(worker = %gone.worker, cluster = gone.cluster, "worker lost");
            self.metrics.worker_lost();
            let runs: Vec<RunId> = self.runs.keys().cloned().collect();
            for run in runs {
                self.with_run(&run, |run| run.worker_lost(&gone.worker, "not heard from", now));
            }
        }
    }

    fn look_ahead_everywhere(&mut self) {
        let now = self.clock.now();
        for run in self.runs.keys().cloned().collect::<Vec<_>>() {
            self.look_ahead(&run, now);
        }
    }

    /// Has a run played that wants to know what is ahead.
    fn look_ahead(&mut self, id: &RunId, now: Moment) {
        let question = self.runs.get_mut(id).and_then(|run| run.look_ahead(now));
        let Some(question) = question else { return };
        let (run, inbox) = (id.clone(), self.inbox.clone());
        self.committers.spawn(async move {
            let played = at_leisure("look ahead", question.leisure(), || question.play()).await;
            let answer = played.inspect_err(|error| {
                tracing::error!(%run, %error, "what is ahead of a run cannot be played");
            });
            // The hub may be gone.
            let _ = inbox.send(ToHub::Foreseen { run, answer: answer.ok() }).await;
        });
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

#[cfg(test)]
mod tests;
