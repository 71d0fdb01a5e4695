//! What one run learns, the next one expects.

use std::fs;

use multibeam_e2e::{Ended, RunFile, Scratch, suites, zoo};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

fn json_of(ended: Ended) -> Value {
    serde_json::from_str(&ended.expect(0).stdout).unwrap()
}

/// Specs that take no time, pass, and have names that a file must get right.
fn quick() -> RunFile {
    zoo(suites::KUBERNETES)
        .set(&["suite", "focus"], json!(["Names (in|with|very| with)"]))
        .processes(2)
        .target_json(json!({
            "name": "zoo", "labels": {"cni": "cilium"}, "clusters": [{"name": "a"}],
        }))
}

#[test]
fn a_second_run_expects_what_the_first_one_saw() {
    let scratch = Scratch::new();
    let path = scratch.run_file("run.yaml", quick());
    let file = path.to_str().unwrap();
    let plan = || json_of(scratch.run(["plan", "--json", "-f", file]));
    let before = plan();
    assert_eq!(before["durations"].get("same-labels"), None, "{before:#}");

    let _ = scratch.run(["run", "--plain", "-f", file]).expect(0);
    let first = scratch.results();
    let specs = first.target("zoo")["specs"]["states"]["passed"].as_u64().unwrap();
    assert!(specs > 3);

    // Nothing is guessed any more, and specs that took no time are not expected to.
    let after = plan();
    assert_eq!(after["durations"], json!({"same-labels": specs}), "{after:#}");
    let expected = |plan: &Value| plan["expectedSeconds"].as_f64().unwrap();
    assert!(expected(&after) < expected(&before), "{before:#} {after:#}");

    let listed = json_of(scratch.run(["history", "list", "--json"]));
    assert_eq!(listed["specs"].as_array().unwrap().len() as u64, specs);
    assert!(listed["specs"].as_array().unwrap().iter().all(|it| it["labels"]["cni"] == "cilium"));

    // The results say the same as was learned while they came into being.
    let text = scratch.run(["history", "export"]).expect(0).stdout;
    assert_eq!(text, fs::read_to_string(scratch.path().join("results/history.csv")).unwrap());
    let _ = scratch.run(["history", "import", "--results", "copy", "results"]).expect(0);
    let listed_again = json_of(scratch.run(["history", "list", "--json", "--results", "copy"]));
    let names = |listed: &Value| {
        let specs = listed["specs"].as_array().unwrap().iter();
        let mut names: Vec<String> = specs.map(|it| it["spec"].to_string()).collect();
        names.sort();
        names
    };
    assert_eq!(names(&listed), names(&listed_again));
}

#[test]
fn what_was_planned_stands_beside_what_it_took() {
    let scratch = Scratch::new();
    // It runs until it is told to end: a short run may be over before its plan is known.
    let file = zoo(suites::KUBERNETES)
        .env("ZOO_HANG_POLITE", "1")
        .set(&["suite", "focus"], json!(["hangs and listens"]))
        .target("zoo", &["a"]);
    let file = scratch.run_file("run.yaml", file);
    let run = scratch.start(["run", "--plain", "-f", file.to_str().unwrap()]);
    run.wait_for_output("planned: ");
    scratch.wait_for_a_spec("a");
    run.signal(Signal::SIGINT);
    let ended = run.wait().expect(2);
    assert!(ended.stdout.contains("\nplanned "), "{}", ended.stdout);

    let results = scratch.results();
    let planned = &results.target("zoo")["planned"];
    let secs = |key: &str| planned[key].as_f64().unwrap();
    assert!(secs("lowSeconds") <= secs("expectedSeconds"), "{planned}");
    assert!(secs("expectedSeconds") <= secs("highSeconds"), "{planned}");
    assert!(secs("actualSeconds") > 0.0, "{planned}");
}

#[test]
fn a_run_whose_history_is_nonsense_says_so_once_and_runs() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.path().join("results")).unwrap();
    let history = scratch.path().join("results/history.csv");
    fs::write(&history, "spec,seconds\na,-1\nb,NaN\nc,1e9\n").unwrap();
    let (ended, _) = scratch.run_to_end(quick());
    let ended = ended.expect(0);
    assert_eq!(ended.stderr.matches("warning").count(), 1, "{}", ended.stderr);
    assert!(ended.stderr.contains("3 lines are left out"), "{}", ended.stderr);
    assert!(fs::read_to_string(&history).unwrap().contains("Names in Unicode"));

    fs::write(&history, "not,a,history\n").unwrap();
    let path = scratch.run_file("run.yaml", quick());
    let ended = scratch.run(["run", "--plain", "-f", path.to_str().unwrap()]).expect(0);
    assert!(ended.stderr.contains("columns spec and seconds"), "{}", ended.stderr);
    assert_eq!(fs::read_to_string(&history).unwrap(), "not,a,history\n");
}
