//! What the kernel says of this process, read when somebody asks.

use std::fmt;
use std::fs;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

use crate::{clock, tasks};

/// `process_start_time_seconds`, `process_resident_memory_bytes`, `process_open_fds`, and
/// `process_threads`: the names that dashboards for other programs use, too.
#[derive(Debug)]
pub(super) struct Process {
    start_seconds: f64,
}

impl Process {
    pub(super) fn begun_now() -> Self {
        Self { start_seconds: clock::wall_ns() as f64 / 1e9 }
    }
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut gauge = |name, help, unit: Option<Unit>, value: f64| {
            let gauge = ConstGauge::new(value);
            gauge.encode(encoder.encode_descriptor(name, help, unit.as_ref(), MetricType::Gauge)?)
        };
        gauge(
            "process_start_time",
            "When the process began, since 1970",
            Some(Unit::Seconds),
            self.start_seconds,
        )?;
        // A value that cannot be read is left out: 0 would be a lie.
        if let Some(status) = Status::read() {
            gauge(
                "process_resident_memory",
                "Memory of the process that is in RAM",
                Some(Unit::Bytes),
                status.resident_bytes,
            )?;
            gauge("process_threads", "Threads of the process", None, status.threads)?;
        }
        if let Ok(open) = fs::read_dir("/proc/self/fd") {
            // One of them is the directory that is being read.
            let open = open.count().saturating_sub(1);
            gauge("process_open_fds", "Open files and sockets", None, open as f64)?;
        }
        Ok(())
    }
}

/// The lines of `/proc/self/status` that are wanted.
#[derive(Debug, PartialEq)]
struct Status {
    resident_bytes: f64,
    threads: f64,
}

impl Status {
    fn read() -> Option<Self> {
        Self::parse(&fs::read_to_string("/proc/self/status").ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        let number = |key: &str| -> Option<f64> {
            let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
            line.split_whitespace().next()?.parse().ok()
        };
        Some(Self { resident_bytes: number("VmRSS")? * 1024.0, threads: number("Threads")? })
    }
}

/// `multibeam_task_panics_total`.
#[derive(Debug)]
pub(super) struct TaskPanics;

impl Collector for TaskPanics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let panics = ConstCounter::new(tasks::panics());
        panics.encode(encoder.encode_descriptor(
            "task_panics",
            "Tasks that panicked",
            None,
            MetricType::Counter,
        )?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_words_are_understood() {
        let status = "Name:\tx\nVmRSS:\t    1234 kB\nVmRSSx: 1 kB\nThreads:\t7\n";
        let expected = Status { resident_bytes: 1234.0 * 1024.0, threads: 7.0 };
        assert_eq!(Status::parse(status), Some(expected));
        assert_eq!(Status::parse("Threads:\t7\n"), None);
        let here = Status::read().unwrap();
        assert!(here.resident_bytes > 65536.0 && here.threads >= 1.0, "{here:?}");
    }
}
