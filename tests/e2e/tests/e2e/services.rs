//! Coordinator, aggregator, and workers as processes of their own, over mTLS.

use multibeam_e2e::{
    Outcome, Results, RunFile, Scratch, assert_plain_zoo, assert_rendered_as_by_ginkgo,
    assert_same, suites, trace, wait_for, zoo,
};
use nix::sys::signal::Signal;
use serde_json::json;

use crate::support::processes;
use crate::support::system::System;

const VERSION: &str = suites::KUBERNETES;

/// A run whose workers are missed soon.
fn shaped(scale: &str) -> RunFile {
    RunFile::new(&suites::shaped(VERSION))
        .env("SHAPED_SCALE", scale)
        .set(&["limits"], json!({"grace": "2s", "lease": "10s", "heartbeat": "1s"}))
        .target("t", &["a", "b"])
}

#[test]
fn the_same_as_in_one_process() {
    let scratch = Scratch::new();
    let system = System::start(&scratch);
    let file = || zoo(VERSION).set(&["seed"], 5).target("t", &["a", "b"]);
    let path = scratch.run_file("run.yaml", file());
    let _ = system.run(&["run", "--plain", "-f", path.to_str().unwrap()]).expect(1);
    // Where it was called.
    let apart = scratch.results();
    let executions: Vec<_> =
        ["a", "b"].iter().flat_map(|c| trace::executions(&scratch.trace(c))).collect();
    assert_plain_zoo(&apart.report("t"), &executions);
    assert_rendered_as_by_ginkgo(VERSION, &apart.target_dir("t"));

    let elsewhere = Scratch::new();
    let (ended, together) = elsewhere.run_to_end(file());
    let _ = ended.expect(1);
    let outcomes = |results: &Results| Outcome::all(&results.report("t"));
    assert_same("outcomes", outcomes(&together), outcomes(&apart));

    assert_refusals(&scratch, &system);
    let runs = system.run(&["runs"]).expect(0);
    assert!(
        runs.stdout.contains(&apart.run()) && runs.stdout.contains("failed"),
        "{}",
        runs.stdout
    );
}

/// Who may not do what.
fn assert_refusals(scratch: &Scratch, system: &System<'_>) {
    let path = scratch.path().join("run.yaml");
    let submit = ["run", "--detach", "-f", path.to_str().unwrap()];
    let worker = scratch.run(system.holder("worker-a", &submit)).expect(3);
    assert!(worker.stderr.contains("role may not call"), "{}", worker.stderr);

    let stranger = system.worker("b", "a", "stranger").wait().expect(3);
    assert!(stranger.stderr.contains("may not act for cluster b"), "{}", stranger.stderr);

    for unknown in [&["results", "nope"][..], &["run", "--rerun-failed", "nope"]] {
        let unknown = system.run(unknown).expect(3);
        assert!(unknown.stderr.contains("no run nope"), "{}", unknown.stderr);
    }

    let plain = system.coordinators[0].replace("https", "http");
    let plain = scratch.run(["runs", "--endpoint", &plain, "--plaintext"]);
    assert_eq!(plain.code(), 4, "{}", plain.stdout);
    let nobody = scratch.run(["runs", "--endpoint", "http://localhost:1", "--plaintext"]).expect(4);
    let says = nobody.stderr.contains("no coordinator at http://localhost:1: Connection refused");
    assert!(says, "{}", nobody.stderr);
    let open = ["coordinator", "--listen", "0.0.0.0:0", "--plaintext"];
    let open = scratch.run(open).expect(3);
    assert!(open.stderr.contains("no loopback address"), "{}", open.stderr);
}

#[test]
fn failures_are_run_again_where_they_failed() {
    let scratch = Scratch::new();
    let system = System::start(&scratch);
    let run =
        system.submit(zoo(VERSION).set(&["suite", "focus"], json!(["States"])).target("t", &["a"]));
    let failures = |results: &Results| {
        let target = results.target("t");
        target["failures"].as_array().unwrap().iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let first = failures(&system.finish(&run, 1));
    assert!(scratch.runs().is_empty(), "nothing of it is where the next command looks");

    let _ = system.run(&["run", "--plain", "--rerun-failed", &run]).expect(1);
    let again = scratch.results();
    assert_eq!(again.summary()["rerunOf"], run.as_str());
    assert_eq!(again.target("t")["specs"]["selected"], first.len());
    assert_same("failures", first, failures(&again));
}

#[test]
fn detached_and_cancelled() {
    let scratch = Scratch::new();
    let system = System::start(&scratch);
    let run = system.submit(shaped("100"));
    wait_for("specs to end", || {
        (system.status(&run)["targets"][0]["done"].as_u64()? > 5).then_some(())
    });
    let runs = system.run(&["runs"]).expect(0);
    assert!(runs.stdout.contains("running"), "{}", runs.stdout);
    let again = system.run(&["run", "--resume", &run]).expect(3);
    assert!(again.stderr.contains("is under way"), "{}", again.stderr);
    let _ = system.run(&["cancel", &run]).expect(0);
    let results = system.finish(&run, 2);
    assert_rendered_as_by_ginkgo(VERSION, &results.target_dir("t"));
    let summary = results.summary();
    assert_eq!(summary["verdict"], "incomplete");
    assert!(results.log("t").contains("the run was cancelled"));
    processes::wait_until_gone(scratch.path());
}

/// What must hold after a worker was lost.
fn assert_whole(scratch: &Scratch, results: &Results) {
    let report = results.report("t");
    assert!(report.suite_succeeded);
    assert_eq!(report.count("passed"), 402);
    assert_rendered_as_by_ginkgo(VERSION, &results.target_dir("t"));
    for cluster in ["a", "b"] {
        trace::assert_serial_alone(cluster, &trace::executions(&scratch.trace(cluster)));
    }
    let lost = results.target("t")["lostAttempts"].as_array().unwrap().len();
    assert!((1..=2).contains(&lost), "{lost} attempts were lost");
}

#[test]
fn a_worker_is_killed() {
    let scratch = Scratch::new();
    let system = System::start(&scratch);
    let run = system.submit(shaped("120"));
    wait_for("specs to run on b", || {
        (processes::suites(scratch.path()).iter().filter(|p| p.is_of("b")).count() >= 2
            && scratch.trace("b").len() > 4)
            .then_some(())
    });
    system.workers[2].signal(Signal::SIGKILL);
    wait_for("the end of its suite processes", || {
        processes::suites(scratch.path()).iter().all(|p| !p.is_of("b")).then_some(())
    });
    assert!(system.status(&run)["verdict"].is_null());
    let results = system.finish(&run, 0);
    assert_whole(&scratch, &results);
}

#[test]
fn a_worker_is_stopped() {
    let scratch = Scratch::new();
    let system = System::start(&scratch);
    let run = system.submit(shaped("120"));
    wait_for("specs to run on b", || {
        (processes::suites(scratch.path()).iter().filter(|p| p.is_of("b")).count() >= 2
            && scratch.trace("b").len() > 4)
            .then_some(())
    });
    system.workers[2].signal(Signal::SIGSTOP);
    // Its guards do not need it to see that the lease is over.
    wait_for("the end of its suite processes", || {
        processes::suites(scratch.path()).iter().all(|p| !p.is_of("b")).then_some(())
    });
    let seen = scratch.trace("b").len();
    let results = system.finish(&run, 0);
    assert_eq!(scratch.trace("b").len(), seen, "something ran on b after the lease");
    assert!(scratch.trace("b").iter().all(|line| !line.serial), "a serial spec began on b");
    assert_whole(&scratch, &results);
    // It comes back as another one, for other runs.
    system.workers[2].signal(Signal::SIGCONT);
    let next = system.submit(shaped("2000"));
    let _ = system.finish(&next, 0);
    wait_for("a new worker on b", || (scratch.trace("b").len() > seen).then_some(()));
}

#[test]
fn the_next_coordinator_waits_for_what_it_cannot_reach() {
    let scratch = Scratch::new();
    let mut system = System::start(&scratch);
    let run = system.submit(shaped("60"));
    let on_b = || processes::suites(scratch.path()).iter().filter(|p| p.is_of("b")).count();
    wait_for("specs to run on b", || (on_b() >= 2 && scratch.trace("b").len() > 4).then_some(()));
    // Its guards let its suite processes live until the lease is over.
    system.workers[2].signal(Signal::SIGSTOP);
    system.replace_coordinator();
    let results = system.finish(&run, 0);
    assert_eq!(on_b(), 0);
    assert_whole(&scratch, &results);
    system.workers[2].signal(Signal::SIGCONT);
}

#[test]
fn ctrl_c_without_a_ledger() {
    let scratch = Scratch::new();
    let system = System::start(&scratch);
    let path = scratch.run_file("run.yaml", shaped("50"));
    let run = system.user(&["run", "--plain", "-f", path.to_str().unwrap()]);
    let run = scratch.start(run);
    wait_for("specs to run", || (scratch.trace("b").len() > 4).then_some(()));
    system.aggregator_program.signal(Signal::SIGSTOP);
    run.signal(Signal::SIGINT);
    run.wait_for_output("the ledger cannot be reached");
    run.signal(Signal::SIGINT);
    processes::wait_until_gone(scratch.path());
    let ended = run.wait().expect(4);
    assert!(ended.stderr.contains("the ledger cannot be reached"), "{}", ended.stderr);
    system.aggregator_program.signal(Signal::SIGCONT);
}
