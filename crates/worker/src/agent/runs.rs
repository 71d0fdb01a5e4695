//! What a worker does for its runs: prepared targets, suite processes, and the hold on the cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use multibeam_model::adopt::Roster;
use multibeam_model::link::{
    CoordinatorMessage, Prepare, PrepareError, ProcessNews, ProcessOrder, SessionFact,
    StartProcess, WorkerMessage,
};
use multibeam_model::outcome::ProcessEnd;
use multibeam_model::run::Limits;
use multibeam_model::{Epoch, Moment, ProcessId, RunId, SessionId, TargetId};
use multibeam_proto::aggregator::v1::ledger_client::LedgerClient;
use multibeam_proto::coordinator::v1::coordinator_client::CoordinatorClient;
use multibeam_rt::backoff::{Backoff, random, retry};
use multibeam_rt::endpoints::Endpoints;
use multibeam_rt::trace::{Inject, TARGET, child_of};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tracing::{Instrument as _, Span, debug_span, info_span};

use super::holds::{Holds, mark_of};
use super::prepare::Workshop;
use super::process::{self, Context, ToProcess};
use super::shared::Shared;
use super::ship::Shipper;
use super::uploads::Uploads;
use super::{AgentConfig, lease};
use crate::guard::clock::BootMillis;

/// Orders that may wait for a process. It has at most one group ahead, so a full queue is a fault.
const ORDER_QUEUE: usize = 256;

/// More often than this no run wants to hear of its workers.
const SHORTEST_HEARTBEAT: Duration = Duration::from_millis(100);

/// Everything a worker has under way.
#[derive(Debug)]
pub(super) struct Runs {
    shared: Arc<Shared>,
    epoch: watch::Sender<Option<Epoch>>,
    lease: watch::Sender<BootMillis>,
    /// When the last acknowledged heartbeat was sent.
    heard: Moment,
    /// Lease and heartbeat of each run: the shortest of all apply.
    paces: BTreeMap<RunId, Pace>,
    processes: BTreeMap<(RunId, ProcessId), mpsc::Sender<ToProcess>>,
    roster: Roster,
    /// The processes' tasks.
    running: JoinSet<()>,
    uploads: Uploads,
    /// Everything else.
    tasks: JoinSet<()>,
    /// Run locks that are given back: never broken off.
    releases: JoinSet<()>,
    monitored: bool,
}

/// How often a run wants to hear of its workers, and how long it waits.
#[derive(Clone, Copy, Debug)]
struct Pace {
    lease: Duration,
    heartbeat: Duration,
}

impl Runs {
    pub(super) fn new(
        config: AgentConfig,
        coordinator: CoordinatorClient<Endpoints>,
        ledger: LedgerClient<Inject<Endpoints>>,
        news: mpsc::Sender<WorkerMessage>,
    ) -> Self {
        let heard = lease::now();
        let lease = lease::deadline(heard, Limits::default().lease);
        let workshop = Workshop {
            guard: config.guard.clone(),
            cache: config.cache.clone(),
            suite: config.suite.clone(),
        };
        let shared = Shared {
            config,
            workshop,
            coordinator,
            ledger,
            news,
            targets: Mutex::default(),
            cluster: tokio::sync::OnceCell::new(),
            holds: Holds::default(),
            reports: Arc::default(),
        };
        Self {
            shared: Arc::new(shared),
            epoch: watch::Sender::new(None),
            lease: watch::Sender::new(lease),
            heard,
            paces: BTreeMap::new(),
            processes: BTreeMap::new(),
            roster: Roster::default(),
            running: JoinSet::new(),
            uploads: Uploads::default(),
            tasks: JoinSet::new(),
            releases: JoinSet::new(),
            monitored: false,
        }
    }

    pub(super) fn epoch(&self) -> Option<Epoch> {
        *self.epoch.borrow()
    }

    pub(super) fn processes(&self) -> Vec<(RunId, ProcessId)> {
        self.processes.keys().cloned().collect()
    }

    /// How many processes there are.
    pub(super) fn live(&self) -> usize {
        self.processes.len()
    }

    /// Does what the coordinator says. `contexts` are the trace contexts that came with it.
    pub(super) async fn handle(&mut self, message: CoordinatorMessage, contexts: Vec<String>) {
        let context = contexts.first().map(String::as_str);
        match message {
            CoordinatorMessage::Welcome { epoch } => {
                if self.epoch() != Some(epoch) {
                    // The processes go on: it adopts them.
                    tracing::info!(%epoch, processes = self.processes.len(), "a new coordinator");
                    self.epoch.send_replace(Some(epoch));
                }
            }
            CoordinatorMessage::HeartbeatAck { sent_at } => self.renew(sent_at),
            CoordinatorMessage::Prepare(order) => self.prepare(*order, context),
            CoordinatorMessage::SendCatalog { run, target } => self.send_catalog(run, target),
            CoordinatorMessage::Process { run, process, order } => {
                self.roster.ordered(&run, process, &order);
                let groups = match &order {
                    ProcessOrder::HandOut { .. } => 1,
                    ProcessOrder::SerialPhase { attempts } => attempts.len(),
                    ProcessOrder::Start(_)
                    | ProcessOrder::TakeBack { .. }
                    | ProcessOrder::NoMoreGroups
                    | ProcessOrder::Stop(_) => 0,
                };
                self.shared.config.metrics.handed_out(groups);
                if let ProcessOrder::Start(start) = order {
                    self.start(run, process, start, context);
                } else {
                    self.give(&(run, process), ToProcess::Order(order, contexts));
                }
            }
            CoordinatorMessage::Fact { run, session, fact } => self.share(&run, session, &fact),
            CoordinatorMessage::CleanUp { run, process } => self.clean_up(run, process, context),
            CoordinatorMessage::Forget { run } => self.forget(&run),
        }
        while let Some(done) = self.uploads.try_next() {
            propagate(done);
        }
        for tasks in [&mut self.running, &mut self.tasks, &mut self.releases] {
            while let Some(done) = tasks.try_join_next() {
                propagate(done);
            }
        }
    }

    /// Keeps track of processes that end, and shares facts among the processes of this worker: the
    /// coordinator tells the others.
    pub(super) fn note(&mut self, news: &WorkerMessage) {
        let WorkerMessage::Process { run, process, news } = news else { return };
        self.roster.told(run, *process, news, lease::now());
        match news {
            ProcessNews::Ended { complete, .. } => {
                if !complete {
                    self.shared.config.metrics.process_lost();
                }
                self.processes.remove(&(run.clone(), *process));
            }
            ProcessNews::Fact(fact) => self.share(run, process.session, fact),
            _ => {}
        }
    }

    /// How all processes stand, for a coordinator that is new in office.
    pub(super) fn standing(&self) -> WorkerMessage {
        let epoch = self.epoch().unwrap_or(Epoch(0));
        WorkerMessage::Standing { epoch, processes: self.roster.standing(lease::now()) }
    }

    /// Ends every process and waits until all are gone.
    pub(super) async fn end_all(&mut self) {
        // A process whose inbox closes is killed.
        self.processes.clear();
        while let Some(done) = self.running.join_next().await {
            propagate(done);
        }
        self.shared.holds.release_all().await;
        while let Some(done) = self.releases.join_next().await {
            propagate(done);
        }
        self.uploads.end().await;
        self.tasks.abort_all();
        while let Some(done) = self.tasks.join_next().await {
            propagate(done);
        }
    }

    fn renew(&mut self, sent_at: Moment) {
        self.heard = self.heard.max(sent_at);
        self.set_lease();
    }

    /// Tells the guards when the lease ends; a new run with a shorter one brings that forward.
    fn set_lease(&self) {
        let deadline = lease::deadline(self.heard, self.pace().lease);
        self.shared.config.metrics.lease_until(deadline);
        self.lease.send_if_modified(|current| std::mem::replace(current, deadline) != deadline);
    }

    fn pace(&self) -> Pace {
        let default = Limits::default();
        let lease = self.paces.values().map(|pace| pace.lease).min();
        let heartbeat = self.paces.values().map(|pace| pace.heartbeat).min();
        Pace {
            lease: lease.unwrap_or(default.lease),
            heartbeat: heartbeat.unwrap_or(default.heartbeat),
        }
    }

    /// For how long a coordinator may say nothing before another one is looked for: it has to be
    /// found before the lease is over.
    pub(super) fn silence(&self) -> Duration {
        (self.pace().lease / 4).max(self.heartbeat() * 2)
    }

    /// How often this worker has to say that it lives.
    pub(super) fn heartbeat(&self) -> Duration {
        let Pace { lease, heartbeat } = self.pace();
        // At least three fit into a lease, whatever the run file says.
        heartbeat.min(lease / 3).max(SHORTEST_HEARTBEAT)
    }

    fn give(&mut self, to: &(RunId, ProcessId), message: ToProcess) {
        let Some(inbox) = self.processes.get(to) else { return };
        if inbox.try_send(message).is_err() {
            tracing::error!(process = %to.1, "a suite process takes no orders any more, ending it");
            self.processes.remove(to);
        }
    }

    /// Gives a fact to every process of a session.
    fn share(&mut self, run: &RunId, session: SessionId, fact: &SessionFact) {
        let members = self.processes.keys();
        let members = members.filter(|(of, process)| of == run && process.session == session);
        for member in members.cloned().collect::<Vec<_>>() {
            self.give(&member, ToProcess::Fact(fact.clone()));
        }
    }

    fn prepare(&mut self, order: Prepare, context: Option<&str>) {
        let span = child_of(context, || {
            debug_span!(
                target: TARGET,
                parent: None,
                "prepare",
                run = %order.run,
                target = order.target_name,
                worker = %self.shared.config.worker,
            )
        });
        let Limits { lease, heartbeat, .. } = order.limits;
        self.paces.insert(order.run.clone(), Pace { lease, heartbeat });
        self.set_lease();
        self.shared.holds.want(&order.run);
        let shared = Arc::clone(&self.shared);
        let task = async move {
            let (run, target) = (order.run.clone(), order.target);
            let result = shared.prepare(&order).await.map(|(found, prepared)| {
                shared.targets().insert((run.clone(), target), Arc::new(found));
                prepared
            });
            let news = WorkerMessage::Prepared { run, target, result };
            let _ = shared.news.send(news).await;
        };
        self.tasks.spawn(task.instrument(span));
        if self.shared.config.kubeconfig.is_some() && !std::mem::replace(&mut self.monitored, true)
        {
            let shared = Arc::clone(&self.shared);
            let epoch = self.epoch.subscribe();
            self.tasks.spawn(async move { shared.monitor(epoch).await });
        }
    }

    fn send_catalog(&mut self, run: RunId, target: TargetId) {
        let Some(found) = self.shared.target(&run, target) else { return };
        let shared = Arc::clone(&self.shared);
        self.uploads.start(run.clone(), async move {
            let sent =
                retry(Backoff::SERVICE, random, || shared.upload(&run, target, &found)).await;
            // Others may have more luck.
            if let Err(status) = sent {
                let message = format!("the coordinator refuses the catalog: {}", status.message());
                tracing::warn!(%run, %target, message);
                let result = Err(PrepareError { input: false, message });
                let _ = shared.news.send(WorkerMessage::Prepared { run, target, result }).await;
            }
        });
    }

    fn start(
        &mut self,
        run: RunId,
        process: ProcessId,
        start: StartProcess,
        context: Option<&str>,
    ) {
        let (orders, inbox) = mpsc::channel(ORDER_QUEUE);
        let shared = Arc::clone(&self.shared);
        let Some(target) = shared.target(&run, start.target) else {
            let last_output = format!("target {} is not prepared on this worker", start.target);
            let end = ProcessEnd::NotStarted;
            let news = ProcessNews::Ended { end, complete: false, last_output };
            self.tasks.spawn(async move {
                // The worker ends when it no longer listens.
                let _ = shared.news.send(WorkerMessage::Process { run, process, news }).await;
            });
            return;
        };
        let span = process_span(&run, process, &shared.config, context);
        let context = Context {
            directory: shared.config.data.join(&run.0).join(process.to_string()),
            guard: shared.config.guard.clone(),
            lease: self.lease.subscribe(),
            shipper: Shipper::new(
                shared.ledger.clone(),
                run.clone(),
                shared.config.metrics.clone(),
            ),
            reports: Arc::clone(&shared.reports),
            cluster_name: shared.config.cluster.clone(),
            cluster: shared.cluster.get().cloned().flatten(),
            news: shared.news.clone(),
            alive: shared.config.alive.clone(),
            mark: mark_of(&run, process),
            run: run.clone(),
            process,
            target,
            start,
        };
        // Here, where orders come in order.
        let place = shared.config.starts.line_up();
        self.running.spawn(process::run(context, place, inbox).instrument(span));
        self.processes.insert((run, process), orders);
    }

    fn clean_up(&mut self, run: RunId, process: ProcessId, context: Option<&str>) {
        let span = child_of(
            context,
            || debug_span!(target: TARGET, parent: None, "clean_up", %run, %process),
        );
        let alone = self.processes.is_empty();
        let shared = Arc::clone(&self.shared);
        let task = async move {
            let removed = shared.remove(&run, BTreeSet::from([process]), alone).await;
            let _ = shared.news.send(WorkerMessage::CleanedUp { run, process, removed }).await;
        };
        self.tasks.spawn(task.instrument(span));
    }

    fn forget(&mut self, run: &RunId) {
        self.roster.forget(run);
        self.processes.retain(|(of, _), _| of != run);
        self.uploads.forget(run);
        self.paces.remove(run);
        self.set_lease();
        self.shared.targets().retain(|(of, _), _| of != run);
        self.shared.reports.forget(run);
        self.shared.holds.unwant(run);
        let (shared, run) = (Arc::clone(&self.shared), run.clone());
        // An API server that does not answer must not keep the worker from saying that it lives.
        self.releases.spawn(async move { shared.holds.release(&run).await });
    }
}

/// Also without traces the log's lines tell the process.
fn process_span(
    run: &RunId,
    process: ProcessId,
    config: &AgentConfig,
    context: Option<&str>,
) -> Span {
    let (worker, cluster) = (&config.worker, &config.cluster);
    match context {
        Some(_) => child_of(
            context,
            || info_span!(target: TARGET, parent: None, "process", %run, %process, %worker, cluster),
        ),
        None => info_span!(parent: None, "process", %run, %process, %worker, cluster),
    }
}

/// A panic in a task is a panic of the worker.
fn propagate(done: Result<(), tokio::task::JoinError>) {
    if let Err(error) = done
        && error.is_panic()
    {
        std::panic::resume_unwind(error.into_panic());
    }
}
