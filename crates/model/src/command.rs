//! What changes the ledger. A command carries every fact its effect depends on (time, order, and
//! ids included), so that each replica that applies it comes to the same state.

use serde::{Deserialize, Serialize};

use crate::ids::{
    AttemptId, ClusterId, Epoch, GroupId, ProcessId, RunId, SessionId, SpecIndex, TargetId,
    WorkerId,
};
use crate::incident::Incident;
use crate::lesson::Lesson;
use crate::link::SessionFact;
use crate::outcome::{Cause, LossCause, SpecState, Verdict};
use crate::plan::Planned;
use crate::time::Timestamp;

/// A change of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// A coordinator asks for the next epoch. Answered with [`Reply::Claimed`].
    Claim {
        /// Who asks, for people.
        coordinator: String,
        /// When it asked.
        at: Timestamp,
        /// Whether it asks although another one may be alive and in office. Without this the
        /// leader of the aggregators refuses such a claim ([`Refusal::InOffice`]).
        take_over: bool,
    },
    /// A new run. A second one with the same id and the same bytes is a duplicate.
    CreateRun {
        /// Its id.
        run: RunId,
        /// The [`crate::run::RunSpec`] as JSON.
        #[serde(with = "serde_bytes")]
        spec: Vec<u8>,
        /// The seed that every process of the run gets.
        seed: i64,
        /// When it was made.
        at: Timestamp,
    },
    /// Ended runs are forgotten, with all that was reported of them.
    Expire {
        /// The runs.
        runs: Vec<RunId>,
    },
    /// The state of the aggregator that leads, for the others to compare theirs with.
    Witness {
        /// The last command that it had applied then.
        index: u64,
        /// The SHA-256 of its state after that.
        hash: [u8; 32],
    },
    /// From now on commands of this format are taken: all aggregators can read it.
    Raise {
        /// The format.
        format: u8,
    },
    /// Everything below belongs to one run.
    Run {
        /// The run.
        run: RunId,
        /// What changes.
        change: Change,
    },
    /// The history of durations learns something. It knows a lesson that it has heard before, and
    /// outlives the run. Since format 2.
    Learn(Lesson),
    /// What is expected of a target, when it is known which specs it has. The first that is said stays,
    /// and leaves with its run. Since format 2.
    Plan {
        /// The run.
        run: RunId,
        /// The target.
        target: TargetId,
        /// What is expected.
        planned: Planned,
    },
    /// Something that a user should know of a run. Told again it is a duplicate; of output that is cut
    /// off the newest count of each process stays. Since format 2.
    Note {
        /// The run.
        run: RunId,
        /// What.
        incident: Incident,
    },
}

/// A change of one run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// A coordinator decides something. Refused when its epoch is not the newest.
    Decide {
        /// The coordinator's epoch.
        epoch: Epoch,
        /// What it decides.
        decision: Decision,
    },
    /// A worker reports one spec of an attempt.
    Report(Report),
    /// A worker reports a suite node (before-suite, after-suite, ...).
    SuiteNode(SuiteNode),
    /// A worker states a fact of a session.
    Fact {
        /// The session.
        session: SessionId,
        /// The fact.
        fact: SessionFact,
    },
    /// Somebody cancels the run. It outlives every coordinator.
    Cancel {
        /// Who, for people.
        by: String,
        /// Whether running specs are killed instead of interrupted.
        force: bool,
        /// When.
        at: Timestamp,
    },
    /// A worker sends a part of a payload that is too large for one entry of the log. The report
    /// that it belongs to comes last and carries the rest.
    Part(Part),
}

/// A part of a payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The report whose payload it is of.
    pub of: PartOf,
    /// Its place in the payload, from 0. Parts come in order.
    pub number: u32,
    /// The bytes.
    #[serde(with = "serde_bytes")]
    pub payload: Vec<u8>,
}

/// A report by the place that it has in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum PartOf {
    /// The report of a spec.
    Report {
        /// Its attempt.
        attempt: AttemptId,
        /// Its place among the attempt's reports.
        ordinal: u32,
    },
    /// The report of a suite node.
    SuiteNode {
        /// Its process.
        process: ProcessId,
        /// Its place among the process's suite nodes.
        ordinal: u32,
    },
}

/// Bytes of a payload in one entry of the log; a longer one travels in parts of this size, so that
/// no entry holds the others up for long.
pub const PART_BYTES: usize = 1 << 20;

/// A decision of a coordinator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Decision {
    /// The catalog of a target: what discovery found. The first one stays; the same again is a
    /// duplicate; another one is refused, because indices would mean other specs.
    AdmitCatalog {
        /// The target.
        target: TargetId,
        /// SHA-256 of the catalog's canonical JSON, in hex.
        digest: String,
        /// The catalog's JSON, compressed with zstd.
        #[serde(with = "serde_bytes")]
        catalog: Vec<u8>,
        /// When the target's clock started.
        at: Timestamp,
    },
    /// A session begins.
    OpenSession {
        /// Its number, new in the run.
        session: SessionId,
        /// Its target.
        target: TargetId,
        /// Its cluster.
        cluster: ClusterId,
    },
    /// A session is over.
    CloseSession {
        /// The session.
        session: SessionId,
        /// Whether it was lost: its suite-node reports then do not count.
        lost: bool,
    },
    /// A group is given to a process. Refused when the group has a live or sealed attempt, or the
    /// number is not the next one.
    HandOut {
        /// The attempt.
        attempt: AttemptId,
        /// The process.
        process: ProcessId,
        /// The process's worker.
        worker: WorkerId,
        /// How many spec reports seal it.
        reports: u32,
    },
    /// An attempt is lost. Void (answered [`Reply::AlreadySealed`]) when it was sealed before.
    Lose {
        /// The attempt.
        attempt: AttemptId,
        /// Why.
        cause: LossCause,
    },
    /// An attempt that never started goes back; it does not count as lost.
    Return {
        /// The attempt.
        attempt: AttemptId,
    },
    /// A group gets no further attempt: the reports of its last attempt count as far as they came.
    GiveUp {
        /// The target.
        target: TargetId,
        /// The group.
        group: GroupId,
        /// Why its last attempt was lost.
        cause: LossCause,
    },
    /// Something was removed from a cluster before its work is tried again.
    Clean {
        /// The cluster.
        cluster: ClusterId,
        /// One line per object: kind, name, and why.
        removed: Vec<String>,
    },
    /// A target is over.
    EndTarget {
        /// The target.
        target: TargetId,
        /// How it ended.
        verdict: Verdict,
        /// Why specs were not run, if any were not.
        cause: Option<Cause>,
        /// When.
        at: Timestamp,
    },
    /// The run is over.
    EndRun {
        /// When.
        at: Timestamp,
    },
    /// An ended or abandoned run is taken up again: live attempts of an earlier epoch have been
    /// lost by the coordinator before this; targets that are not complete are open again.
    Resume {
        /// When.
        at: Timestamp,
    },
    /// A process is about to be started. A later coordinator so knows every process that may be
    /// alive, and where.
    StartProcess {
        /// The process, new in its session.
        process: ProcessId,
        /// Its worker.
        worker: WorkerId,
        /// Ginkgo's `parallel.total` for it.
        total: u32,
        /// The serial groups that it runs, if it is a process 1.
        share: Vec<GroupId>,
    },
    /// A process is gone, and so is everything that was handed out to it.
    EndProcess {
        /// The process.
        process: ProcessId,
        /// Whether it ended its suite in good order.
        complete: bool,
    },
}

/// A spec report on its way into the ledger. Repeats are recognised by attempt and ordinal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The attempt it belongs to.
    pub attempt: AttemptId,
    /// Its place among the attempt's reports, from 0.
    pub ordinal: u32,
    /// The spec.
    pub spec: SpecIndex,
    /// Its state.
    pub state: SpecState,
    /// Whether a `skipped` report carries a message: the spec called `Skip()` itself. Without
    /// one a selected spec did not run.
    pub explained: bool,
    /// Set when the spec failed while the cluster's API server did not answer: the report stays
    /// on record and does not seal.
    pub cluster_lost: bool,
    /// Ginkgo's SpecReport JSON as received, compressed with zstd.
    #[serde(with = "serde_bytes")]
    pub payload: Vec<u8>,
}

/// A suite-node report on its way into the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuiteNode {
    /// The process that reported it.
    pub process: ProcessId,
    /// Its place among that process's suite-node reports, from 0.
    pub ordinal: u32,
    /// Its state.
    pub state: SpecState,
    /// Ginkgo's SpecReport JSON as received, compressed with zstd.
    #[serde(with = "serde_bytes")]
    pub payload: Vec<u8>,
}

/// The ledger's answer to a command, the same on every replica.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// The command took effect.
    Done,
    /// It had taken effect before; nothing changed.
    Duplicate,
    /// The epoch that a claim was given.
    Claimed(Epoch),
    /// The report took effect (or had before) and its attempt is sealed.
    Sealed,
    /// The attempt to lose or return was sealed before: the loss is void.
    AlreadySealed,
    /// Nothing changed, and repeating the command will not help.
    Refused(Refusal),
}

/// Why the ledger refused a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    /// The run is unknown.
    #[error("no run with this id is in the ledger")]
    NoSuchRun,
    /// Another run has this id.
    #[error("another run has this id")]
    RunExists,
    /// Another coordinator is in office and was heard from a short while ago.
    #[error("coordinator {coordinator} is in office and alive")]
    InOffice {
        /// Who.
        coordinator: String,
    },
    /// The run has not ended.
    #[error("run {run} has not ended")]
    UnderWay {
        /// The run.
        run: RunId,
    },
    /// A newer coordinator is in office.
    #[error("a newer coordinator (epoch {newest}) is in office")]
    OldEpoch {
        /// The newest epoch.
        newest: Epoch,
    },
    /// The group has a live attempt.
    #[error("the group has a live attempt")]
    LiveAttempt,
    /// The group has its result.
    #[error("the group has its result")]
    GroupDone,
    /// The attempt's number is not the next one.
    #[error("the next attempt of this group is number {expected}")]
    WrongNumber {
        /// The number it should have.
        expected: u32,
    },
    /// The attempt was lost or returned before: its reports never count.
    #[error("the attempt was lost before this report came")]
    AttemptLost,
    /// The attempt, session, or target is unknown.
    #[error("no such attempt, session, or target")]
    Unknown,
    /// The target has another catalog.
    #[error("the target has another catalog: the suite, its arguments, or its seed changed")]
    OtherCatalog,
    /// The run was cancelled or has ended.
    #[error("the run was cancelled or has ended")]
    RunOver,
    /// Something else was recorded under this id before.
    #[error("something else was recorded under this id before")]
    Conflict,
}

/// The newest format of commands that this build reads. It writes each command in the oldest format
/// that has it, so that a group of which not all members are upgraded takes what it always took.
pub const COMMAND_FORMAT: u8 = 2;

/// The format that the first version had. Replies are of it still.
const FIRST_FORMAT: u8 = 1;

/// A command cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The bytes are of a format this build does not know. A node that meets one stops: skipping
    /// it would make its state differ from that of the others.
    #[error(
        "command format {found} is unknown, expected at most {COMMAND_FORMAT} (hint: upgrade this node)"
    )]
    Format {
        /// The format found.
        found: u8,
    },
    /// The command came into being in a later format than its bytes say, which would lead it past
    /// nodes that cannot read it.
    #[error("a command of format {needed} is marked as one of format {stated}")]
    Misstated {
        /// The format that the bytes state.
        stated: u8,
        /// The format that has such a command.
        needed: u8,
    },
    /// The bytes are damaged.
    #[error("damaged command")]
    Damaged(#[source] postcard::Error),
    /// There are no bytes.
    #[error("empty command")]
    Empty,
}

impl Command {
    /// The oldest format that has this command.
    #[must_use]
    pub fn format(&self) -> u8 {
        match self {
            Self::Learn(_) | Self::Plan { .. } | Self::Note { .. } => 2,
            Self::Claim { .. }
            | Self::CreateRun { .. }
            | Self::Expire { .. }
            | Self::Witness { .. }
            | Self::Raise { .. }
            | Self::Run { .. } => FIRST_FORMAT,
        }
    }

    /// The bytes that the ledger's log and the wire carry: a format number, then postcard.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        encode(self.format(), self)
    }

    /// Reads what [`Command::encode`] wrote, in this or an earlier version.
    ///
    /// # Errors
    /// An unknown format or damaged bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (stated, command): (u8, Self) = decode(bytes, COMMAND_FORMAT)?;
        match command.format() {
            needed if needed > stated => Err(DecodeError::Misstated { stated, needed }),
            _ => Ok(command),
        }
    }
}

impl Reply {
    /// The bytes that the wire carries: a format number, then postcard.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        encode(FIRST_FORMAT, self)
    }

    /// Reads what [`Reply::encode`] wrote.
    ///
    /// # Errors
    /// An unknown format or damaged bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        decode(bytes, FIRST_FORMAT).map(|(_, reply)| reply)
    }
}

fn encode<T: Serialize>(format: u8, value: &T) -> Vec<u8> {
    postcard::to_extend(value, vec![format])
        .expect("writing to memory cannot fail and every type has a known shape")
}

fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8], newest: u8) -> Result<(u8, T), DecodeError> {
    let (format, body) = bytes.split_first().ok_or(DecodeError::Empty)?;
    if !(FIRST_FORMAT..=newest).contains(format) {
        return Err(DecodeError::Format { found: *format });
    }
    let value = postcard::from_bytes(body).map_err(DecodeError::Damaged)?;
    Ok((*format, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_and_replies_survive_their_encoding() {
        let cause = LossCause::ProcessDied {
            end: crate::outcome::ProcessEnd::Exit(7),
            last_output: "bye".to_owned(),
        };
        let target = TargetId(1);
        let decision = Decision::GiveUp { target, group: GroupId(4), cause };
        let change = Change::Decide { epoch: Epoch(3), decision };
        let command = Command::Run { run: RunId::from("r"), change };
        assert_eq!(Command::decode(&command.encode()).unwrap(), command);
        let reply = Reply::Refused(Refusal::WrongNumber { expected: 2 });
        assert_eq!(Reply::decode(&reply.encode()).unwrap(), reply);
    }

    #[test]
    fn a_command_is_written_in_the_oldest_format_that_has_it() {
        let old = Command::Raise { format: COMMAND_FORMAT };
        let new = Command::Learn(Lesson::default());
        assert_eq!((old.encode()[0], new.encode()[0]), (1, 2));
        let mut bytes = new.encode();
        assert_eq!(Command::decode(&bytes).unwrap(), new);
        // It must not slip past the gate that keeps it from nodes of an earlier version.
        bytes[0] = 1;
        let refused = Command::decode(&bytes);
        assert!(matches!(refused, Err(DecodeError::Misstated { stated: 1, needed: 2 })));
    }

    #[test]
    fn another_format_is_refused_and_never_skipped() {
        let mut bytes = Reply::Done.encode();
        bytes[0] = FIRST_FORMAT + 1;
        assert!(matches!(Reply::decode(&bytes), Err(DecodeError::Format { .. })));
        let unknown = Command::decode(&[COMMAND_FORMAT + 1]);
        assert!(matches!(unknown, Err(DecodeError::Format { .. })));
        assert!(matches!(Command::decode(&[]), Err(DecodeError::Empty)));
        assert!(matches!(Command::decode(&[COMMAND_FORMAT, 250]), Err(DecodeError::Damaged(_))));
    }
}
