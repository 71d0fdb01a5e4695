//! What a worker tells about itself as metrics.

use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::registry::{Registry, Unit};

use crate::guard::clock::BootMillis;

/// The file in the directory of a suite process that has its output.
pub(crate) const SPOOL: &str = "output";

/// The families of a worker; cheap to clone. It goes on counting when the worker comes back as
/// another one.
#[derive(Clone, Debug, Default)]
pub struct WorkerMetrics {
    processes: Gauge,
    news_waiting: Gauge,
    reports_waiting: Gauge,
    reports: Counter,
    hand_outs: Counter,
    processes_lost: Counter,
    /// When the lease ends, in milliseconds of the clock that it counts in.
    lease: Arc<AtomicU64>,
}

impl WorkerMetrics {
    /// Registers `worker_*`: suite processes, what waits for coordinator and ledger, the lease, and
    /// what the output of suite processes takes in `data`, the worker's directory.
    pub fn register(&self, registry: &mut Registry, data: PathBuf) {
        let registry = registry.sub_registry_with_prefix("worker");
        for (name, help, gauge) in [
            ("processes", "Suite processes under way", &self.processes),
            ("news_waiting", "News that wait for the coordinator", &self.news_waiting),
            ("reports_waiting", "Reports that the ledger has not yet", &self.reports_waiting),
        ] {
            registry.register(name, help, gauge.clone());
        }
        for (name, help, counter) in [
            ("reports", "Reports that the ledger has", &self.reports),
            ("hand_outs", "Groups that were to be run here", &self.hand_outs),
            ("processes_lost", "Suite processes that ended too early", &self.processes_lost),
        ] {
            registry.register(name, help, counter.clone());
        }
        registry.register_collector(Box::new(Looked { lease: Arc::clone(&self.lease), data }));
    }

    pub(crate) fn stands(&self, processes: usize, news: usize) {
        self.processes.set(i64::try_from(processes).unwrap_or(i64::MAX));
        self.news_waiting.set(i64::try_from(news).unwrap_or(i64::MAX));
    }

    pub(crate) fn lease_until(&self, deadline: BootMillis) {
        self.lease.store(deadline.0, Ordering::Relaxed);
    }

    pub(crate) fn handed_out(&self, groups: usize) {
        self.hand_outs.inc_by(groups as u64);
    }

    pub(crate) fn process_lost(&self) {
        self.processes_lost.inc();
    }

    /// A report is on its way until what this gives is dropped.
    pub(crate) fn shipping(&self) -> Shipping {
        self.reports_waiting.inc();
        Shipping(self.clone())
    }
}

/// A report on its way to the ledger.
#[derive(Debug)]
pub(crate) struct Shipping(WorkerMetrics);

impl Shipping {
    /// The ledger has it.
    pub(crate) fn arrived(&self) {
        self.0.reports.inc();
    }
}

impl Drop for Shipping {
    fn drop(&mut self) {
        self.0.reports_waiting.dec();
    }
}

/// What is looked at anew each time.
#[derive(Debug)]
struct Looked {
    lease: Arc<AtomicU64>,
    data: PathBuf,
}

impl Looked {
    /// The output of the suite processes of all runs, which guards write.
    fn spooled(&self) -> u64 {
        let within = |path: PathBuf| fs::read_dir(path).into_iter().flatten().flatten();
        let processes = within(self.data.clone()).flat_map(|run| within(run.path()));
        let spools = processes.map(|process| process.path().join(SPOOL));
        spools.filter_map(|spool| Some(fs::metadata(spool).ok()?.len())).sum()
    }
}

impl Collector for Looked {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let until = self.lease.load(Ordering::Relaxed);
        let left = until.saturating_sub(BootMillis::now().0) as f64 / 1000.0;
        let (name, help) = ("lease_left", "Time until guards kill their suite processes");
        let unit = Some(&Unit::Seconds);
        let lease = encoder.encode_descriptor(name, help, unit, MetricType::Gauge)?;
        ConstGauge::new(left).encode(lease)?;
        let (name, help) = ("spool", "Output of suite processes on the disk");
        let spool = encoder.encode_descriptor(name, help, Some(&Unit::Bytes), MetricType::Gauge)?;
        ConstGauge::new(i64::try_from(self.spooled()).unwrap_or(i64::MAX)).encode(spool)
    }
}

#[cfg(test)]
mod tests {
    use multibeam_rt::metrics::Metrics;

    use super::*;

    /// The value of a family without labels.
    fn value(metrics: &Metrics, name: &str) -> f64 {
        let text = metrics.encode();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
    }

    #[test]
    fn a_worker_tells_how_it_stands() {
        let data = tempfile::tempdir().unwrap();
        for (process, bytes) in [("run-1/0", 10), ("run-1/1", 20), ("run-2/0", 5)] {
            let directory = data.path().join(process);
            fs::create_dir_all(&directory).unwrap();
            fs::write(directory.join(SPOOL), vec![b'x'; bytes]).unwrap();
        }
        fs::write(data.path().join("lock"), "").unwrap();
        let (metrics, worker) = (Metrics::new("worker", "1"), WorkerMetrics::default());
        metrics.register(|registry| worker.register(registry, data.path().to_owned()));
        assert!(value(&metrics, "multibeam_worker_spool_bytes") == 35.0);
        assert!(value(&metrics, "multibeam_worker_lease_left_seconds") == 0.0);

        worker.stands(3, 2);
        worker.handed_out(4);
        worker.process_lost();
        worker.lease_until(BootMillis(BootMillis::now().0 + 1_000_000));
        let (first, second) = (worker.shipping(), worker.shipping());
        first.arrived();
        drop(first);
        for (name, expected) in [
            ("multibeam_worker_processes", 3.0),
            ("multibeam_worker_news_waiting", 2.0),
            ("multibeam_worker_reports_waiting", 1.0),
            ("multibeam_worker_reports_total", 1.0),
            ("multibeam_worker_hand_outs_total", 4.0),
            ("multibeam_worker_processes_lost_total", 1.0),
        ] {
            assert!(value(&metrics, name) == expected, "{name}");
        }
        let left = value(&metrics, "multibeam_worker_lease_left_seconds");
        assert!(0.0 < left && left <= 1000.0, "{left}");
        drop(second);
        assert!(value(&metrics, "multibeam_worker_reports_waiting") == 0.0);
    }
}
