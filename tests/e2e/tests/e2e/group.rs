//! Three aggregators, a coordinator, and workers as processes of their own: any one of the
//! aggregators may die, hang, or be replaced while a run goes on, and nothing is lost.

use multibeam_e2e::{Program, RunFile, assert_rendered_as_by_ginkgo, suites, trace, wait_for};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::support::trio::{CLUSTERS, System, certificate, words};

const VERSION: &str = suites::KUBERNETES;

fn start_run(system: &System) -> Program {
    let file = RunFile::new(&suites::shaped(VERSION))
        .env("SHAPED_SCALE", "120")
        .set(&["limits"], json!({"grace": "2s", "lease": "30s", "heartbeat": "1s"}))
        .target("t", &CLUSTERS);
    let run = system.start_run(file);
    system.wait_for_specs(5);
    run
}

/// What an undisturbed run gives, and nothing twice.
fn assert_whole(system: &System) {
    let results = system.scratch.results();
    let report = results.report("t");
    assert!(report.suite_succeeded);
    assert_eq!(report.count("passed"), 402);
    assert_rendered_as_by_ginkgo(VERSION, &results.target_dir("t"));
    let lost = results.target("t")["lostAttempts"].as_array().unwrap().len();
    assert_eq!(lost, 0, "no attempt is lost because an aggregator is");
    let mut executions = 0;
    for cluster in CLUSTERS {
        let of_cluster = trace::executions(&system.scratch.trace(cluster));
        trace::assert_serial_alone(cluster, &of_cluster);
        executions += of_cluster.len();
    }
    assert_eq!(executions, 402, "every spec ran exactly once");
}

#[test]
fn any_aggregator_may_be_killed_or_hang_in_the_middle_of_a_run() {
    let mut system = System::start();
    let run = start_run(&system);
    // The leader dies, comes back on its disk, and the next leader hangs.
    let first = system.leader();
    system.kill(first);
    system.wait_for_specs(30);
    system.start_aggregator(first);
    wait_for("all three", || {
        system.members()?.iter().all(|member| member["alive"] == true).then_some(())
    });
    let second = system.leader();
    let hung = system.aggregators[second - 1].as_ref().unwrap();
    hung.signal(Signal::SIGSTOP);
    system.wait_for_specs(70);
    hung.signal(Signal::SIGCONT);
    let _ = run.wait().expect(0);
    assert_whole(&system);
}

#[test]
fn a_member_that_has_lost_its_directory_stops() {
    let mut system = System::start();
    wait_for("all three", || {
        system.members()?.iter().all(|member| member["alive"] == true).then_some(())
    });
    let leader = system.leader();
    let gone = if leader == 3 { 2 } else { 3 };
    system.kill(gone);
    std::fs::remove_dir_all(system.directory(gone)).unwrap();
    // With its old number it would vote for logs that lack what it has acknowledged.
    system.start_aggregator(gone);
    let ended = system.aggregators[gone - 1].take().unwrap().wait().expect(4);
    assert!(ended.stderr.contains("with another directory"), "{}", ended.stderr);
    wait_for("it to be missed", || {
        let lost = |member: &Value| member["node"] == gone && member["alive"] == true;
        (!system.members()?.iter().any(lost)).then_some(())
    });
}

#[test]
fn a_member_is_replaced_in_the_middle_of_a_run() {
    let mut system = System::start();
    let run = start_run(&system);
    let leader = system.leader();
    let gone = if leader == 3 { 2 } else { 3 };
    system.kill(gone);
    let number = gone.to_string();
    // Its certificate is no user's.
    let mut args = words(&["aggregator", "remove", &number]);
    args.extend(system.at_aggregators());
    args.extend(certificate("user-me"));
    let refused = system.scratch.run(args).expect(3);
    assert!(refused.stderr.contains("role may not call"), "{}", refused.stderr);

    let said = system.change(&["aggregator", "remove", &number], 0);
    assert!(said.contains(&format!("member {number} is removed")), "{said}");
    let url = system.urls[3].clone();
    let mut args = system.aggregator(4);
    args.extend(words(&["--join", "--address", &url]));
    let _new = system.scratch.start(args);
    let said = system.change(&["aggregator", "add", "4", &url], 0);
    assert!(said.contains("member 4 votes"), "{said}");
    let again = system.change(&["aggregator", "add", "4", &url], 3);
    assert!(again.contains("there is a member 4 already"), "{again}");
    // With the new one, the old leader can go.
    let leader = system.leader();
    system.kill(leader);
    let _ = run.wait().expect(0);
    assert_whole(&system);
}

#[test]
fn who_adds_a_member_that_does_not_come_learns_why_that_may_be() {
    let system = System::start();
    let nobody = system.urls[3].clone();
    let mut args = words(&["aggregator", "add", "4", &nobody]);
    args.extend(system.at_aggregators());
    args.extend(certificate("aggregator-one"));
    let adding = system.scratch.start(args);
    let hint = "the number of one that was removed is used up";
    wait_for("the hint", || adding.stderr().contains(hint).then_some(()));
    let _ = system.change(&["aggregator", "remove", "4"], 0);
    let ended = adding.wait().expect(4);
    assert!(ended.stderr.contains("member 4 was removed meanwhile"), "{}", ended.stderr);
}
