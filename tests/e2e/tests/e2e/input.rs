//! Bad input gets a clear error, and nothing is lost.

use std::path::Path;

use multibeam_e2e::{
    Ended, Program, RunFile, Scratch, copy_program, program_path, suites, trace, zoo,
};
use serde_json::json;

const VERSION: &str = suites::KUBERNETES;

/// Runs a run file that must be refused, and gives what was said. Nothing may have been started.
fn refused(scratch: &Scratch, file: RunFile) -> String {
    let path = scratch.run_file("run.yaml", file);
    let ended = scratch.run(["run", "--plain", "-f", path.to_str().unwrap()]).expect(3);
    assert!(scratch.runs().is_empty(), "a run was made");
    assert_eq!(scratch.trace("a").len(), 0, "a spec was run");
    assert!(ended.stderr.contains("error"), "{ended:?}");
    ended.stderr
}

fn suite(path: &Path) -> RunFile {
    RunFile::new(path).target("zoo", &["a"])
}

#[track_caller]
fn assert_says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "expected {part:?} in:\n{text}");
    }
}

#[test]
fn suites_that_are_none() {
    let scratch = Scratch::new();
    let said = refused(&scratch, suite(Path::new("no/such/e2e.test")));
    assert_says(&said, &["run.yaml:9:15: error: ", "no/such/e2e.test", "hint"]);

    let text = scratch.write("e2e.test", "this is no program");
    assert_says(&refused(&scratch, suite(&text)), &["run.yaml:", "e2e.test", "chmod +x"]);

    let said = refused(&scratch, suite(Path::new("/bin/true")));
    assert_says(&said, &["run.yaml:", "target zoo: ", "/bin/true", "Ginkgo", "\"binary\""]);

    let said = refused(&scratch, suite(&suites::built("v1", "v1.test")));
    assert_says(&said, &["run.yaml:", "Ginkgo 1", "hint"]);

    // Each of those that have to be started has its line, and what it printed.
    let file = RunFile::new(Path::new("/bin/true")).target("one", &["a"]).target_json(
        json!({"name": "two", "clusters": [{"name": "b"}], "suite": {"binary": "/bin/ls"}}),
    );
    let said = refused(&scratch, file);
    assert_says(&said, &["target one: ", "target two: ", "/bin/ls", "/bin/true", "    | "]);
    assert_says(&said, &["run.yaml: 2 errors"]);
}

/// What can be known without starting anything comes in one report, whatever it concerns.
#[test]
fn all_mistakes_at_once() {
    let scratch = Scratch::new();
    scratch.write("text.test", "this is no program");
    let text = "apiVersion: multibeam.dev/v1
kind: Run
speed: 9
suite: {binary: nowhere.test, workdir: none, labelFilter: 'a &'}
targets:
  - {name: a, clusters: [{name: x, kubeconfig: no-such-file}]}
  - {name: a, suite: {binary: text.test, focus: ['[']}, clusters: [{name: y, processes: many}]}
";
    let path = scratch.write("run.yaml", text);
    let path = path.to_str().unwrap();
    let mistakes = [
        ("3:1", "unknown-key"),
        ("4:17", "bad-suite"),
        ("4:40", "bad-suite"),
        ("4:62", "bad-label-filter"),
        ("6:48", "bad-kubeconfig"),
        ("7:12", "duplicate"),
        ("7:31", "bad-suite"),
        ("7:51", "bad-pattern"),
        ("7:89", "wrong-type"),
    ];
    let found = scratch.run(["check", "--json", "-f", path]).expect(3).stdout;
    let found: serde_json::Value = serde_json::from_str(&found).unwrap();
    assert_eq!(found["format"], 1);
    let items = found["items"].as_array().unwrap().iter();
    let places: Vec<(String, &str)> = items
        .map(|it| (format!("{}:{}", it["line"], it["column"]), it["code"].as_str().unwrap()))
        .collect();
    let places: Vec<(&str, &str)> = places.iter().map(|(at, code)| (at.as_str(), *code)).collect();
    assert_eq!(places, mistakes, "{found:#}");
    for command in ["run", "check"] {
        let said = scratch.run([command, "-f", path]).expect(3).stderr;
        for (at, _) in mistakes {
            assert_says(&said, &[&format!("run.yaml:{at}: error: ")]);
        }
        assert_says(&said, &["run.yaml: 9 errors"]);
    }
    // What would run does not depend on a kubeconfig.
    let said = scratch.run(["list", "-f", path]).expect(3).stderr;
    assert_says(&said, &["run.yaml: 8 errors"]);
    // On a host without suites and kubeconfigs the file itself can be checked.
    let said = scratch.run(["check", "--file-only", "-f", path]).expect(3).stderr;
    assert_says(&said, &["run.yaml: 5 errors"]);
    assert!(scratch.runs().is_empty());
}

#[test]
fn nothing_selected() {
    let scratch = Scratch::new();
    let file = zoo(VERSION).set(&["suite", "focus"], json!(["no spec is called so"]));
    let said = refused(&scratch, file.target("zoo", &["a"]));
    assert_says(&said, &["zoo", "no spec"]);
}

#[test]
fn what_a_certified_run_refuses() {
    let scratch = Scratch::new();
    let focused = RunFile::new(&suites::built(VERSION, "zoo-focused.test"))
        .set(&["certified"], true)
        .target("zoo", &["a"]);
    assert_says(&refused(&scratch, focused), &["focus"]);
    let skips = zoo(VERSION)
        .set(&["certified"], true)
        .set(&["suite", "skip"], json!(["anything"]))
        .target("zoo", &["a"]);
    assert_says(&refused(&scratch, skips), &["skip", "certified"]);
    // Not certified, it runs, and says that it cannot be.
    let focused = RunFile::new(&suites::built(VERSION, "zoo-focused.test")).target("zoo", &["a"]);
    let (ended, results) = scratch.run_to_end(focused);
    let _ = ended.expect(0);
    let executions = trace::executions(&scratch.trace("a"));
    assert_eq!(executions.len(), 1);
    let reasons = results.summary()["notCertifiable"].to_string();
    assert!(reasons.contains("focus"), "{reasons}");
}

#[test]
fn run_files_with_mistakes() {
    let scratch = Scratch::new();
    let text = "apiVersion: multibeam.dev/v1\nkind: Run\nsuite: {binary: ./a, focsu: x}\ntargets:\n\
        - {name: a, clusters: [{name: x, processes: many}]}\n- {name: a, clusters: [{name: y}]}\n";
    scratch.write("bad.yaml", text);
    for command in ["run", "list", "check"] {
        let said = scratch.run([command, "-f", "bad.yaml"]).expect(3).stderr;
        assert_says(
            &said,
            &[
                "bad.yaml:3:",
                "unknown key \"focsu\"",
                "did you mean \"focus\"",
                "bad.yaml:5:",
                "bad.yaml:6:",
            ],
        );
    }
    scratch.write("broken.yaml", "suite: [unclosed\n");
    assert_says(&scratch.run(["run", "-f", "broken.yaml"]).expect(3).stderr, &["broken.yaml:"]);
    let said = scratch.run(["run", "-f", "nowhere.yaml"]).expect(3).stderr;
    assert_says(&said, &["nowhere.yaml", "multibeam init"]);
    assert!(scratch.runs().is_empty());
}

#[test]
fn results_that_are_not_there() {
    let scratch = Scratch::new();
    let none = |args: &[&str]| -> Ended { scratch.run(args).expect(3) };
    for command in ["status", "logs", "results", "attach", "cancel"] {
        assert_says(&none(&[command]).stderr, &["no run in results", "hint"]);
        assert_says(&none(&[command, "20200101-000000-abcd"]).stderr, &["20200101-000000-abcd"]);
    }
    assert_says(&none(&["run", "--resume", "20200101-000000-abcd"]).stderr, &["no run"]);
    assert_says(&none(&["run", "--rerun-failed", "20200101-000000-abcd"]).stderr, &["no run"]);
    assert_eq!(scratch.run(["runs"]).expect(0).stdout, "no runs\n");

    // Somebody else's files.
    let foreign = scratch.path().join("results/photos");
    std::fs::create_dir_all(&foreign).unwrap();
    std::fs::write(foreign.join("cat.jpeg"), "meow").unwrap();
    assert_says(&none(&["results", "photos"]).stderr, &["no run photos"]);
    assert_says(&none(&["status"]).stderr, &["no run in results"]);
    assert_eq!(std::fs::read_dir(&foreign).unwrap().count(), 1);
}

#[test]
fn data_of_another_version() {
    let scratch = Scratch::new();
    let file = zoo(VERSION).set(&["suite", "focus"], json!(["passes \\[Conformance"]));
    let (ended, results) = scratch.run_to_end(file.target("zoo", &["a"]));
    let _ = ended.expect(0);
    let marker = results.path().join(".multibeam/ledger/FORMAT");
    let before = std::fs::read_to_string(&marker).unwrap_or_else(|error| {
        let found = std::fs::read_dir(marker.parent().unwrap()).unwrap();
        panic!("{error}: {:?}", found.map(|entry| entry.unwrap().path()).collect::<Vec<_>>())
    });
    let (word, _) = before.trim().rsplit_once(' ').unwrap();
    for (format, says) in [("1", "outdated data format"), ("4000000000", "newer")] {
        std::fs::write(&marker, format!("{word} {format}\n")).unwrap();
        for command in [&["results"][..], &["logs"], &["run", "--resume", &results.run()]] {
            let ended = scratch.run(command);
            assert_ne!(ended.code(), 0, "{ended:?}");
            assert_says(&ended.stderr, &[says, "hint"]);
        }
    }
    // The reports are still there.
    assert_eq!(results.report("zoo").count("passed"), 1);
    std::fs::write(&marker, before).unwrap();
    let _ = scratch.run(["results"]).expect(0);
}

/// An upgrade while a run is under way: the run goes on with the program that it began with.
#[test]
fn a_program_that_was_removed_while_it_runs() {
    let scratch = Scratch::new();
    let copy = scratch.path().join("multibeam");
    copy_program(&program_path(), &copy);
    let file = zoo(VERSION).set(&["suite", "focus"], json!(["passes \\[Conformance"]));
    let file = scratch.run_file("run.yaml", file.target("zoo", &["a"]));
    let args = ["run", "--plain", "-f", file.to_str().unwrap()];
    let run = Program::start(scratch.multibeam_at(&copy, args));
    std::fs::remove_file(&copy).unwrap();
    let _ = run.wait().expect(0);
    assert_eq!(trace::executions(&scratch.trace("a")).len(), 1);
}
