//! Runs on clusters with API servers: holding them, losing them, refusing them, cleaning them up.

use std::collections::BTreeMap;
use std::path::Path;

use multibeam_e2e::{Ended, Program, Results, RunFile, Scratch, trace, wait_for};
use nix::sys::signal::Signal;
use serde_json::json;

use crate::support::lab::{Cluster, Lab, mode, shaped, target};

/// A part of the suite that is soon over: 40 specs, 8 of them Serial.
const FOCUS: &str = r"\[sig-(auth|cli|instrumentation|scheduling)\]";

fn small(scale: u32) -> RunFile {
    shaped(scale).set(&["suite", "focus"], json!([FOCUS]))
}

/// Starts a run whose looks at a silent API server are a second apart.
fn start(scratch: &Scratch, args: &[&str], file: Option<&Path>) -> Program {
    start_looking(scratch, "1000", args, file)
}

/// Starts a run whose looks at a silent API server are so many milliseconds apart.
fn start_looking(scratch: &Scratch, spacing: &str, args: &[&str], file: Option<&Path>) -> Program {
    let mut command = scratch.multibeam(["run", "--plain"]);
    command.args(args).env("MULTIBEAM_PROBE_SPACING_MS", spacing);
    if let Some(file) = file {
        command.arg("-f").arg(file);
    }
    Program::start(command)
}

fn run(scratch: &Scratch, file: RunFile) -> (Ended, Results) {
    let path = scratch.run_file("run.yaml", file);
    let ended = start(scratch, &[], Some(&path)).wait();
    (ended, scratch.results())
}

/// Standard output and error.
fn said(ended: &Ended) -> String {
    format!("{}\n{}", ended.stdout, ended.stderr)
}

fn assert_says(ended: &Ended, texts: &[&str]) {
    let said = said(ended);
    for text in texts {
        assert!(said.contains(text), "expected {text:?} in:\n{said}");
    }
    assert!(!said.contains("sesame"), "shows a secret:\n{said}");
}

/// Each case's state, by name.
fn states(results: &Results, target: &str) -> BTreeMap<String, String> {
    let junit = results.junit(target);
    let specs = junit.cases.into_iter().filter(|case| case.name.starts_with("[It]"));
    specs.map(|case| (case.name, case.status)).collect()
}

/// How often specs ended so far.
fn ended(scratch: &Scratch, clusters: &[&Cluster<'_>]) -> usize {
    let lines = clusters.iter().flat_map(|cluster| scratch.trace(cluster.name));
    lines.filter(|line| line.event == "end").count()
}

#[test]
fn the_api_server_of_one_of_three_clusters_dies_at_half_time() {
    let lab = Lab::new();
    let mut clusters = ["lab-a", "lab-b", "lab-c"].map(|name| lab.cluster(name));
    let file = |scale: u32, [a, b, c]: &[Cluster<'_>; 3]| {
        shaped(scale)
            .set(&["limits", "clusterUnreadyGiveUp"], "4s")
            .target_json(target("certified", &[a, b, c]))
    };

    let undisturbed = Scratch::new();
    let (done, expected) = run(&undisturbed, file(1000, &clusters));
    let _ = done.expect(0);
    assert_eq!(expected.report("certified").count("passed"), 402);

    let scratch = Scratch::new();
    let path = scratch.run_file("run.yaml", file(100, &clusters));
    let program = start(&scratch, &[], Some(&path));
    // Long specs come first: these take half of the time.
    wait_for("a part of the specs", || {
        (ended(&scratch, &[&clusters[0], &clusters[1], &clusters[2]]) >= 100).then_some(())
    });
    clusters[1].die();
    let done = program.wait().expect(0);
    assert_says(&done, &["lab-b"]);

    let results = scratch.results();
    assert_eq!(states(&results, "certified"), states(&expected, "certified"));
    assert!(results.report("certified").suite_succeeded);
    let summary = results.target("certified");
    assert_eq!(summary["verdict"], "passed");
    let lost = summary["lostAttempts"].as_array().unwrap();
    assert!(!lost.is_empty(), "nothing was lost to the dead API server");
    for attempt in lost {
        assert_eq!(attempt["cluster"], "lab-b", "{attempt}");
        assert_eq!(attempt["cause"], "the API server of cluster lab-b did not answer");
    }
    // Seen by the suites themselves: everything passed once, and failed at most once, on lab-b.
    let mut passed = BTreeMap::new();
    for cluster in &clusters {
        let executions = trace::executions(&scratch.trace(cluster.name));
        trace::assert_serial_alone(cluster.name, &executions);
        for end in executions.into_iter().filter_map(|execution| execution.end) {
            if end.state == "passed" {
                *passed.entry(end.text).or_insert(0) += 1;
            } else {
                assert_eq!(cluster.name, "lab-b", "{end:?}");
            }
        }
    }
    assert_eq!(passed.len(), 402);
    assert!(passed.values().all(|times| *times == 1), "{passed:?}");
    for alive in [&clusters[0], &clusters[2]] {
        assert_eq!(alive.holder(), None, "{} is still held", alive.name);
    }
}

#[test]
fn the_api_server_dies_in_the_serial_phase() {
    let lab = Lab::new();
    let mut clusters = ["lab-a", "lab-b"].map(|name| lab.cluster(name));
    let file = |[a, b]: &[Cluster<'_>; 2]| {
        // Serial specs alone: both clusters begin with them at once.
        shaped(200)
            .set(&["suite", "focus"], json!([r"\[Serial\]"]))
            .set(&["limits", "clusterUnreadyGiveUp"], "4s")
            .target_json(target("serial", &[a, b]))
    };
    let scratch = Scratch::new();
    let path = scratch.run_file("run.yaml", file(&clusters));
    let program = start(&scratch, &[], Some(&path));
    wait_for("two serial specs on lab-b", || (ended(&scratch, &[&clusters[1]]) >= 2).then_some(()));
    clusters[1].die();
    let _ = program.wait().expect(0);
    let results = scratch.results();
    let report = results.report("serial");
    assert_eq!(report.count("passed"), results.target("serial")["specs"]["selected"]);
    // The first failure shows that the server is gone; what comes next is not tried on it.
    let executions = trace::executions(&scratch.trace("lab-b"));
    let ends = executions.iter().filter_map(|execution| execution.end.as_ref());
    let failed = ends.filter(|end| end.state != "passed").count();
    assert_eq!(failed, 1, "{executions:#?}");
    for cluster in &clusters {
        let executions = trace::executions(&scratch.trace(cluster.name));
        trace::assert_serial_alone(cluster.name, &executions);
    }
}

#[test]
fn a_kill_does_not_wait_for_looks_at_a_silent_api_server() {
    let lab = Lab::new();
    let mut cluster = lab.cluster("lab-a");
    let file = shaped(100)
        .set(&["limits", "clusterUnreadyGiveUp"], "1h")
        .target_json(target("t", &[&cluster]));
    let scratch = Scratch::new();
    let path = scratch.run_file("run.yaml", file);
    // Nobody lives to see the second look.
    let program = start_looking(&scratch, "3600000", &[], Some(&path));
    wait_for("specs to end", || (ended(&scratch, &[&cluster]) >= 4).then_some(()));
    cluster.die();
    wait_for("a failed spec", || {
        let ends = scratch.trace("lab-a").into_iter().filter(|line| line.event == "end");
        ends.into_iter().any(|end| end.state == "failed").then_some(())
    });
    program.signal(Signal::SIGINT);
    program.wait_for_output("cancelling");
    program.signal(Signal::SIGINT);
    let _ = program.wait().expect(2);
    assert_eq!(scratch.results().summary()["verdict"], "incomplete");
}

#[test]
fn a_cluster_is_held_while_the_run_lasts_and_suites_get_a_private_kubeconfig() {
    let lab = Lab::new();
    let (a, b) = (lab.cluster("lab-a"), lab.cluster("lab-b"));
    let scratch = Scratch::new();
    let file = small(100).target_json(target("one", &[&a, &b]));
    let path = scratch.run_file("run.yaml", file);
    let program = start(&scratch, &[], Some(&path));
    for cluster in [&a, &b] {
        let holder = wait_for("the lock", || cluster.holder());
        assert!(holder.starts_with("multibeam run "), "{holder}");
        assert!(holder.contains(&scratch.results().run()), "{holder}");
    }
    let mut given = Vec::new();
    for cluster in [&a, &b] {
        let note = wait_for("a process", || {
            let mut lines = scratch.trace(cluster.name).into_iter();
            lines.find_map(|line| line.text.strip_prefix("KUBECONFIG=").map(str::to_owned))
        });
        let copy = Path::new(&note);
        assert_ne!(copy, cluster.kubeconfig);
        assert!(copy.starts_with(scratch.path()), "{note}");
        assert_eq!(mode(copy), 0o600, "{note}");
        given.push(note);
    }
    assert_ne!(given[0], given[1]);
    let _ = program.wait().expect(0);
    for cluster in [&a, &b] {
        assert_eq!(cluster.holder(), None);
        let notes = scratch.trace(cluster.name).into_iter();
        let notes = notes.filter(|line| line.text.starts_with("KUBECONFIG="));
        assert_eq!(notes.count(), 2, "one for each process");
    }
}

#[test]
fn an_unreachable_cluster_is_named_and_other_targets_go_on() {
    let lab = Lab::new();
    let (a, mut b) = (lab.cluster("lab-a"), lab.cluster("lab-b"));
    b.die();
    let scratch = Scratch::new();
    let file = small(1000).target_json(target("good", &[&a])).target_json(target("bad", &[&b]));
    let (done, results) = run(&scratch, file);
    let done = done.expect(4);
    assert_says(&done, &["lab-b", &b.server.address.to_string()]);
    assert_eq!(results.target("good")["verdict"], "passed");
    assert!(results.report("good").suite_succeeded);
    assert_eq!(results.target("bad")["verdict"], "environment");
    let cause = results.target("bad")["cause"].to_string();
    assert!(cause.contains("lab-b"), "{cause}");
    // run.json says why there is nothing of it, and an empty directory would say nothing.
    assert!(!results.target_dir("bad").exists());
    assert_eq!(a.holder(), None);
}

#[test]
fn a_target_goes_on_without_its_unreachable_cluster() {
    let lab = Lab::new();
    let (a, mut b) = (lab.cluster("lab-a"), lab.cluster("lab-b"));
    b.die();
    let scratch = Scratch::new();
    let (done, results) = run(&scratch, small(1000).target_json(target("both", &[&a, &b])));
    let done = done.expect(0);
    assert_says(&done, &["lab-b"]);
    assert_eq!(results.target("both")["verdict"], "passed");
    assert!(scratch.trace("lab-b").is_empty());
}

#[test]
fn bad_credentials_say_what_is_wrong() {
    let lab = Lab::new();
    let (mut expired, refused) = (lab.cluster("lab-expired"), lab.cluster("lab-refused"));
    expired.kubeconfig = expired.server.kubeconfig_with_certificate(2020);
    expired.refuse_all();
    refused.refuse_all();
    let scratch = Scratch::new();
    let file = small(1000)
        .target_json(target("expired", &[&expired]))
        .target_json(target("refused", &[&refused]));
    let (done, results) = run(&scratch, file);
    let done = done.expect(4);
    assert_says(
        &done,
        &["lab-expired", "expired at 2020-06-07", "lab-refused", "does not accept the credentials"],
    );
    for name in ["expired", "refused"] {
        assert_eq!(results.target(name)["verdict"], "environment");
    }
}

#[test]
fn one_cluster_under_two_names_is_refused() {
    let lab = Lab::new();
    let a = lab.cluster("lab-a");
    let scratch = Scratch::new();
    // Two files, so that only the cluster itself can tell.
    let other = std::fs::read_to_string(&a.kubeconfig).unwrap();
    let other = other.replace("127.0.0.1", "localhost");
    std::fs::copy(a.server.dir.path().join("ca.crt"), scratch.path().join("ca.crt")).unwrap();
    let twin = scratch.write("twin.kubeconfig", &other);
    let both = json!([
        {"name": "lab-a", "kubeconfig": a.kubeconfig},
        {"name": "lab-twin", "kubeconfig": twin}
    ]);
    let file = small(1000).target_json(json!({"name": "twins", "clusters": both}));
    let (done, results) = run(&scratch, file);
    let done = done.expect(4);
    assert_says(&done, &["lab-a", "lab-twin", "uid-of-lab-a", "name it once"]);
    assert_eq!(results.target("twins")["verdict"], "environment");
    assert_eq!(a.holder(), None);
}

#[test]
fn clusters_of_one_target_have_one_version() {
    let lab = Lab::new();
    let (a, b) = (lab.cluster("lab-a"), lab.cluster("lab-b"));
    b.server.objects(|objects| objects.git_version = "v1.36.1".to_owned());
    let scratch = Scratch::new();
    let (done, results) = run(&scratch, small(1000).target_json(target("mixed", &[&a, &b])));
    let done = done.expect(4);
    assert_says(&done, &["lab-a", "v1.36.2", "lab-b", "v1.36.1"]);
    assert_eq!(results.target("mixed")["verdict"], "environment");
}

#[test]
fn a_certified_run_needs_a_suite_of_the_clusters_version() {
    let lab = Lab::new();
    let a = lab.cluster("lab-a");
    a.server.objects(|objects| objects.git_version = "v1.35.4".to_owned());
    let file = || small(1000).target_json(target("one", &[&a]));
    let texts = ["v1.36.0", "v1.35.4"];

    let certified = Scratch::new();
    let (done, results) = run(&certified, file().set(&["certified"], true));
    assert_says(&done.expect(4), &texts);
    assert_eq!(results.target("one")["verdict"], "environment");
    assert!(certified.trace("lab-a").is_empty(), "it has run something");

    let other = Scratch::new();
    let (done, _) = run(&other, file());
    assert_says(&done.expect(0), &texts);
}

#[test]
fn a_second_run_on_a_cluster_stops_with_the_holders_name() {
    let lab = Lab::new();
    let a = lab.cluster("lab-a");
    let (first, second) = (Scratch::new(), Scratch::new());
    let path = first.run_file("run.yaml", small(5).target_json(target("one", &[&a])));
    let program = start(&first, &[], Some(&path));
    wait_for("the lock", || a.holder());
    let (done, results) = run(&second, small(5).target_json(target("one", &[&a])));
    let done = done.expect(4);
    assert_says(&done, &["lab-a", &first.results().run(), "in use by"]);
    assert_eq!(results.target("one")["verdict"], "environment");
    assert!(second.trace("lab-a").is_empty(), "it has run something");
    assert!(a.holder().unwrap().contains(&first.results().run()), "the first lost its lock");
    program.signal(Signal::SIGINT);
    let _ = program.wait().expect(2);
    assert_eq!(a.holder(), None);
}

#[test]
fn a_killed_run_keeps_its_cluster_for_its_resume_which_tidies_up_first() {
    let lab = Lab::new();
    let a = lab.cluster("lab-a");
    a.leave("of-somebody-else", "kubectl-create");
    let scratch = Scratch::new();
    let path = scratch.run_file("run.yaml", small(60).target_json(target("one", &[&a])));
    let program = start(&scratch, &[], Some(&path));
    let line = wait_for("a spec that runs", || {
        let executions = trace::executions(&scratch.trace("lab-a"));
        let mut open = executions.into_iter().filter(|execution| execution.end.is_none());
        open.next().map(|execution| execution.start)
    });
    // What client-go makes of the name that the process was given.
    let arguments = std::fs::read(format!("/proc/{}/cmdline", line.pid)).unwrap();
    let name = String::from_utf8(arguments.split(|byte| *byte == 0).next().unwrap().to_vec());
    let name = name.unwrap();
    assert!(name.contains(".mb-"), "{name}");
    a.leave("left-behind", name.rsplit('/').next().unwrap());
    program.signal(Signal::SIGKILL);
    let _ = program.wait().expect(128 + 9);
    let run_id = scratch.results().run();
    assert!(a.holder().unwrap().contains(&run_id), "the lock went with the run");

    let other = Scratch::new();
    let (done, _) = run(&other, small(1000).target_json(target("one", &[&a])));
    assert_says(&done.expect(4), &[&run_id]);

    let resumed = start(&scratch, &["--resume", &run_id], None).wait().expect(0);
    let _ = resumed;
    assert_eq!(a.holder(), None);
    assert!(!a.has("left-behind"), "a killed process's namespace is still there");
    assert!(a.has("of-somebody-else"), "what was there before is gone");
    let results = scratch.results();
    assert!(results.report("one").suite_succeeded);
    let cleaned = results.summary()["cleaned"].to_string();
    assert!(cleaned.contains("removed namespace left-behind"), "{cleaned}");
}

#[test]
fn what_a_dead_process_left_is_removed_before_its_group_is_tried_again() {
    let lab = Lab::new();
    let a = lab.cluster("lab-a");
    let deleted = a.note_deletion("/left-behind");
    let scratch = Scratch::new();
    let once = scratch.path().join("once");
    let file = small(200).env("SHAPED_CRASH_ONCE", once.to_str().unwrap());
    let (done, results) = run(&scratch, file.target_json(target("one", &[&a])));
    let _ = done.expect(0);
    let deleted = deleted.lock().unwrap().expect("the namespace was not deleted");
    assert!(!a.has("left-behind"));
    let cleaned = results.summary()["cleaned"].to_string();
    assert!(cleaned.contains("removed namespace left-behind"), "{cleaned}");
    let executions = trace::executions(&scratch.trace("lab-a"));
    let mut crashed = executions.iter().filter(|execution| execution.end.is_none());
    let crashed = crashed.next().expect("a spec that did not end").start.text.clone();
    let again = executions.iter().filter(|execution| execution.start.text == crashed);
    let again = again.map(|execution| execution.start.time).max().unwrap();
    assert!(deleted < again, "{crashed} was tried again before the clean-up");
}
