//! Makes the decisions of one run durable, in order, and only then lets their consequences out.
//! While one batch is written the next one collects, so that many hand-outs share one write.

use multibeam_model::command::{Change, Command, Decision, Refusal, Reply};
use multibeam_model::event::What;
use multibeam_model::link::CoordinatorMessage;
use multibeam_model::record::RunRecord;
use multibeam_model::{Epoch, RunId, WorkerId};
use multibeam_rt::backoff::{Backoff, random, retry};
use multibeam_sched::Input;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tonic::Status;
use tracing::{Instrument as _, Span};

use crate::judge::{self, NotTaken};
use crate::ledger::Ledger;
use crate::messages::ToHub;

/// Decisions in one request; more only make the first ones wait.
const BATCH: usize = 256;

/// Something a run wants done, in order.
#[derive(Debug, Default)]
pub(crate) struct Effect {
    /// To be told to the ledger before that. Nothing depends on it: a ledger that does not take it costs
    /// the run nothing.
    pub(crate) records: Vec<Command>,
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
    /// For the scheduler, in order: what was decided too late, and hand-outs that were refused, whose
    /// orders are not sent.
    pub(crate) not_taken: Vec<Input>,
    /// Losses and returns that took effect.
    pub(crate) ended: Vec<Decision>,
    /// How many hand-outs took effect.
    pub(crate) handed_out: u64,
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
    let committer = Committer { ledger, run, epoch };
    let mut held_back = None;
    while let Some(batch) = next_batch(&mut held_back, &mut effects).await {
        let performed = committer.commit(batch).await.unwrap_or_else(|status| Performed {
            refused_for_good: Some(status.message().to_owned()),
            ..Performed::default()
        });
        let fenced = performed.newest.is_some() || performed.refused_for_good.is_some();
        let to_hub = ToHub::Performed { run: committer.run.clone(), performed };
        if hub.send(to_hub).await.is_err() || fenced {
            return;
        }
    }
}

/// Waits for an effect and takes what else is there. A verdict is held back until everything before
/// it is in the ledger, which is asked what it has to say then.
async fn next_batch(
    held_back: &mut Option<Effect>,
    effects: &mut mpsc::UnboundedReceiver<Effect>,
) -> Option<Vec<Effect>> {
    let first = match held_back.take() {
        Some(effect) => effect,
        None => effects.recv().await?,
    };
    let mut verdicts_only = judge::is_verdict(&first);
    let mut decisions = first.decisions.len();
    let mut batch = vec![first];
    while decisions < BATCH
        && let Ok(effect) = effects.try_recv()
    {
        let verdict = judge::is_verdict(&effect);
        if verdict && !verdicts_only {
            *held_back = Some(effect);
            break;
        }
        verdicts_only &= verdict;
        decisions += effect.decisions.len();
        batch.push(effect);
    }
    Some(batch)
}

/// What stays the same over all batches.
struct Committer {
    ledger: Ledger,
    run: RunId,
    epoch: Epoch,
}

impl Committer {
    /// Has the ledger take a batch in.
    ///
    /// # Errors
    /// When it never will.
    async fn commit(&self, mut batch: Vec<Effect>) -> Result<Performed, Status> {
        for effect in &mut batch {
            self.record_all(std::mem::take(&mut effect.records)).await;
        }
        if batch.iter().any(judge::is_verdict) {
            let record = self.record().await?;
            batch.iter_mut().for_each(|effect| judge::raise(effect, &record));
        }
        let decisions = batch.iter().flat_map(|effect| &effect.decisions);
        let commands: Vec<Command> = decisions
            .map(|decision| Command::Run {
                run: self.run.clone(),
                change: Change::Decide { epoch: self.epoch, decision: decision.clone() },
            })
            .collect();
        let replies = match commands.len() {
            0 => Vec::new(),
            _ => {
                let span = batch[0].span.clone().unwrap_or_else(Span::none);
                self.ledger.propose(&commands).instrument(span).await?
            }
        };
        let (mut performed, not_taken) = perform(batch, replies);
        if performed.newest.is_none() {
            let record = match not_taken.shows_seals() {
                true => Some(self.record().await?),
                false => None,
            };
            performed.not_taken = not_taken.inputs(record.as_ref());
        }
        Ok(performed)
    }

    /// Tells the ledger what it may remember or not: one of an earlier version does not. One by one,
    /// because they are large.
    async fn record_all(&self, records: Vec<Command>) {
        for record in records {
            if let Err(status) = self.ledger.propose(&[record]).await {
                let message = status.message();
                tracing::warn!(run = %self.run, message, "the ledger does not take a record");
                return;
            }
        }
    }

    async fn record(&self) -> Result<RunRecord, Status> {
        retry(Backoff::SERVICE, random, || self.ledger.record(&self.run)).await
    }
}

/// What follows from the ledger's replies.
fn perform(batch: Vec<Effect>, replies: Vec<Reply>) -> (Performed, NotTaken) {
    let mut performed = Performed::default();
    let mut not_taken = NotTaken::default();
    let mut replies = replies.into_iter();
    for effect in batch {
        let refused_before = not_taken.refused.len();
        for decision in effect.decisions {
            match (replies.next(), &decision) {
                (Some(Reply::Refused(Refusal::OldEpoch { newest })), _) => {
                    performed.newest = Some(newest);
                }
                (Some(Reply::Refused(why)), Decision::HandOut { attempt, .. }) => {
                    not_taken.refused.push((*attempt, why));
                }
                (
                    Some(Reply::AlreadySealed),
                    Decision::Lose { attempt, .. } | Decision::Return { attempt },
                ) => not_taken.voided.push(*attempt),
                (Some(Reply::Refused(why)), decision) => {
                    let kind = kind(decision);
                    tracing::error!(kind, %why, "the ledger refuses a decision");
                }
                (Some(_), Decision::HandOut { .. }) => performed.handed_out += 1,
                (Some(_), Decision::Lose { .. } | Decision::Return { .. }) => {
                    performed.ended.push(decision);
                }
                _ => {}
            }
        }
        if performed.newest.is_some() {
            break;
        }
        if not_taken.refused.len() == refused_before {
            performed.sends.extend(effect.sends);
        }
        performed.events.extend(effect.events);
    }
    (performed, not_taken)
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

#[cfg(test)]
mod tests;
