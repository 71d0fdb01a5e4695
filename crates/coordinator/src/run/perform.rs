//! What the scheduler wants, done.

use multibeam_model::command::{Command, Decision};
use multibeam_model::event::What;
use multibeam_model::link::{CoordinatorMessage, ProcessOrder, StopHow};
use multibeam_model::outcome::Verdict;
use multibeam_model::{Cause, TargetId, Timestamp, WorkerId};
use multibeam_sched::{Order, Output};

use super::ActiveRun;
use crate::clock::wall;
use crate::committer::Effect;

impl ActiveRun {
    /// Passes one output on. What must keep its order goes through the committer.
    pub(super) fn perform(&mut self, output: Output) {
        match output {
            Output::Commit { decisions, then } => {
                for decision in &decisions {
                    let clusters = &self.spec.clusters;
                    self.spans.decided(decision, |cluster| {
                        clusters
                            .get(cluster.0 as usize)
                            .map(|it| it.name.clone())
                            .unwrap_or_default()
                    });
                }
                then.iter().for_each(|order| self.show_share(order));
                let sends = then.into_iter().map(|order| self.message(order)).collect();
                self.effect(Effect { decisions, sends, ..Effect::default() });
            }
            Output::Send(order) => {
                self.show_share(&order);
                if order.order == ProcessOrder::Stop(StopHow::Hung) {
                    self.tell_hung(order.process);
                }
                let send = self.message(order);
                self.effect(Effect { sends: vec![send], ..Effect::default() });
            }
            Output::SendFact { worker, session, fact } => {
                let message = CoordinatorMessage::Fact { run: self.id.clone(), session, fact };
                self.effect(Effect { sends: vec![(worker, message)], ..Effect::default() });
            }
            Output::CleanUp { worker, process } => {
                let message = CoordinatorMessage::CleanUp { run: self.id.clone(), process };
                self.effect(Effect { sends: vec![(worker, message)], ..Effect::default() });
            }
            Output::Event(what) => {
                self.note(&what);
                self.show(what);
            }
            Output::AttemptLost { attempt, cause, given_up } => {
                self.lessons.lost(attempt);
                let event = self.attempt_lost(attempt, cause, given_up);
                self.show(event);
            }
            Output::TargetEnded { target, verdict, cause } => {
                self.target_ended(target, verdict, cause);
            }
            Output::RunEnded { verdict } => {
                self.effect(Effect {
                    decisions: vec![Decision::EndRun { at: wall() }],
                    events: vec![What::RunEnded { verdict }],
                    ..Effect::default()
                });
            }
        }
    }

    /// Shows how much a process 1 has before it that begins its serial share.
    fn show_share(&mut self, order: &Order) {
        let ProcessOrder::SerialPhase { attempts } = &order.order else { return };
        let expected = attempts.iter().map(|attempt| self.expected_of(*attempt)).sum();
        self.show(What::SerialShare { session: order.process.session, expected });
    }

    fn message(&self, order: Order) -> (WorkerId, CoordinatorMessage) {
        let Order { worker, process, order } = order;
        (worker, CoordinatorMessage::Process { run: self.id.clone(), process, order })
    }

    /// Keeps what later events need.
    fn note(&mut self, what: &What) {
        if let What::SessionOpened { session, target, cluster, .. } = what {
            self.sessions.insert(*session, (*target, *cluster));
        }
    }

    /// The committer makes the verdict worse if the ledger knows of a failure.
    fn target_ended(&mut self, target: TargetId, verdict: Verdict, cause: Option<Cause>) {
        let at = wall();
        let records = self.lesson_of(target, at);
        self.effect(Effect {
            records,
            decisions: vec![Decision::EndTarget { target, verdict, cause: cause.clone(), at }],
            events: vec![What::TargetEnded { target, verdict, cause }],
            ..Effect::default()
        });
    }

    /// What a target has taught, for the ledger.
    fn lesson_of(&mut self, target: TargetId, at: Timestamp) -> Vec<Command> {
        let place = target.0 as usize;
        let catalog = self.targets.get(place).and_then(|target| target.catalog.as_deref());
        let Some((spec, catalog)) = self.spec.targets.get(place).zip(catalog) else {
            return Vec::new();
        };
        let lesson = self.lessons.take(&self.id, target, spec, catalog, at);
        lesson.parts().into_iter().map(Command::Learn).collect()
    }
}
