//! What is known of a run: the part of `run.json`, format 1, that a submission tells of.

use std::collections::BTreeMap;

use multibeam_ginkgo::report::GoTime;
use multibeam_model::outcome::{SpecState, Verdict};
use serde::Deserialize;

/// A run.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// The version of Multibeam that made the results; empty where none was written down.
    #[serde(default)]
    pub multibeam: String,
    /// Its id.
    pub run: String,
    /// The mode that selected its specs, if one did.
    pub mode: Option<Mode>,
    /// Whether what it left undone was taken up again, and when.
    pub resumed: Vec<GoTime>,
    /// Ginkgo's seed of every process.
    pub seed: i64,
    /// Its targets.
    pub targets: Vec<Target>,
    /// What was removed from its clusters.
    pub cleaned: Vec<Cleaned>,
    /// Why its results cannot be used for a certificate; empty when they can.
    pub not_certifiable: Vec<String>,
}

/// A mode.
#[derive(Debug, Clone, Deserialize)]
pub struct Mode {
    /// Its name, such as `certified-conformance`.
    pub name: String,
}

/// A target.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// Its name.
    pub name: String,
    /// The directory of its files, in that of the run.
    pub dir: String,
    /// What sets it apart.
    pub labels: BTreeMap<String, String>,
    /// Its interchangeable clusters, by name.
    pub clusters: Vec<String>,
    /// How it ended.
    pub verdict: Option<Verdict>,
    /// When its clock started.
    pub started: Option<GoTime>,
    /// When it ended.
    pub ended: Option<GoTime>,
    /// Its suite; absent when it was never discovered.
    pub suite: Option<Suite>,
    /// Its specs in numbers.
    pub specs: Option<Specs>,
    /// Its sessions.
    pub sessions: Vec<Session>,
    /// Attempts that were lost.
    pub lost_attempts: Vec<LostAttempt>,
}

/// A suite.
#[derive(Debug, Clone, Deserialize)]
pub struct Suite {
    /// SHA-256 of its binary, in hex.
    pub digest: String,
    /// What it says its version is.
    pub version: Option<String>,
    /// The Ginkgo that it was built with.
    pub ginkgo: String,
    /// Its arguments, without those that differ between processes.
    pub arguments: Vec<String>,
    /// Names of the variables that were added to its environment.
    #[serde(default)]
    pub environment: Vec<String>,
}

/// Specs in numbers.
#[derive(Debug, Clone, Deserialize)]
pub struct Specs {
    /// In the suite.
    pub total: u32,
    /// Selected.
    pub selected: u32,
    /// Selected ones by state.
    pub states: BTreeMap<SpecState, u32>,
}

/// A session: one complete run of the suite on a cluster.
#[derive(Debug, Clone, Deserialize)]
pub struct Session {
    /// Its number.
    pub session: u32,
    /// Its cluster's name.
    pub cluster: String,
    /// Whether it was lost; absent while it is open.
    pub lost: Option<bool>,
}

/// A lost attempt.
#[derive(Debug, Clone, Deserialize)]
pub struct LostAttempt {
    /// Its specs.
    pub specs: Vec<String>,
    /// Its cluster's name.
    pub cluster: Option<String>,
    /// Why it was lost.
    pub cause: String,
    /// Whether no further attempt was made.
    #[serde(rename = "final")]
    pub last: bool,
}

/// A clean-up.
#[derive(Debug, Clone, Deserialize)]
pub struct Cleaned {
    /// The cluster's name.
    pub cluster: String,
    /// One line per object.
    pub removed: Vec<String>,
}

// === impl Run ===

impl Run {
    /// Reads `run.json`.
    ///
    /// # Errors
    /// When it is none of format 1.
    pub fn read(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }
}

// === impl Target ===

impl Target {
    /// When it ended, else when it started, in seconds since 1970.
    #[must_use]
    pub fn time(&self) -> i64 {
        self.ended.or(self.started).map_or(0, |time| time.to_unix().0)
    }
}
