//! The directory of a job's build that TestGrid's updater and Prow's Spyglass take in:
//! `started.json`, `finished.json`, `build-log.txt`, and `artifacts/junit_01.xml`.
//!
//! Fields are those of TestGrid's `metadata/job.go` (GoogleCloudPlatform/testgrid), which Prow names
//! as the source of truth. Metadata of `finished.json` can stand in the column headers of a grid.

use std::collections::BTreeMap;

use multibeam_model::outcome::Verdict;
use serde::Serialize;

use crate::ExportError;
use crate::input::Subject;

/// Where each file of a target goes, below the build's directory.
pub const PLACES: [(&str, &str); 2] =
    [("e2e.log", "build-log.txt"), ("junit_01.xml", "artifacts/junit_01.xml")];

/// Keys of the metadata that mean something to TestGrid, so that no label may stand there.
const TAKEN: [&str; 8] =
    ["infra-commit", "job-version", "links", "others", "repo", "repo-commit", "repos", "revision"];

#[derive(Serialize)]
struct Started {
    timestamp: i64,
}

#[derive(Serialize)]
struct Finished {
    timestamp: i64,
    passed: bool,
    /// Prow's word for it.
    result: &'static str,
    metadata: BTreeMap<String, String>,
}

/// The number of a build: later ones have higher ones, as TestGrid wants it.
#[must_use]
pub fn build(subject: &Subject) -> String {
    subject.started.to_string()
}

/// `started.json`.
///
/// # Errors
/// Never, in practice: a number is written.
pub fn started(subject: &Subject) -> Result<Vec<u8>, ExportError> {
    json(&Started { timestamp: subject.started })
}

/// `finished.json`.
///
/// # Errors
/// [`ExportError::NotEnded`] for a target that is still running; such a build has no such file.
pub fn finished(subject: &Subject) -> Result<Vec<u8>, ExportError> {
    let (Some(timestamp), Some(verdict)) = (subject.ended, subject.verdict) else {
        return Err(ExportError::NotEnded);
    };
    let passed = verdict == Verdict::Passed;
    let result = match passed {
        true => "SUCCESS",
        false if subject.cancelled => "ABORTED",
        false => "FAILURE",
    };
    let labels = subject.labels.iter().map(|(key, value)| {
        let is_taken = TAKEN.contains(&key.as_str());
        (if is_taken { format!("label-{key}") } else { key.clone() }, value.clone())
    });
    let mut metadata: BTreeMap<String, String> = labels.collect();
    metadata.insert("multibeam-run".to_owned(), subject.run.clone());
    metadata.insert("multibeam-target".to_owned(), subject.target.clone());
    metadata.insert("multibeam-verdict".to_owned(), verdict.to_string());
    if let Some(version) = &subject.suite_version {
        metadata.insert("job-version".to_owned(), version.clone());
        metadata.insert("revision".to_owned(), version.clone());
    }
    json(&Finished { timestamp, passed, result, metadata })
}

fn json(content: &impl Serialize) -> Result<Vec<u8>, ExportError> {
    let mut bytes = serde_json::to_vec_pretty(content)?;
    bytes.push(b'\n');
    Ok(bytes)
}
