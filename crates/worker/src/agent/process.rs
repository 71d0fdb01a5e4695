//! The shell around one suite process: its server, its guard, and the tasks that make what it says
//! durable. What to answer is decided by the [`Conductor`].

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use multibeam_ginkgo::argv::Process;
use multibeam_ginkgo::catalog::{Catalog, SerialIndex};
use multibeam_ginkgo::protocol::{Answer, Request};
use multibeam_kubernetes::SuiteMark;
use multibeam_model::link::{
    ProcessNews, ProcessOrder, SessionFact, StartProcess, StopHow, WorkerMessage,
};
use multibeam_model::outcome::ProcessEnd;
use multibeam_model::{GroupId, ProcessId, RunId};
use multibeam_rt::tasks::TaskGroup;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tracing::Instrument as _;

use super::cluster::ClusterLink;
use super::executions::Executions;
use super::ship::Shipper;
use super::target::Target;
use crate::conduct::{Conductor, Input, Output, Ticket};
use crate::guard::clock::BootMillis;
use crate::guard::wire::{Exit, Signal};
use crate::suite::process::{self, Control, GuardProgram, Handle, Launch};
use crate::suite::server::{Incoming, Server};

const SIGKILL: i32 = nix::sys::signal::Signal::SIGKILL as i32;

/// Tells a suite process its target's name, unless the run file sets it.
const TARGET_VARIABLE: &str = "MULTIBEAM_TARGET";

/// Tells a suite process its cluster's name, unless the run file sets it.
const CLUSTER_VARIABLE: &str = "MULTIBEAM_CLUSTER";

/// How much of a dead process's output goes into messages.
const TAIL: u64 = 2048;

/// A progress report is asked for this long before a hung spec is interrupted.
const PROGRESS_REPORT: Duration = Duration::from_secs(2);

/// What the worker tells one of its processes.
#[derive(Debug)]
pub(super) enum ToProcess {
    /// An order of the coordinator, and the trace contexts that came with it.
    Order(ProcessOrder, Vec<String>),
    /// A fact of its session.
    Fact(SessionFact),
}

/// Everything a process needs from its worker.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) run: RunId,
    pub(super) process: ProcessId,
    pub(super) target: Arc<Target>,
    pub(super) start: StartProcess,
    pub(super) guard: GuardProgram,
    /// Its own directory: spool, report directory.
    pub(super) directory: PathBuf,
    pub(super) lease: watch::Receiver<BootMillis>,
    pub(super) shipper: Shipper,
    /// The cluster's name in run files.
    pub(super) cluster_name: String,
    pub(super) cluster: Option<Arc<ClusterLink>>,
    /// The name it carries into everything it makes in the cluster.
    pub(super) mark: Option<SuiteMark>,
    /// See [`Launch::alive`].
    pub(super) alive: Option<Arc<File>>,
    pub(super) news: mpsc::Sender<WorkerMessage>,
}

/// What comes back from tasks of the process.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "they are moved once, and few exist at a time")]
enum Done {
    Input(Input),
    /// The next step of ending a process.
    Step(StopStep),
    /// The ledger refuses to speak to this worker.
    CannotShip(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum StopStep {
    Interrupt,
    Kill,
}

/// Runs a suite process to its end.
pub(super) async fn run(context: Context, mut inbox: mpsc::Receiver<ToProcess>) {
    let started = match start(&context).await {
        Ok(started) => started,
        Err(message) => {
            let end = ProcessEnd::NotStarted;
            let ended = ProcessNews::Ended { end, complete: false, last_output: message };
            return tell(&context, ended).await;
        }
    };
    let map = Arc::clone(&context.target.map);
    let cluster = context.cluster.as_ref().map(|cluster| cluster.name().to_owned());
    let mut conductor = Conductor::new(context.process, map, cluster);
    let mut nothing = Vec::new();
    for fact in &context.start.facts {
        conductor.handle(Input::Fact(fact.clone()), &mut nothing);
    }
    let mut shell = Shell {
        control: started.handle.control(),
        replies: BTreeMap::new(),
        tickets: 0,
        tasks: JoinSet::new(),
        waits: JoinSet::new(),
        grace: context.target.limits.grace,
        executions: Executions::default(),
        context,
    };
    shell.live(conductor, started, &mut inbox).await;
}

struct Started {
    handle: Handle,
    requests: mpsc::Receiver<Incoming>,
    /// Dropping it ends the server.
    _server: TaskGroup,
}

/// Binds the process's server and starts the process. The error is for people.
async fn start(context: &Context) -> Result<Started, String> {
    let directory = &context.directory;
    let reports = directory.join("reports");
    std::fs::create_dir_all(&reports)
        .map_err(|error| format!("cannot make {}: {error}", reports.display()))?;
    let server = Server::bind().await.map_err(|error| format!("no port on loopback: {error}"))?;
    let number = context.process.number.0;
    let args = arguments(context, &server.urls().of(number), &reports.to_string_lossy())?;
    let target = &context.target;
    let lease = *context.lease.borrow();
    let mut launch =
        Launch::new(&target.binary, &target.directory, &directory.join("output"), lease).args(args);
    launch.spool_limit = target.limits.spool;
    launch.name = context.mark.as_ref().map(|mark| mark.argv0(&target.binary).into());
    launch.alive = context.alive.clone();
    launch = launch.env(TARGET_VARIABLE, &target.name).env(CLUSTER_VARIABLE, &context.cluster_name);
    if let Some(cluster) = &context.cluster {
        launch = launch.env("KUBECONFIG", cluster.kubeconfig());
    }
    for (name, value) in &target.suite.env {
        launch = launch.env(name, value);
    }
    let handle = process::spawn(&context.guard, launch).await.map_err(|error| error.to_string())?;
    let (requests_tx, requests) = mpsc::channel(16);
    let tasks = TaskGroup::new();
    let name = format!("server of {}", context.process);
    tasks.spawner().spawn(name, server.run(requests_tx, std::future::pending()));
    Ok(Started { handle, requests, _server: tasks })
}

fn arguments(context: &Context, host: &str, reports: &str) -> Result<Vec<String>, String> {
    let target = &context.target;
    let catalog = &target.catalog;
    let first = context.process.number.is_first();
    let not_here = if first {
        let share = context.start.serial_share.iter();
        let share = share.filter_map(|group| serial_index(catalog, *group)).collect();
        catalog.skip_all_serial_but(&share).map_err(|error| error.to_string())?
    } else {
        Vec::new()
    };
    Ok(target.options.process(&Process {
        process: context.process.number.0,
        total: context.start.total,
        host,
        seed: catalog.seed,
        randomize_all: catalog.randomize_all,
        filters: &catalog.filters,
        not_here: &not_here,
        output_directory: Some(reports),
    }))
}

/// Serial groups count on after the parallel ones.
fn serial_index(catalog: &Catalog, group: GroupId) -> Option<SerialIndex> {
    let parallel = u32::try_from(catalog.groups.len()).ok()?;
    group.0.checked_sub(parallel).map(SerialIndex)
}

async fn tell(context: &Context, news: ProcessNews) {
    let (run, process) = (context.run.clone(), context.process);
    // The worker ends when it no longer listens.
    let _ = context.news.send(WorkerMessage::Process { run, process, news }).await;
}

struct Shell {
    context: Context,
    control: Control,
    replies: BTreeMap<Ticket, oneshot::Sender<Answer>>,
    tickets: u64,
    /// What must be done before the process's end is told.
    tasks: JoinSet<Done>,
    /// What is of no use once the process is gone.
    waits: JoinSet<Done>,
    executions: Executions,
    grace: Duration,
}

impl Shell {
    async fn live(
        &mut self,
        mut conductor: Conductor,
        mut started: Started,
        inbox: &mut mpsc::Receiver<ToProcess>,
    ) {
        let mut out = Vec::new();
        let mut open = true;
        loop {
            let input = tokio::select! {
                // Requests before the end: what the process said last still counts.
                biased;
                Some(incoming) = started.requests.recv() => self.incoming(incoming),
                Some(done) = self.tasks.join_next() => match self.done(done).await {
                    Some(input) => input,
                    None => continue,
                },
                Some(done) = self.waits.join_next() => match self.done(done).await {
                    Some(input) => input,
                    None => continue,
                },
                message = inbox.recv(), if open => match message {
                    Some(ToProcess::Order(order, contexts)) => {
                        self.executions.ordered(&order, contexts);
                        self.stop(&order).await;
                        Input::Order(order)
                    }
                    Some(ToProcess::Fact(fact)) => Input::Fact(fact),
                    None => {
                        // The worker forgets the run.
                        open = false;
                        self.control.kill().await;
                        continue;
                    }
                },
                Ok(()) = self.context.lease.changed() => {
                    let lease = *self.context.lease.borrow();
                    self.control.renew(lease).await;
                    continue;
                }
                exit = started.handle.wait() => {
                    if !self.tasks.is_empty() {
                        self.finish_shipping(&mut conductor, &mut out, inbox).await;
                    }
                    let last_output = started.handle.output_tail(TAIL);
                    conductor.handle(Input::Ended { end: end_of(exit), last_output }, &mut out);
                    self.perform(&mut out).await;
                    return;
                }
            };
            conductor.handle(input, &mut out);
            self.perform(&mut out).await;
        }
    }

    /// A process may die right after its last report: what is on its way to the ledger arrives
    /// before its end is told, unless the worker forgets the run.
    async fn finish_shipping(
        &mut self,
        conductor: &mut Conductor,
        out: &mut Vec<Output>,
        inbox: &mut mpsc::Receiver<ToProcess>,
    ) {
        loop {
            let done = tokio::select! {
                biased;
                done = self.tasks.join_next() => match done {
                    Some(done) => done,
                    None => return,
                },
                // Orders are of no use to a process that is gone.
                message = inbox.recv() => match message {
                    Some(_) => continue,
                    None => return,
                },
            };
            if let Some(input) = self.done(done).await {
                conductor.handle(input, out);
                self.perform(out).await;
            }
        }
    }

    fn incoming(&mut self, incoming: Incoming) -> Input {
        let Incoming { request, reply, .. } = incoming;
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        if !matches!(request, Request::ShouldAbort) {
            tracing::trace!(process = %self.context.process, request = request.name());
        }
        self.replies.insert(ticket, reply);
        Input::Request { ticket, request }
    }

    async fn done(&mut self, done: Result<Done, tokio::task::JoinError>) -> Option<Input> {
        match done {
            Ok(Done::Input(input)) => Some(input),
            Ok(Done::Step(StopStep::Interrupt)) => {
                self.control.signal(Signal::Interrupt).await;
                None
            }
            Ok(Done::Step(StopStep::Kill)) => {
                self.control.kill().await;
                None
            }
            Ok(Done::CannotShip(message)) => {
                tell(&self.context, ProcessNews::Mismatch { message }).await;
                self.control.kill().await;
                None
            }
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => None,
        }
    }

    async fn perform(&mut self, out: &mut Vec<Output>) {
        for output in out.drain(..) {
            match output {
                Output::Answer(ticket, answer) => {
                    if let Some(reply) = self.replies.remove(&ticket) {
                        // The process may be gone.
                        let _ = reply.send(answer);
                    }
                }
                Output::Ship(ticket, shipment) => {
                    let shipper = self.context.shipper.clone();
                    let session = self.context.process.session;
                    let span = self.executions.shipping(&shipment);
                    let shipped = async move {
                        match shipper.ship(shipment, session).await {
                            Ok(reply) => Done::Input(Input::Shipped { ticket, reply }),
                            Err(error) => Done::CannotShip(error.to_string()),
                        }
                    };
                    self.tasks.spawn(shipped.instrument(span));
                }
                Output::CheckCluster(ticket) => {
                    let cluster = self.context.cluster.clone();
                    self.tasks.spawn(async move {
                        let unreachable = match cluster {
                            Some(cluster) => cluster.is_unreachable().await,
                            None => false,
                        };
                        Done::Input(Input::ClusterChecked { ticket, unreachable })
                    });
                }
                Output::AwaitCluster(ticket) => {
                    let cluster = self.context.cluster.clone();
                    self.waits.spawn(async move {
                        if let Some(cluster) = cluster {
                            cluster.answers().await;
                        }
                        Done::Input(Input::ClusterBack { ticket })
                    });
                }
                Output::News(news) => {
                    self.executions.told(&news);
                    tell(&self.context, news).await;
                }
            }
        }
    }

    /// Signals that go with an order.
    async fn stop(&mut self, order: &ProcessOrder) {
        let ProcessOrder::Stop(how) = order else { return };
        match how {
            StopHow::Interrupt => self.control.signal(Signal::Interrupt).await,
            StopHow::Kill => self.control.kill().await,
            StopHow::Hung => {
                self.control.signal(Signal::Progress).await;
                self.later(PROGRESS_REPORT, StopStep::Interrupt);
                self.later(PROGRESS_REPORT + self.grace, StopStep::Kill);
            }
        }
    }

    fn later(&mut self, after: Duration, step: StopStep) {
        self.waits.spawn(async move {
            tokio::time::sleep(after).await;
            Done::Step(step)
        });
    }
}

fn end_of(exit: Exit) -> ProcessEnd {
    match exit {
        Exit::Code(code) => ProcessEnd::Exit(code),
        Exit::Signal(signal) => ProcessEnd::Signal(signal),
        Exit::Killed => ProcessEnd::Signal(SIGKILL),
        Exit::LeaseExpired => ProcessEnd::LeaseExpired,
        // The guard died by force, and the kernel killed its child with it.
        Exit::GuardLost => ProcessEnd::Signal(SIGKILL),
    }
}
