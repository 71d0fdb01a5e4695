//! What an earlier coordinator has left in the ledger.

use std::collections::BTreeMap;

use multibeam_model::outcome::Verdict;
use multibeam_model::record::{AttemptState, GroupRecord, RunRecord};
use multibeam_model::{GroupId, LossCause, TargetId};

/// The state of a run that is taken over or up again. Its live attempts have been lost and its
/// open sessions closed before it is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// The number of the next session.
    pub next_session: u32,
    /// The targets that the ledger knows.
    pub targets: BTreeMap<TargetId, RecoveredTarget>,
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
    /// Set when an attempt counts: whether one of its specs failed.
    pub sealed: Option<bool>,
    /// Set when it gets no further attempt.
    pub given_up: Option<LossCause>,
}

impl Recovered {
    /// Reads a run's record.
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
        }
    }
}

impl From<&GroupRecord> for RecoveredGroup {
    fn from(record: &GroupRecord) -> Self {
        let sealed = record.attempts.iter().find(|attempt| attempt.state == AttemptState::Sealed);
        Self {
            attempts: record.next_number() - 1,
            losses: record.losses().cloned().collect(),
            sealed: sealed.map(|a| a.received.values().any(|report| report.state.is_failure())),
            given_up: record.given_up.clone(),
        }
    }
}
