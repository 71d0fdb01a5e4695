use std::collections::BTreeMap;
use std::time::Duration;

use multibeam_model::run::{ClusterSpec, Limits, RunSpec};
use serde_json::{Value, json};

use super::*;
use crate::view::Style;

fn spec(container: &str, leaf: &str, labels: &[&str], selection: &str, placement: Value) -> Value {
    json!({
        "containers": [container], "leaf": leaf,
        "location": {"FileName": "a_test.go", "LineNumber": 7},
        "ordinal": 0, "labels": labels, "selection": selection, "placement": placement,
    })
}

/// A lone spec, an Ordered container with one member left out, a pending spec, and a serial one.
fn catalog() -> Catalog {
    let specs = [
        spec(
            "[sig-node] Pods",
            "start [Slow]",
            &["Conformance"],
            "selected",
            json!({"parallel": 0}),
        ),
        spec("[sig-apps] In order", "first", &[], "selected", json!({"parallel": 1})),
        spec("[sig-apps] In order", "out", &[], "skipped", json!({"parallel": 1})),
        spec("[sig-apps] In order", "mid", &[], "selected", json!({"parallel": 1})),
        spec("[sig-apps] In order", "last", &[], "selected", json!({"parallel": 1})),
        spec("[sig-apps] Some day", "works", &[], "pending", json!({"parallel": 2})),
        spec(
            "[sig-node] Alone\x1b[31m",
            "x [Serial] [Driver: a b]",
            &[],
            "selected",
            json!({"serial": 0}),
        ),
    ];
    let value = json!({
        "format": multibeam_ginkgo::catalog::FORMAT,
        "suite_digest": "0123456789abcdef0123456789abcdef",
        "arguments": [], "seed": 1, "randomize_all": false,
        "ginkgo": {"exact": "2.28.3", "at_least": "2.28.0", "below": null},
        "suite_version": "v1.36.2", "suite_description": "S", "suite_path": "/s",
        "programmatic_focus": false,
        "pre_run_stats": {"TotalSpecs": 7, "SpecsThatWillRun": 5},
        "filters": {"focus": [], "skip": [], "focus_files": [], "skip_files": [],
                    "label_filter": "", "sem_ver_filter": ""},
        "specs": specs,
        "groups": [[0], [1, 2, 3, 4], [5]],
        "serial_groups": [[6]],
    });
    Catalog::from_json(&serde_json::to_vec(&value).unwrap()).unwrap()
}

fn run() -> RunSpec {
    let suite = SuiteSpec {
        binary: "/suites/e2e.test".to_owned(),
        args: Vec::new(),
        env: BTreeMap::new(),
        working_dir: None,
        focus: Vec::new(),
        skip: Vec::new(),
        label_filter: None,
        timeout: Duration::from_secs(60),
        flake_attempts: 1,
    };
    let target = |name: &str, cni: &str, clusters: &[u32]| TargetSpec {
        name: name.to_owned(),
        dir_name: name.to_owned(),
        labels: BTreeMap::from([("cni".to_owned(), cni.to_owned())]),
        suite: suite.clone(),
        clusters: clusters.to_vec(),
    };
    let cluster = |name: &str| ClusterSpec {
        name: name.to_owned(),
        kubeconfig: None,
        context: None,
        workers: 1,
        processes: 4,
    };
    RunSpec {
        name: "nightly".to_owned(),
        certified: false,
        mode: None,
        rerun_of: None,
        fail_fast: false,
        seed: None,
        targets: vec![target("a", "cilium", &[0]), target("b", "calico", &[0, 1])],
        clusters: vec![cluster("x"), cluster("y")],
        limits: Limits::default(),
        matrix_junit: false,
    }
}

fn listed(run: &RunSpec) -> Listed<'_> {
    let targets = run.targets.iter().collect();
    Listed { suite: &run.targets[0].suite, targets, catalog: catalog() }
}

#[test]
fn people_get_counts_and_marks() {
    let run = run();
    let mut out = Vec::new();
    text::write(&mut out, &[listed(&run)], false, Style::PLAIN).unwrap();
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "\
a  cni=cilium
b  cni=calico
  suite    /suites/e2e.test
  version  v1.36.2, Ginkgo 2.28.3, sha256 0123456789ab
  specs    5 of 7 selected: 2 parallel groups, 1 serial spec; 1 pending
  SIGs        3  sig-apps
              2  sig-node
  tags        1  Serial
              1  Slow
  labels      1  Conformance

           [sig-node] Pods start [Slow]
         ┌ [sig-apps] In order first
         │ [sig-apps] In order mid
         └ [sig-apps] In order last
  serial   [sig-node] Alone\\u{1b}[31m x [Serial] [Driver: a b]
"
    );
}

#[test]
fn counts_alone_leave_the_specs_out() {
    let run = run();
    let mut out = Vec::new();
    text::write(&mut out, &[listed(&run)], true, Style::PLAIN).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert!(text.ends_with("labels      1  Conformance\n"), "{text}");
}

#[test]
fn scripts_get_everything_under_stable_names() {
    let run = run();
    let mut out = Vec::new();
    json::write(&mut out, &run, &[listed(&run)], 5, false).unwrap();
    let found: Value = serde_json::from_slice(&out).unwrap();
    let mut suites = found["suites"].as_array().unwrap().clone();
    let specs = suites[0].as_object_mut().unwrap().remove("specs").unwrap();
    assert_eq!(
        suites[0],
        json!({
            "binary": "/suites/e2e.test", "digest": "0123456789abcdef0123456789abcdef",
            "version": "v1.36.2", "ginkgo": "2.28.3",
            "total": 7, "selected": 5, "pending": 1, "serial": 1, "parallelGroups": 2,
            "sigs": {"sig-apps": 3, "sig-node": 2},
            "tags": {"Driver: a b": 1, "Serial": 1, "Slow": 1},
            "labels": {"Conformance": 1},
        })
    );
    let groups = specs.as_array().unwrap().iter();
    let groups =
        groups.map(|spec| (spec["serial"].as_bool().unwrap(), spec["group"].as_u64().unwrap()));
    assert_eq!(
        groups.collect::<Vec<_>>(),
        [(false, 0), (false, 1), (false, 1), (false, 1), (true, 0)]
    );
    assert_eq!(
        specs[0],
        json!({
            "name": "[sig-node] Pods start [Slow]", "file": "a_test.go", "line": 7,
            "labels": ["Conformance"], "serial": false, "group": 0,
        })
    );
    assert_eq!((&found["format"], &found["seed"]), (&json!(1), &json!(5)));
    assert_eq!(
        found["targets"],
        json!([
            {"name": "a", "labels": {"cni": "cilium"}, "clusters": ["x"], "suite": 0},
            {"name": "b", "labels": {"cni": "calico"}, "clusters": ["x", "y"], "suite": 0},
        ])
    );
    let mut out = Vec::new();
    json::write(&mut out, &run, &[listed(&run)], 5, true).unwrap();
    let found: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(found["suites"][0].get("specs"), None);
}
