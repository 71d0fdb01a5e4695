//! What a run tells those who watch it. The events are the record; [`crate::status::RunStatus`]
//! is folded from them, here and in every watcher alike.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::{AttemptId, ClusterId, ProcessId, RunId, SessionId, TargetId};
use crate::outcome::{Cause, LossCause, ProcessEnd, SpecState, Verdict};
use crate::plan::Planned;
use crate::time::Timestamp;

/// The version of the event format, in every stream's first line.
pub const EVENT_FORMAT: u32 = 1;

/// One thing that happened in a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// When, by the coordinator's wall clock.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase", tag = "event")]
pub enum What {
    /// The run began (or was taken up again).
    RunStarted {
        /// Its id.
        run: RunId,
        /// Its name.
        name: String,
        /// Whether it can lead to a certificate.
        certified: bool,
        /// Its targets' names, by [`TargetId`].
        targets: Vec<String>,
        /// Its clusters' names, by [`ClusterId`].
        clusters: Vec<String>,
        /// Which clusters serve which target.
        serves: Vec<Vec<ClusterId>>,
        /// Since when it is at work: when it was made, or taken up by a resume last. Earlier than the
        /// event when one coordinator took over from another.
        #[serde(default)]
        since: Timestamp,
        /// Whether a resume has taken it up.
        #[serde(default)]
        resumed: bool,
    },
    /// It waits for its turn: another run has, or is to have before it, one of its clusters. Comes
    /// again when it waits for another one.
    Queued {
        /// The run that it waits for.
        behind: RunId,
        /// The cluster.
        cluster: ClusterId,
    },
    /// Its turn has come: the wait that [`What::Queued`] told of is over.
    Dequeued,
    /// A worker said hello.
    WorkerJoined {
        /// Its id.
        worker: String,
        /// Its cluster.
        cluster: ClusterId,
        /// How many processes it offers.
        slots: u32,
    },
    /// A worker was lost, or left.
    WorkerLeft {
        /// Its id.
        worker: String,
        /// Its cluster.
        cluster: ClusterId,
        /// Why.
        reason: String,
    },
    /// A worker was not heard from for some heartbeats. It may be dead, and what it has may still run:
    /// nothing of it is given to others before its lease is over.
    WorkerSilent {
        /// Its id.
        worker: String,
        /// Its cluster.
        cluster: ClusterId,
        /// When it was heard from last; of one that has not come to a new coordinator, when that took
        /// office.
        since: Timestamp,
        /// When it is given up.
        until: Timestamp,
    },
    /// A worker that was silent is heard from again.
    WorkerHeard {
        /// Its id.
        worker: String,
        /// Its cluster.
        cluster: ClusterId,
    },
    /// A target's suite is known.
    TargetPrepared {
        /// The target.
        target: TargetId,
        /// How many specs are selected.
        selected: u32,
        /// How many specs there are.
        total: u32,
        /// How many of the selected ones are serial.
        serial: u32,
        /// Specs that have their result already (a resumed run).
        done: u32,
        /// How long the target should take from here.
        expected: Duration,
        /// How long those of its specs without a result should run, one after the other.
        #[serde(default)]
        work: Work,
        /// Since when it is at work. Earlier than the event when one coordinator took over from
        /// another.
        #[serde(default)]
        since: Timestamp,
    },
    /// What is expected of a target when it begins: the whole run was played in virtual time.
    TargetPlanned {
        /// The target.
        target: TargetId,
        /// What is expected.
        planned: Planned,
    },
    /// How long a target still takes: the rest of the run was played in virtual time. Comes again and
    /// again.
    Outlook {
        /// The target.
        target: TargetId,
        /// How long, from here.
        left: Duration,
    },
    /// A session began.
    SessionOpened {
        /// The session.
        session: SessionId,
        /// Its target.
        target: TargetId,
        /// Its cluster.
        cluster: ClusterId,
        /// How many processes it starts with.
        processes: u32,
    },
    /// A session went on to its next phase.
    PhaseBegan {
        /// The session.
        session: SessionId,
        /// The phase.
        phase: Phase,
    },
    /// Process 1 of a session began its serial share, alone on its cluster.
    SerialShare {
        /// The session.
        session: SessionId,
        /// How long the share should take.
        expected: Duration,
    },
    /// A session is over.
    SessionClosed {
        /// The session.
        session: SessionId,
        /// Whether it was lost.
        lost: bool,
    },
    /// A suite process is gone.
    ProcessEnded {
        /// The process.
        process: ProcessId,
        /// How.
        end: ProcessEnd,
        /// Whether it had finished its work.
        complete: bool,
    },
    /// A spec began.
    SpecStarted {
        /// Its attempt.
        attempt: AttemptId,
        /// Where it runs.
        process: ProcessId,
        /// Its cluster.
        cluster: ClusterId,
        /// Its full text.
        spec: String,
    },
    /// A spec ended; it counts when its attempt is sealed.
    SpecDone {
        /// Its attempt.
        attempt: AttemptId,
        /// Where it ran.
        process: ProcessId,
        /// Its cluster.
        cluster: ClusterId,
        /// Its full text.
        spec: String,
        /// Its state.
        state: SpecState,
        /// How long it ran.
        run_time: Duration,
        /// How long it was expected to run.
        #[serde(default)]
        expected: Duration,
        /// The failure's first lines.
        message: String,
        /// Whether the spec was selected (unselected members of Ordered containers are not).
        selected: bool,
    },
    /// A suite node ended.
    SuiteNodeDone {
        /// The session.
        session: SessionId,
        /// Ginkgo's name of the node.
        node: String,
        /// Its state.
        state: SpecState,
        /// The failure's first lines.
        message: String,
    },
    /// The ledger has sealed an attempt: its reports count.
    AttemptSealed {
        /// The attempt.
        attempt: AttemptId,
    },
    /// An attempt was lost.
    AttemptLost {
        /// The attempt.
        attempt: AttemptId,
        /// The first spec of its group.
        spec: String,
        /// Why.
        cause: LossCause,
        /// Whether no further attempt is made.
        given_up: bool,
    },
    /// A cluster's API server began or ceased to answer.
    ClusterReady {
        /// The cluster.
        cluster: ClusterId,
        /// Whether it answers.
        ready: bool,
        /// Details.
        detail: String,
    },
    /// A cluster is given up for the rest of the run.
    ClusterGivenUp {
        /// The cluster.
        cluster: ClusterId,
        /// Why.
        reason: String,
    },
    /// Something was removed from a cluster.
    CleanedUp {
        /// The cluster.
        cluster: ClusterId,
        /// One line per object.
        removed: Vec<String>,
    },
    /// Somebody cancelled the run.
    Cancelling {
        /// Whether by force.
        force: bool,
    },
    /// Something a user should know that ends nothing.
    Warning {
        /// The text.
        message: String,
    },
    /// A target is over.
    TargetEnded {
        /// The target.
        target: TargetId,
        /// How.
        verdict: Verdict,
        /// Why specs were not run, if any were not.
        cause: Option<Cause>,
    },
    /// The run is over.
    RunEnded {
        /// The worst of its targets' verdicts.
        verdict: Verdict,
    },
}

/// Where a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Processes build their trees and process 1 runs the before-suite.
    Starting,
    /// Parallel groups run.
    Parallel,
    /// Process 1 waits for the others to finish.
    Draining,
    /// Process 1 runs its serial share, alone on the cluster.
    Serial,
    /// All is over.
    Done,
}

/// Work ahead, as the expected run times of its specs, one after the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Work {
    /// Specs that several processes may share.
    pub parallel: Duration,
    /// Specs that run alone on their cluster.
    pub serial: Duration,
}

impl Work {
    /// The part that runs this way.
    pub fn part_mut(&mut self, serial: bool) -> &mut Duration {
        if serial { &mut self.serial } else { &mut self.parallel }
    }
}
