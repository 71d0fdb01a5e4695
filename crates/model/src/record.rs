//! A run as the ledger has it: what a new coordinator takes over from, and what reports are made
//! of. The ledger's state machine keeps these very values, so reading a run is a copy.

mod reports;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::command::PartOf;
use crate::ids::{
    AttemptId, ClusterId, Epoch, GroupId, ProcessId, RunId, SessionId, SpecIndex, TargetId,
    WorkerId,
};
use crate::link::SessionFact;
use crate::outcome::{Cause, LossCause, SpecState, Verdict};
use crate::time::Timestamp;

pub use reports::Reports;

/// Where the ledger keeps bytes that it does not hold in memory: the place in its log of the
/// command that brought them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PayloadRef {
    /// The command's index in the log. Indices grow with time, over all runs.
    pub index: u64,
}

/// One run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Its id.
    pub run: RunId,
    /// The [`crate::run::RunSpec`] as JSON.
    #[serde(with = "serde_bytes")]
    pub spec: Vec<u8>,
    /// The seed of every process.
    pub seed: i64,
    /// When it was made.
    pub created: Timestamp,
    /// Set while it is cancelled. A later resume clears it.
    pub cancelled: Option<Cancelled>,
    /// When it was taken up again, in order.
    pub resumed: Vec<Timestamp>,
    /// When it ended; `None` while it runs.
    pub ended: Option<Timestamp>,
    /// The targets that the ledger has heard of.
    pub targets: BTreeMap<TargetId, TargetRecord>,
    /// All its sessions.
    pub sessions: BTreeMap<SessionId, SessionRecord>,
    /// What was removed from clusters, in order.
    pub cleaned: Vec<Cleaned>,
    /// Payloads that came in parts.
    pub parts: PartsRecord,
}

/// Payloads that came in parts: the places of the commands that brought these.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartsRecord {
    /// Those whose report has not come yet, in order.
    pub open: BTreeMap<PartOf, Vec<u64>>,
    /// Those before a report's own bytes, by the place of the report.
    pub joined: BTreeMap<u64, Vec<u64>>,
}

/// Who cancelled a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancelled {
    /// Who, for people.
    pub by: String,
    /// Whether by force.
    pub force: bool,
    /// When.
    pub at: Timestamp,
}

/// Something that was removed from a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cleaned {
    /// The cluster.
    pub cluster: ClusterId,
    /// One line per object.
    pub removed: Vec<String>,
}

/// One target of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetRecord {
    /// What discovery found.
    pub catalog: Option<CatalogRecord>,
    /// Every group that was handed out at least once.
    pub groups: BTreeMap<GroupId, GroupRecord>,
    /// How it ended; `None` while it is open.
    pub end: Option<TargetEnd>,
}

/// The catalog of a target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogRecord {
    /// SHA-256 of its canonical JSON, in hex.
    pub digest: String,
    /// Its JSON, compressed with zstd.
    pub payload: PayloadRef,
    /// When the target's clock started.
    pub at: Timestamp,
}

/// How a target ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetEnd {
    /// How.
    pub verdict: Verdict,
    /// Why specs were not run, if any were not.
    pub cause: Option<Cause>,
    /// When.
    pub at: Timestamp,
}

/// One execution group and its attempts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupRecord {
    /// All attempts; number `n` stands at `n - 1`.
    pub attempts: Vec<AttemptRecord>,
    /// Set when it gets no further attempt: why its last one was lost.
    pub given_up: Option<LossCause>,
}

/// One attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptRecord {
    /// Its number in the group, from 1.
    pub number: u32,
    /// The process it was handed to.
    pub process: ProcessId,
    /// The worker of that process.
    pub worker: WorkerId,
    /// The epoch of the coordinator that handed it out.
    pub epoch: Epoch,
    /// The place of its hand-out in the log: a process runs what it has in this order.
    pub handed_out: u64,
    /// How many reports seal it.
    pub reports: u32,
    /// Where it stands.
    pub state: AttemptState,
    /// The reports that came in time, by ordinal.
    pub received: Reports,
    /// Reports that came after the attempt was lost, by ordinal. They never count.
    pub late: Reports,
}

/// Where an attempt stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AttemptState {
    /// It was handed out, and nothing is known of its end.
    Live,
    /// All its reports are here and count.
    Sealed,
    /// It was lost.
    Lost(LossCause),
    /// It never started, or its specs were reported as not run; it cost nothing.
    Returned,
}

/// The header of a spec report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportRecord {
    /// The spec.
    pub spec: SpecIndex,
    /// Its state.
    pub state: SpecState,
    /// Whether a `skipped` report carries a message.
    pub explained: bool,
    /// Whether it failed while the cluster's API server did not answer.
    pub cluster_lost: bool,
    /// Ginkgo's SpecReport JSON, compressed with zstd.
    pub payload: PayloadRef,
    /// The payload's length in bytes, as stored.
    pub len: u64,
}

/// One session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRecord {
    /// Its target.
    pub target: TargetId,
    /// Its cluster.
    pub cluster: ClusterId,
    /// Set when it is over: whether it was lost.
    pub closed: Option<bool>,
    /// What its processes must agree on, in the order it was stated.
    pub facts: Vec<SessionFact>,
    /// Every process that was to be started in it.
    pub processes: BTreeMap<ProcessId, ProcessRecord>,
    /// Its suite-node reports, by process and ordinal.
    pub nodes: BTreeMap<ProcessId, BTreeMap<u32, NodeRecord>>,
}

/// One process of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessRecord {
    /// Its worker.
    pub worker: WorkerId,
    /// Ginkgo's `parallel.total` for it.
    pub total: u32,
    /// The serial groups that it runs, if it is a process 1.
    pub share: Vec<GroupId>,
    /// Set when it is gone: whether it ended its suite in good order.
    pub ended: Option<bool>,
}

/// The header of a suite-node report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeRecord {
    /// Its state.
    pub state: SpecState,
    /// Ginkgo's SpecReport JSON, compressed with zstd.
    pub payload: PayloadRef,
    /// The payload's length in bytes, as stored.
    pub len: u64,
}

/// One line of the list of runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunLine {
    /// Its id.
    pub run: RunId,
    /// When it was made.
    pub created: Timestamp,
    /// When it ended; `None` while it runs.
    pub ended: Option<Timestamp>,
    /// Whether it is cancelled.
    pub cancelled: bool,
    /// The worst verdict of its targets that have ended; `None` when none has.
    pub verdict: Option<Verdict>,
}

// === impl RunRecord ===

impl RunRecord {
    /// Its line in the list of runs.
    #[must_use]
    pub fn line(&self) -> RunLine {
        let ends = self.targets.values().filter_map(|target| target.end.as_ref());
        RunLine {
            run: self.run.clone(),
            created: self.created,
            ended: self.ended,
            cancelled: self.cancelled.is_some(),
            verdict: ends.map(|end| end.verdict).max(),
        }
    }

    /// The group of an attempt, if it was ever handed out.
    #[must_use]
    pub fn group(&self, target: TargetId, group: GroupId) -> Option<&GroupRecord> {
        self.targets.get(&target)?.groups.get(&group)
    }

    /// An attempt.
    #[must_use]
    pub fn attempt(&self, id: AttemptId) -> Option<&AttemptRecord> {
        self.group(id.target, id.group)?.attempt(id.number)
    }

    /// All live attempts: what a new coordinator has to find the end of.
    pub fn live(&self) -> impl Iterator<Item = (AttemptId, &AttemptRecord)> {
        self.attempts().filter(|(_, attempt)| attempt.state == AttemptState::Live)
    }

    /// The live attempts that cannot have begun: without any report, and behind another one of their
    /// process that is not done. A process runs one group at a time, in the order of the hand-outs,
    /// and goes on only when the report of a group's last spec is here, or when its cluster was lost.
    #[must_use]
    pub fn queued(&self) -> BTreeSet<AttemptId> {
        let mut first: BTreeMap<ProcessId, u64> = BTreeMap::new();
        let holds = |attempt: &AttemptRecord| {
            let lost = attempt.received.values().any(|report| report.cluster_lost);
            attempt.received.len() as u64 != u64::from(attempt.reports) && !lost
        };
        for (_, attempt) in self.live().filter(|(_, attempt)| holds(attempt)) {
            let first = first.entry(attempt.process).or_insert(attempt.handed_out);
            *first = attempt.handed_out.min(*first);
        }
        let behind = |attempt: &AttemptRecord| {
            let first = first.get(&attempt.process);
            attempt.received.is_empty() && first.is_some_and(|first| *first < attempt.handed_out)
        };
        self.live().filter(|(_, attempt)| behind(attempt)).map(|(id, _)| id).collect()
    }

    /// All attempts, by target, group, and number.
    pub fn attempts(&self) -> impl Iterator<Item = (AttemptId, &AttemptRecord)> {
        self.targets.iter().flat_map(|(&target, record)| {
            record.groups.iter().flat_map(move |(&group, record)| {
                record.attempts.iter().map(move |attempt| {
                    let id = AttemptId { target, group, number: attempt.number };
                    (id, attempt)
                })
            })
        })
    }
}

// === impl AttemptRecord ===

impl AttemptRecord {
    /// Whether a report that came in time is one of a failure.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.received.values().any(|report| report.state.is_failure())
    }
}

// === impl SessionRecord ===

impl SessionRecord {
    /// Whether one of its suite nodes failed.
    #[must_use]
    pub fn has_failed_node(&self) -> bool {
        self.nodes.values().flat_map(BTreeMap::values).any(|node| node.state.is_failure())
    }
}

// === impl GroupRecord ===

impl GroupRecord {
    /// The attempt with this number.
    #[must_use]
    pub fn attempt(&self, number: u32) -> Option<&AttemptRecord> {
        self.attempts.get(number.checked_sub(1)? as usize)
    }

    /// The number that the next attempt must have.
    #[must_use]
    pub fn next_number(&self) -> u32 {
        u32::try_from(self.attempts.len()).unwrap_or(u32::MAX).saturating_add(1)
    }

    /// The attempt that is under way, if any.
    #[must_use]
    pub fn live(&self) -> Option<&AttemptRecord> {
        self.attempts.last().filter(|attempt| attempt.state == AttemptState::Live)
    }

    /// The attempt that counts, if any.
    #[must_use]
    pub fn sealed(&self) -> Option<&AttemptRecord> {
        self.attempts.last().filter(|attempt| attempt.state == AttemptState::Sealed)
    }

    /// Why earlier attempts were lost, oldest first.
    pub fn losses(&self) -> impl Iterator<Item = &LossCause> {
        self.attempts.iter().filter_map(|attempt| match &attempt.state {
            AttemptState::Lost(cause) => Some(cause),
            _ => None,
        })
    }

    /// The newest attempt that may have begun: one that went back leaves its place to the one
    /// before it.
    #[must_use]
    pub fn last_begun(&self) -> Option<&AttemptRecord> {
        self.attempts.iter().rev().find(|attempt| attempt.state != AttemptState::Returned)
    }
}

// === encoding ===

/// The format of the records this build writes.
pub const RECORD_FORMAT: u8 = 2;

/// A record cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The other side speaks another format.
    #[error(
        "record format {found} is unknown, expected {RECORD_FORMAT} (hint: use the same version of multibeam on both sides)"
    )]
    Format {
        /// The format found.
        found: u8,
    },
    /// The bytes are damaged.
    #[error("damaged record")]
    Damaged(#[source] postcard::Error),
    /// There are no bytes.
    #[error("empty record")]
    Empty,
}

/// The bytes of a record on the wire: a format number, then postcard.
fn encode<T: Serialize>(record: &T) -> Vec<u8> {
    postcard::to_extend(record, vec![RECORD_FORMAT])
        .expect("writing to memory cannot fail and every type has a known shape")
}

fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, RecordError> {
    match bytes {
        [] => Err(RecordError::Empty),
        [RECORD_FORMAT, body @ ..] => postcard::from_bytes(body).map_err(RecordError::Damaged),
        [found, ..] => Err(RecordError::Format { found: *found }),
    }
}

macro_rules! wire {
    ($name:ident) => {
        impl $name {
            /// The bytes that cross the wire.
            #[must_use]
            pub fn encode(&self) -> Vec<u8> {
                encode(self)
            }

            /// Reads what `encode` wrote.
            ///
            /// # Errors
            /// An unknown format or damaged bytes.
            pub fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
                decode(bytes)
            }
        }
    };
}

wire!(RunRecord);
wire!(RunLine);
