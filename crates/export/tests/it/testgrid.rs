//! The two small files of a build have the fields that TestGrid reads.

use crate::common::subject;
use multibeam_export::{ExportError, Subject, testgrid};
use multibeam_model::outcome::Verdict;
use serde_json::{Value, json};

fn read(bytes: Result<Vec<u8>, ExportError>) -> Value {
    serde_json::from_slice(&bytes.unwrap()).unwrap()
}

#[test]
fn a_build_says_when_and_how_it_went() {
    let subject = subject();
    assert_eq!(testgrid::build(&subject), "1767225600");
    assert_eq!(read(testgrid::started(&subject)), json!({"timestamp": 1_767_225_600}));
    let expected = json!({
        "timestamp": 1_767_229_200,
        "passed": false,
        "result": "FAILURE",
        "metadata": {
            "cni": "cilium",
            "job-version": "v1.36.0",
            // TestGrid reads a repository there.
            "label-repo": "mine",
            "multibeam-run": "20260101-000000-abcd",
            "multibeam-target": "v1.36 / cilium",
            "multibeam-verdict": "failed",
            "revision": "v1.36.0",
        },
    });
    assert_eq!(read(testgrid::finished(&subject)), expected);
}

#[test]
fn prow_has_three_words_for_an_end() {
    let result = |verdict, cancelled| {
        let subject = Subject { verdict: Some(verdict), cancelled, ..subject() };
        let finished = read(testgrid::finished(&subject));
        (finished["result"].as_str().unwrap().to_owned(), finished["passed"].as_bool().unwrap())
    };
    assert_eq!(result(Verdict::Passed, false), ("SUCCESS".to_owned(), true));
    assert_eq!(result(Verdict::Incomplete, true), ("ABORTED".to_owned(), false));
    assert_eq!(result(Verdict::Incomplete, false), ("FAILURE".to_owned(), false));
    assert_eq!(result(Verdict::Environment, false), ("FAILURE".to_owned(), false));
}

#[test]
fn a_build_that_runs_has_no_end() {
    let running = Subject { ended: None, verdict: None, ..subject() };
    assert!(matches!(testgrid::finished(&running), Err(ExportError::NotEnded)));
}
