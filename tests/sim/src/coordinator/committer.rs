//! Makes decisions durable, in order, one batch at a time, and only then lets their consequences
//! out.

use multibeam_model::command::{Change, Command, Decision, Refusal, Reply};
use multibeam_model::{AttemptId, WorkerId};

use super::Stage;
use crate::client::Purpose;
use crate::fault::Fault;
use crate::message::{Ask, Order};
use crate::rules::run_id;
use crate::world::World;

/// Something to be done, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Effect {
    pub(crate) decisions: Vec<Decision>,
    pub(crate) sends: Vec<(WorkerId, Order)>,
    pub(crate) ends: bool,
}

/// Decisions in one batch.
const BATCH: usize = 64;

impl World {
    pub(super) fn effect(&mut self, n: usize, mut effect: Effect) {
        if self.fault == Some(Fault::OrdersBeforeCommit) {
            for (worker, order) in std::mem::take(&mut effect.sends) {
                self.send_order(n, &worker, order);
            }
        }
        let Some(office) = self.office(n) else { return };
        let Stage::Active(run) = &mut office.stage else { return };
        run.effects.push_back(effect);
    }

    /// Proposes the next batch, unless one is under way.
    pub(super) fn commit(&mut self, n: usize) {
        let host = self.coordinator_host(n);
        loop {
            let Some(office) = self.office(n) else { return };
            let epoch = office.epoch;
            let Stage::Active(run) = &mut office.stage else { return };
            if !run.committing.is_empty() || run.effects.is_empty() {
                return;
            }
            let mut decisions = 0;
            while decisions < BATCH
                && let Some(effect) = run.effects.pop_front()
            {
                decisions += effect.decisions.len();
                run.committing.push(effect);
            }
            let decide = |decision: &Decision| Command::Run {
                run: run_id(),
                change: Change::Decide { epoch, decision: decision.clone() },
            };
            let batch = run.committing.iter().flat_map(|effect| &effect.decisions);
            let commands: Vec<Command> = batch.map(decide).collect();
            if commands.is_empty() {
                self.committed(n, Vec::new());
                continue;
            }
            for command in &commands {
                self.rules.proposes(command);
            }
            return self.call(host, Purpose::Commit, Ask::Propose(commands));
        }
    }

    pub(crate) fn committed(&mut self, n: usize, replies: Vec<Reply>) {
        let Some(office) = self.office(n) else { return };
        let Stage::Active(run) = &mut office.stage else { return };
        let batch = std::mem::take(&mut run.committing);
        let mut replies = replies.into_iter();
        let mut refused: Vec<(AttemptId, Refusal)> = Vec::new();
        let mut voided = Vec::new();
        let mut sends = Vec::new();
        let mut ends = false;
        for effect in batch {
            let before = refused.len();
            for decision in effect.decisions {
                match (replies.next(), decision) {
                    (Some(Reply::Refused(Refusal::OldEpoch { .. })), _) => return self.fenced(n),
                    (Some(Reply::Refused(why)), Decision::HandOut { attempt, .. }) => {
                        refused.push((attempt, why));
                    }
                    (
                        Some(Reply::AlreadySealed),
                        Decision::Lose { attempt, .. } | Decision::Return { attempt },
                    ) => voided.push(attempt),
                    (Some(Reply::Refused(why)), decision) => {
                        self.refused_decision(&decision, &why);
                    }
                    _ => {}
                }
            }
            if refused.len() == before {
                sends.extend(effect.sends);
            }
            ends |= effect.ends;
        }
        for (worker, order) in sends {
            self.send_order(n, &worker, order);
        }
        self.not_taken(n, voided, refused);
        if ends {
            self.release_workers(n);
            if let Some(office) = self.office(n) {
                office.stage = Stage::Over;
            }
            return;
        }
        self.commit(n);
    }

    /// Only decisions about attempts whose own hand-out was refused may meet a refusal.
    fn refused_decision(&mut self, decision: &Decision, why: &Refusal) {
        let excused = matches!(decision, Decision::Lose { .. } | Decision::Return { .. });
        if !excused {
            self.rules.breaks(format!("the ledger refuses {decision:?}: {why}"));
        }
    }
}
