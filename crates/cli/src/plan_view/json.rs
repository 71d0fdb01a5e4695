//! `multibeam plan --json`
//!
//! ```json
//! {
//!   "format": 1,
//!   "expectedSeconds": 523.2,
//!   "assumptions": "…",
//!   "durations": {"same-labels": 380, "table": 22},
//!   "targets": [{
//!     "name": "v1.36", "expectedSeconds": 523.2, "lowSeconds": 510.0, "highSeconds": 560.0,
//!     "limitSeconds": 515.1, "ratio": 1.016,
//!     "oneMoreClusterSeconds": 395.8, "moreProcessesSeconds": 415.9,
//!     "criticalPath": [{"spec": "…", "cluster": "a", "process": 3, "serial": false,
//!                       "from": 4.0, "to": 304.1}]
//!   }],
//!   "clusters": [{"name": "a", "processes": 8, "memoryBytes": 2147483648}],
//!   "bars": [{"target": 0, "spec": "…", "cluster": "a", "process": 3, "serial": false,
//!             "from": 4.0, "to": 304.1}]
//! }
//! ```
//!
//! Times are seconds from the start of the run. New keys may come within format 1.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use multibeam_forecast::Bar;
use multibeam_history::Basis;
use serde::Serialize;

use super::Planned;

/// Version of the shape.
pub const FORMAT: u32 = 1;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Plan<'a> {
    format: u32,
    expected_seconds: f64,
    assumptions: String,
    /// Selected specs by what says how long they take.
    durations: &'a BTreeMap<Basis, usize>,
    targets: Vec<Target<'a>>,
    clusters: Vec<Cluster<'a>>,
    bars: Vec<Execution<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Target<'a> {
    name: &'a str,
    expected_seconds: f64,
    low_seconds: f64,
    high_seconds: f64,
    limit_seconds: f64,
    ratio: f64,
    one_more_cluster_seconds: f64,
    more_processes_seconds: f64,
    critical_path: Vec<Execution<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Cluster<'a> {
    name: &'a str,
    processes: u64,
    memory_bytes: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Execution<'a> {
    target: u32,
    spec: String,
    cluster: &'a str,
    process: u32,
    serial: bool,
    from: f64,
    to: f64,
}

/// Writes a plan as JSON.
///
/// # Errors
/// When `out` cannot be written.
pub fn write(out: &mut impl Write, planned: &Planned<'_>) -> io::Result<()> {
    let forecast = planned.forecast;
    let targets = planned.scene.targets.iter().zip(&forecast.targets);
    let plan = Plan {
        format: FORMAT,
        expected_seconds: secs(forecast.course.end()),
        assumptions: planned.assumptions(),
        durations: &planned.bases,
        targets: targets
            .map(|(scene, target)| Target {
                name: &scene.name,
                expected_seconds: secs(target.expected),
                low_seconds: secs(target.range.0),
                high_seconds: secs(target.range.1),
                limit_seconds: secs(target.limit),
                ratio: target.ratio(),
                one_more_cluster_seconds: secs(target.with_cluster),
                more_processes_seconds: secs(target.with_processes),
                critical_path: target.critical.iter().map(|bar| execution(planned, bar)).collect(),
            })
            .collect(),
        clusters: planned
            .scene
            .clusters()
            .map(|(id, cluster)| {
                let processes = planned.processes(id);
                let memory_bytes = processes * planned.process_memory;
                Cluster { name: &cluster.name, processes, memory_bytes }
            })
            .collect(),
        bars: forecast.course.bars.iter().map(|bar| execution(planned, bar)).collect(),
    };
    serde_json::to_writer_pretty(&mut *out, &plan)?;
    writeln!(out)
}

fn execution<'a>(planned: &'a Planned<'_>, bar: &Bar) -> Execution<'a> {
    let cluster = planned.scene.clusters.get(bar.cluster.0 as usize);
    Execution {
        target: bar.target.0,
        spec: planned.name(bar),
        cluster: cluster.map_or("", |cluster| &cluster.name),
        process: bar.process.number.0,
        serial: bar.serial,
        from: secs(bar.from),
        to: secs(bar.to),
    }
}

fn secs(time: Duration) -> f64 {
    time.as_secs_f64()
}
