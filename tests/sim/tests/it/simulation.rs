//! Thousands of random worlds: the rules hold in each, and each comes to its end.
//! `SIM_SEED=n` runs one seed and shows the end of its trace (`SIM_TAIL=n` lines of it);
//! `SIM_SEEDS=n` sets how many seeds there are.

use multibeam_sim::{Seen, run_all, trace};

/// Seeds in one test run.
const SEEDS: u64 = 4_000;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Shows how a seed ended.
fn replay(seed: u64) {
    let (outcome, lines) = trace(seed, None);
    let tail = usize::try_from(number("SIM_TAIL").unwrap_or(80)).unwrap();
    for line in &lines[lines.len().saturating_sub(tail)..] {
        println!("{line}");
    }
    println!("seed {seed} took {:?} of its own time\n{}", outcome.took, outcome.seen);
    assert_eq!(outcome.broken, None, "seed {seed}");
}

/// Faults and paths that some seed must have gone through, or the test shows less than it says.
const PATHS: &[&str] = &[
    "call repeated elsewhere",
    "cancel outlived its coordinator",
    "cancelled",
    "claim refused",
    "clean-up",
    "cluster not ready",
    "conflict suffix replaced",
    "coordinator fenced",
    "coordinator in office crashed",
    "coordinator in office cut off",
    "coordinator in office paused",
    "disk full stop",
    "group given up",
    "hand-out refused",
    "idle process outlives its session",
    "killed at the end of the lease",
    "leader and coordinator in office paused",
    "leader change",
    "leader crashed",
    "leader cut off",
    "log compacted",
    "loss voided",
    "lost: cluster",
    "lost: killed",
    "lost: process",
    "lost: worker",
    "message cut off",
    "message doubled",
    "message lost",
    "node crashed",
    "node paused",
    "not the leader",
    "office in doubt",
    "old coordinator ignored",
    "order came twice",
    "partition",
    "process 1 again",
    "process added",
    "process again",
    "processes of an old epoch ended",
    "ran ahead of its report",
    "read answered",
    "read refused",
    "report after the loss",
    "run ended by its environment",
    "run failed",
    "run incomplete",
    "run passed",
    "run taken over",
    "sealed after a loss",
    "second report waits for the first",
    "serial phase",
    "session lost",
    "session reopened",
    "shipped after the end of its process",
    "slow disk",
    "slow network",
    "snapshot broken off",
    "snapshot installed",
    "snapshot not needed",
    "snapshot sent",
    "spec killed its process",
    "spec lost to its cluster",
    "specs not run",
    "started after the end of the lease",
    "stream broken",
    "streams reset",
    "suite process killed",
    "taken back",
    "takeover",
    "takeover by force",
    "two in office for a moment",
    "unsynced writes lost",
    "worker begins anew",
    "worker came back",
    "worker given up",
    "worker killed",
    "worker paused",
    "worker sleeps over an acknowledgement",
];

#[test]
fn the_rules_hold_in_every_world() {
    if let Some(seed) = number("SIM_SEED") {
        return replay(seed);
    }
    let seeds = number("SIM_SEEDS").unwrap_or(SEEDS);
    let (seen, broken) = run_all(0..seeds, |_, _| true);
    println!("{seen}");
    if let Some((seed, why)) = broken {
        let (_, lines) = trace(seed, None);
        for line in &lines[lines.len().saturating_sub(60)..] {
            println!("{line}");
        }
        panic!("seed {seed}: {why}");
    }
    if seeds >= SEEDS {
        check_paths(&seen);
    }
}

fn check_paths(seen: &Seen) {
    let missed: Vec<&&str> = PATHS.iter().filter(|path| seen.of(path) == 0).collect();
    assert!(missed.is_empty(), "no seed went through: {missed:?}");
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in 0..40 {
        assert!(trace(seed, None).1 == trace(seed, None).1, "seed {seed}");
    }
}
