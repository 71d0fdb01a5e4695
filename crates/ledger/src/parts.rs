//! Payloads that come in parts. The parts are durable before the report that they belong to, so
//! that nothing counts before all of it is there.

use multibeam_model::command::{Part, PartOf, Refusal, Reply};
use multibeam_model::record::{PayloadRef, RunRecord};

use crate::Ledger;

/// Parts of one payload; with [`multibeam_model::command::PART_BYTES`] far more than a report has.
const MOST: usize = 1024;

pub(crate) fn part(run: &mut RunRecord, here: PayloadRef, part: &Part) -> Reply {
    if is_known(run, part.of) {
        // Its report is there, so all parts were.
        return Reply::Duplicate;
    }
    if !may_come(run, part.of) {
        return Reply::Refused(Refusal::Unknown);
    }
    let parts = run.parts.open.entry(part.of).or_default();
    match (part.number as usize).cmp(&parts.len()) {
        std::cmp::Ordering::Less => Reply::Duplicate,
        std::cmp::Ordering::Equal if parts.len() < MOST => {
            parts.push(here.index);
            Reply::Done
        }
        _ => Reply::Refused(Refusal::Conflict),
    }
}

/// A report was answered: when it was taken in, the parts before it are its own.
pub(crate) fn join(run: &mut RunRecord, of: PartOf, here: PayloadRef, reply: &Reply) {
    let new = matches!(reply, Reply::Done | Reply::Sealed);
    // A report of a lost attempt stays on record as well.
    let late = *reply == Reply::Refused(Refusal::AttemptLost);
    if !(new || late) {
        return;
    }
    if let Some(parts) = run.parts.open.remove(&of) {
        run.parts.joined.insert(here.index, parts);
    }
}

/// Whether the report is there.
fn is_known(run: &RunRecord, of: PartOf) -> bool {
    match of {
        PartOf::Report { attempt, ordinal } => run.attempt(attempt).is_some_and(|attempt| {
            attempt.received.contains(ordinal) || attempt.late.contains(ordinal)
        }),
        PartOf::SuiteNode { process, ordinal } => {
            let session = run.sessions.get(&process.session);
            let nodes = session.and_then(|session| session.nodes.get(&process));
            nodes.is_some_and(|nodes| nodes.contains_key(&ordinal))
        }
    }
}

/// Whether the ledger knows what the report would be of.
fn may_come(run: &RunRecord, of: PartOf) -> bool {
    match of {
        PartOf::Report { attempt, .. } => run.attempt(attempt).is_some(),
        PartOf::SuiteNode { process, .. } => run.sessions.contains_key(&process.session),
    }
}

impl Ledger {
    /// The places of the commands that brought a payload, in order: its parts, if it came in any,
    /// and then the report itself.
    #[must_use]
    pub fn places(&self, payload: PayloadRef) -> Vec<u64> {
        let parts = self.runs().find_map(|run| run.parts.joined.get(&payload.index));
        parts.into_iter().flatten().copied().chain([payload.index]).collect()
    }
}
