//! What an earlier coordinator may have left running. A worker that cannot be reached goes on with
//! what it has until its lease is over; nothing that it may still run is handed out before.

use std::collections::BTreeSet;
use std::time::Duration;

use multibeam_model::record::RunRecord;
use multibeam_model::{Moment, RunId, WorkerId};
use tokio::sync::oneshot;

use crate::clock::Clock;
use crate::workers::Workers;

/// The processes of a run whose end is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Doubt {
    run: RunId,
    /// Those who may have them.
    workers: BTreeSet<WorkerId>,
    /// There are some, and nobody knows where.
    anywhere: bool,
    /// How long after the last renewal of its lease no process lives any more.
    patience: Duration,
}

impl Doubt {
    /// What a run's record leaves open. A session that is open without a single hand-out may be in
    /// its before-suite, on workers that the ledger does not know.
    pub(crate) fn of(record: &RunRecord, patience: Duration) -> Self {
        let open = |session| record.sessions.get(session).is_some_and(|it| it.closed.is_none());
        let named = record.attempts().filter(|(_, attempt)| {
            attempt.state == multibeam_model::record::AttemptState::Live
                || open(&attempt.process.session)
        });
        let named: Vec<_> = named.map(|(_, attempt)| attempt).collect();
        let sessions: BTreeSet<_> = named.iter().map(|attempt| attempt.process.session).collect();
        Self {
            run: record.run.clone(),
            anywhere: record.sessions.keys().any(|it| open(it) && !sessions.contains(it)),
            workers: named.into_iter().map(|attempt| attempt.worker.clone()).collect(),
            patience,
        }
    }

    /// Whether nothing of it can be alive. `last_renewal` is [`Workers::last_renewal`] for the run.
    fn is_over(&self, now: Moment, last_renewal: impl Fn(&WorkerId) -> Option<Moment>) -> bool {
        let dead = |renewed: Moment| now.since(renewed) > self.patience;
        let gone = |worker: &WorkerId| last_renewal(worker).is_none_or(dead);
        self.workers.iter().all(gone) && (!self.anywhere || dead(Clock::OFFICE))
    }
}

/// Those who wait for the end of a doubt.
#[derive(Debug, Default)]
pub(crate) struct Doubts {
    waiting: Vec<(Doubt, oneshot::Sender<()>)>,
}

impl Doubts {
    /// Answers when the doubt is over.
    pub(crate) fn add(&mut self, doubt: Doubt, reply: oneshot::Sender<()>) {
        tracing::info!(run = %doubt.run, workers = ?doubt.workers, anywhere = doubt.anywhere, "waiting for what an earlier coordinator left running");
        self.waiting.push((doubt, reply));
    }

    /// Answers those whose doubt is over. To be called when a worker's standing has changed, and
    /// now and then, because silence is a sign, too.
    pub(crate) fn resolve(&mut self, now: Moment, workers: &Workers) {
        for (doubt, reply) in std::mem::take(&mut self.waiting) {
            if doubt.is_over(now, |worker| workers.last_renewal(worker, &doubt.run)) {
                // Who asked may be gone.
                let _ = reply.send(());
            } else if !reply.is_closed() {
                self.waiting.push((doubt, reply));
            }
        }
    }
}

#[cfg(test)]
mod tests;
