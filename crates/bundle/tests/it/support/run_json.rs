//! A run's summary, as `run.json` has it.

#![allow(dead_code, reason = "each test binary uses a part")]

use serde_json::{Value, json};

/// A run of one target, as `run.json` tells of it.
pub(crate) fn run_json() -> Value {
    json!({
        "format": 1, "multibeam": "0.1.0", "run": "20260101-000000-aaaa", "name": "night", "rerunOf": null,
        "notCertifiable": [], "started": "2026-01-01T00:00:00Z", "ended": "2026-01-01T01:00:00Z",
        "cancelledBy": null, "resumed": [], "verdict": "passed", "seed": 7, "matrixJunit": false,
        "cleaned": [],
        "targets": [target("v1.36-cilium", "v1.36.1")],
    })
}

/// A target that passed.
pub(crate) fn target(name: &str, version: &str) -> Value {
    json!({
        "name": name, "dir": name, "labels": {"cni": "cilium"}, "clusters": ["a", "b"],
        "verdict": "passed", "cause": null, "started": "2026-01-01T00:00:10Z",
        "ended": "2026-01-01T00:12:34.5Z",
        "suite": {
            "digest": "31f9b408ea68752a", "catalogDigest": "", "version": version,
            "ginkgo": "2.28.0",
            "arguments": ["--ginkgo.seed=7", "--ginkgo.focus=\\[Conformance\\]", "--provider=skeleton"],
        },
        "specs": {"total": 466, "selected": 446, "states": {"passed": 446}, "lost": 0, "notRun": 0,
            "failedSuiteNodes": 0},
        "failures": [],
        "sessions": [{"session": 1, "cluster": "a", "lost": false}, {"session": 2, "cluster": "b", "lost": false}],
        "lostAttempts": [],
    })
}
