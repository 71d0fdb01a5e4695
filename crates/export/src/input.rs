//! What is exported.

use std::collections::BTreeMap;
use std::io::Read;

use multibeam_ginkgo::version::Version;
use multibeam_model::outcome::Verdict;

use crate::ExportError;

/// What run.json says about a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The run's id.
    pub run: String,
    /// The target's name.
    pub target: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// When its clock started, in seconds since 1970.
    pub started: i64,
    /// When it ended; absent for a target that has not.
    pub ended: Option<i64>,
    /// How it ended.
    pub verdict: Option<Verdict>,
    /// Whether somebody cancelled the run.
    pub cancelled: bool,
    /// What the suite says its version is.
    pub suite_version: Option<String>,
    /// The Ginkgo that the suite was built with.
    pub ginkgo: Version,
    /// The arguments that the suite was given.
    pub arguments: Vec<String>,
}

/// A file to read, and its length.
pub struct Input<'a> {
    /// Its name, for messages.
    pub name: &'static str,
    /// Its length in bytes.
    pub bytes: u64,
    /// Its content.
    pub content: &'a mut dyn Read,
}

// === impl Input ===

impl Input<'_> {
    /// Whether it had the announced length: `found` bytes were read of it, at most that many.
    pub(crate) fn check(self, found: u64) -> Result<(), ExportError> {
        let more = self.content.read(&mut [0])?;
        let found = found.saturating_add(u64::try_from(more).unwrap_or_default());
        if found == self.bytes {
            return Ok(());
        }
        Err(ExportError::Length { file: self.name, expected: self.bytes, found })
    }
}
