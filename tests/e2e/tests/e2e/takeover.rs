//! Two coordinators: one in office, one that stands by. What runs goes on, whatever becomes of them.

use std::collections::BTreeMap;

use multibeam_e2e::{
    Results, RunFile, Scratch, assert_rendered_as_by_ginkgo, suites, trace, wait_for,
};
use nix::sys::signal::Signal;
use serde_json::json;

use crate::support::processes;
use crate::support::system::System;

const VERSION: &str = suites::KUBERNETES;

/// Long enough for a takeover in the midst of it.
fn shaped() -> RunFile {
    RunFile::new(&suites::shaped(VERSION))
        .env("SHAPED_SCALE", "30")
        .set(&["limits"], json!({"grace": "2s", "lease": "60s", "heartbeat": "1s"}))
        .target("t", &["a", "b"])
}

/// The processes that have run a spec, and how many specs have begun.
fn begun(scratch: &Scratch) -> usize {
    ["a", "b"].iter().map(|cluster| trace::executions(&scratch.trace(cluster)).len()).sum()
}

fn wait_for_specs(scratch: &Scratch, count: usize) {
    wait_for("specs to run on both clusters", || {
        let both = ["a", "b"].iter().all(|cluster| scratch.trace(cluster).len() > 4);
        (both && begun(scratch) >= count).then_some(())
    });
}

/// Every spec ran, once, and the report is whole.
fn assert_once(scratch: &Scratch, results: &Results) {
    let mut times: BTreeMap<(String, String), usize> = BTreeMap::new();
    for cluster in ["a", "b"] {
        let executions = trace::executions(&scratch.trace(cluster));
        trace::assert_serial_alone(cluster, &executions);
        for execution in executions {
            assert!(execution.end.is_some(), "{:?} was cut short", execution.start);
            *times.entry((execution.start.text, execution.start.location)).or_default() += 1;
        }
    }
    let twice: Vec<_> = times.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "ran twice: {twice:?}");
    let report = results.report("t");
    assert!(report.suite_succeeded);
    assert_eq!(report.count("passed"), 402);
    assert_eq!(times.len(), 402);
    assert_eq!(results.target("t")["lostAttempts"], json!([]));
    assert_rendered_as_by_ginkgo(VERSION, &results.target_dir("t"));
}

#[test]
fn the_one_in_office_is_killed() {
    let scratch = Scratch::new();
    let mut system = System::with_coordinators(&scratch, 2);
    let path = scratch.run_file("run.yaml", shaped());
    let run = system.user(&["run", "--plain", "-f", path.to_str().unwrap()]);
    let run = scratch.start(run);
    wait_for_specs(&scratch, 10);
    let before = processes::suites(scratch.path()).len();
    system.kill_coordinator(0);
    // Its view finds the one that takes over, and shows the end.
    let ended = run.wait().expect(0);
    assert!(ended.stdout.contains("looking for the one in office"), "{}", ended.stdout);
    assert!(before > 0);
    let results = scratch.results();
    assert_once(&scratch, &results);
    processes::wait_until_gone(scratch.path());
}

#[test]
fn the_one_in_office_is_stopped_and_comes_back() {
    let scratch = Scratch::new();
    let system = System::with_coordinators(&scratch, 2);
    let run = system.submit(shaped());
    wait_for_specs(&scratch, 10);
    system.coordinator(0).signal(Signal::SIGSTOP);
    wait_for("the other one to take office", || {
        system.coordinator(1).stderr().contains("in office epoch").then_some(())
    });
    let so_far = begun(&scratch);
    system.coordinator(0).signal(Signal::SIGCONT);
    wait_for("the first one to see it", || {
        system.coordinator(0).stderr().contains("standing by").then_some(())
    });
    wait_for_specs(&scratch, so_far + 10);
    // Whichever is asked first.
    let results = system.finish(&run, 0);
    assert_once(&scratch, &results);
}

#[test]
fn the_one_in_office_ends_in_order() {
    let scratch = Scratch::new();
    let mut system = System::with_coordinators(&scratch, 2);
    let path = scratch.run_file("run.yaml", shaped());
    let run = system.user(&["run", "--plain", "-f", path.to_str().unwrap()]);
    let run = scratch.start(run);
    wait_for_specs(&scratch, 10);
    // A stream that outlasts it.
    let logs = scratch.start(system.user(&["logs", "--follow"]));
    logs.wait_for_output("[sig-");
    let first = system.coordinator_programs[0].take().unwrap();
    first.signal(Signal::SIGTERM);
    let first = first.wait().expect(0);
    assert!(first.stderr.contains("drained in time"), "{}", first.stderr);
    // Nobody waits for the silence of one that is gone.
    assert!(first.stderr.contains("has given the office back"), "{}", first.stderr);
    let followed = logs.wait();
    assert!(followed.stderr.contains("this coordinator ends"), "{}", followed.stderr);
    let ended = run.wait().expect(0);
    assert!(ended.stdout.contains("looking for the one in office"), "{}", ended.stdout);
    assert_once(&scratch, &scratch.results());
    processes::wait_until_gone(scratch.path());
}

#[test]
fn a_cancel_outlives_the_coordinator_that_took_it() {
    let scratch = Scratch::new();
    let mut system = System::with_coordinators(&scratch, 2);
    let run = system.submit(shaped());
    wait_for_specs(&scratch, 10);
    let _ = system.run(&["cancel", &run]).expect(0);
    system.kill_coordinator(0);
    let results = system.finish(&run, 2);
    let target = results.target("t");
    assert_eq!(target["verdict"], "incomplete");
    assert!(begun(&scratch) < 402, "it went on to its end");
    processes::wait_until_gone(scratch.path());
}

#[test]
fn both_are_killed_and_one_comes_back() {
    let scratch = Scratch::new();
    let mut system = System::with_coordinators(&scratch, 2);
    let run = system.submit(shaped());
    wait_for_specs(&scratch, 10);
    system.kill_coordinator(1);
    system.replace_coordinator();
    let results = system.finish(&run, 0);
    assert_once(&scratch, &results);
}
