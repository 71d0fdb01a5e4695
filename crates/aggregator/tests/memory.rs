//! Rendering keeps one report in memory at a time, whatever a target printed.
#![allow(clippy::unwrap_used, reason = "a failed test may panic")]

#[path = "it/common/mod.rs"]
mod common;

use std::io::{self, Write};

use common::*;
use multibeam_aggregator::render::render;
use multibeam_ginkgo::catalog::{GroupIndex, Placement, SpecIndex as CatalogIndex};
use multibeam_model::command::{Change, Decision, Report};
use multibeam_model::{AttemptId, ClusterId, GroupId, SpecIndex, SpecState};

/// Specs, and bytes of captured output of each: 160 MB in sum.
const SPECS: u32 = 40;
const OUTPUT: usize = 4 << 20;

/// What the whole process may reach, in kilobytes. The ledger in memory holds the compressed
/// payloads, which are small here.
const MOST_KB: u64 = 110 << 10;

#[derive(Default)]
struct Count(u64);

impl Write for Count {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.0 += data.len() as u64;
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The largest resident size that this process has had.
fn peak_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn large_outputs_pass_through() {
    let served = serve().await;
    let mut catalog = catalog();
    let pattern = catalog.specs[0].clone();
    catalog.specs = (0..SPECS)
        .map(|index| {
            let mut spec = pattern.clone();
            spec.leaf = spec_name(index);
            spec.placement = Placement::Parallel(GroupIndex(index));
            spec
        })
        .collect();
    catalog.groups = (0..SPECS).map(|i| vec![CatalogIndex(i)]).collect();
    catalog.serial_groups.clear();
    let mut commands = opening();
    commands.truncate(2);
    commands.push(decide(Decision::AdmitCatalog {
        target: TARGET,
        digest: "big".to_owned(),
        catalog: pack(&admission(&catalog)),
        at: multibeam_model::Timestamp(START),
    }));
    commands.push(decide(Decision::OpenSession {
        session: multibeam_model::SessionId(0),
        target: TARGET,
        cluster: ClusterId(0),
    }));
    done(&served.ledger, commands).await;
    let line = "a line of output that a spec has printed, more or less\n";
    for index in 0..SPECS {
        let output = line.repeat(OUTPUT / line.len());
        let payload = pack(&spec_json(index, "passed", 5, &output));
        let attempt = AttemptId { target: TARGET, group: GroupId(index), number: 1 };
        let report = Report {
            attempt,
            ordinal: 0,
            spec: SpecIndex(index),
            state: SpecState::Passed,
            explained: false,
            cluster_lost: false,
            payload,
        };
        done(&served.ledger, vec![hand_out(index, 1, 1), in_run(Change::Report(report))]).await;
    }
    let sum = u64::from(SPECS) * OUTPUT as u64;
    for file in ["report.json", "junit_01.xml", "e2e.log"] {
        let mut out = Count::default();
        render(&served.ledger, &run(), Some(TARGET), file, &mut out).unwrap();
        assert!(out.0 > sum * 9 / 10, "{file} has {} bytes", out.0);
    }
    let peak = peak_kb();
    assert!(peak < MOST_KB, "the process has had {peak} kB");
}
