//! The shell around one suite process: its server, its guard, and the tasks that make what it says
//! durable. What to answer is decided by the [`Conductor`].

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use multibeam_ginkgo::protocol::{Answer, Request};
use multibeam_kubernetes::SuiteMark;
use multibeam_model::incident::OutputCut;
use multibeam_model::link::{
    ProcessNews, ProcessOrder, SessionFact, StartProcess, StopHow, WorkerMessage,
};
use multibeam_model::outcome::ProcessEnd;
use multibeam_model::{ProcessId, RunId};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{AbortHandle, JoinSet};
use tracing::Instrument as _;

use super::cluster::ClusterLink;
use super::end_reports::EndReports;
use super::executions::Executions;
use super::ship::Shipper;
use super::start::{Started, start};
use super::starts::{self, Inbox, Place};
use super::target::Target;
use crate::conduct::{Conductor, Input, Output, Ticket};
use crate::guard::clock::BootMillis;
use crate::guard::wire::{Exit, Signal};
use crate::spool::Loss;
use crate::suite::process::{Control, GuardProgram};
use crate::suite::server::Incoming;

const SIGKILL: i32 = nix::sys::signal::Signal::SIGKILL as i32;

/// How much of a dead process's output goes into messages.
const TAIL: u64 = 2048;

/// How long the end of a killed process waits for reports on their way to the ledger.
const SHIPPING_AFTER_KILL: Duration = Duration::from_secs(1);

/// A progress report is asked for this long before a hung spec is interrupted.
const PROGRESS_REPORT: Duration = Duration::from_secs(2);

/// How long a process that has read the answer to its question whether to abort may take to note it
/// down: nothing but a lock in its memory lies between.
const ABORT_NOTICED: Duration = Duration::from_secs(1);

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
    pub(super) reports: Arc<EndReports>,
    /// The cluster's name in run files.
    pub(super) cluster_name: String,
    pub(super) cluster: Option<Arc<ClusterLink>>,
    /// The name it carries into everything it makes in the cluster.
    pub(super) mark: Option<SuiteMark>,
    /// See [`crate::suite::process::Launch::alive`].
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
    /// Nothing follows from it.
    Answered,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum StopStep {
    Interrupt,
    Kill,
}

/// Runs a suite process to its end, once it is its turn to start.
pub(super) async fn run(context: Context, place: Place, inbox: mpsc::Receiver<ToProcess>) {
    let mut inbox = Inbox::new(inbox);
    let turn = place.turn(&mut inbox).await;
    let started = match turn {
        Some(_) => start(&context).await,
        None => Err("it was stopped before it began".to_owned()),
    };
    let started = match started {
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
        checks: JoinSet::new(),
        killed: false,
        loss_told: None,
        waits: JoinSet::new(),
        grace: context.target.limits.grace,
        executions: Executions::default(),
        starting: None,
        context,
    };
    shell.starting = turn.map(|turn| {
        shell.waits.spawn(async move {
            tokio::time::sleep(starts::LONGEST).await;
            drop(turn);
            Done::Answered
        })
    });
    shell.live(conductor, started, &mut inbox).await;
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
    /// Looks at the cluster after failed specs. They must be done as well, unless the process is
    /// killed: then the spec that failed counts as running.
    checks: JoinSet<Done>,
    /// The coordinator has it killed.
    killed: bool,
    /// What the coordinator knows of output that is lost.
    loss_told: Option<Loss>,
    /// What is of no use once the process is gone.
    waits: JoinSet<Done>,
    executions: Executions,
    grace: Duration,
    /// It keeps its turn until it speaks.
    starting: Option<AbortHandle>,
}

impl Shell {
    async fn live(&mut self, mut conductor: Conductor, mut started: Started, inbox: &mut Inbox) {
        let mut out = Vec::new();
        let mut open = true;
        let mut loss = started.handle.loss();
        loop {
            let input = tokio::select! {
                // Requests before the end: what the process said last still counts.
                biased;
                Some(incoming) = started.requests.recv() => self.incoming(incoming),
                Some(done) = self.tasks.join_next() => match self.done(done).await {
                    Some(input) => input,
                    None => continue,
                },
                Some(done) = self.checks.join_next() => match self.done(done).await {
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
                Ok(()) = loss.changed() => {
                    self.tell_loss(&loss).await;
                    continue;
                }
                exit = started.handle.wait() => {
                    self.finish(&mut conductor, &mut out, inbox).await;
                    self.tell_loss(&loss).await;
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

    /// Tells what is lost of the process's output, unless that was told.
    async fn tell_loss(&mut self, loss: &watch::Receiver<Option<Loss>>) {
        let loss = loss.borrow().clone();
        if loss == self.loss_told {
            return;
        }
        self.loss_told = loss.clone();
        if let Some(Loss { bytes, error }) = loss {
            let cut = OutputCut { bytes, error: error.unwrap_or_default() };
            tell(&self.context, ProcessNews::OutputCut(cut)).await;
        }
    }

    /// A process may die right after its last report: what is on its way to the ledger arrives
    /// before its end is told, unless the worker forgets the run. After a kill the wait is short.
    async fn finish(
        &mut self,
        conductor: &mut Conductor,
        out: &mut Vec<Output>,
        inbox: &mut Inbox,
    ) {
        if self.killed {
            self.checks.abort_all();
            let rest = self.finish_shipping(conductor, out, inbox);
            // What arrives later is of an attempt that is lost.
            let _ = tokio::time::timeout(SHIPPING_AFTER_KILL, rest).await;
        } else {
            self.finish_shipping(conductor, out, inbox).await;
        }
    }

    async fn finish_shipping(
        &mut self,
        conductor: &mut Conductor,
        out: &mut Vec<Output>,
        inbox: &mut Inbox,
    ) {
        while !(self.tasks.is_empty() && self.checks.is_empty()) {
            let done = tokio::select! {
                biased;
                Some(done) = self.tasks.join_next() => done,
                Some(done) = self.checks.join_next() => done,
                message = inbox.recv() => match message {
                    Some(ToProcess::Order(ProcessOrder::Stop(StopHow::Kill), _)) => {
                        self.checks.abort_all();
                        continue;
                    }
                    // Other orders are of no use to a process that is gone.
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
        if let Some(starting) = self.starting.take() {
            starting.abort();
        }
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
            Ok(Done::Answered) => None,
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
                    self.checks.spawn(async move {
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
                Output::AwaitAbort(ticket) => {
                    self.waits.spawn(async move {
                        tokio::time::sleep(ABORT_NOTICED).await;
                        Done::Input(Input::AbortSeen { ticket })
                    });
                }
                Output::KeepReport(report) => {
                    self.context.reports.keep(&self.context.run, self.context.process, report);
                }
                Output::GatherReports(ticket) => {
                    let (reports, run) = (self.context.reports.clone(), self.context.run.clone());
                    let session = self.context.process.session;
                    let reply = self.replies.remove(&ticket);
                    // They may be large.
                    self.waits.spawn_blocking(move || {
                        let answer = reports.answer(&run, session);
                        // Nobody listens when the process has ended meanwhile.
                        let _ = reply.map(|reply| reply.send(answer));
                        Done::Answered
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
            // The process is brought to its end by the answers that it gets.
            StopHow::Recall => {}
            StopHow::Interrupt => self.control.signal(Signal::Interrupt).await,
            StopHow::Kill => {
                self.killed = true;
                self.control.kill().await;
            }
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
