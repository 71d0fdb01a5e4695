//! The commands that start no run, as a user calls them.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::Stdio;

use crate::common::{multibeam, run, suite};
use serde_json::Value;

const HEAD: &str = "apiVersion: multibeam.dev/v1\nkind: Run\n";

/// Writes a run file into a directory of its own and gives both.
fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("run.yaml");
    std::fs::write(&path, format!("{HEAD}{text}")).unwrap();
    (directory, path)
}

#[test]
fn what_init_writes_passes_the_check() {
    let home = tempfile::tempdir().unwrap();
    for example in ["minimal", "matrix"] {
        let (code, text, _) = run(multibeam(home.path()).args(["init", "--example", example]));
        assert_eq!(code, 0);
        let mut check = multibeam(home.path());
        check.args(["check", "--file-only", "-f", "-"]).stdin(Stdio::piped());
        let mut child = check.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(String::from_utf8_lossy(&output.stdout).contains("good, "));
    }
}

#[test]
fn a_certified_run_that_selects_nothing_is_a_warning_wherever_it_is_read() {
    let cluster = "targets: [{name: a, clusters: [{name: x}]}]\n";
    let said = |more: &str, args: &[&str]| {
        let (home, path) =
            file(&format!("certified: true\nsuite: {{binary: ./a{more}}}\n{cluster}"));
        run(multibeam(home.path()).args(args).arg("-f").arg(path)).2
    };
    let warning = "run.yaml:3:12: warning: without suite.focus or suite.labelFilter a certified run runs every spec";
    for args in [&["check"][..], &["check", "--file-only"], &["plan"], &["run"]] {
        let stderr = said("", args);
        assert!(stderr.contains(warning), "{args:?}: {stderr}");
        assert!(stderr.contains("or --mode certified-conformance)"), "{stderr}");
    }
    for more in [r", focus: ['\[Conformance\]']", ", labelFilter: x"] {
        assert_eq!(said(more, &["check", "--file-only"]), "", "{more}");
    }
    let by_mode = said("", &["plan", "--mode", "certified-conformance"]);
    assert!(!by_mode.contains("warning"), "{by_mode}");
}

#[test]
fn every_mistake_is_shown_and_nothing_else() {
    let text = "suite: {binary: ./a, focsu: x}\ntargets: [{name: a, clusters: [{name: x, processes: many}]}]\n";
    let (home, path) = file(text);
    let (code, stdout, stderr) = run(multibeam(home.path()).arg("check").arg("-f").arg(&path));
    assert_eq!((code, stdout.as_str()), (3, ""));
    assert!(stderr.contains("run.yaml:3:22: error: unknown key \"focsu\""), "{stderr}");
    assert!(stderr.contains("(hint: did you mean \"focus\"?)"), "{stderr}");
    assert!(stderr.contains("run.yaml:3:17: error: expected a suite binary at"), "{stderr}");
    assert!(stderr.contains("3 errors") && !stderr.contains('\x1b'), "{stderr}");

    let (code, _, colored) =
        run(multibeam(home.path()).args(["check", "--color", "always", "-f"]).arg(&path));
    assert!(code == 3 && colored.contains("\x1b[1;31merror"), "{colored}");

    let (code, stdout, stderr) =
        run(multibeam(home.path()).args(["check", "--file-only", "--json", "-f"]).arg(&path));
    assert_eq!((code, stderr.as_str()), (3, ""));
    let found: Value = serde_json::from_str(&stdout).unwrap();
    let codes =
        found["items"].as_array().unwrap().iter().map(|item| item["code"].as_str().unwrap());
    assert_eq!(codes.collect::<Vec<_>>(), ["unknown-key", "wrong-type"]);

    // The other commands say the same.
    let (code, stdout, again) = run(multibeam(home.path()).arg("list").arg("-f").arg(&path));
    assert_eq!((code, stdout.as_str()), (3, ""));
    assert_eq!(again, run(multibeam(home.path()).arg("check").arg("-f").arg(&path)).2);
}

#[test]
fn one_name_for_two_clusters_is_a_mistake_of_the_file() {
    let text = "suite: {binary: ./a}\ntargets:\n  - {name: a, clusters: [{name: x}]}\n  - {name: b, clusters: [{name: x, processes: 9}]}\n";
    let (home, path) = file(text);
    let mut check = multibeam(home.path());
    let (code, stdout, _) = run(check.args(["check", "--file-only", "--json", "-f"]).arg(&path));
    assert_eq!(code, 3);
    let found: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(found["items"].as_array().unwrap().len(), 1, "{stdout}");
    let item = &found["items"][0];
    assert_eq!((&item["code"], &item["line"]), (&"duplicate".into(), &6.into()), "{stdout}");
    assert!(item["message"].as_str().unwrap().contains("the cluster \"x\""), "{stdout}");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let home = tempfile::tempdir().unwrap();
    let (code, _, stderr) = run(multibeam(home.path()).args(["list", "-f", "no.yaml"]));
    assert_eq!(code, 3);
    assert!(stderr.contains("no.yaml") && stderr.contains("multibeam init"), "{stderr}");
}

#[test]
fn the_schema_is_json() {
    let home = tempfile::tempdir().unwrap();
    let (code, stdout, _) = run(multibeam(home.path()).args(["check", "--schema"]));
    assert_eq!(code, 0);
    let schema: Value = serde_json::from_str(&stdout).unwrap();
    assert!(schema["properties"]["targets"].is_object());
}

/// Two targets that share a suite and one that selects less of it.
fn zoo() -> (tempfile::TempDir, PathBuf) {
    let (home, path) = file(
        r"
name: zoo
suite: {binary: ./suites/zoo.test}
targets:
  - {name: a, clusters: [{name: x}]}
  - {name: b, clusters: [{name: y}, {name: z}]}
  - {name: c, suite: {focus: ['\[Slow\]']}, clusters: [{name: x}]}
",
    );
    std::fs::create_dir(home.path().join("suites")).unwrap();
    std::os::unix::fs::symlink(suite("zoo.test"), home.path().join("suites/zoo.test")).unwrap();
    (home, path)
}

/// What is said of discovery where nobody watches, and nothing else.
fn assert_only_looks_into_suites(said: &str) {
    assert!(said.lines().all(|line| line.starts_with("look")), "{said}");
}

#[test]
fn a_plan_is_made_without_a_cluster() {
    let (home, path) = zoo();
    let chart = home.path().join("plan.html");
    let plan =
        |args: &[&str]| run(multibeam(home.path()).arg("plan").arg("-f").arg(&path).args(args));
    let (code, stdout, stderr) = plan(&["--json", "--html", chart.to_str().unwrap()]);
    assert_eq!(code, 0, "{stderr}");
    assert_only_looks_into_suites(&stderr);
    let found: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(found["format"], 1);
    let targets = found["targets"].as_array().unwrap();
    assert_eq!(targets.len(), 3);
    for target in targets {
        let secs = |key: &str| target[key].as_f64().unwrap();
        let expected = secs("expectedSeconds");
        assert!(secs("lowSeconds") <= expected && expected <= secs("highSeconds"), "{target}");
        assert!(secs("limitSeconds") <= expected, "no plan beats the limit: {target}");
        assert!(!target["criticalPath"].as_array().unwrap().is_empty());
    }
    assert!(
        found["clusters"].as_array().unwrap().iter().all(|c| c["memoryBytes"].as_u64() > Some(0))
    );
    let page = std::fs::read_to_string(chart).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("<rect class="), "{page}");
    assert!(!page.contains("http"), "the page needs nothing else");

    let (code, text, _) = plan(&["--color", "never"]);
    assert_eq!(code, 0);
    for word in ["expected", "limit", "one cluster", "waits for", "MiB", "█", "▒"] {
        assert!(text.contains(word), "{word} is missing: {text}");
    }
}

#[test]
fn a_listing_holds_every_selected_spec_once() {
    let (home, path) = zoo();
    let elsewhere = tempfile::tempdir().unwrap();
    let list = |args: &[&str]| {
        let mut command = multibeam(home.path());
        // Relative paths begin at the run file, wherever the user is.
        command.current_dir(elsewhere.path()).arg("list").arg("-f").arg(&path).args(args);
        run(&mut command)
    };
    let (code, stdout, stderr) = list(&["--json"]);
    assert_eq!(code, 0, "{stderr}");
    assert_only_looks_into_suites(&stderr);
    let found: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(found["format"], 1);
    let suites = found["suites"].as_array().unwrap();
    let users: Vec<u64> =
        found["targets"].as_array().unwrap().iter().map(|t| t["suite"].as_u64().unwrap()).collect();
    assert_eq!((suites.len(), users), (2, vec![0, 0, 1]));
    for suite in suites {
        let specs = suite["specs"].as_array().unwrap();
        assert_eq!(suite["selected"].as_u64().unwrap() as usize, specs.len());
        let serial = specs.iter().filter(|spec| spec["serial"] == true).count();
        assert_eq!(suite["serial"].as_u64().unwrap() as usize, serial);
        assert!(serial > 0 && serial < specs.len());
    }
    let all = suites[1]["specs"].as_array().unwrap().iter();
    assert!(all.clone().all(|spec| spec["name"].as_str().unwrap().contains("[Slow]")));
    assert_eq!(suites[1]["tags"]["Slow"].as_u64().unwrap() as usize, all.count());

    let (code, text, _) = list(&["--target", "b"]);
    assert_eq!(code, 0);
    let names =
        suites[0]["specs"].as_array().unwrap().iter().map(|spec| spec["name"].as_str().unwrap());
    for name in names.filter(|name| name.is_ascii() && !name.contains(|c: char| c.is_control())) {
        assert!(text.contains(name.trim_end()), "{name} is missing");
    }
    let control = |c: char| c.is_control() && c != '\n';
    assert!(text.starts_with("b") && !text.contains(control));

    let (code, _, stderr) = list(&["--target", "d"]);
    assert_eq!(code, 3);
    assert!(stderr.contains("\"a\", \"b\", \"c\""), "{stderr}");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let (home, path) = zoo();
    let mut command = multibeam(home.path());
    command.arg("list").arg("-f").arg(&path).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_only_looks_into_suites(&String::from_utf8_lossy(&output.stderr));
}

#[test]
fn every_suite_that_is_not_there_is_named() {
    let text = "targets:\n  - {name: a, suite: {binary: ./no}, clusters: [{name: x}]}\n  - {name: b, suite: {binary: /nor/this}, clusters: [{name: x}]}\n";
    let (home, path) = file(text);
    let (code, stdout, stderr) = run(multibeam(home.path()).arg("list").arg("-f").arg(&path));
    assert_eq!((code, stdout.as_str()), (3, ""));
    assert!(stderr.contains("run.yaml:4:31: error: expected a suite binary at"), "{stderr}");
    assert!(stderr.contains("run.yaml:5:31: ") && stderr.contains("/nor/this"), "{stderr}");
}

const KUBECONFIGS: &str = "suite: {binary: ./suite}
targets:
- name: a
  clusters:
  - {name: x, kubeconfig: ./broken.kubeconfig}
  - {name: y, kubeconfig: ./good.kubeconfig, context: other}
- name: b
  clusters:
  - {name: 'z-${cluster.index}', count: 2, kubeconfig: ./nowhere.kubeconfig, context: 'c${cluster.index}'}
";

#[test]
fn a_kubeconfig_that_cannot_be_used_is_found_before_anything_starts() {
    let (home, path) = file(KUBECONFIGS);
    std::fs::write(home.path().join("broken.kubeconfig"), "clusters: [").unwrap();
    let good = "current-context: one\ncontexts: [{name: one, context: {cluster: c}}]\n\
        clusters: [{name: c, cluster: {server: 'https://127.0.0.1:1'}}]\n";
    std::fs::write(home.path().join("good.kubeconfig"), good).unwrap();
    let (code, _, said) = run(multibeam(home.path()).args(["run", "-f"]).arg(&path));
    assert_eq!(code, 3, "{said}");
    for part in
        ["run.yaml:7:27: error: cluster `x`", "run.yaml:8:55", "run.yaml:11:", "`other`", "(hint: "]
    {
        assert!(said.contains(part), "{part} is not in {said}");
    }
    assert!(!home.path().join("results").exists());
}

#[test]
fn kubeconfigs_for_a_standing_coordinator_are_warned_of_once_for_each_place() {
    let (home, path) = file(KUBECONFIGS);
    let nobody = ["--endpoint", "http://127.0.0.1:1", "--plaintext"];
    let (code, _, said) = run(multibeam(home.path()).args(["run", "-f"]).arg(&path).args(nobody));
    assert_eq!(code, 4, "{said}");
    assert_eq!(said.matches("warning: a kubeconfig has no effect").count(), 3, "{said}");
    for part in ["run.yaml:7:27:", "run.yaml:11:", "multibeam worker --kubeconfig"] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
}
