//! Where runs are looked for, and what is said when they are not there.

use std::fs;

use multibeam_e2e::{Ended, Program, RunFile, Scratch, suites, wait_for, zoo};

/// A run of one spec, which hangs if it is told to.
fn one() -> RunFile {
    zoo(suites::KUBERNETES)
        .set(&["suite", "focus"], serde_json::json!(["hangs and listens"]))
        .processes(1)
        .target("zoo", &["a"])
}

/// Runs the program in a directory of its own beside that of the run file.
fn apart(scratch: &Scratch, args: &[&str], results: Option<&str>) -> Ended {
    let mut command = scratch.multibeam(args);
    command.current_dir(scratch.path().join("here"));
    if let Some(results) = results {
        command.env("MULTIBEAM_RESULTS", results);
    }
    Program::start(command).wait()
}

#[test]
fn results_are_beside_the_run_file_unless_the_user_names_a_place() {
    let scratch = Scratch::new();
    for name in ["here", "there"] {
        fs::create_dir(scratch.path().join(name)).unwrap();
    }
    let _ = scratch.run_file("there/run.yaml", one());
    let run = ["run", "--plain", "-f", "../there/run.yaml"];
    let runs = |place: &str| {
        let entries = fs::read_dir(scratch.path().join(place).join("results"));
        // Beside them lies what they have taught.
        let runs = entries.into_iter().flatten().filter(|it| it.as_ref().unwrap().path().is_dir());
        runs.count()
    };

    let ended = apart(&scratch, &run, None).expect(0);
    assert_eq!((runs("there"), runs("here")), (1, 0));
    let place = format!("results in {}/there/results/", scratch.path().display());
    assert!(ended.stdout.contains(&place), "{}", ended.stdout);
    let lost = apart(&scratch, &["status"], None).expect(3);
    assert!(lost.stderr.contains("beside that file; --results names"), "{}", lost.stderr);
    let _ = apart(&scratch, &["status", "--results", "../there/results"], None).expect(0);

    // The name that is the default is as good as any other.
    let _ = apart(&scratch, &[&run[..], &["--results", "results"]].concat(), None).expect(0);
    let _ = apart(&scratch, &run, Some("results")).expect(0);
    assert_eq!((runs("there"), runs("here")), (1, 2));
}

#[test]
fn a_file_is_no_place_for_results() {
    let scratch = Scratch::new();
    let file = scratch.run_file("run.yaml", one());
    let file = file.to_str().unwrap();
    let _ = scratch.write("taken", "");
    let refused = scratch.run(["run", "--plain", "-f", file, "--results", "taken"]).expect(3);
    assert!(refused.stderr.contains("cannot make a directory in taken"), "{}", refused.stderr);
    let _ = scratch.run(["run", "--plain", "-f", file]).expect(0);
    let refused = scratch.run(["results", "--to", "taken"]).expect(3);
    assert!(refused.stderr.contains("taken"), "{}", refused.stderr);
}

#[test]
fn a_directory_that_was_renamed_is_no_reason_to_panic() {
    let scratch = Scratch::new();
    let (ended, results) = scratch.run_to_end(one());
    let _ = ended.expect(0);
    fs::rename(results.path(), results.path().with_file_name("other")).unwrap();
    // It would happen at the end of the program, in one of a few times.
    for _ in 0..5 {
        for args in [&["status", "other"][..], &["results", "other"], &["run", "--resume", "other"]]
        {
            let ended = scratch.run(args).expect(3);
            assert!(ended.stderr.contains("must keep its name"), "{}", ended.stderr);
            assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
        }
    }
}

#[test]
fn a_run_under_way_is_not_taken_up() {
    let scratch = Scratch::new();
    let file = scratch.run_file("run.yaml", one().env("ZOO_HANG_POLITE", "1"));
    let program = scratch.start(["run", "--plain", "-f", file.to_str().unwrap()]);
    wait_for("a spec to run", || (!scratch.trace("a").is_empty()).then_some(()));
    let refused = scratch.run(["run", "--resume", &scratch.results().run()]).expect(3);
    assert!(refused.stderr.contains("is under way"), "{}", refused.stderr);
    let _ = scratch.run(["cancel"]).expect(0);
    let _ = program.wait().expect(2);
}

#[test]
fn results_that_find_no_room_are_written_elsewhere() {
    let scratch = Scratch::new();
    let file = scratch.run_file("run.yaml", one().env("ZOO_HANG_POLITE", "1"));
    let program = scratch.start(["run", "--plain", "-f", file.to_str().unwrap()]);
    wait_for("a spec to run", || (!scratch.trace("a").is_empty()).then_some(()));
    let results = scratch.results();
    fs::write(results.path().join("zoo"), "where a directory should be").unwrap();
    let _ = scratch.run(["cancel"]).expect(0);
    let ended = program.wait().expect(4);
    let hint = format!("multibeam results {} --to DIR", results.run());
    assert!(ended.stderr.contains(&hint), "{}", ended.stderr);
    let _ = scratch.run(["results", "--to", "elsewhere"]).expect(0);
    assert!(scratch.path().join("elsewhere/zoo/e2e.log").is_file());
}
