//! The files of a run, for every Ginkgo version.

use std::collections::BTreeSet;

use multibeam_e2e::{
    Results, RunFile, Scratch, assert_plain_zoo, assert_rendered_as_by_ginkgo, suites, trace, zoo,
};
use serde_json::Value;

/// One target on two clusters with two processes each.
fn small_zoo(version: &str) {
    let scratch = Scratch::new();
    let (ended, results) = scratch.run_to_end(zoo(version).processes(2).target("zoo", &["a", "b"]));
    let _ = ended.expect(1);
    let mut executions = Vec::new();
    for cluster in ["a", "b"] {
        let here = trace::executions(&scratch.trace(cluster));
        trace::assert_serial_alone(cluster, &here);
        executions.extend(here);
    }
    let report = results.report("zoo");
    assert_plain_zoo(&report, &executions);
    assert_rendered_as_by_ginkgo(version, &results.target_dir("zoo"));

    let log = results.log("zoo");
    for spec in report.specs().filter(|spec| spec.state == "passed") {
        // Names of several lines, or with markup of the reporter's own, are printed in parts.
        if spec.text().chars().all(|c| !c.is_control() && !"{%\u{2028}\u{fffd}".contains(c)) {
            let leaf = spec.leaf().trim();
            assert!(log.contains(leaf), "the log does not name {leaf:?}");
        }
    }
    let last = log.lines().rfind(|line| !line.is_empty()).unwrap();
    assert_eq!(
        last,
        "FAIL! -- 82 Passed | 31 Failed | 1 Flaked | 1 Repeated | 6 Pending | 9 Skipped"
    );

    check_summary(&results);
}

fn check_summary(results: &Results) {
    let summary = results.summary();
    assert_eq!(summary["run"], results.run().as_str());
    assert_eq!(summary["verdict"], "failed");
    assert_eq!(summary["cancelledBy"], Value::Null);
    let target = results.target("zoo");
    assert_eq!(target["clusters"], serde_json::json!(["a", "b"]));
    let specs = &target["specs"];
    assert_eq!((&specs["total"], &specs["selected"]), (&128.into(), &122.into()), "{specs:#}");
    assert_eq!((&specs["lost"], &specs["notRun"]), (&0.into(), &0.into()), "{specs:#}");
    assert_eq!(specs["states"]["passed"], 82);
    assert_eq!(target["lostAttempts"], serde_json::json!([]));
    assert_eq!(target["failures"].as_array().unwrap().len(), 31);
    assert_sessions(&target["sessions"]);
    let digest = target["suite"]["digest"].as_str().unwrap();
    assert_eq!(digest.len(), 64);
    assert!(summary["notCertifiable"].as_array().unwrap().len() >= 2, "{summary:#}");
}

/// Each cluster opens a session, and none is lost. One that has come to its end may open another
/// for groups that wait behind a spec that takes its time on the other cluster.
fn assert_sessions(sessions: &Value) {
    let sessions = sessions.as_array().unwrap();
    let clusters: BTreeSet<_> = sessions.iter().filter_map(|s| s["cluster"].as_str()).collect();
    assert_eq!(clusters, BTreeSet::from(["a", "b"]), "{sessions:#?}");
    assert!(sessions.iter().all(|session| session["lost"] == false), "{sessions:#?}");
}

#[test]
fn ginkgo_2_15_0() {
    small_zoo("2.15.0");
}

#[test]
fn ginkgo_2_19_0() {
    small_zoo("2.19.0");
}

#[test]
fn ginkgo_2_21_0() {
    small_zoo("2.21.0");
}

#[test]
fn ginkgo_2_27_2() {
    small_zoo("2.27.2");
}

#[test]
fn ginkgo_2_28_0() {
    small_zoo("2.28.0");
}

#[test]
fn ginkgo_2_34_0() {
    small_zoo("2.34.0");
}

/// A run as a vendor does it: versions x kube-proxy modes, certified, one JUnit file for all.
#[test]
fn a_certified_matrix() {
    let scratch = Scratch::new();
    let file = RunFile::new(&suites::shaped(suites::KUBERNETES))
        .set(&["certified"], true)
        .set(&["suite", "focus"], serde_json::json!(["\\[Conformance\\]"]))
        .set(&["suite", "args"], serde_json::json!(["--provider=skeleton"]))
        .set(&["results"], serde_json::json!({"matrixJUnit": true}))
        .env("SHAPED_SCALE", "1000000")
        .processes(2)
        .target_json(serde_json::json!({
            "name": "v1.36 / ${matrix.kube-proxy}",
            "matrix": {"kube-proxy": ["ipvs", "nftables"]},
            "clusters": [{"name": "${matrix.kube-proxy}-${cluster.index}", "count": 2}],
        }));
    let (ended, results) = scratch.run_to_end(file);
    let _ = ended.expect(0);

    let summary = results.summary();
    assert_eq!(summary["verdict"], "passed");
    assert_eq!(summary["notCertifiable"], serde_json::json!([]), "{summary:#}");
    assert_eq!(
        summary["seed"].as_i64(),
        Some(results.report("v1.36 / ipvs").suite_config["RandomSeed"].as_i64().unwrap())
    );
    let mut cases = 0;
    for mode in ["ipvs", "nftables"] {
        let name = format!("v1.36 / {mode}");
        let target = results.target(&name);
        assert_eq!(target["labels"]["kube-proxy"], mode);
        assert_eq!(target["suite"]["version"], "v1.36.0");
        let report = results.report(&name);
        assert!(report.suite_succeeded);
        assert_eq!(report.specs().count(), 402);
        assert_eq!(report.count("passed"), 402);
        let mut executions = Vec::new();
        for cluster in [format!("{mode}-1"), format!("{mode}-2")] {
            let here = trace::executions(&scratch.trace(&cluster));
            trace::assert_serial_alone(&cluster, &here);
            executions.extend(here);
        }
        let times = trace::times_run(&executions);
        assert_eq!((times.len(), executions.len()), (402, 402));

        let log = results.log(&name);
        for line in ["e2e test version: v1.36.0", "kube-apiserver version: v1.36.0"] {
            assert!(log.contains(line), "no {line:?} in the log");
        }
        for spec in report.specs() {
            assert!(log.contains(spec.leaf()), "the log does not name {:?}", spec.text());
        }
        let last = log.lines().rfind(|line| !line.is_empty()).unwrap();
        assert_eq!(last, "SUCCESS! -- 402 Passed | 0 Failed | 0 Pending | 0 Skipped");
        assert_rendered_as_by_ginkgo(suites::KUBERNETES, &results.target_dir(&name));
        let junit = results.junit(&name);
        assert_eq!((junit.failures, junit.errors), (0, 0));
        cases += junit.cases.len();
    }
    let matrix = multibeam_e2e::Junit::read(&results.path().join("junit_matrix.xml"));
    assert_eq!((matrix.cases.len(), matrix.suites.len()), (cases, 2), "{:?}", matrix.suites);
    for mode in ["ipvs", "nftables"] {
        assert!(matrix.suites.iter().any(|suite| suite.contains(mode)), "{:?}", matrix.suites);
    }
}
