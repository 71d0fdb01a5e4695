//! Makes the decisions of one run durable, in order, and only then lets their consequences out.
//! While one batch is written the next one collects, so that many hand-outs share one write.

use multibeam_model::command::{Change, Command, Decision, Refusal, Reply};
use multibeam_model::event::What;
use multibeam_model::link::CoordinatorMessage;
use multibeam_model::{AttemptId, Epoch, RunId, WorkerId};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tracing::{Instrument as _, Span};

use crate::ledger::Ledger;
use crate::messages::ToHub;

/// Decisions in one request; more only make the first ones wait.
const BATCH: usize = 256;

/// Something a run wants done, in order.
#[derive(Debug, Default)]
pub(crate) struct Effect {
    /// To be durable first.
    pub(crate) decisions: Vec<Decision>,
    /// To be sent when all of them took effect.
    pub(crate) sends: Vec<(WorkerId, CoordinatorMessage)>,
    /// To be shown after that.
    pub(crate) events: Vec<What>,
    /// The span that it is traced under.
    pub(crate) span: Option<Span>,
}

/// Where a run's effects go.
#[derive(Debug)]
pub(crate) struct Effects {
    to: mpsc::UnboundedSender<Effect>,
    committer: AbortHandle,
}

impl Effects {
    pub(crate) fn new(to: mpsc::UnboundedSender<Effect>, committer: AbortHandle) -> Self {
        Self { to, committer }
    }

    pub(crate) fn send(&self, effect: Effect) {
        // The committer ends only when this coordinator is out of office.
        let _ = self.to.send(effect);
    }

    /// Ends the committer, also while it waits for the ledger.
    pub(crate) fn stop(&self) {
        self.committer.abort();
    }
}

/// What became of an [`Effect`].
#[derive(Debug, Default)]
pub(crate) struct Performed {
    /// To be sent now.
    pub(crate) sends: Vec<(WorkerId, CoordinatorMessage)>,
    /// To be shown now.
    pub(crate) events: Vec<What>,
    /// Hand-outs that were refused; their orders are not sent.
    pub(crate) refused: Vec<(AttemptId, Refusal)>,
    /// Losses that came after the seal.
    pub(crate) voided: Vec<AttemptId>,
    /// Losses and returns that took effect.
    pub(crate) ended: Vec<Decision>,
    /// A newer coordinator is in office.
    pub(crate) newest: Option<Epoch>,
    /// The aggregator refuses to speak with this one.
    pub(crate) refused_for_good: Option<String>,
}

/// Runs until the run is forgotten.
pub(crate) async fn run(
    ledger: Ledger,
    run: RunId,
    epoch: Epoch,
    mut effects: mpsc::UnboundedReceiver<Effect>,
    hub: mpsc::Sender<ToHub>,
) {
    while let Some(first) = effects.recv().await {
        let mut batch = vec![first];
        let mut decisions = batch[0].decisions.len();
        while decisions < BATCH
            && let Ok(effect) = effects.try_recv()
        {
            decisions += effect.decisions.len();
            batch.push(effect);
        }
        let commands: Vec<Command> = batch
            .iter()
            .flat_map(|effect| &effect.decisions)
            .map(|decision| Command::Run {
                run: run.clone(),
                change: Change::Decide { epoch, decision: decision.clone() },
            })
            .collect();
        let replies = match commands.len() {
            0 => Ok(Vec::new()),
            _ => {
                let span = batch[0].span.clone().unwrap_or_else(Span::none);
                ledger.propose(&commands).instrument(span).await
            }
        };
        let performed = match replies {
            Ok(replies) => perform(batch, replies),
            Err(status) => {
                let reason = Some(status.message().to_owned());
                Performed { refused_for_good: reason, ..Performed::default() }
            }
        };
        let fenced = performed.newest.is_some() || performed.refused_for_good.is_some();
        let to_hub = ToHub::Performed { run: run.clone(), performed };
        if hub.send(to_hub).await.is_err() || fenced {
            return;
        }
    }
}

fn perform(batch: Vec<Effect>, replies: Vec<Reply>) -> Performed {
    let mut performed = Performed::default();
    let mut replies = replies.into_iter();
    for effect in batch {
        let refused_before = performed.refused.len();
        for decision in effect.decisions {
            match (replies.next(), &decision) {
                (Some(Reply::Refused(Refusal::OldEpoch { newest })), _) => {
                    performed.newest = Some(newest);
                }
                (Some(Reply::Refused(why)), Decision::HandOut { attempt, .. }) => {
                    performed.refused.push((*attempt, why));
                }
                (
                    Some(Reply::AlreadySealed),
                    Decision::Lose { attempt, .. } | Decision::Return { attempt },
                ) => performed.voided.push(*attempt),
                (Some(Reply::Refused(why)), decision) => {
                    let kind = kind(decision);
                    tracing::error!(kind, %why, "the ledger refuses a decision");
                }
                (Some(_), Decision::Lose { .. } | Decision::Return { .. }) => {
                    performed.ended.push(decision);
                }
                _ => {}
            }
        }
        if performed.newest.is_some() {
            break;
        }
        if performed.refused.len() == refused_before {
            performed.sends.extend(effect.sends);
        }
        performed.events.extend(effect.events);
    }
    performed
}

/// A decision's kind, for the log; the rest of it may be long.
fn kind(decision: &Decision) -> &'static str {
    match decision {
        Decision::AdmitCatalog { .. } => "catalog",
        Decision::OpenSession { .. } => "open session",
        Decision::CloseSession { .. } => "close session",
        Decision::HandOut { .. } => "hand-out",
        Decision::Lose { .. } => "loss",
        Decision::Return { .. } => "return",
        Decision::GiveUp { .. } => "give up",
        Decision::Clean { .. } => "clean-up",
        Decision::EndTarget { .. } => "end of target",
        Decision::EndRun { .. } => "end of run",
        Decision::Resume { .. } => "resume",
        Decision::StartProcess { .. } => "start of a process",
        Decision::EndProcess { .. } => "end of a process",
    }
}
