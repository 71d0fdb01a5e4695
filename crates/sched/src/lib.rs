//! The scheduler of one run: which group goes to which process, when sessions open, change phase
//! and close, what is tried again, and when a target is over.
//!
//! It is pure: [`Scheduler::handle`] takes the time and one [`Input`] and appends [`Output`]s;
//! [`Scheduler::next_deadline`] says when it wants a [`Input::Tick`] at the latest. There is no
//! clock, no I/O, no randomness and no hash map, so the same inputs give the same outputs.
//!
//! # The machine
//! Inputs only change the state; then `settle` looks at the whole state and does what is due,
//! until nothing is (no step depends on which input came, so no path is forgotten):
//!
//! ```text
//! target    waiting for its plan ──▶ running ──▶ halting (cause) ──▶ ended
//! session   starting ──▶ parallel ──▶ draining ──▶ serial ──▶ closed        (one per cluster)
//! process   starting ──▶ idle ⇄ busy ──▶ released ──▶ (process 1: serial) ──▶ ended
//! group     waiting ──▶ live ──▶ sealed │ given up;    live ──▶ waiting (lost, returned)
//! ```
//!
//! # Rules
//! - A cluster has one session at a time. Targets that share a cluster take turns (the one that
//!   was served longest ago is next), so whatever is serial has the whole cluster to itself.
//! - Parallel groups of a target lie in one pool, longest first, open to all its clusters. A
//!   cluster with a large serial share takes no group from it that another one would be done with
//!   earlier (`balance`). A busy process is given one ahead only while there are more groups than
//!   processes and as long as the group would not make that process end later than the average
//!   one (`pool`). Where that comes out wrong, it is taken back for one that can begin it earlier
//!   (`ahead`).
//! - Fewer groups run on a cluster at once where the run file says so, or where the cluster shows
//!   that it has too much to do (`crowd`).
//! - An idle process is released when nothing in the pool is for it. Process 1 begins its
//!   serial share when all others of its session have ended.
//! - Serial groups are divided when a process 1 starts (`share`): evenly, unless long parallel
//!   groups need the time that an even share would take. Clusters with larger shares go on to them
//!   earlier.
//! - When a cluster has nothing left to do and another one has much of its serial share before it,
//!   what has not started is taken back and divided anew (`recall`).
//! - Where there are many processes, routine news has only the process looked at that it is from
//!   (`routine`).
//! - What was lost is tried again within bounds (`group`).
//! - A new coordinator adopts what still runs (`adopt`).

mod adopt;
mod ahead;
mod balance;
mod cluster;
mod crowd;
mod group;
mod handle;
mod look;
mod opening;
mod pace;
mod pool;
mod recall;
mod recover;
mod room;
mod routine;
mod run;
mod session;
mod settle;
mod share;
mod target;
mod timers;

use std::time::Duration;

use multibeam_model::adopt::AdoptedProcess;
use multibeam_model::command::{Decision, Refusal};
use multibeam_model::event::What;
use multibeam_model::link::{ProcessNews, ProcessOrder, SessionFact};
use multibeam_model::outcome::Verdict;
use multibeam_model::plan::TargetPlan;
use multibeam_model::run::Limits;
use multibeam_model::{
    AttemptId, Cause, ClusterId, LossCause, Moment, ProcessId, SessionId, TargetId, WorkerId,
};

pub use look::ProcessView;
pub use recover::{Recovered, RecoveredGroup, RecoveredSession, RecoveredTarget, Takeover};

/// What does not change during a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunShape {
    /// The targets, by [`TargetId`].
    pub targets: Vec<TargetShape>,
    /// The clusters' names, by [`ClusterId`].
    pub clusters: Vec<String>,
    /// Limits and waiting times.
    pub limits: Limits,
    /// Whether the first failed spec of a target ends that target.
    pub fail_fast: bool,
}

/// One target of a [`RunShape`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetShape {
    /// Its name, for messages.
    pub name: String,
    /// The clusters that serve it.
    pub clusters: Vec<ClusterId>,
}

/// What the scheduler is told.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// A worker said hello. The same id again only changes its slots.
    WorkerJoined {
        /// The worker.
        worker: WorkerId,
        /// Its cluster.
        cluster: ClusterId,
        /// How many processes it offers.
        slots: u32,
    },
    /// A worker can run a target's suite: its discovery agrees with the target's catalog. Before
    /// this it gets no process of the target. May come before [`Input::TargetPrepared`].
    WorkerPrepared {
        /// The worker.
        worker: WorkerId,
        /// The target.
        target: TargetId,
    },
    /// A worker is gone, and so are its processes: its lease and the margin have passed, or it
    /// left in good order.
    WorkerLost {
        /// The worker.
        worker: WorkerId,
    },
    /// A worker that may have processes of an earlier coordinator tells of all that it has. Comes
    /// after its [`Input::WorkerJoined`] and before any news of these processes; news of the time
    /// before must not come at all, because they are in here.
    Adopt {
        /// The worker.
        worker: WorkerId,
        /// Its processes of this run, those that have ended included.
        processes: Vec<AdoptedProcess>,
    },
    /// A target's catalog is in the ledger; this is what is to run. In a run that was taken over
    /// everything else waits until the plans of all targets with an open session have come.
    TargetPrepared(TargetPlan),
    /// A target cannot run at all.
    TargetRefused {
        /// The target.
        target: TargetId,
        /// Why.
        cause: Cause,
        /// How it counts.
        verdict: Verdict,
    },
    /// A cluster's API server began or ceased to answer. Clusters count as ready at first.
    ClusterReady {
        /// The cluster.
        cluster: ClusterId,
        /// Whether it answers.
        ready: bool,
    },
    /// A cluster cannot serve a target, now or later (a wrong version, say).
    ClusterRefused {
        /// The target.
        target: TargetId,
        /// The cluster.
        cluster: ClusterId,
        /// Why, for people.
        reason: String,
    },
    /// A worker's news of a process, as it came. News of one process must come in order.
    Process {
        /// The process.
        process: ProcessId,
        /// What happened.
        news: ProcessNews,
    },
    /// The ledger refused hand-outs of one [`Output::Commit`]: all of them at once. Nothing of
    /// its `then` was sent; its other decisions took effect. (A refused `Lose` or `Return` is
    /// not reported: it is of an attempt whose refused hand-out is on its way here.)
    CommitRefused {
        /// What was refused and why.
        refused: Vec<(AttemptId, Refusal)>,
    },
    /// The ledger answered `AlreadySealed` to a `Lose` or `Return`.
    LossVoided {
        /// The attempt that counts after all.
        attempt: AttemptId,
        /// Whether one of its specs failed.
        failed: bool,
    },
    /// A clean-up asked for by [`Output::CleanUp`] is done, or was given up by the worker.
    CleanedUp {
        /// The process after which was cleaned.
        process: ProcessId,
    },
    /// Somebody cancelled the run.
    Cancel {
        /// Whether running specs are killed instead of interrupted.
        force: bool,
    },
    /// Time has passed.
    Tick,
}

/// What the scheduler wants done. Outputs are to be performed in order: commands reach the ledger
/// in this order, and orders reach a process in this order (an order behind a commit waits
/// for it, also when it belongs to the same process only). Commits that follow each other may be
/// written in one batch.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Commit the decisions, and only then send the orders. When a hand-out is refused, none of
    /// the orders is sent and [`Input::CommitRefused`] follows.
    Commit {
        /// The decisions, in order.
        decisions: Vec<Decision>,
        /// What to send after all of them took effect.
        then: Vec<Order>,
    },
    /// Send an order.
    Send(Order),
    /// Tell a worker a fact of a session that it has processes of.
    SendFact {
        /// The worker.
        worker: WorkerId,
        /// The session.
        session: SessionId,
        /// The fact.
        fact: SessionFact,
    },
    /// Have a worker remove what a process left in the cluster; answered by [`Input::CleanedUp`].
    CleanUp {
        /// The worker.
        worker: WorkerId,
        /// The process.
        process: ProcessId,
    },
    /// Something to show: `SessionOpened`, `PhaseBegan`, `SessionClosed`, `ProcessEnded`,
    /// `ClusterGivenUp`, `Cancelling`, `Warning`. All other events are the shell's.
    Event(What),
    /// An attempt was lost; the shell makes the event, because it knows the spec's name.
    AttemptLost {
        /// The attempt.
        attempt: AttemptId,
        /// Why.
        cause: LossCause,
        /// Whether its group gets no further attempt.
        given_up: bool,
    },
    /// A target is over: all its sessions are closed. The shell commits `EndTarget`, with the
    /// worse of this verdict and what it knows itself (a failed suite node, say).
    TargetEnded {
        /// The target.
        target: TargetId,
        /// How, by its groups.
        verdict: Verdict,
        /// Why groups were not run, if any were not.
        cause: Option<Cause>,
    },
    /// All targets are over. The shell commits `EndRun`. No output follows.
    RunEnded {
        /// The worst of the targets' verdicts.
        verdict: Verdict,
    },
}

/// An order to a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// The worker that runs it.
    pub worker: WorkerId,
    /// The process.
    pub process: ProcessId,
    /// What to do.
    pub order: ProcessOrder,
}

/// The scheduler of one run.
#[derive(Clone, Debug)]
pub struct Scheduler {
    run: run::Run,
}

// === impl Scheduler ===

impl Scheduler {
    /// The scheduler of a new run, or of one that an earlier coordinator has left behind.
    #[must_use]
    pub fn new(shape: RunShape, recovered: Option<Recovered>) -> Self {
        Self { run: run::Run::new(shape, recovered.unwrap_or_default()) }
    }

    /// Takes one input in and appends what is to be done. `now` never goes back.
    pub fn handle(&mut self, now: Moment, input: Input, out: &mut Vec<Output>) {
        self.run.handle(now, input, out);
    }

    /// When [`Input::Tick`] is due at the latest; `None` when nothing waits for time alone.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Moment> {
        self.run.looks.due
    }

    /// Whether [`Output::RunEnded`] was given.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.run.over
    }

    /// Has everything looked at only after so many routine news of processes, or so much time, as in a
    /// run with many processes, however few there are: for simulations, whose worlds are small.
    pub fn look_seldom(&mut self, news: usize, later: Duration) {
        self.run.looks.every(news, later);
    }

    /// Whether a look at everything is put off until [`Scheduler::next_deadline`] or later news.
    #[must_use]
    pub fn puts_off(&self) -> bool {
        self.run.looks.puts_off()
    }

    /// Whether anybody has cancelled the run.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.run.cancelled
    }
}
