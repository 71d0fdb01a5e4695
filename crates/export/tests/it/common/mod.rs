//! A small target with one case of each kind, and its files.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![allow(dead_code, reason = "each test file uses a part")]

use std::collections::BTreeMap;

use multibeam_export::Subject;
use multibeam_ginkgo::render::{Dialect, MemorySource, junit};
use multibeam_ginkgo::report::parse_reports;
use multibeam_ginkgo::version::Version;
use multibeam_model::outcome::Verdict;

pub(crate) const GINKGO: Version = Version::new(2, 28, 0);

pub(crate) fn report() -> String {
    let spec = |text: &str, more: &str| {
        format!(
            r#"{{"LeafNodeType":"It","ContainerHierarchyTexts":["[sig-node] Pods"],
               "LeafNodeText":"{text}","StartTime":"2026-01-01T00:00:00Z",{more}}}"#
        )
    };
    let specs = [
        spec("passes", r#""State":"passed""#),
        spec("fails", r#""State":"failed","Failure":{"Message":"<no> & never"}"#),
        spec("dies", r#""State":"panicked","Failure":{"Message":"nil map"}"#),
        spec("is elsewhere", r#""State":"skipped""#),
        spec("is pending", r#""State":"pending""#),
        r#"{"LeafNodeType":"SynchronizedBeforeSuite","State":"passed"}"#.to_owned(),
    ];
    format!(
        r#"[{{"SuiteDescription":"Kubernetes e2e suite","SpecReports":[{}]}}]"#,
        specs.join(",")
    )
}

pub(crate) fn junit(report: &str) -> Vec<u8> {
    let report = parse_reports(report.as_bytes()).unwrap().remove(0);
    let mut out = Vec::new();
    junit::write(&MemorySource::try_from(report).unwrap(), Dialect::new(GINKGO), &mut out).unwrap();
    out
}

pub(crate) fn subject() -> Subject {
    Subject {
        run: "20260101-000000-abcd".to_owned(),
        target: "v1.36 / cilium".to_owned(),
        labels: BTreeMap::from(
            [("cni", "cilium"), ("repo", "mine")].map(|(k, v)| (k.into(), v.into())),
        ),
        started: 1_767_225_600,
        ended: Some(1_767_229_200),
        verdict: Some(Verdict::Failed),
        cancelled: false,
        suite_version: Some("v1.36.0".to_owned()),
        ginkgo: GINKGO,
        arguments: vec!["--ginkgo.focus=\\[Conformance\\]".to_owned()],
    }
}
