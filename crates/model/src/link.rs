//! The conversation of a worker and its coordinator: one stream each way.

use serde::{Deserialize, Serialize};

use crate::adopt::AdoptedProcess;
use crate::ids::{
    AttemptId, Epoch, GroupId, ProcessId, ProcessNumber, RunId, SessionId, SpecIndex, TargetId,
    WorkerId,
};
use crate::incident::OutputCut;
use crate::outcome::{LossCause, ProcessEnd, SpecState};
use crate::run::{Limits, SuiteSpec};
use crate::time::Moment;

/// What a worker says.
#[derive(Clone, Debug, PartialEq)]
pub enum WorkerMessage {
    /// The first message on every stream.
    Hello(Hello),
    /// "I am alive."
    Heartbeat {
        /// The worker's own clock (`CLOCK_BOOTTIME`) when it sent this; it comes back in the
        /// acknowledgement, and the worker's lease counts from it.
        sent_at: Moment,
    },
    /// Discovery of a target is done on this worker.
    Prepared {
        /// The run.
        run: RunId,
        /// The target.
        target: TargetId,
        /// What was found, or why nothing was.
        result: Result<Prepared, PrepareError>,
    },
    /// Something happened to a process of a run.
    Process {
        /// The run.
        run: RunId,
        /// The process.
        process: ProcessId,
        /// What happened.
        news: ProcessNews,
    },
    /// The cluster's API server began or ceased to answer.
    ClusterReady {
        /// Whether it answers now.
        ready: bool,
        /// What it answered last, for people.
        detail: String,
    },
    /// A clean-up asked for by [`CoordinatorMessage::CleanUp`] is done.
    CleanedUp {
        /// The run.
        run: RunId,
        /// The process after which was cleaned.
        process: ProcessId,
        /// One line per object removed.
        removed: Vec<String>,
    },
    /// How all processes of this worker stand. It says so once in every epoch, when it is first
    /// welcomed: news of the time before are in here, and only what follows is new.
    Standing {
        /// The epoch.
        epoch: Epoch,
        /// The processes, those that have ended included, until their runs are forgotten.
        processes: Vec<(RunId, AdoptedProcess)>,
    },
}

/// The newest orders that workers of this version understand, see [`ProcessOrder::format`].
pub const ORDER_FORMAT: u32 = 1;

/// Who a worker is and what it offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// Its id, new at every start of the process.
    pub worker: WorkerId,
    /// The name of the cluster it belongs to.
    pub cluster: String,
    /// How many suite processes it offers.
    pub slots: u32,
    /// The highest epoch it has seen; a coordinator with a lower one is turned away.
    pub epoch: Epoch,
    /// The host it runs on, for people.
    pub host: String,
    /// Suite processes it still runs, by run: after a broken stream both sides compare.
    pub processes: Vec<(RunId, ProcessId)>,
    /// The newest orders it understands: [`ORDER_FORMAT`] of its version.
    pub format: u32,
}

/// What discovery found on one worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// SHA-256 of the suite binary, in hex.
    pub suite_digest: String,
    /// SHA-256 of the catalog's canonical JSON, in hex.
    pub catalog_digest: String,
    /// The cluster, for suites that use one.
    pub cluster: Option<ClusterIdentity>,
}

/// What tells a Kubernetes cluster from every other one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterIdentity {
    /// The UID of its kube-system namespace.
    pub uid: String,
    /// Its API server's version, such as `v1.36.2`.
    pub git_version: String,
}

/// Why a worker cannot serve a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrepareError {
    /// Whether the user's input is wrong (else: the environment).
    pub input: bool,
    /// What is wrong and what to do.
    pub message: String,
}

/// What happened to a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProcessNews {
    /// It has built its tree and asked for its server.
    Up,
    /// A fact of its session is in the ledger.
    Fact(SessionFact),
    /// It has room for another group: it runs its last one, or none.
    WantsGroup,
    /// It asked for its next group and was given this one.
    Started {
        /// The attempt.
        attempt: AttemptId,
    },
    /// A spec began (known for the first spec of a group, and after each report for the next).
    SpecDone {
        /// The attempt.
        attempt: AttemptId,
        /// The spec.
        spec: SpecIndex,
        /// Its state.
        state: SpecState,
        /// How long it ran, in microseconds.
        run_time_us: u64,
        /// The failure's first lines; empty when it did not fail.
        message: String,
    },
    /// A suite node ended.
    SuiteNodeDone {
        /// Ginkgo's name of it, such as `SynchronizedBeforeSuite`.
        node: String,
        /// Its state.
        state: SpecState,
        /// The failure's first lines; empty when it did not fail.
        message: String,
    },
    /// The ledger has sealed the attempt.
    Sealed {
        /// The attempt.
        attempt: AttemptId,
        /// Whether one of its specs failed.
        failed: bool,
    },
    /// The attempt is of no use, and the process goes on.
    Lost {
        /// The attempt.
        attempt: AttemptId,
        /// Why.
        cause: LossCause,
    },
    /// A selected spec was reported as not run (interrupt, suite timeout): the group goes back.
    NotRun {
        /// The attempt.
        attempt: AttemptId,
    },
    /// The attempt, which had not begun, has left its queue as it was asked to: the process has room
    /// again.
    GivenBack {
        /// The attempt.
        attempt: AttemptId,
    },
    /// The suite did what cannot be sharded: another spec than the one handed out.
    Mismatch {
        /// What was expected and what came.
        message: String,
    },
    /// The suite called `AbortSuite()`, or failed under its own fail-fast.
    Aborted,
    /// Part of what it wrote is not kept: when that begins, and at its end with all of it.
    OutputCut(OutputCut),
    /// It is gone, and so are all its descendants.
    Ended {
        /// How.
        end: ProcessEnd,
        /// Whether it had posted `/suite-did-end`: only then did it end by itself.
        complete: bool,
        /// The last lines it wrote outside of captured specs; bounded.
        last_output: String,
    },
}

/// A fact that all processes of a session, present and future, must agree on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SessionFact {
    /// Process 1 has run the ReportBeforeSuite nodes.
    ReportBeforeSuite {
        /// How they ended.
        state: SpecState,
    },
    /// Process 1 has run its half of the before-suite.
    BeforeSuite {
        /// How it ended.
        state: SpecState,
        /// What SynchronizedBeforeSuite returned for the others.
        data: Option<Vec<u8>>,
    },
}

/// What a coordinator says.
#[derive(Clone, Debug, PartialEq)]
pub enum CoordinatorMessage {
    /// The answer to [`WorkerMessage::Hello`].
    Welcome {
        /// The coordinator's epoch.
        epoch: Epoch,
    },
    /// The answer to [`WorkerMessage::Heartbeat`].
    HeartbeatAck {
        /// As it came.
        sent_at: Moment,
    },
    /// Discover a target.
    Prepare(Box<Prepare>),
    /// Send the catalog of a target: this worker was the first to have it.
    SendCatalog {
        /// The run.
        run: RunId,
        /// The target.
        target: TargetId,
    },
    /// Do something with a process of a run.
    Process {
        /// The run.
        run: RunId,
        /// The process.
        process: ProcessId,
        /// What to do.
        order: ProcessOrder,
    },
    /// A fact of a session that a process of this worker belongs to.
    Fact {
        /// The run.
        run: RunId,
        /// The session.
        session: SessionId,
        /// The fact.
        fact: SessionFact,
    },
    /// Remove what a killed process left in the cluster.
    CleanUp {
        /// The run.
        run: RunId,
        /// The process.
        process: ProcessId,
    },
    /// Nothing of this run is needed any more: end what is left and forget it.
    Forget {
        /// The run.
        run: RunId,
    },
}

/// A target to discover.
#[derive(Clone, Debug, PartialEq)]
pub struct Prepare {
    /// The run.
    pub run: RunId,
    /// The target.
    pub target: TargetId,
    /// The target's name, for messages.
    pub target_name: String,
    /// The suite.
    pub suite: SuiteSpec,
    /// The seed of every process.
    pub seed: i64,
    /// Whether programmatic focus is refused.
    pub certified: bool,
    /// Limits that the worker keeps.
    pub limits: Limits,
    /// The lease's length and so on are in `limits`; the run's holder name for the cluster's
    /// Lease object.
    pub holder: String,
}

/// What a worker does with a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProcessOrder {
    /// Start it.
    Start(StartProcess),
    /// Give it this group when it asks.
    HandOut {
        /// The attempt; its group is the `/counter` index.
        attempt: AttemptId,
    },
    /// Give this group back if the process has not begun it. If it has, nothing comes of that.
    TakeBack {
        /// The attempt.
        attempt: AttemptId,
    },
    /// Answer `/counter` with "no more" once it has run what was handed out.
    NoMoreGroups,
    /// The others have finished: let process 1 begin its serial share.
    SerialPhase {
        /// The attempts, in suite order.
        attempts: Vec<AttemptId>,
    },
    /// End it.
    Stop(StopHow),
}

impl ProcessOrder {
    /// What a worker has to understand to be given it. One that does not is not sent it, and whoever gave
    /// the order does not learn that, so an order of a newer format must be one that a run can do without.
    #[must_use]
    pub fn format(&self) -> u32 {
        match self {
            Self::Start(_)
            | Self::HandOut { .. }
            | Self::NoMoreGroups
            | Self::SerialPhase { .. }
            | Self::Stop(_) => 0,
            Self::TakeBack { .. } => 1,
        }
    }
}

/// How a process is ended; a later one replaces an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum StopHow {
    /// Let the running group come to its end, and begin none after it: what has not started goes
    /// back. For a process 1 in its serial part, whose share is to be divided anew.
    Recall,
    /// Interrupt the running spec by Ginkgo's own means, so that its clean-up runs.
    Interrupt,
    /// A progress report, an interrupt, the grace, then the kill: for a hung spec.
    Hung,
    /// Kill the whole tree now.
    Kill,
}

/// How to start a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartProcess {
    /// The target.
    pub target: TargetId,
    /// Ginkgo's `parallel.total` for it.
    pub total: u32,
    /// The serial groups that process 1 runs; empty for others.
    pub serial_share: Vec<GroupId>,
    /// Facts that the session has already.
    pub facts: Vec<SessionFact>,
}

impl StartProcess {
    /// The smallest `total` that makes Ginkgo use its server: with 1 it runs alone.
    pub const MIN_TOTAL: u32 = 2;

    /// The total of a session that starts with `processes`.
    #[must_use]
    pub fn total_for(processes: u32, number: ProcessNumber) -> u32 {
        processes.max(number.0).max(Self::MIN_TOTAL)
    }
}
