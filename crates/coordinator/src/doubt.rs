//! What may still run of a run that is taken up again after its end, or that no coordinator could
//! take over. A worker that cannot be reached goes on with what it has until its lease is over;
//! nothing that it may still run is handed out before.

use std::collections::BTreeSet;
use std::time::Duration;

use multibeam_model::record::RunRecord;
use multibeam_model::{Moment, RunId, WorkerId};
use tokio::sync::oneshot;

use crate::workers::Workers;

/// The processes of a run whose end is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Doubt {
    run: RunId,
    /// Those who may have them.
    workers: BTreeSet<WorkerId>,
    /// How long after the last renewal of its lease no process lives any more.
    patience: Duration,
}

impl Doubt {
    /// What a run's record leaves open: processes that were to be started and of which no end is
    /// known, whether or not anything was handed out to them, and attempts of the same kind. A worker
    /// gets no order before both are in the ledger.
    pub(crate) fn of(record: &RunRecord, patience: Duration) -> Self {
        let open = record.sessions.values().filter(|session| session.closed.is_none());
        let processes = open.flat_map(|session| session.processes.values());
        let alive = processes.filter(|process| process.ended.is_none());
        let alive = alive.map(|process| process.worker.clone());
        let live = record.live().map(|(_, attempt)| attempt.worker.clone());
        Self { run: record.run.clone(), workers: alive.chain(live).collect(), patience }
    }

    /// Whether nothing of it can be alive. `last_renewal` is [`Workers::last_renewal`] for the run.
    fn is_over(&self, now: Moment, last_renewal: impl Fn(&WorkerId) -> Option<Moment>) -> bool {
        let dead = |renewed: Moment| now.since(renewed) > self.patience;
        let gone = |worker: &WorkerId| last_renewal(worker).is_none_or(dead);
        self.workers.iter().all(gone)
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
        tracing::info!(run = %doubt.run, workers = ?doubt.workers, "waiting for what an earlier coordinator left running");
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
