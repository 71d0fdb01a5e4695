//! The directory of an aggregator in the hands of its operator: checked, backed up, restored, and
//! what a survivor has when the majority is gone.

use multibeam_e2e::{Ended, Results, RunFile, Scratch, suites, wait_for, zoo};
use serde_json::{Value, json};

use crate::support::trio::{CLUSTERS, System, certificate, words};

/// Some specs of the zoo, failures among them.
fn file() -> RunFile {
    zoo(suites::KUBERNETES).set(&["suite", "focus"], json!(["States"])).target("t", &CLUSTERS)
}

/// The files of a finished run.
const FILES: [&str; 3] = ["report.json", "junit_01.xml", "e2e.log"];

fn assert_same(before: &Results, after: &Results) {
    for name in FILES {
        let read = |of: &Results| std::fs::read(of.target_dir("t").join(name)).unwrap();
        assert!(read(before) == read(after), "{name} is another one");
    }
    assert_eq!(before.summary()["targets"], after.summary()["targets"]);
}

/// Gets the files of a run from the system.
fn fetch(system: &System, run: &str, to: &str) -> Results {
    let to = system.scratch.path().join(to);
    let _ = system.run(&["results", run, "--to", to.to_str().unwrap()]).expect(0);
    Results::at(to)
}

fn directory(scratch: &Scratch, args: &[&str]) -> Ended {
    scratch.run([&["aggregator"], args].concat())
}

/// Runs the zoo to its end.
fn finished(system: &System) -> Results {
    let _ = system.start_run(file()).wait().expect(1);
    system.scratch.results()
}

/// Without a leader the list is what one member knows, and says so.
fn assert_leaderless(system: &System) {
    let list = |more: &[&str]| {
        let mut args = words(&["aggregator", "list"]);
        // The first one is dead.
        args.extend(system.at_aggregators());
        args.extend(words(more));
        args.extend(certificate("user-me"));
        system.scratch.run(args)
    };
    // If it has led itself, it takes a moment to notice that it has no majority.
    let listed = wait_for("nobody to lead", || {
        let listed = list(&["--stale", "--json"]).expect(0);
        let listed: Value = serde_json::from_str(&listed.stdout).unwrap();
        let led = listed["members"].as_array().unwrap().iter().any(|it| it["leads"] == true);
        (!led).then_some(listed)
    });
    assert_eq!((&listed["stale"], &listed["by"]), (&json!(true), &json!(2)), "{listed}");
    let members = listed["members"].as_array().unwrap();
    assert_eq!(members.len(), 3);
    let unknown = |member: &&Value| member["alive"].is_null() && member["matched"].is_null();
    assert_eq!(members.iter().filter(unknown).count(), 3, "{listed}");
    let waited = list(&[]).expect(4);
    assert!(
        waited.stdout.starts_with("as member 2 knows it, which may be outdated"),
        "{}",
        waited.stdout
    );
    assert!(waited.stderr.contains("no leader answered"), "{}", waited.stderr);
}

#[test]
fn a_backup_brings_the_whole_group_back_elsewhere() {
    let mut system = System::start();
    let results = finished(&system);
    let at = |name: &str| system.scratch.path().join(name);
    let backup = at("ledger.backup");

    // While it serves, its directory is its own.
    for args in [&["check", "ledger-2"][..], &["backup", "ledger-2", "ledger.backup"]] {
        let refused = directory(&system.scratch, args).expect(4);
        assert!(refused.stderr.contains("has the ledger in ledger-2 open"), "{}", refused.stderr);
    }
    assert!(!backup.exists(), "a backup that failed leaves no file");

    // The others go on without it.
    system.stop(2);
    let checked = directory(&system.scratch, &["check", "--json", "ledger-2"]).expect(0);
    let checked: Value = serde_json::from_str(&checked.stdout).unwrap();
    assert_eq!(checked["sound"], true, "{checked}");
    assert_eq!(checked["summary"]["node"], 2);
    let made = directory(&system.scratch, &["backup", "ledger-2", "ledger.backup"]).expect(0);
    assert!(made.stdout.contains("written to ledger.backup"), "{}", made.stdout);
    let again = directory(&system.scratch, &["backup", "ledger-2", "ledger.backup"]).expect(4);
    assert!(again.stderr.contains("ledger.backup"), "{}", again.stderr);

    system.kill(1);
    system.kill(3);
    let over = ["restore", "ledger-3", "--from", "ledger.backup"];
    let over = directory(&system.scratch, &over).expect(4);
    assert!(over.stderr.contains("ledger-3 is not empty"), "{}", over.stderr);
    for node in ["1", "2", "3"] {
        let to = format!("elsewhere-{node}");
        let args = ["restore", &to, "--from", "ledger.backup", "--node", node];
        let restored = directory(&system.scratch, &args).expect(0);
        let said = format!("member {node} of group \"multibeam\"");
        assert!(restored.stdout.contains(&said), "{}", restored.stdout);
        let checked = directory(&system.scratch, &["check", &to]).expect(0);
        assert!(checked.stdout.contains(&said), "{}", checked.stdout);
    }
    for node in 1..=3 {
        system.start_aggregator_on(node, &format!("elsewhere-{node}"));
    }
    let _ = system.leader();
    assert_same(&results, &fetch(&system, &results.run(), "fetched"));
}

#[test]
fn one_survivor_goes_on_and_says_what_may_be_missing() {
    let mut system = System::start();
    let results = finished(&system);
    system.kill(1);
    system.kill(3);
    assert_leaderless(&system);
    system.kill(2);
    for gone in [1, 3] {
        std::fs::remove_dir_all(system.directory(gone)).unwrap();
    }
    let old = directory(&system.scratch, &["restore", "ledger-2", "--alone", "multibeam"]);
    let old = old.expect(4);
    assert!(old.stderr.contains("called \"multibeam\" already"), "{}", old.stderr);

    let alone = directory(&system.scratch, &["restore", "ledger-2", "--alone", "after"]).expect(0);
    for said in [
        "member 2 is the only one of group \"after\" now",
        "nothing up to entry ",
        "what the others had behind entry ",
        "is lost, and some of it may have been acknowledged",
        "start it with --group after (and --node 2)",
    ] {
        assert!(alone.stdout.contains(said), "{said}:\n{}", alone.stdout);
    }

    // Under the old name it is another one's.
    system.start_aggregator(2);
    let other = system.aggregators[1].take().unwrap().wait().expect(4);
    let says = other.stderr.contains("belongs to member 2 of group \"after\"");
    assert!(says, "{}", other.stderr);

    let mut args = system.aggregator(2);
    args.extend(words(&["--group", "after"]));
    system.aggregators[1] = Some(system.scratch.start(args));
    assert_eq!(system.leader(), 2);
    assert_eq!(system.members().unwrap().len(), 1);
    // Nothing was on its way, so all of it is there, and further runs are.
    assert_same(&results, &fetch(&system, &results.run(), "fetched"));
    let run = wait_for("a coordinator in office", || {
        let ended = system.start_run(file()).wait();
        (ended.code() == 1).then_some(ended)
    });
    assert!(run.stdout.contains("failed"), "{}", run.stdout);
}
