//! What a coordinator tells about itself as metrics.

use std::collections::BTreeMap;

use multibeam_model::command::Decision;
use multibeam_model::{Epoch, RunId};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::committer::Performed;
use crate::run::ActiveRun;

/// The families of a coordinator, over all its terms of office; cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct OfficeMetrics {
    epoch: Gauge,
    workers: Gauge,
    runs_under_way: Gauge,
    runs_queued: Gauge,
    queue_messages: Gauge,
    hand_outs: Counter,
    attempts_lost: Counter,
    workers_lost: Counter,
}

impl OfficeMetrics {
    pub(crate) fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("coordinator");
        for (name, help, gauge) in [
            ("epoch", "The term of office; 0 while it stands by", &self.epoch),
            ("workers", "Workers whose lease runs", &self.workers),
            ("runs_under_way", "Runs that have begun and not ended", &self.runs_under_way),
            ("runs_queued", "Runs that wait for a cluster", &self.runs_queued),
            ("queue_messages", "Messages that wait for the hub", &self.queue_messages),
        ] {
            registry.register(name, help, gauge.clone());
        }
        for (name, help, counter) in [
            ("hand_outs", "Groups given to processes", &self.hand_outs),
            ("attempts_lost", "Attempts that the ledger took for lost", &self.attempts_lost),
            ("workers_lost", "Workers that were given up", &self.workers_lost),
        ] {
            registry.register(name, help, counter.clone());
        }
    }

    /// How a coordinator in office stands.
    pub(crate) fn stands(
        &self,
        epoch: Epoch,
        workers: usize,
        runs: &BTreeMap<RunId, ActiveRun>,
        waiting: usize,
    ) {
        let under_way = runs.values().filter(|run| !run.is_told_over());
        let (queued, begun): (Vec<_>, Vec<_>) = under_way.partition(|run| run.is_queued());
        set(&self.epoch, usize::try_from(epoch.0).unwrap_or(usize::MAX));
        set(&self.workers, workers);
        set(&self.runs_under_way, begun.len());
        set(&self.runs_queued, queued.len());
        set(&self.queue_messages, waiting);
    }

    /// It is out of office: nothing here is its business any more.
    pub(crate) fn stands_by(&self) {
        self.stands(Epoch(0), 0, &BTreeMap::new(), 0);
    }

    /// The ledger has taken decisions in.
    pub(crate) fn performed(&self, performed: &Performed) {
        self.hand_outs.inc_by(performed.handed_out);
        let lost = |decision: &&Decision| matches!(decision, Decision::Lose { .. });
        self.attempts_lost.inc_by(performed.ended.iter().filter(lost).count() as u64);
    }

    pub(crate) fn worker_lost(&self) {
        self.workers_lost.inc();
    }
}

fn set(gauge: &Gauge, value: usize) {
    gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
}
