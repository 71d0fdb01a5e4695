//! What counts is what the ledger has. News that say whether a spec has failed can be lost together
//! with the worker that told them, while the report itself is durable; so where the ledger knows more
//! than was told, it is asked.

use std::collections::BTreeMap;

use multibeam_model::command::{Decision, Refusal};
use multibeam_model::event::What;
use multibeam_model::outcome::Verdict;
use multibeam_model::record::{AttemptRecord, GroupRecord, RunRecord, SessionRecord};
use multibeam_model::{AttemptId, TargetId};
use multibeam_sched::Input;

use crate::committer::Effect;

/// Decisions that did not take effect.
#[derive(Debug, Default)]
pub(crate) struct NotTaken {
    /// Losses and returns that came after the seal.
    pub(crate) voided: Vec<AttemptId>,
    /// Hand-outs that were refused.
    pub(crate) refused: Vec<(AttemptId, Refusal)>,
}

impl NotTaken {
    /// Whether attempts have been sealed of which the scheduler may not know.
    pub(crate) fn shows_seals(&self) -> bool {
        let done = |(_, why): &(AttemptId, Refusal)| *why == Refusal::GroupDone;
        !self.voided.is_empty() || self.refused.iter().any(done)
    }

    /// What the scheduler is to hear, in this order. It takes a group that it may not hand out to have
    /// passed unless it knows better, and may end a target for it, so seals come first. `record` has
    /// been read since, if that [shows seals](Self::shows_seals).
    pub(crate) fn inputs(self, record: Option<&RunRecord>) -> Vec<Input> {
        let sealed = record.map(|record| self.sealed(record)).unwrap_or_default();
        let sealed = sealed.into_iter();
        let mut inputs: Vec<Input> =
            sealed.map(|(attempt, failed)| Input::LossVoided { attempt, failed }).collect();
        if !self.refused.is_empty() {
            inputs.push(Input::CommitRefused { refused: self.refused });
        }
        inputs
    }

    /// The attempts that count after all, each with whether one of its specs has failed.
    fn sealed(&self, record: &RunRecord) -> BTreeMap<AttemptId, bool> {
        let done = self.refused.iter().filter(|(_, why)| *why == Refusal::GroupDone);
        let earlier = done.filter_map(|(refused, _)| {
            let sealed = record.group(refused.target, refused.group)?.sealed()?;
            Some(AttemptId { number: sealed.number, ..*refused })
        });
        let failed = |id: AttemptId| record.attempt(id).is_some_and(AttemptRecord::has_failed);
        self.voided.iter().copied().chain(earlier).map(|id| (id, failed(id))).collect()
    }
}

/// Whether an effect tells how something has ended.
pub(crate) fn is_verdict(effect: &Effect) -> bool {
    let ends = |it: &Decision| matches!(it, Decision::EndTarget { .. } | Decision::EndRun { .. });
    effect.decisions.iter().any(ends)
}

/// Makes the verdicts of an effect no better than what the ledger has.
pub(crate) fn raise(effect: &mut Effect, record: &RunRecord) {
    let failed = |target: &TargetId| has_failed(record, *target);
    for decision in &mut effect.decisions {
        if let Decision::EndTarget { target, verdict, .. } = decision
            && failed(target)
        {
            *verdict = (*verdict).max(Verdict::Failed);
        }
    }
    for event in &mut effect.events {
        let (verdict, failed) = match event {
            What::TargetEnded { target, verdict, .. } => (verdict, failed(target)),
            What::RunEnded { verdict } => (verdict, record.targets.keys().any(failed)),
            _ => continue,
        };
        if failed {
            *verdict = (*verdict).max(Verdict::Failed);
        }
    }
}

/// Whether a spec or a suite node that counts has failed.
fn has_failed(record: &RunRecord, target: TargetId) -> bool {
    let groups = record.targets.get(&target).into_iter().flat_map(|it| it.groups.values());
    let sealed = groups.filter_map(GroupRecord::sealed).any(AttemptRecord::has_failed);
    // The suite nodes of a lost session do not count.
    let sessions = record.sessions.values();
    let mut sessions = sessions.filter(|it| it.target == target && it.closed != Some(true));
    sealed || sessions.any(SessionRecord::has_failed_node)
}
