//! Suites that misbehave: each ends as it should, says why, and hangs nobody else.

use multibeam_e2e::{
    Ended, Program, Report, Results, RunFile, Scratch, SpecLine, assert_rendered_as_by_ginkgo,
    suites, trace, wait_for, zoo,
};
use multibeam_host::SmallDisk;
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::support::processes;

const VERSION: &str = suites::KUBERNETES;
/// Specs that a run without those which fail by intent selects.
const SELECTED: usize = 83;

/// A run of the zoo's well-behaved part on two targets: `sick` gets these variables, `well` none.
fn file(sick: Value, args: &[&str]) -> RunFile {
    let suite = json!({"env": sick, "args": args});
    zoo(VERSION)
        .processes(3)
        .set(&["suite", "labelFilter"], "!red")
        .set(&["limits"], json!({"grace": "2s"}))
        .target_json(json!({"name": "sick", "suite": suite, "clusters": [{"name": "a"}]}))
        .target("well", &["b"])
}

/// Runs to the end, and makes sure that the other target had nothing to suffer.
fn run(scratch: &Scratch, file: RunFile, code: i32) -> (Ended, Results) {
    let (ended, results) = scratch.run_to_end(file);
    check(scratch, &ended.expect(code), &results);
    (scratch.run(["status"]), results)
}

fn check(scratch: &Scratch, ended: &Ended, results: &Results) {
    let well = results.report("well");
    assert!(well.suite_succeeded, "{}", ended.stdout);
    assert_eq!(results.target("well")["verdict"], "passed");
    assert_eq!(well.count("passed") + skipped_itself(&well), SELECTED);
    for target in ["sick", "well"] {
        assert_rendered_as_by_ginkgo(VERSION, &results.target_dir(target));
    }
    for cluster in ["a", "b"] {
        trace::assert_serial_alone(cluster, &trace::executions(&scratch.trace(cluster)));
    }
    processes::wait_until_gone(scratch.path());
}

fn skipped_itself(report: &Report) -> usize {
    let skips = |spec: &&SpecLine| spec.state == "skipped" && !spec.message().is_empty();
    report.specs().filter(skips).count()
}

fn not_run(report: &Report) -> Vec<&SpecLine> {
    report.specs().filter(|spec| spec.message().starts_with("not run: ")).collect()
}

fn lost(results: &Results) -> Vec<Value> {
    results.target("sick")["lostAttempts"].as_array().unwrap().clone()
}

/// One spec kills its process whenever it runs.
fn kills_its_process(switch: &str, name: &str, how: &str) {
    let scratch = Scratch::new();
    let (_, results) = run(&scratch, file(json!({switch: "7"}), &[]), 2);
    assert_eq!(results.target("sick")["verdict"], "incomplete");
    assert_eq!(lost(&results).len(), 2, "{:#?}", lost(&results));
    let report = results.report("sick");
    let spec = report.spec(name);
    assert_eq!(spec.state, "interrupted");
    assert!(spec.message().contains(how), "{}", spec.message());
    assert_eq!(report.count("passed") + skipped_itself(&report), SELECTED - 1);
    assert_eq!(report.special_suite_failure_reasons.unwrap().len(), 1);
    assert!(results.log("sick").contains("\nFAIL! - 1 spec was lost for good"));
    let begun = trace::executions(&scratch.trace("a"));
    let begun = begun.iter().filter(|execution| execution.start.text.contains(name));
    assert!(begun.clone().all(|execution| execution.end.is_none()));
    assert_eq!(begun.count(), 2);
}

#[test]
fn a_spec_that_exits() {
    kills_its_process("ZOO_EXIT", "exits the process", "exit status 7");
}

#[test]
fn a_spec_that_panics_in_a_goroutine() {
    kills_its_process("ZOO_GOPANIC", "panics in a goroutine", "exit status 2");
}

#[test]
fn a_spec_whose_process_is_killed() {
    kills_its_process("ZOO_KILL", "is killed", "killed by signal 9");
}

#[test]
fn processes_that_die_once() {
    let cases = [
        ("ZOO_CRASH_ONCE", 1),
        ("ZOO_SERIAL_EXIT_ONCE", 1),
        ("ZOO_ORDERED_CRASH_ONCE", 1),
        // Nothing was handed out yet.
        ("ZOO_BEFORESUITE_EXIT_ONCE", 0),
    ];
    for (switch, losses) in cases {
        let scratch = Scratch::new();
        let once = scratch.path().join("once");
        let (_, results) = run(&scratch, file(json!({switch: once}), &[]), 0);
        assert!(once.exists(), "{switch} did nothing");
        assert_eq!(lost(&results).len(), losses, "{switch}: {:#?}", lost(&results));
        let report = results.report("sick");
        assert!(report.suite_succeeded, "{switch}");
        assert_eq!(report.count("passed") + skipped_itself(&report), SELECTED, "{switch}");
    }
}

#[test]
fn a_before_suite_that_fails_or_skips() {
    for (switch, value) in [
        ("ZOO_BEFORESUITE_FAIL", "1"),
        ("ZOO_BEFORESUITE_FAIL", "all"),
        ("ZOO_BEFORESUITE_SKIP", "1"),
    ] {
        let scratch = Scratch::new();
        let (_, results) = run(&scratch, file(json!({switch: value}), &[]), 2);
        let target = results.target("sick");
        assert_eq!(target["verdict"], "incomplete", "{switch}={value}");
        let report = results.report("sick");
        let not_run = not_run(&report);
        assert_eq!(not_run.len(), SELECTED, "{switch}={value}");
        for spec in not_run {
            assert!(spec.message().contains("the before-suite failed"), "{}", spec.message());
        }
        assert!(
            results.log("sick").contains("\nFAIL! - 83 specs were not run"),
            "{switch}={value}"
        );
        // Not again and again.
        let nodes = scratch.trace("a").iter().filter(|line| line.event == "node").count();
        assert!(nodes < 20, "{nodes} suite nodes ran");
    }
}

#[test]
fn an_after_suite_that_fails() {
    let scratch = Scratch::new();
    let (_, results) = run(&scratch, file(json!({"ZOO_AFTERSUITE_FAIL": "1"}), &[]), 1);
    assert_eq!(results.target("sick")["verdict"], "failed");
    let report = results.report("sick");
    assert!(!report.suite_succeeded);
    assert_eq!(report.count("passed") + skipped_itself(&report), SELECTED);
}

#[test]
fn a_suite_that_aborts_itself() {
    let scratch = Scratch::new();
    let (_, results) = run(&scratch, file(json!({"ZOO_ABORT": "1"}), &[]), 2);
    let report = results.report("sick");
    assert_eq!(report.spec("aborts the suite").state, "aborted");
    let not_run = not_run(&report);
    assert!(!not_run.is_empty());
    assert!(not_run.iter().all(|spec| spec.message() == "not run: the suite aborted itself"));
}

#[test]
fn a_hung_spec_is_interrupted() {
    let scratch = Scratch::new();
    let file = file(json!({"ZOO_HANG": "1"}), &["--ginkgo.grace-period=1s"])
        .set(&["specTimeout"], json!({"default": "3s"}));
    let (ended, results) = scratch.run_to_end(file);
    let ended = ended.expect(1);
    check(&scratch, &ended, &results);
    let report = results.report("sick");
    let spec = report.spec("hangs and does not listen");
    assert_eq!(spec.state, "interrupted");
    assert_eq!(report.count("interrupted"), 1);
    let why = "ran longer than 3 s (specTimeout): [sig-zoo] Dangerous hangs and does not listen";
    assert_eq!(
        ended.stdout.matches(why).count(),
        2,
        "as it happens and at the end\n{}",
        ended.stdout
    );
    assert_eq!(lost(&results).len(), 0);
    let failures = results.target("sick")["failures"].clone();
    let failure = failures.as_array().unwrap().iter().find(|it| it["state"] == "interrupted");
    assert_eq!(failure.unwrap()["cause"], "interrupted after its limit of 3 s (specTimeout)");
}

#[test]
fn output_beyond_its_bound_is_named() {
    let scratch = Scratch::new();
    // Without Ginkgo's interception what specs print goes past their reports.
    let file = file(json!({}), &["--ginkgo.output-interceptor-mode=none"])
        .set(&["limits"], json!({"spoolLimit": "64KiB"}));
    let (ended, results) = scratch.run_to_end(file);
    let ended = ended.expect(0);
    let target = results.target("sick");
    let [cut] = &target["cutOutput"].as_array().unwrap()[..] else { panic!("{target:#}") };
    assert_eq!(cut["cluster"], "a");
    assert!(cut["bytes"].as_u64().unwrap() > 800_000, "{cut}");
    assert_eq!(cut["reason"], "limits.spoolLimit: 65536 bytes are kept");
    let process = cut["process"].as_str().unwrap();
    let warning = format!(
        "output of process {process} of target sick on cluster a is cut off: it has written"
    );
    assert_eq!(ended.stdout.matches(&warning).count(), 2, "as it happens and at the end");
}

#[test]
fn a_hung_spec_that_does_not_end_is_killed() {
    let scratch = Scratch::new();
    // Ginkgo would wait for 30 s, the run file says 2.
    let file = file(json!({"ZOO_HANG": "1"}), &[]).set(&["specTimeout"], json!({"default": "3s"}));
    let (ended, results) = scratch.run_to_end(file);
    let ended = ended.expect(2);
    check(&scratch, &ended, &results);
    let report = results.report("sick");
    let spec = report.spec("hangs and does not listen");
    assert_eq!(spec.state, "interrupted");
    assert!(spec.message().contains("longer than 3 s"), "{}", spec.message());
    // What the screen says at the end is what the files say.
    let (_, end) = ended.stdout.split_once("\ntarget  ").unwrap();
    assert!(end.contains("interrupted") && !end.contains("not run"), "{end}");
    assert!(end.contains("1 spec failed") && end.contains("it ran longer than 3 s"), "{end}");
    // A hung group is not tried again.
    assert_eq!(lost(&results).len(), 1);
}

#[test]
fn a_stopped_process_is_killed_as_hung() {
    let scratch = Scratch::new();
    let file =
        file(json!({"ZOO_SLOW_MS": "300"}), &[]).set(&["specTimeout"], json!({"default": "3s"}));
    let path = scratch.run_file("run.yaml", file);
    let program: Program = scratch.start(["run".as_ref(), "-f".as_ref(), path.as_os_str()]);
    let victim = wait_for("a spec to run", || {
        let begun = trace::executions(&scratch.trace("a"));
        let running = begun.iter().find(|execution| execution.end.is_none())?.start.pid;
        processes::suites(scratch.path()).into_iter().find(|process| process.pid == running)
    });
    victim.signal(Signal::SIGSTOP);
    let ended = program.wait();
    let results = scratch.results();
    check(&scratch, &ended, &results);
    // It may have been between two specs: then nothing was lost but the time.
    match ended.code() {
        0 => assert!(results.report("sick").suite_succeeded),
        2 => {
            assert_eq!(lost(&results).len(), 1);
            // One spec, or what an Ordered container had left.
            assert!((1..=3).contains(&results.report("sick").count("interrupted")));
        }
        code => panic!("exit status {code}\n{}", ended.stdout),
    }
}

#[test]
fn fail_fast_ends_its_target_only() {
    let scratch = Scratch::new();
    let good = json!({"labelFilter": "!red"});
    let file = zoo(VERSION)
        .processes(2)
        .set(&["failFast"], true)
        .target("sick", &["a"])
        .target_json(json!({"name": "well", "suite": good, "clusters": [{"name": "b"}]}));
    let (_, results) = run(&scratch, file, 2);
    let report = results.report("sick");
    let not_run = not_run(&report);
    assert!(!not_run.is_empty());
    for spec in not_run {
        assert!(spec.message().contains("failFast"), "{}", spec.message());
    }
}

#[test]
fn output_that_finds_no_room_on_the_disk() {
    let scratch = Scratch::new();
    let full = scratch.path().join("results");
    std::fs::create_dir(&full).unwrap();
    let Some(_disk) = SmallDisk::mount(&full, "3m") else { return };
    let file = file(json!({}), &[]);
    let path = scratch.run_file("run.yaml", file);
    let ended = scratch.run(["run".as_ref(), "--plain".as_ref(), "-f".as_ref(), path.as_os_str()]);
    // The ledger lies there too, so the run cannot go on, and says so.
    let ended = ended.expect(4);
    assert!(ended.stderr.contains("No space left on device"), "{}", ended.stderr);
    processes::wait_until_gone(scratch.path());
}
