//! What is left when a part is killed at any moment, and how the run goes on.

use std::collections::BTreeSet;

use multibeam_e2e::{
    Ended, Program, Results, RunFile, Scratch, assert_rendered_as_by_ginkgo, copy_program, suites,
    trace, wait_for,
};
use nix::sys::signal::Signal;

use crate::support::processes;

const VERSION: &str = suites::KUBERNETES;
const CLUSTERS: [&str; 2] = ["a", "b"];
const SPECS: usize = 402;

/// The conformance-shaped suite on two clusters: all of its specs pass, and no two have one name.
fn file(scale: u32) -> RunFile {
    RunFile::new(&suites::shaped(VERSION))
        .processes(3)
        .env("SHAPED_SCALE", &scale.to_string())
        // Guards must not wait for it.
        .set(&["limits"], serde_json::json!({"grace": "2s", "lease": "1h"}))
        .target("t", &CLUSTERS)
}

fn start(scratch: &Scratch, file: RunFile) -> Program {
    let path = scratch.run_file("run.yaml", file);
    scratch.start(["run".as_ref(), "--plain".as_ref(), "-f".as_ref(), path.as_os_str()])
}

fn resume(scratch: &Scratch, more: &[&str]) -> Ended {
    let run = scratch.results().run();
    scratch.run(["run", "--plain", "--resume", &run].iter().chain(more))
}

/// Specs that have ended, as the suites say.
fn ended(scratch: &Scratch) -> usize {
    let lines = CLUSTERS.iter().flat_map(|cluster| scratch.trace(cluster));
    lines.filter(|line| line.event == "end").count()
}

fn wait_for_specs(scratch: &Scratch, program: &mut Program, count: usize) {
    wait_for("specs to end", || (ended(scratch) >= count || program.has_ended()).then_some(()));
}

/// Kills a run, and waits until all its suite processes are dead too.
fn kill(scratch: &Scratch, program: Program) {
    program.signal(Signal::SIGKILL);
    let _ = program.wait();
    processes::wait_until_gone(scratch.path());
}

/// The specs with a result, by the ledger of a run that was killed.
fn with_result(scratch: &Scratch) -> BTreeSet<String> {
    let run = scratch.results().run();
    let to = scratch.path().join("so-far");
    let _ = std::fs::remove_dir_all(&to);
    let to_text = to.to_str().unwrap();
    let _ = scratch.run(["results", &run, "--to", to_text]).expect(0);
    let so_far = Results::at(to);
    let report = so_far.report("t");
    let passed = report.specs().filter(|spec| spec.state == "passed");
    passed.map(|spec| spec.text()).collect()
}

fn assert_complete(scratch: &Scratch) {
    let results = scratch.results();
    let report = results.report("t");
    assert!(report.suite_succeeded);
    assert_eq!(report.specs().count(), SPECS);
    assert_eq!(report.count("passed"), SPECS);
    assert_eq!(results.target("t")["verdict"], "passed");
    assert_rendered_as_by_ginkgo(VERSION, &results.target_dir("t"));
    for cluster in CLUSTERS {
        trace::assert_serial_alone(cluster, &trace::executions(&scratch.trace(cluster)));
    }
    processes::wait_until_gone(scratch.path());
}

/// Numbers that look random and are the same in every run of the test.
fn moments(seed: u64) -> impl Iterator<Item = usize> {
    let mut state = seed;
    std::iter::from_fn(move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        Some(usize::try_from(state >> 33).unwrap())
    })
}

#[test]
fn the_whole_run_is_killed_again_and_again() {
    let scratch = Scratch::new();
    let mut program = start(&scratch, file(300));
    let mut moments = moments(7);
    for round in 0..3 {
        let before = ended(&scratch);
        let more = 1 + moments.next().unwrap() % 110;
        wait_for_specs(&scratch, &mut program, before + more);
        assert!(!program.has_ended(), "round {round}: {}{}", program.stdout(), program.stderr());
        kill(&scratch, program);
        let done = with_result(&scratch);
        assert!(done.len() + 6 >= ended(&scratch).min(SPECS) - round * 6, "results are missing");
        let seen = CLUSTERS.map(|cluster| scratch.trace(cluster).len());
        let run = scratch.results().run();
        program = scratch.start(["run", "--plain", "--resume", &run]);
        wait_for_specs(&scratch, &mut program, before + more + 12);
        for (cluster, seen) in CLUSTERS.iter().zip(seen) {
            let trace = scratch.trace(cluster);
            let again = trace[seen..].iter().filter(|line| line.event == "start");
            let again = again.filter(|line| done.contains(&line.text)).collect::<Vec<_>>();
            assert!(again.is_empty(), "round {round}: run again: {again:#?}");
        }
    }
    let _ = program.wait().expect(0);
    assert_complete(&scratch);
    // Nothing but what was under way at a kill ran twice.
    let twice = ended(&scratch) - SPECS;
    assert!(twice <= 3 * 6, "{twice} specs ran more than once");
}

#[test]
fn suite_processes_and_guards_are_killed() {
    let scratch = Scratch::new();
    let mut program = start(&scratch, file(300));
    let mut moments = moments(11);
    let mut hit: BTreeSet<String> = BTreeSet::new();
    for round in 0..4 {
        let before = ended(&scratch);
        wait_for_specs(&scratch, &mut program, before + 5 + moments.next().unwrap() % 40);
        // A spec whose process dies twice is given up, and that is not what this is about.
        let victim = wait_for("a spec to run", || {
            let lines =
                CLUSTERS.iter().flat_map(|cluster| trace::executions(&scratch.trace(cluster)));
            let mut running = lines.filter(|e| e.end.is_none() && !hit.contains(&e.start.text));
            let alive = processes::suites(scratch.path());
            running.find(|e| alive.iter().any(|process| process.pid == e.start.pid))
        });
        let number = victim.start.process;
        if round % 2 == 0 {
            let alive = processes::suites(scratch.path());
            let process = alive.iter().find(|process| process.pid == victim.start.pid);
            process.inspect(|process| process.signal(Signal::SIGKILL));
        } else {
            let argument = format!("--ginkgo.parallel.process={number}");
            let guards = processes::guards(scratch.path());
            let guard = guards.iter().find(|guard| {
                guard.args.contains(&argument) && parent(victim.start.pid) == Some(guard.pid)
            });
            guard.inspect(|guard| guard.signal(Signal::SIGKILL));
            // Its suite process dies with it.
            wait_for("the end of a suite process without a guard", || {
                let alive = processes::suites(scratch.path());
                alive.iter().all(|process| process.pid != victim.start.pid).then_some(())
            });
        }
        hit.insert(victim.start.text);
    }
    let ended = program.wait();
    let _ = ended.expect(0);
    assert_complete(&scratch);
    let lost = scratch.results().target("t")["lostAttempts"].as_array().unwrap().len();
    assert!((1..=4).contains(&lost), "{lost} attempts were lost");
}

fn parent(pid: i32) -> Option<i32> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().parse().ok()
}

#[test]
fn a_resume_waits_for_what_is_still_alive() {
    let scratch = Scratch::new();
    let mut program = start(&scratch, file(100));
    wait_for_specs(&scratch, &mut program, 5);
    // This guard notices nothing for a while.
    let guard = wait_for("a guard", || processes::guards(scratch.path()).pop());
    guard.signal(Signal::SIGSTOP);
    program.signal(Signal::SIGKILL);
    let _ = program.wait();
    let run = scratch.results().run();
    let resumed = scratch.start(["run", "--plain", "--resume", &run]);
    wait_for("a message", || resumed.stderr().contains("still alive").then_some(()));
    let before = ended(&scratch);
    assert!(!resumed.stdout().contains("starting"), "{}", resumed.stdout());
    guard.signal(Signal::SIGCONT);
    resumed.wait_for_output("starting");
    wait_for("more specs", || (ended(&scratch) > before).then_some(()));
    kill(&scratch, resumed);
}

#[test]
fn another_suite_refuses_to_resume() {
    let scratch = Scratch::new();
    let suite = scratch.path().join("suite.test");
    copy_program(&suites::shaped(VERSION), &suite);
    let binary = suite.to_str().unwrap();
    let file = file(600).set(&["suite", "binary"], binary);
    let mut program = start(&scratch, file);
    wait_for_specs(&scratch, &mut program, 5);
    kill(&scratch, program);
    let before = ended(&scratch);

    let replace = |version: &str| {
        std::fs::remove_file(&suite).unwrap();
        copy_program(&suites::shaped(version), &suite);
    };
    replace(suites::NEWEST);
    let refused = resume(&scratch, &[]).expect(4);
    assert!(
        refused.stdout.contains("the suite is not the one that this run began with"),
        "{}",
        refused.stdout
    );
    assert_eq!(ended(&scratch), before, "the other suite ran");

    replace(VERSION);
    let _ = resume(&scratch, &[]).expect(0);
    assert_complete(&scratch);

    let refused = resume(&scratch, &[]).expect(3);
    assert!(refused.stderr.contains("is complete"), "{}", refused.stderr);
}

#[test]
fn a_cancelled_run_is_taken_up_by_force_only() {
    let scratch = Scratch::new();
    let mut program = start(&scratch, file(400));
    wait_for_specs(&scratch, &mut program, 20);
    program.signal(Signal::SIGINT);
    let _ = program.wait().expect(2);
    let before = ended(&scratch);
    let refused = resume(&scratch, &[]).expect(3);
    assert!(refused.stderr.contains("was cancelled"), "{}", refused.stderr);
    assert!(refused.stderr.contains("--force"), "{}", refused.stderr);
    assert_eq!(ended(&scratch), before, "a cancelled run went on");
    let resumed = resume(&scratch, &["--force"]);
    // What was interrupted has its result.
    let results = scratch.results();
    let report = results.report("t");
    let interrupted = report.count("interrupted");
    let _ = resumed.expect(i32::from(interrupted > 0));
    assert_eq!(report.count("passed") + interrupted, SPECS);
    assert_rendered_as_by_ginkgo(VERSION, &results.target_dir("t"));
}
