//! A report of many megabytes that do not compress, which travels to the ledger in parts: whoever
//! dies when half of them are there, the report is whole in the end, and there once.

use multibeam_e2e::{Program, RunFile, assert_rendered_as_by_ginkgo, suites, trace, wait_for, zoo};
use nix::sys::signal::Signal;
use serde_json::json;

use crate::support::trio::{CLUSTERS, System};

const VERSION: &str = suites::KUBERNETES;

/// The spec that writes them.
const SPEC: &str = "is a megabyte in the writer";

/// What it writes; compressed it is a little more than half of it.
const BYTES: usize = 24 << 20;

/// When so much of it is in the ledger, something is killed: some of thirteen parts.
const SOME: u64 = 3 << 20;

/// The output of the zoo's spec: hexadecimal digits of xorshift64.
fn noise() -> String {
    let (mut text, mut x) = (String::new(), 1_u64);
    while text.len() < BYTES {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        text += &format!("{x:016x}\n");
    }
    text.truncate(BYTES);
    text
}

fn file() -> RunFile {
    zoo(VERSION)
        .env("ZOO_NOISE_BYTES", &BYTES.to_string())
        .set(&["suite", "focus"], json!([SPEC]))
        .set(&["limits"], json!({"grace": "2s", "lease": "10s", "heartbeat": "1s"}))
        .target("t", &CLUSTERS)
}

/// Starts the run and waits until some parts of the report are in the ledger and others are not.
/// Gives the place of the cluster that it comes from.
fn start_run(system: &System, leader: usize) -> (Program, usize) {
    let log = system.directory(leader).join("log/db");
    let size = || std::fs::metadata(&log).unwrap().len();
    let before = size();
    let run = system.start_run(file());
    wait_for("some parts of the report", || (size() >= before + SOME).then_some(()));
    let ran = |cluster| !trace::executions(&system.scratch.trace(cluster)).is_empty();
    (run, CLUSTERS.into_iter().position(ran).unwrap())
}

/// Whether some parts of the report are not in the ledger yet.
fn is_in_the_middle(system: &System, leader: usize) -> bool {
    let size = std::fs::metadata(system.directory(leader).join("log/db")).unwrap().len();
    size < BYTES as u64 / 2
}

/// Does it again when something was killed too late: a test that is not given the processor for a
/// while misses the moment.
fn in_the_middle(attempt: fn() -> bool) {
    assert!((0..5).any(|_| attempt()), "all parts were there already, each time");
}

fn assert_whole(system: &System, times: usize) {
    let results = system.scratch.results();
    let report = results.report("t");
    assert_eq!(report.count("passed"), 1);
    let output = report.spec(SPEC).captured_ginkgo_writer_output.as_deref();
    assert!(output == Some(&noise()), "{} of {BYTES} bytes", output.unwrap_or_default().len());
    assert_rendered_as_by_ginkgo(VERSION, &results.target_dir("t"));
    let executions = CLUSTERS.iter().flat_map(|c| trace::executions(&system.scratch.trace(c)));
    assert_eq!(executions.count(), times);
    let lost = results.target("t")["lostAttempts"].as_array().unwrap().len();
    assert_eq!(lost, times - 1);
}

#[test]
fn the_leader_is_killed_between_two_parts_of_a_report() {
    in_the_middle(|| {
        let mut system = System::start();
        let leader = system.leader();
        let (run, _) = start_run(&system, leader);
        system.kill(leader);
        let in_the_middle = is_in_the_middle(&system, leader);
        let _ = run.wait().expect(0);
        assert_whole(&system, 1);
        in_the_middle
    });
}

#[test]
fn the_worker_is_killed_between_two_parts_of_a_report() {
    in_the_middle(|| {
        let system = System::start();
        let leader = system.leader();
        let (run, of) = start_run(&system, leader);
        system.workers[of].signal(Signal::SIGKILL);
        let in_the_middle = is_in_the_middle(&system, leader);
        let ended = run.wait();
        if in_the_middle {
            let _ = ended.expect(0);
            assert_whole(&system, 2);
        }
        in_the_middle
    });
}
