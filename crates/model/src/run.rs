//! A run as it is executed: every default applied, every matrix expanded.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A whole run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunSpec {
    /// Its name, for people.
    pub name: String,
    /// Whether the results are meant for certification: flake attempts, skips, and programmatic
    /// focus are refused.
    pub certified: bool,
    /// The mode that selects its specs; `None` when the run file does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<RunMode>,
    /// Set when this run repeats the failures of another: never certifiable, never merged.
    pub rerun_of: Option<String>,
    /// Whether the first failed spec of a target ends that target.
    pub fail_fast: bool,
    /// The seed of every target; drawn by the coordinator when absent.
    pub seed: Option<i64>,
    /// The targets, in the run file's order. [`crate::TargetId`] indexes this list.
    pub targets: Vec<TargetSpec>,
    /// The clusters of all targets. [`crate::ClusterId`] indexes this list.
    pub clusters: Vec<ClusterSpec>,
    /// Limits and waiting times.
    pub limits: Limits,
    /// Whether to write one JUnit file for the whole matrix.
    pub matrix_junit: bool,
}

/// A named selection of specs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunMode {
    /// Its name, such as `quick`.
    pub name: String,
    /// Why its results cannot be used for a certificate; `None` when they can.
    pub cannot_certify: Option<String>,
}

/// One thing to certify.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TargetSpec {
    /// Its name, unique in the run.
    pub name: String,
    /// The directory of its results, unique in the run and safe as a file name.
    pub dir_name: String,
    /// Free labels such as `cni` and `kube-proxy`.
    pub labels: BTreeMap<String, String>,
    /// The suite it runs.
    pub suite: SuiteSpec,
    /// Its interchangeable clusters, as indices into [`RunSpec::clusters`].
    pub clusters: Vec<u32>,
}

/// A suite binary and how to call it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SuiteSpec {
    /// The binary's path on the worker's host. A worker may bind another path to the target.
    pub binary: String,
    /// Arguments of the suite's own, after Multibeam's.
    pub args: Vec<String>,
    /// Environment added for the suite.
    pub env: BTreeMap<String, String>,
    /// Working directory; the binary's own directory when absent.
    pub working_dir: Option<String>,
    /// Go regular expressions, joined by `|`; empty leaves the suite's own default.
    pub focus: Vec<String>,
    /// Go regular expressions, joined by `|`; empty leaves the suite's own default.
    pub skip: Vec<String>,
    /// Ginkgo's label filter.
    pub label_filter: Option<String>,
    /// Ginkgo's suite timeout, for each process.
    pub timeout: Duration,
    /// Ginkgo's `--flake-attempts`, at least 1.
    pub flake_attempts: u32,
}

/// A cluster and the local workers to start for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterSpec {
    /// Its name, unique in the run.
    pub name: String,
    /// The kubeconfig on the worker's host; `None` for suites that need no cluster.
    pub kubeconfig: Option<String>,
    /// The kubeconfig's context; `None` for its current one.
    pub context: Option<String>,
    /// How many workers the embedded run starts for it.
    pub workers: u32,
    /// How many suite processes each worker offers.
    pub processes: u32,
}

/// Limits and waiting times, all settable in the run file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// Attempts per group, whatever lost them.
    pub attempts: u32,
    /// How long a worker may be silent before its attempts are lost (the margin comes on top).
    pub lease: Duration,
    /// How often a worker says that it lives; the lease spans several of these.
    pub heartbeat: Duration,
    /// How long a target waits without any usable worker.
    pub no_worker: Duration,
    /// How long a cluster may be not ready before it is given up.
    pub cluster_unready: Duration,
    /// Time between the interrupt and the kill of a process.
    pub grace: Duration,
    /// Time limits of specs; the first match applies.
    pub spec_timeouts: Vec<SpecTimeout>,
    /// Bytes of a process's own output kept on disk.
    pub spool: u64,
    /// Whether what a killed spec left in its cluster is removed.
    pub cleanup: bool,
    /// How much runs on a cluster at once.
    #[serde(default)]
    pub concurrency: Concurrency,
}

/// How much runs on a cluster under test at once. Serial specs run alone whatever this says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Concurrency {
    /// Suite processes on one cluster at most, whatever its workers offer; `None` for all of them.
    pub per_cluster: Option<u32>,
    /// Whether fewer processes get specs while a cluster shows that it has too much to do.
    pub adaptive: bool,
    /// Specs of which only so many run on one cluster at once.
    pub by_tag: Vec<TagLimit>,
}

/// How many specs with a tag run on one cluster at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TagLimit {
    /// What the full text contains or what a label is, such as `[Feature:Volumes]`.
    pub tag: String,
    /// At least 1.
    pub at_once: u32,
}

/// A time limit for the specs whose full text or labels have a word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SpecTimeout {
    /// What the full text contains or what a label is, such as `[Slow]`; `None` matches every spec.
    pub tag: Option<String>,
    /// The limit.
    pub limit: Duration,
}

impl RunMode {
    /// What its user must be told before and after a run; nothing if it can certify.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        let why = self.cannot_certify.as_ref()?;
        Some(format!("mode {} cannot lead to a certificate: {why}", self.name))
    }
}

impl SpecTimeout {
    /// Whether it applies to a spec: its tag occurs in the full text, or is one of the labels, with or
    /// without its brackets. No part of a label counts: `Slow` is not in `Slower`.
    #[must_use]
    pub fn applies(&self, full_text: &str, labels: &[String]) -> bool {
        self.tag.as_deref().is_none_or(|tag| has_tag(tag, full_text, labels))
    }
}

impl TagLimit {
    /// Whether it applies to a spec, as [`SpecTimeout::applies`].
    #[must_use]
    pub fn applies(&self, full_text: &str, labels: &[String]) -> bool {
        has_tag(&self.tag, full_text, labels)
    }
}

fn has_tag(tag: &str, full_text: &str, labels: &[String]) -> bool {
    let bare = tag.strip_prefix('[').and_then(|tag| tag.strip_suffix(']')).unwrap_or(tag);
    full_text.contains(tag) || labels.iter().any(|label| label == tag || label == bare)
}

impl Limits {
    /// How long a worker is not heard from before its attempts are lost. The worker's own lease
    /// counts from an earlier moment and ends before this: a tenth for clocks that run differently,
    /// and a heartbeat for what is on its way.
    #[must_use]
    pub fn patience(&self) -> Duration {
        self.lease.saturating_add(self.lease / 10).saturating_add(self.heartbeat)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            attempts: 3,
            lease: Duration::from_secs(60),
            heartbeat: Duration::from_secs(5),
            no_worker: Duration::from_secs(600),
            cluster_unready: Duration::from_secs(300),
            grace: Duration::from_secs(30),
            spec_timeouts: Vec::new(),
            spool: 64 << 20,
            cleanup: true,
            concurrency: Concurrency::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_limit_looks_at_the_text_and_at_whole_labels() {
        let applies = |tag: Option<&str>, text: &str, labels: &[&str]| {
            let labels: Vec<String> = labels.iter().map(|label| (*label).to_owned()).collect();
            let limit = Duration::from_secs(1);
            SpecTimeout { tag: tag.map(str::to_owned), limit }.applies(text, &labels)
        };
        assert!(applies(None, "a", &[]));
        assert!(applies(Some("[Slow]"), "a [Slow] b", &[]));
        assert!(applies(Some("[Slow]"), "a b", &["Fast", "Slow"]));
        assert!(applies(Some("Slow"), "a b", &["Slow"]));
        assert!(applies(Some("[Slow]"), "a b", &["[Slow]"]));
        assert!(!applies(Some("[Slow]"), "a Slow b", &["Slower"]));
        assert!(!applies(Some("Slow"), "a b", &["Slower"]));
    }
}
