//! `verify` and `conformance`, as a user calls them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// Runs the program in a directory; gives exit status, standard output, and standard error.
fn run(directory: &Path, args: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_multibeam"));
    command.args(args).current_dir(directory).env_remove("MULTIBEAM_LOG").stdin(Stdio::null());
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// The oldest fixture suite that lists conformance tests; fails the test when there is none.
fn suite() -> PathBuf {
    let built = std::env::var_os("MULTIBEAM_SUITES").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/suites/bin"),
        PathBuf::from,
    );
    let path = built.join("2.15.0/shaped.test");
    assert!(path.is_file(), "{} is missing (hint: run tests/suites/build)", path.display());
    fs::canonicalize(path).unwrap()
}

const TEST: &str = "[sig-zoo] Felines should purr [Conformance]";

/// Results of a run of one spec, and the list that requires it.
fn results() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
    write("required.yaml", &format!("- codename: '{TEST}'\n  release: v1.30\n"));
    write(
        "junit_01.xml",
        &format!(
            "<testsuites tests=\"1\"><testsuite tests=\"1\">\n\
             <testcase name=\"[It] {TEST}\"></testcase></testsuite></testsuites>"
        ),
    );
    write(
        "e2e.log",
        &format!(
            "e2e test version: v1.36.2\nkube-apiserver version: v1.36.2\n• [0.1 seconds]\n{TEST}\n\
             SUCCESS! -- 1 Passed | 0 Failed | 0 Pending | 0 Skipped\nPASS\n"
        ),
    );
    directory
}

#[test]
fn the_exit_status_tells_the_verdicts_apart() {
    let directory = results();
    let at = directory.path();
    let (status, stdout, stderr) = run(at, &["verify", ".", "--required", "required.yaml"]);
    assert_eq!((status, stderr.as_str()), (0, ""), "{stdout}");
    assert!(stdout.contains(".  verified") && !stdout.contains('\x1b'), "{stdout}");
    assert!(stdout.contains("v1.36 by its log: 1 of 1 required tests passed"), "{stdout}");

    let pair = ["verify", "e2e.log", "junit_01.xml"];
    let (status, stdout, _) = run(at, &pair);
    assert_eq!(status, 1, "{stdout}");
    assert!(
        stdout.contains("error[tests-required]") && stdout.contains("… and 436 more"),
        "{stdout}"
    );

    let (status, stdout, _) = run(at, &["verify", ".", "--release", "v1.99", "--json"]);
    let found: Value = serde_json::from_str(&stdout).unwrap();
    // Another release than that of the log is wrong, whatever it requires.
    assert_eq!((status, &found["verdict"]), (1, &"not-verified".into()), "{stdout}");
    fs::write(
        at.join("e2e.log"),
        fs::read_to_string(at.join("e2e.log")).unwrap().replace("v1.36", "v1.99"),
    )
    .unwrap();
    let (status, stdout, _) = run(at, &["verify", "."]);
    assert_eq!(status, 2, "{stdout}");
    assert!(stdout.contains("could not tell[tests-required]"), "{stdout}");

    for (args, expected) in [
        (&["verify", "nowhere"][..], "cannot read nowhere"),
        (&["verify", "required.yaml"], "expected a directory, a tar archive"),
        (&["verify"], "required arguments"),
        (&["verify", ".", "--required", "e2e.log"], "e2e.log: "),
        (&["conformance", "diff", "v1.36"], "expected 2 lists, got 1"),
        (&["conformance", "list", "v1.35", "v1.36"], "expected 1 list, got 2"),
        (&["conformance", "list", "v1.99"], "the list of v1.99 is not built in"),
    ] {
        let (status, _, stderr) = run(at, args);
        assert_eq!(status, 3, "{args:?}: {stderr}");
        assert!(stderr.contains(expected), "{args:?}: {stderr}");
    }
}

#[test]
fn results_of_other_tests_are_passed_over_where_there_are_better_ones() {
    let directory = results();
    let at = directory.path();
    fs::create_dir(at.join("other")).unwrap();
    let other = "<testsuites><testsuite><testcase name=\"1.1\"/></testsuite></testsuites>";
    fs::write(at.join("other/junit.xml"), other).unwrap();
    let (status, stdout, stderr) = run(at, &["verify", ".", "--required", "required.yaml"]);
    assert_eq!(status, 0, "{stdout}");
    assert_eq!(stderr, "note: ./other holds no conformance tests, so it is not verified\n");
    let (status, stdout, _) = run(at, &["verify", "other"]);
    assert_eq!(status, 1, "{stdout}");
}

#[test]
fn names_from_archives_are_shown_and_not_obeyed() {
    let directory = results();
    let at = directory.path();
    let hostile = at.join("\u{1b}[2J");
    fs::create_dir(&hostile).unwrap();
    fs::copy(at.join("junit_01.xml"), hostile.join("junit.xml")).unwrap();
    let packed = |names: &[&str]| {
        let mut tar = Command::new("tar");
        let status = tar.args(["cf", "a.tar"]).args(names).current_dir(at).status();
        assert!(status.unwrap().success());
    };
    // The same file twice refuses the archive, and names it.
    packed(&["--hard-dereference", "\u{1b}[2J/junit.xml", "\u{1b}[2J/junit.xml"]);
    let (status, stdout, stderr) = run(at, &["verify", "a.tar"]);
    assert!(!stderr.contains('\u{1b}') && stderr.contains("\\u{1b}[2J/junit.xml"), "{stderr}");
    assert_eq!((status, stdout.as_str()), (3, ""));
    let other = "<testsuites><testsuite><testcase name=\"1.1\"/></testsuite></testsuites>";
    fs::write(hostile.join("junit.xml"), other).unwrap();
    packed(&["\u{1b}[2J", "e2e.log", "junit_01.xml"]);
    let (_, stdout, stderr) = run(at, &["verify", "a.tar"]);
    assert!(!stderr.contains('\u{1b}') && stderr.contains("\\u{1b}[2J holds no"), "{stderr}");
    assert!(!stdout.contains('\u{1b}'), "{stdout}");
}

#[test]
fn findings_are_printed_in_every_format() {
    let directory = results();
    for (format, expected) in [
        ("json", "\"rule\": \"tests-required\""),
        ("junit", "<failure>"),
        ("sarif", "\"ruleId\": \"tests-required\""),
        ("github", "::error file=./junit_01.xml,title=tests-required::missing: [sig-"),
    ] {
        let (status, stdout, stderr) = run(directory.path(), &["verify", ".", "--format", format]);
        assert_eq!((status, stderr.as_str()), (1, ""));
        assert!(stdout.contains(expected), "{format}: {}", &stdout[..stdout.len().min(2000)]);
    }
    let (status, rules, _) = run(directory.path(), &["verify", "--rules"]);
    assert_eq!(status, 0);
    assert!(rules.contains("tests-required") && rules.contains("bot, scenario 13"), "{rules}");
}

#[test]
fn lists_come_from_releases_files_and_suites() {
    let directory = results();
    let at = directory.path();
    // A checkout of submissions has directories that are called like releases.
    fs::create_dir(at.join("v1.30")).unwrap();
    let (status, stdout, _) = run(at, &["conformance", "list", "v1.30"]);
    assert_eq!((status, stdout.lines().count()), (0, 402));
    let (_, stdout, _) = run(at, &["conformance", "list", "--from", "required.yaml"]);
    assert_eq!(stdout, format!("v1.30   {TEST}\n"));
    let (_, stdout, _) = run(at, &["conformance", "diff", "v1.28", "v1.29"]);
    assert!(stdout.contains("8 added, 0 removed, 39 renamed, 341 unchanged"), "{stdout}");
    let (_, stdout, _) = run(at, &["conformance", "diff", "v1.35", "v1.36", "--json"]);
    let diff: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(diff["added"].as_array().unwrap().len(), 5);
    let (_, stdout, _) = run(at, &["conformance", "stats", "v1.30", "--json"]);
    let stats: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(stats["all"]["serial"], 25);
    assert!(stats["all"]["seconds"].as_u64().unwrap().abs_diff(6096) <= 1, "{stats}");

    let suite = suite();
    let (status, stdout, stderr) = run(at, &["conformance", "stats", suite.to_str().unwrap()]);
    assert_eq!(status, 0, "{stderr}");
    assert!(
        stdout.contains("sig-api-machinery") && stdout.contains("the list of the suite"),
        "{stdout}"
    );
}
