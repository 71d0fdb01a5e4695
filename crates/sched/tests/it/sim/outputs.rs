//! What happens to the scheduler's outputs, and what must hold of them.

use std::time::Duration;

use multibeam_model::command::{Decision, Refusal};
use multibeam_model::event::What;
use multibeam_model::outcome::ProcessEnd;
use multibeam_model::{AttemptId, LossCause, ProcessId, SessionId, WorkerId};
use multibeam_sched::{Input, Order, Output};

use super::ledger::State;
use super::world::{Event, World};

impl World {
    pub(crate) fn perform(&mut self, output: Output) {
        match output {
            Output::Commit { decisions, then } => self.commit(&decisions, then),
            Output::Send(order) => self.send(order),
            Output::SendFact { worker, session, fact } => {
                if let multibeam_model::link::SessionFact::BeforeSuite { state, .. } = fact {
                    let fact =
                        Event::Fact(self.epoch, worker.clone(), session, !state.is_failure());
                    self.reach(&worker, fact);
                }
            }
            Output::CleanUp { worker, process } => {
                self.saw("clean-up");
                let after = if self.rng.chance(5) { 1_000 } else { self.rng.range(0, 60) };
                let input = Input::CleanedUp { process };
                self.at(Duration::from_secs(after), Event::News(self.epoch, worker, input));
            }
            Output::Event(What::ClusterGivenUp { .. }) => self.saw("cluster given up"),
            Output::Event(What::SessionClosed { lost: true, .. }) => self.saw("session lost"),
            Output::Event(What::ProcessEnded { end: ProcessEnd::NotStarted, .. })
                if self.adopting =>
            {
                self.saw("takeover: a process never started");
            }
            Output::Event(What::Warning { message }) if message.contains("get specs") => {
                self.saw("cluster narrowed or widened");
            }
            Output::Event(_) => {}
            Output::AttemptLost { cause, given_up, .. } => {
                if given_up {
                    self.saw("given up");
                }
                self.saw(match cause {
                    LossCause::ProcessDied { .. } => "lost: process",
                    LossCause::WorkerLost { .. } => "lost: worker",
                    LossCause::ClusterLost { .. } => "lost: cluster",
                    LossCause::Hung { .. } => "lost: hung",
                    LossCause::Killed => "lost: killed",
                });
            }
            Output::TargetEnded { target, verdict, cause } => {
                let mine = |id: &SessionId| self.sessions[id].0 == target;
                assert!(!self.ledger.open.iter().any(mine), "a target ends after its sessions");
                let before = self.ended.insert(target, (verdict, cause));
                assert!(before.is_none(), "a target ends once");
            }
            Output::RunEnded { verdict } => self.over = Some(verdict),
        }
    }

    fn commit(&mut self, decisions: &[Decision], then: Vec<Order>) {
        let mut refused = Vec::new();
        for decision in decisions {
            if self.dies_now() {
                return;
            }
            if let Decision::HandOut { attempt, process, worker, .. } = decision {
                assert!(!self.cancelled, "{attempt} handed out after the cancel");
                let (target, cluster) = self.sessions[&process.session];
                assert_eq!(target, attempt.target);
                let ready = !self.unready.contains(&cluster);
                assert!(ready, "{attempt} handed out to a cluster that is not ready");
                let here = self.workers.get(worker).is_none_or(|w| w.cluster == cluster);
                assert!(here, "{attempt} goes to a worker of another cluster");
                if let Err(refusal) = self.hand_out(*attempt, *process, worker) {
                    refused.push((*attempt, refusal));
                }
                continue;
            }
            if let Decision::OpenSession { session, target, cluster } = decision {
                let shared = self.ledger.open.iter().any(|id| self.sessions[id].1 == *cluster);
                assert!(!shared, "one session per cluster at a time");
                if self.sessions.values().any(|known| *known == (*target, *cluster)) {
                    self.saw("session reopened");
                }
                self.sessions.insert(*session, (*target, *cluster));
            }
            match decision {
                Decision::Return { attempt } => {
                    self.ends(*attempt);
                    self.saw("returned");
                    if self.adopting {
                        self.saw("takeover: an order never arrived");
                    }
                }
                Decision::Lose { attempt, .. } => self.ends(*attempt),
                Decision::GiveUp { cause: LossCause::ClusterLost { .. }, .. } => {
                    self.saw("lost to the cluster twice")
                }
                _ => {}
            }
            if let Some((attempt, failed)) = self.ledger.decide(decision) {
                self.saw("loss voided");
                let after = self.latency();
                self.at(after, Event::Tell(Input::LossVoided { attempt, failed }));
            }
        }
        if self.dies_now() {
        } else if refused.is_empty() {
            then.into_iter().for_each(|order| self.send(order));
        } else {
            self.saw("commit refused");
            let after = self.latency();
            self.at(after, Event::Tell(Input::CommitRefused { refused }));
        }
    }

    /// The schedule ends an attempt: it must not run any more, whatever happened.
    fn ends(&self, attempt: AttemptId) {
        let runs = self.running.values().any(|running| *running == attempt);
        assert!(!runs, "{attempt} is lost although it runs");
    }

    fn hand_out(
        &mut self,
        attempt: AttemptId,
        process: ProcessId,
        worker: &WorkerId,
    ) -> Result<(), Refusal> {
        if self.rng.chance(self.setting.faults.refuse) {
            let attempts = self.ledger.groups.entry((attempt.target, attempt.group)).or_default();
            match self.rng.range(0, 2) {
                // Somebody took the number.
                0 => attempts.push(State::Foreign),
                1 => return Err(Refusal::LiveAttempt),
                _ if attempts.iter().all(|s| !matches!(s, State::Sealed { .. })) => {
                    attempts.push(State::Sealed { failed: false });
                }
                _ => {}
            }
        }
        self.ledger.hand_out(attempt, process, worker)
    }

    fn send(&mut self, order: Order) {
        let worker = order.worker.clone();
        self.reach(&worker, Event::Order(self.epoch, order));
    }
}
