//! Neither reading nor writing nor taking in a large log pulls it into memory.
#![allow(clippy::unwrap_used, reason = "a failed test may panic")]

#[path = "it/model/mod.rs"]
mod model;

use bytes::Bytes;
use model::*;
use multibeam_aggregator::store::{Disk, Store, backup, check, restore};
use multibeam_ledger::node::disk::{EntryKind, HardState, Install, LogEntry, Write};

/// Entries of three sizes: reports with much output, ordinary ones, hand-outs.
const SIZES: [(u64, usize); 3] = [(300, 300_000), (10_000, 1500), (30_000, 300)];

/// In kilobytes. The log has 114 MB, and then 90 MB are staged; what this needs differs by some 20 MB
/// from run to run.
const MOST_KB: u64 = 140 << 10;

fn peak_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn random(noise: &mut u64, index: u64, length: usize) -> LogEntry {
    let mut draw = || {
        *noise ^= *noise << 13;
        *noise ^= *noise >> 7;
        *noise ^= *noise << 17;
        *noise as u8
    };
    let data = Bytes::from_iter((0..length).map(|_| draw()));
    LogEntry { index, term: 1, kind: EntryKind::Command, data }
}

#[test]
fn a_large_log_stays_on_disk() {
    let temp = tempfile::tempdir().unwrap();
    let (one, two) = (temp.path().join("one"), temp.path().join("two"));
    let mut store = Store::open(&one).unwrap();
    founded(&mut store, 1);
    let mut noise = 1_u64;
    let mut last = 1;
    for (count, length) in SIZES {
        let batch = (400_000 / length as u64).clamp(1, 500);
        for _ in 0..count / batch {
            let entries: Vec<_> =
                (last + 1..=last + batch).map(|i| random(&mut noise, i, length)).collect();
            last += batch;
            let hard = Some(HardState { term: 1, vote: 1, commit: last });
            store.write(&Write { entries, hard, sync: true }).unwrap();
        }
    }
    drop(store);
    let wrote = peak_kb();
    let mut store = Store::open(&one).unwrap();
    let reader = store.reader();
    let bytes: usize = (2..=last).map(|i| reader.entry(i).unwrap().unwrap().data.len()).sum();
    assert!(bytes > 110_000_000, "{bytes}");
    let read = peak_kb();
    // A state of another node comes in over it.
    for first in (2..302).step_by(10) {
        let entries: Vec<_> = (first..first + 10).map(|i| random(&mut noise, i, 300_000)).collect();
        store.stage(&entries).unwrap();
    }
    let staged = peak_kb();
    let install = Install { base: base(last, 1), state: state(5), hard: HardState::default() };
    store.install(&install).unwrap();
    let installed = peak_kb();
    // All but a few of these entries go, so that the rest of this test is quick.
    store.retain(&(2..500).collect::<Vec<_>>()).unwrap();
    while store.tidy().unwrap() {}
    drop((store, reader));
    let tidied = peak_kb();
    let report = check(&one).unwrap();
    assert!(report.is_sound() && report.summary.kept == 498, "{report:?}");
    let file = temp.path().join("backup");
    backup(&one, std::io::BufWriter::new(std::fs::File::create(&file).unwrap())).unwrap();
    let input = std::io::BufReader::new(std::fs::File::open(&file).unwrap());
    assert_eq!(restore(input, &two, None).unwrap(), report.summary);
    let peak = peak_kb();
    let steps = format!(
        "{wrote} written, {read} read, {staged} staged, {installed} installed, {tidied} tidied, {peak}"
    );
    assert!(peak < MOST_KB, "the process has had, in kB: {steps}");
    println!("kB: {steps}");
}
