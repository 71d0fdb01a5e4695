//! What is made of results on disk: `compare` and `export`, and what modes make of a run file.

use std::fs;
use std::path::{Path, PathBuf};

use crate::common::{multibeam, suite};
use serde_json::{Value, json};

fn run(home: &Path, args: &[&str]) -> (i32, String, String) {
    crate::common::run(multibeam(home).args(args))
}

/// Results of a run with a target per mode of kube-proxy; specs fail where `fails` says so.
fn results(home: &Path, run: &str, minute: u32, fails: &[(&str, &str)]) {
    let directory = home.join("results").join(run);
    let time = |second: u32| format!("2026-01-01T00:{minute:02}:{second:02}Z");
    let mut targets = Vec::new();
    for mode in ["iptables", "ipvs", "nftables"] {
        let spec = |text: &str| {
            let mut spec = json!({"LeafNodeType": "It", "LeafNodeText": text, "State": "passed"});
            if fails.contains(&(text, mode)) {
                spec["State"] = "failed".into();
                spec["Failure"] = json!({"Message": format!("late after {minute}s \u{1b}[2J")});
            }
            spec
        };
        let specs = ["serves", "forgets", "waits"].map(spec);
        let report = json!([{"SuiteDescription": "suite", "SpecReports": specs}]);
        let files = directory.join(mode);
        fs::create_dir_all(&files).unwrap();
        fs::write(files.join("report.json"), report.to_string()).unwrap();
        fs::write(files.join("e2e.log"), "log\n").unwrap();
        fs::write(files.join("junit_01.xml"), "<testsuites/>\n").unwrap();
        let failed = fails.iter().any(|(_, of)| *of == mode);
        targets.push(json!({
            "name": mode, "dir": mode, "labels": {"kube-proxy": mode}, "clusters": [mode],
            "verdict": if failed { "failed" } else { "passed" }, "cause": null,
            "started": time(1), "ended": time(2),
            "suite": {
                "digest": "", "catalogDigest": "", "version": "v1.36.0", "ginkgo": "2.28.0",
                "arguments": ["--provider=skeleton"],
            },
            "specs": null, "failures": [], "sessions": [], "lostAttempts": [],
        }));
    }
    let summary = json!({
        "format": 1, "run": run, "name": "night", "rerunOf": null, "notCertifiable": [],
        "started": time(0), "ended": time(3), "cancelledBy": null, "resumed": [],
        "verdict": "failed", "seed": 1, "matrixJunit": false, "targets": targets, "cleaned": [],
    });
    fs::write(directory.join("run.json"), summary.to_string()).unwrap();
}

const SERVES: (&str, &str) = ("serves", "ipvs");
const FORGETS: (&str, &str) = ("forgets", "ipvs");

#[test]
fn the_newest_run_is_compared_and_nothing_in_it_is_obeyed() {
    let home = tempfile::tempdir().unwrap();
    results(home.path(), "20260101-000000-aaaa", 0, &[]);
    results(home.path(), "20260101-000100-bbbb", 1, &[SERVES, FORGETS]);
    let (code, text, errors) = run(home.path(), &["compare"]);
    assert_eq!((code, errors.as_str()), (0, ""));
    for expected in [
        "run 20260101-000100-bbbb: 3 targets, 3 specs\n",
        "1. kube-proxy=ipvs\n",
        "   fails in the only target with kube-proxy=ipvs, in none of the 2 others\n",
        "   2 specs fail together and say the same\n",
        "   failed serves\n",
        "\\u{1b}[2J",
    ] {
        assert!(text.contains(expected), "{expected:?} in\n{text}");
    }
    assert!(!text.contains('\u{1b}'));
    let (_, coloured, _) = run(home.path(), &["--color", "always", "compare"]);
    assert!(coloured.contains("\u{1b}[36mkube-proxy=ipvs\u{1b}[0m"), "{coloured}");
}

#[test]
fn every_form_of_output_tells_the_same() {
    let home = tempfile::tempdir().unwrap();
    for (minute, run) in (0..).zip(["20260101-000000-aaaa", "20260101-000100-bbbb"]) {
        results(home.path(), run, minute, &[]);
    }
    results(home.path(), "20260101-000200-cccc", 2, &[SERVES]);
    // By id and by directory.
    let earlier =
        ["--earlier", "20260101-000000-aaaa", "--earlier", "results/20260101-000100-bbbb"];
    let of = |more: &[&str]| run(home.path(), &[&["compare"], more, &earlier[..]].concat());
    let (code, text, errors) = of(&["--json", "--html", "night.html"]);
    assert_eq!((code, errors.as_str()), (0, ""));
    let found: Value = serde_json::from_str(&text).unwrap();
    let group = &found["groups"][0];
    assert_eq!(group["explanation"]["kind"], "separated");
    let term = json!([{"key": "kube-proxy", "test": "is", "value": "ipvs"}]);
    assert_eq!(group["explanation"]["condition"], term);
    let history = json!([{"target": "ipvs", "kind": "new", "passed": 2}]);
    assert_eq!(group["specs"][0]["history"], history);
    let page = fs::read_to_string(home.path().join("night.html")).unwrap();
    assert!(page.contains("1. kube-proxy=ipvs") && page.contains("new: 2 earlier runs passed"));
    let (_, note, _) = of(&["--markdown"]);
    assert!(note.contains("### 1. `kube-proxy=ipvs`"), "{note}");
    // Of two runs the run may be what explains it.
    let runs = ["compare", "20260101-000200-cccc", "20260101-000100-bbbb", "--by", "run"];
    let (_, both, _) = run(home.path(), &runs);
    assert!(both.contains("no label explains it"), "{both}");
    assert!(both.contains("closest is run=20260101-000200-cccc"), "{both}");
}

#[test]
fn what_other_tools_left_is_compared_as_well() {
    let home = tempfile::tempdir().unwrap();
    let write = |name: &str, failure: &str| {
        let directory = home.path().join(name);
        fs::create_dir_all(&directory).unwrap();
        let junit = format!(
            "<testsuites><testsuite timestamp=\"2026-01-01T00:00:00\">\n\
             <testcase name=\"[It] serves\">{failure}</testcase><testcase name=\"[It] forgets\"/>\n\
             <testcase name=\"[It] other\"><skipped message=\"skipped\"/></testcase>\n\
             <testcase name=\"[SynchronizedBeforeSuite]\"/>\n\
             </testsuite></testsuites>"
        );
        fs::write(directory.join("junit_01.xml"), junit).unwrap();
        fs::write(directory.join("e2e.log"), "kube-apiserver version: v1.36.2\n").unwrap();
    };
    write("hydrophone", "");
    write("plugins/e2e/results/global", "<failure message=\"no &lt;route&gt; to host\"/>");
    let packed = std::process::Command::new("tar")
        .args(["czf", "sonobuoy.tar.gz", "plugins"])
        .current_dir(home.path())
        .status();
    assert!(packed.unwrap().success());
    let args = ["compare", "hydrophone", "sonobuoy.tar.gz", "--json"];
    let (code, text, errors) = run(home.path(), &args);
    assert_eq!((code, errors.as_str()), (0, ""));
    let found: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(found["specs"], 2, "a suite node is no spec: {text}");
    let group = &found["groups"][0];
    assert_eq!(group["specs"].as_array().unwrap().len(), 1, "{text}");
    assert_eq!(
        (&group["specs"][0]["spec"], &group["message"]),
        (&json!("serves"), &json!("no <route> to host"))
    );
    let term = json!([{"key": "run", "test": "is", "value": "sonobuoy.tar.gz"}]);
    assert_eq!(group["explanation"]["condition"], term, "{text}");
    // Beside a run of our own, and as what was before.
    results(home.path(), "20260101-000100-bbbb", 1, &[SERVES]);
    let (code, text, errors) =
        run(home.path(), &["compare", "20260101-000100-bbbb", "--earlier", "hydrophone"]);
    assert_eq!(code, 0, "{errors}");
    assert!(text.contains("1. kube-proxy=ipvs"), "{text}");
    fs::write(home.path().join("hydrophone/junit_01.xml"), "<testsuites>").unwrap();
    let (code, _, errors) = run(home.path(), &["compare", "hydrophone"]);
    assert!(code == 3 && errors.contains("not well-formed XML"), "{errors}");
}

#[test]
fn what_cannot_be_compared_is_said() {
    let home = tempfile::tempdir().unwrap();
    results(home.path(), "20260101-000000-aaaa", 0, &[]);
    let directory = home.path().join("results/20260101-000000-aaaa");
    let of = |args: &[&str], expected: &str| {
        let (code, _, errors) = run(home.path(), args);
        assert_eq!(code, 3, "{errors}");
        assert!(errors.contains(expected), "{expected:?} in {errors}");
    };
    of(&["compare", "nothing"], "no run nothing in results");
    of(&["compare", "--by", "cnl"], "no target has a label cnl (hint: there are kube-proxy)");
    of(&["compare", "--earlier", "20260101-000000-aaaa"], "is given twice");
    of(&["export", "--format", "testgrid", "--target", "x"], "expected one of the run's targets");
    fs::write(directory.join("ipvs/report.json"), "[{").unwrap();
    of(&["compare"], "in the results of target ipvs");
    fs::remove_file(directory.join("ipvs/report.json")).unwrap();
    of(&["compare"], "cannot read");
    let summary = fs::read_to_string(directory.join("run.json")).unwrap();
    fs::write(directory.join("run.json"), summary.replace(r#""dir":"ipvs""#, r#""dir":"../x""#))
        .unwrap();
    of(&["compare"], "is no plain name");
    of(&["export", "--format", "sonobuoy"], "is no plain name");
    fs::write(directory.join("run.json"), summary.replace(r#""format":1"#, r#""format":9"#))
        .unwrap();
    of(&["compare"], "expected format 1, found 9");
}

#[test]
fn exports_lie_where_they_are_said_to() {
    let home = tempfile::tempdir().unwrap();
    results(home.path(), "20260101-000000-aaaa", 0, &[SERVES]);
    let export = |format: &str, more: &[&str]| {
        let args = [&["export", "--format", format], more].concat();
        let (code, text, errors) = run(home.path(), &args);
        assert_eq!((code, errors.as_str()), (0, ""));
        text.lines().map(|line| home.path().join(line)).collect::<Vec<PathBuf>>()
    };
    let archives = export("sonobuoy", &[]);
    assert_eq!(archives.len(), 3);
    let ipvs = "results/20260101-000000-aaaa/sonobuoy/ipvs.tar.gz";
    assert!(archives.contains(&home.path().join(ipvs)));
    let before = fs::read(&archives[0]).unwrap();
    assert_eq!(before[..2], [0x1f, 0x8b]);
    assert_eq!(fs::read(&export("sonobuoy", &[])[0]).unwrap(), before);
    let builds = export("testgrid", &["--target", "ipvs", "--to", "gcs"]);
    assert_eq!(builds, [home.path().join("gcs/ipvs/1767225601")]);
    assert_eq!(export("prow", &["--target", "ipvs", "--to", "gcs"]), builds);
    let read = |file: &str| fs::read_to_string(builds[0].join(file)).unwrap();
    assert_eq!(read("build-log.txt"), "log\n");
    assert_eq!(read("artifacts/junit_01.xml"), "<testsuites/>\n");
    let finished: Value = serde_json::from_str(&read("finished.json")).unwrap();
    assert_eq!((&finished["passed"], &finished["result"]), (&json!(false), &json!("FAILURE")));
    assert_eq!(finished["metadata"]["kube-proxy"], "ipvs");
}

#[test]
fn a_mode_that_cannot_certify_says_so_before_and_after() {
    let home = tempfile::tempdir().unwrap();
    let write = |more: &str| {
        let text = format!(
            "apiVersion: multibeam.dev/v1\nkind: Run\nsuite: {{binary: {}, args: [--provider=skeleton], env: {{SHAPED_SCALE: '100000'}}{more}}}\ntargets: [{{name: a, clusters: [{{name: x, processes: 1}}]}}]\n",
            suite("shaped.test").display()
        );
        fs::write(home.path().join("run.yaml"), text).unwrap();
    };
    write(", focus: [x]");
    let (code, _, errors) = run(home.path(), &["run", "-f", "run.yaml", "--mode", "quick"]);
    assert_eq!(code, 3);
    assert!(errors.contains("suite.focus selects other specs than --mode quick"), "{errors}");
    assert!(!home.path().join("results").exists(), "nothing was started");
    // What a run selects was decided when it began.
    for other in ["--resume", "--rerun-failed"] {
        let (code, _, errors) = run(home.path(), &["run", other, "RUN", "--mode", "quick"]);
        assert_eq!(code, 3);
        assert!(errors.contains("cannot be used with"), "{errors}");
    }
    write("");
    let (code, _, errors) = run(home.path(), &["run", "-f", "run.yaml", "--mode", "quick"]);
    let note = "note: mode quick cannot lead to a certificate: it runs a single spec";
    assert_eq!((code, errors.matches(note).count()), (0, 2), "{errors}");
    let (_, summary, _) = run(home.path(), &["results", "--json"]);
    let summary: Value = serde_json::from_str(&summary).unwrap();
    assert_eq!(summary["mode"]["name"], "quick");
    assert!(summary["notCertifiable"][0].as_str().unwrap().starts_with("mode quick"));
    assert_eq!(summary["targets"][0]["specs"]["selected"], 1);
}
