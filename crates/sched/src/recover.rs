//! What an earlier coordinator has left in the ledger.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use multibeam_model::link::SessionFact;
use multibeam_model::outcome::Verdict;
use multibeam_model::record::{
    AttemptRecord, AttemptState, GroupRecord, ProcessRecord, RunRecord, SessionRecord,
};
use multibeam_model::{AttemptId, ClusterId, GroupId, LossCause, ProcessId, SessionId, TargetId};

/// The state of a run that is taken over or up again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// The number of the next session.
    pub next_session: u32,
    /// The targets that the ledger knows.
    pub targets: BTreeMap<TargetId, RecoveredTarget>,
    /// What may still run, when the run is taken over. Without this its live attempts have been
    /// lost and its open sessions closed before it was read.
    pub takeover: Option<Takeover>,
}

/// What an earlier coordinator may have left running.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Takeover {
    /// How long a worker that has not come back may go on with what it has, counted from the
    /// first input: at least its lease and the margin.
    pub patience: Duration,
    /// The open sessions.
    pub sessions: BTreeMap<SessionId, RecoveredSession>,
    /// The last session that each target had on each cluster.
    pub served: BTreeMap<(TargetId, ClusterId), SessionId>,
    /// Live attempts that cannot have begun ([`RunRecord::queued`]): if their workers do not come
    /// back, they cost nothing.
    pub queued: BTreeSet<AttemptId>,
    /// Set when the run is cancelled: whether by force.
    pub cancelled: Option<bool>,
    /// Somebody has taken the run up again: groups that had used up their attempts have another one.
    pub resumed: bool,
}

/// An open session of a [`Takeover`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecoveredSession {
    /// Its target.
    pub target: TargetId,
    /// Its cluster.
    pub cluster: ClusterId,
    /// What its processes must agree on.
    pub facts: Vec<SessionFact>,
    /// Whether its process 1 was handed anything out: it has got past its before-suite.
    pub passed: bool,
    /// Every process that was to be started in it.
    pub processes: BTreeMap<ProcessId, ProcessRecord>,
}

/// One target of a [`Recovered`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecoveredTarget {
    /// Set when it has ended and stays so.
    pub ended: Option<Verdict>,
    /// Every group that was handed out at least once.
    pub groups: BTreeMap<GroupId, RecoveredGroup>,
}

/// One group of a [`Recovered`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecoveredGroup {
    /// How many attempts have a number, returned ones included.
    pub attempts: u32,
    /// Why attempts were lost, oldest first.
    pub losses: Vec<LossCause>,
    /// Set while its last attempt is live: on this process.
    pub live: Option<ProcessId>,
    /// Set when an attempt counts: whether one of its specs failed.
    pub sealed: Option<bool>,
    /// Set when it gets no further attempt.
    pub given_up: Option<LossCause>,
}

impl Recovered {
    /// Reads the record of a run that is taken up again: nothing of it runs any more.
    #[must_use]
    pub fn from_record(record: &RunRecord) -> Self {
        let last = record.sessions.keys().next_back();
        Self {
            next_session: last.map_or(1, |id| id.0.saturating_add(1)),
            targets: record
                .targets
                .iter()
                .map(|(&id, target)| {
                    let groups = target.groups.iter();
                    let target = RecoveredTarget {
                        ended: target.end.as_ref().map(|end| end.verdict),
                        groups: groups.map(|(&id, g)| (id, RecoveredGroup::from(g))).collect(),
                    };
                    (id, target)
                })
                .collect(),
            takeover: None,
        }
    }

    /// Reads the record of a run that is under way and has lost its coordinator: what its workers
    /// still run is adopted, and who does not come back within `patience` is given up. The record
    /// must have been read after the new coordinator took office.
    #[must_use]
    pub fn take_over(record: &RunRecord, patience: Duration) -> Self {
        let sessions = record.sessions.iter();
        let begun: BTreeSet<SessionId> = record
            .attempts()
            .filter(|(_, attempt)| attempt.process.number.is_first())
            .map(|(_, attempt)| attempt.process.session)
            .collect();
        let takeover = Takeover {
            patience,
            sessions: sessions
                .clone()
                .filter(|(_, session)| session.closed.is_none())
                .map(|(&id, session)| (id, RecoveredSession::new(session, begun.contains(&id))))
                .collect(),
            served: sessions.map(|(&id, it)| ((it.target, it.cluster), id)).collect(),
            queued: record.queued(),
            cancelled: record.cancelled.as_ref().map(|cancelled| cancelled.force),
            resumed: !record.resumed.is_empty(),
        };
        Self { takeover: Some(takeover), ..Self::from_record(record) }
    }
}

impl RecoveredSession {
    fn new(record: &SessionRecord, passed: bool) -> Self {
        Self {
            target: record.target,
            cluster: record.cluster,
            facts: record.facts.clone(),
            passed,
            processes: record.processes.clone(),
        }
    }
}

impl From<&GroupRecord> for RecoveredGroup {
    fn from(record: &GroupRecord) -> Self {
        let sealed = record.attempts.iter().find(|attempt| attempt.state == AttemptState::Sealed);
        Self {
            attempts: record.next_number() - 1,
            losses: record.losses().cloned().collect(),
            live: record.live().map(|attempt| attempt.process),
            sealed: sealed.map(AttemptRecord::has_failed),
            given_up: record.given_up.clone(),
        }
    }
}
