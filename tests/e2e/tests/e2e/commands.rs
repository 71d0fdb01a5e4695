//! Every command, as a user calls them, from several terminals.

use std::collections::BTreeMap;

use multibeam_e2e::{
    Results, RunFile, Scratch, assert_rendered_as_by_ginkgo, assert_same, fold, suites, trace,
    wait_for, zoo,
};
use multibeam_model::status::RunStatus;
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

const VERSION: &str = suites::KUBERNETES;
const POLITE: &str = "[sig-zoo] Dangerous hangs and listens [Disruptive]";
const STUBBORN: &str = "[sig-zoo] Dangerous hangs and does not listen [Disruptive]";

/// The status of the only run; nothing while there is none to ask.
fn status(scratch: &Scratch) -> Option<Value> {
    let ended = scratch.run(["status", "--json"]);
    let status: Option<Value> =
        (ended.code() == 0).then(|| serde_json::from_str(&ended.stdout).unwrap());
    assert!(status.as_ref().is_none_or(|status| status["format"] == 1), "{status:?}");
    status
}

/// Waits until nothing but the hanging spec runs, and only what was handed out behind it is left of
/// the parallel phase.
fn wait_until_only(scratch: &Scratch, spec: &str) -> Value {
    wait_for("nothing else to run", || {
        let status = status(scratch)?;
        let sessions = status["sessions"].as_object()?.values();
        let running: Vec<&Value> =
            sessions.flat_map(|session| session["running"].as_array().unwrap()).collect();
        let target = &status["targets"][0];
        let parallel = target["selected"].as_u64()? - target["serial"].as_u64()?;
        let last = target["done"].as_u64()? + 2 >= parallel;
        (last && running.len() == 1 && running[0]["spec"] == spec).then(|| status.clone())
    })
}

/// States of selected specs, by name.
fn states(specs: &Value) -> BTreeMap<String, u64> {
    let states = specs.as_object().unwrap().iter();
    let states = states.map(|(state, count)| (state.clone(), count.as_u64().unwrap()));
    states.filter(|(_, count)| *count > 0).collect()
}

/// The events' last status agrees with run.json.
fn assert_agrees(status: &RunStatus, results: &Results) {
    let summary = results.summary();
    let folded = serde_json::to_value(status).unwrap();
    assert_eq!(folded["run"], summary["run"]);
    assert_eq!(folded["verdict"], summary["verdict"]);
    let targets = summary["targets"].as_array().unwrap();
    assert_eq!(status.targets.len(), targets.len());
    for (folded, target) in folded["targets"].as_array().unwrap().iter().zip(targets) {
        assert_eq!(folded["name"], target["name"]);
        assert_eq!(states(&folded["states"]), states(&target["specs"]["states"]));
        assert_eq!(folded["selected"], target["specs"]["selected"]);
        assert_eq!(folded["verdict"], target["verdict"]);
        let failed = |failures: &Value| {
            let failures = failures.as_array().unwrap().iter();
            failures.map(|failure| failure["spec"].to_string()).collect::<Vec<_>>()
        };
        assert_same("failures", failed(&target["failures"]), failed(&folded["failures"]));
    }
}

/// Whatever ended a run: every spec is in the report once, and nothing that was not run says it passed.
fn assert_partial(results: &Results, executions: &[trace::Execution]) {
    let report = results.report("zoo");
    assert!(!report.suite_succeeded);
    assert_eq!(report.specs().count(), 128);
    let reasons = report.special_suite_failure_reasons.clone().unwrap_or_default();
    assert!(reasons.iter().any(|reason| reason.contains("not run")), "{reasons:?}");
    let ran = |text: &str| {
        let mut ends = executions.iter().filter_map(|execution| execution.end.as_ref());
        ends.any(|end| end.text == text)
    };
    for spec in report.specs() {
        let not_run = spec.message().starts_with("not run: ");
        assert!(!not_run || spec.state == "skipped", "{spec:?}");
        // Texts that several specs share say nothing about one of them.
        if not_run && !spec.text().contains("twice") && !spec.text().contains("tail of") {
            assert!(!ran(&spec.text()), "{:?} was run", spec.text());
        }
        assert!(spec.state != "passed" || ran(&spec.text()), "{:?} was not run", spec.text());
    }
    assert_rendered_as_by_ginkgo(VERSION, &results.target_dir("zoo"));
    let _ = results.junit("zoo");
}

fn is_gone(pid: i32) -> bool {
    kill(Pid::from_raw(pid), None) == Err(Errno::ESRCH)
}

#[test]
fn a_run_seen_from_other_terminals_and_cancelled_there() {
    let scratch = Scratch::new();
    let file = zoo(VERSION).env("ZOO_HANG_POLITE", "1").processes(2).target("zoo", &["a"]);
    let file = scratch.run_file("run.yaml", file);
    let run = scratch.start(["run", "--json", "-f", file.to_str().unwrap()]);
    let seen = wait_until_only(&scratch, POLITE);
    let name = seen["run"].as_str().unwrap();

    let rows: Value =
        serde_json::from_str(&scratch.run(["runs", "--json"]).expect(0).stdout).unwrap();
    assert_eq!((rows[0]["run"].as_str(), rows[0]["state"].as_str()), (Some(name), Some("running")));
    assert_ne!(rows[0]["name"], "");
    let text = scratch.run(["status", name]).expect(0).stdout;
    assert!(text.contains("zoo") && text.contains(POLITE), "{text}");

    let attached = scratch.start(["attach", "--json"]);
    let watched = scratch.start(["status", "--watch", "--json"]);
    let left = scratch.start(["attach", "--plain"]);
    let logged = scratch.start(["logs", "-f", "--target", "zoo", "--spec", "hangs and listens"]);
    for program in [&attached, &watched] {
        program.wait_for_output("\"status\":");
    }
    left.wait_for_output("following run");
    // Ctrl-C leaves an attached view and nothing else.
    left.signal(Signal::SIGINT);
    let _ = left.wait();
    assert_eq!(logged.stdout(), "", "the spec has not ended");

    // What a run has so far can be had before it ends, elsewhere.
    let so_far = scratch.run(["results", "--to", "so-far", "--json"]).expect(0).stdout;
    let so_far: Value = serde_json::from_str(&so_far).unwrap();
    assert_eq!((&so_far["verdict"], &so_far["ended"]), (&Value::Null, &Value::Null));
    let partial = Results::at(scratch.path().join("so-far"));
    let executions = trace::executions(&scratch.trace("a"));
    assert_partial(&partial, &executions);

    let cancelled = scratch.run(["cancel", name]).expect(0);
    let at = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
    assert!(cancelled.stderr.contains(name), "{}", cancelled.stderr);
    let run = run.wait().expect(2);
    let attached = attached.wait().expect(2);
    let watched = watched.wait().expect(2);
    let logged = logged.wait().expect(0);

    let results = scratch.results();
    for printed in [&run.stdout, &attached.stdout, &watched.stdout] {
        assert_agrees(&fold(printed), &results);
    }
    assert!(
        logged.stdout.contains("interrupted [sig-zoo] Dangerous hangs and listens"),
        "{logged:?}"
    );
    let others = logged.stdout.lines().find(|l| l.contains("sig-zoo") && !l.contains("listens"));
    assert_eq!(others, None);

    // The suite's own witness: the spec was interrupted, it cleaned up, and nothing began after.
    let lines = scratch.trace("a");
    let notes = lines.iter().filter(|line| line.event == "note").map(|line| line.note.as_str());
    assert_eq!(notes.collect::<Vec<_>>(), ["context ended", "cleanup ran"]);
    let late = lines.iter().find(|l| l.event == "start" && i128::from(l.time) > at.cast_signed());
    assert!(late.is_none(), "begun after the cancel: {late:?}");
    let executions = trace::executions(&lines);
    trace::assert_serial_alone("a", &executions);
    assert!(trace::times_run(&executions).values().all(|times| *times <= 3));
    assert_partial(&results, &executions);
    assert_eq!(results.report("zoo").spec(POLITE).state, "interrupted");
    let summary = results.summary();
    assert_eq!(summary["verdict"], "incomplete");
    assert!(summary["cancelledBy"].is_string(), "{summary:#}");

    // And after the end.
    let rows: Value =
        serde_json::from_str(&scratch.run(["runs", "--json"]).expect(0).stdout).unwrap();
    assert_eq!(rows[0]["state"], "ended");
    assert_eq!(rows[0]["verdict"], "incomplete");
    let again: Value =
        serde_json::from_str(&scratch.run(["results", "--json"]).expect(0).stdout).unwrap();
    assert_eq!(again, summary);
    let shown = status(&scratch).unwrap();
    assert_eq!(
        states(&shown["targets"][0]["states"]),
        states(&summary["targets"][0]["specs"]["states"])
    );
    let log = scratch.run(["logs", name]).expect(0).stdout;
    assert!(log.contains("passes [Conformance]"), "{log}");
    for command in ["attach", "cancel"] {
        let refused = scratch.run([command]).expect(3);
        assert!(refused.stderr.contains("not under way"), "{}", refused.stderr);
    }
}

#[test]
fn ctrl_c_interrupts_and_a_second_one_kills() {
    let scratch = Scratch::new();
    let file = zoo(VERSION).env("ZOO_HANG", "1").processes(2).target("zoo", &["a"]);
    // Only the second Ctrl-C can end it in time.
    let file = file.set(&["limits"], serde_json::json!({"grace": "20m"}));
    let file = scratch.run_file("run.yaml", file);
    let run = scratch.start(["run", "--plain", "-f", file.to_str().unwrap()]);
    wait_until_only(&scratch, STUBBORN);
    run.signal(Signal::SIGINT);
    run.wait_for_output("cancelling");
    wait_for("the cancel", || status(&scratch)?["cancelling"].as_bool()?.then_some(()));
    run.signal(Signal::SIGINT);
    let ended = run.wait().expect(2);
    assert!(ended.stdout.contains("stopped by force"), "{}", ended.stdout);

    let lines = scratch.trace("a");
    let executions = trace::executions(&lines);
    for execution in executions.iter().filter(|execution| execution.end.is_none()) {
        assert_eq!(execution.start.text, STUBBORN);
    }
    for line in &lines {
        wait_for("the suite processes' end", || is_gone(line.pid).then_some(()));
    }
    let results = scratch.results();
    assert_partial(&results, &executions);
    assert_eq!(results.report("zoo").spec(STUBBORN).state, "interrupted");
    assert_eq!(results.summary()["verdict"], "incomplete");
}

#[test]
fn one_ctrl_c_lets_specs_clean_up() {
    let scratch = Scratch::new();
    let file = zoo(VERSION).env("ZOO_HANG_POLITE", "1").target("zoo", &["a"]);
    // One spec: who listens to its context ends within the grace.
    let file = file.set(&["suite", "focus"], serde_json::json!(["hangs and listens"]));
    let file = scratch.run_file("run.yaml", file);
    let run = scratch.start(["run", "--plain", "-f", file.to_str().unwrap()]);
    scratch.wait_for_a_spec("a");
    run.signal(Signal::SIGINT);
    let _ = run.wait().expect(2);
    let lines = scratch.trace("a");
    let notes = lines.iter().filter(|line| line.event == "note").map(|line| line.note.as_str());
    assert_eq!(notes.collect::<Vec<_>>(), ["context ended", "cleanup ran"]);
    let results = scratch.results();
    assert_eq!(results.report("zoo").spec(POLITE).state, "interrupted");
    assert_rendered_as_by_ginkgo(VERSION, &results.target_dir("zoo"));
}

#[test]
fn what_list_says_is_what_runs() {
    let scratch = Scratch::new();
    let file = RunFile::new(&suites::zoo(VERSION))
        .set(&["suite", "labelFilter"], "!red")
        .processes(2)
        .target("zoo", &["a", "b"]);
    let file = scratch.run_file("run.yaml", file);
    let file = file.to_str().unwrap();
    let good = scratch.run(["check", "-f", file]).expect(0).stdout;
    assert!(good.contains("good, 1 target on 2 clusters"), "{good}");
    let ended = scratch.run(["list", "-f", file, "--json", "--seed", "7"]).expect(0);
    let listed: Value = serde_json::from_str(&ended.stdout).unwrap();
    let suite = &listed["suites"][0];
    // In a log stands what takes its time, before and after.
    let selected = format!("{} of {} specs selected", suite["selected"], suite["total"]);
    let said: Vec<&str> = ended.stderr.lines().collect();
    let [before, after] = said[..] else { panic!("{ended:?}") };
    assert!(before.starts_with("looking into ") && before.ends_with("zoo.test"), "{before}");
    assert!(after.contains("zoo.test in ") && after.ends_with(&selected), "{after}");
    let again = scratch.run(["list", "-f", file, "--seed", "7"]).expect(0);
    assert!(again.stdout.contains("passes [Conformance]"), "{}", again.stdout);
    assert!(again.stderr.contains("from the cache: "), "{}", again.stderr);

    let run = scratch.run(["run", "--json", "-f", file, "--seed", "7"]).expect(0);
    let results = scratch.results();
    assert_agrees(&fold(&run.stdout), &results);
    let summary = results.summary();
    assert_eq!((&summary["seed"], &summary["verdict"]), (&7.into(), &"passed".into()));
    assert_eq!(results.report("zoo").suite_config["RandomSeed"], 7);
    let target = results.target("zoo");
    for key in ["total", "selected"] {
        assert_eq!(target["specs"][key], suite[key], "{key}");
    }
    let mut executions = Vec::new();
    for cluster in ["a", "b"] {
        let here = trace::executions(&scratch.trace(cluster));
        trace::assert_serial_alone(cluster, &here);
        executions.extend(here);
    }
    let serial = executions.iter().filter(|execution| execution.start.serial).count();
    assert_eq!(Value::from(serial), suite["serial"]);

    // Nothing to repeat.
    let refused = scratch.run(["run", "--rerun-failed", &results.run()]).expect(3);
    assert!(refused.stderr.contains("nothing failed"), "{}", refused.stderr);
    assert_eq!(scratch.runs().len(), 1);
}

#[test]
fn failures_are_run_again_as_a_run_of_their_own() {
    let scratch = Scratch::new();
    let file = zoo(VERSION)
        .set(&["suite", "focus"], serde_json::json!(["States", "Names"]))
        .processes(2)
        .target("zoo", &["a"]);
    let (ended, first) = scratch.run_to_end(file);
    let _ = ended.expect(1);
    let report = first.read("zoo/report.json");
    let before = trace::executions(&scratch.trace("a")).len();

    let again = scratch.run(["run", "--plain", "--rerun-failed", &first.run()]).expect(1);
    let runs = scratch.runs();
    assert_eq!(runs.len(), 2, "{again:?}");
    let second = &runs[1];
    let summary = second.summary();
    assert_eq!(summary["rerunOf"], first.run().as_str());
    let reasons = summary["notCertifiable"].to_string();
    assert!(reasons.contains(&first.run()), "{reasons}");
    let failed = |results: &Results| {
        let target = results.target("zoo");
        let failures = target["failures"].as_array().unwrap().clone();
        failures.iter().map(Value::to_string).collect::<Vec<_>>()
    };
    assert_same("failures", failed(&first), failed(second));
    let failures = failed(&first).len();
    assert!(failures > 5);
    assert_eq!(second.target("zoo")["specs"]["selected"], failures);
    let executions = trace::executions(&scratch.trace("a"));
    assert_eq!(executions[before..].len(), failures);
    // The first run's files are what they were.
    assert_eq!(first.read("zoo/report.json"), report);
    assert_eq!(first.summary()["rerunOf"], Value::Null);
}

#[test]
fn a_run_file_to_begin_with() {
    let scratch = Scratch::new();
    for example in ["minimal", "matrix"] {
        let text = scratch.run(["init", "--example", example]).expect(0).stdout;
        scratch.write("run.yaml", &text);
        let _ = scratch.run(["check", "--file-only", "-f", "run.yaml"]).expect(0);
        // It is to be filled in: the suite is not there yet.
        let said = scratch.run(["check", "-f", "run.yaml"]).expect(3).stderr;
        assert!(said.contains("run.yaml:") && said.contains("e2e.test"), "{said}");
    }
    let help = scratch.run(["run", "--help"]).expect(0).stdout;
    assert!(help.contains("--rerun-failed"), "{help}");
    let help = scratch.run(["--help"]).expect(0).stdout;
    assert!(help.contains("Exit status"), "{help}");
}
