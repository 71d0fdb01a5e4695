//! `clusters`: where a target runs.

use multibeam_document::diagnostic::Sink;
use multibeam_document::table::{Object, Ty, optional, required};
use multibeam_document::yaml::Node;
use serde::{Deserialize, Serialize};

use super::{number, text};
use crate::bounds::MAX_CLUSTERS;
use crate::template::{Scope, Template};

/// Suite processes per worker: what Kubernetes' own parallel jobs use at least, and 1.4 GB of
/// memory with `e2e.test` at some 340 MB each.
pub const DEFAULT_PROCESSES: u32 = 4;

/// Most processes of one worker; a Linux host with so many copies of `e2e.test` has 64 GB.
pub const MAX_PROCESSES: u32 = 256;

/// Workers that the embedded run starts per cluster: one host gains nothing from more.
pub const DEFAULT_WORKERS: u32 = 1;

/// Most local workers of one cluster.
pub const MAX_WORKERS: u32 = 64;

pub(crate) const PROCESSES: Ty = Ty::Int { min: 1, max: MAX_PROCESSES as i64 };
pub(crate) const WORKERS: Ty = Ty::Int { min: 1, max: MAX_WORKERS as i64 };

pub(crate) static CLUSTER: Object = Object {
    name: "a cluster",
    doc: "A cluster that the target's specs run on. All clusters of a target are interchangeable.",
    fields: &[
        required(
            "name",
            Ty::Text,
            "Name of the cluster. Workers of a distributed run are bound to it by this name.",
        ),
        optional(
            "kubeconfig",
            Ty::Text,
            "Path of the kubeconfig. Relative to the run file. Leave it out for a suite that needs no cluster, and in a distributed run, where the worker has it.",
        ),
        optional("context", Ty::Text, "Context within the kubeconfig. Default: its current one."),
        optional(
            "count",
            Ty::Int { min: 1, max: MAX_CLUSTERS as i64 },
            "Stands for this many clusters, whose number ${cluster.index} (from 1) must be in the name. Default 1.",
        ),
        optional("processes", PROCESSES, "Suite processes per worker. Default: the target's."),
        optional("workers", WORKERS, "Local workers. Default: the target's."),
    ],
    extra: None,
};

/// A cluster of a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cluster {
    /// Unique within the target. The same name in another target is the same cluster.
    pub name: String,
    /// As written; the caller resolves it relative to the run file. Nothing for suites that need
    /// no cluster, and where workers bring their own.
    pub kubeconfig: Option<String>,
    /// Nothing means the current context.
    pub context: Option<String>,
    /// Local workers.
    pub workers: u32,
    /// Suite processes per worker.
    pub processes: u32,
}

/// An entry of `clusters` as written.
#[derive(Debug, Clone)]
pub(crate) struct RawCluster {
    pub(crate) name: Option<Template>,
    pub(crate) kubeconfig: Option<Template>,
    pub(crate) context: Option<Template>,
    pub(crate) count: u32,
    pub(crate) processes: Option<u32>,
    pub(crate) workers: Option<u32>,
    /// Whether a kubeconfig was written at all, readable or not.
    pub(crate) names_kubeconfig: bool,
}

// === impl RawCluster ===

impl RawCluster {
    /// Every string in it.
    pub(crate) fn templates(&self) -> impl Iterator<Item = &Template> {
        [&self.name, &self.kubeconfig, &self.context].into_iter().flatten()
    }
}

/// Reads one entry of `clusters`.
pub(crate) fn read(node: &Node, sink: &mut Sink<'_>) -> RawCluster {
    RawCluster {
        name: text(node, "name", Scope::Cluster, sink),
        kubeconfig: text(node, "kubeconfig", Scope::Cluster, sink),
        context: text(node, "context", Scope::Cluster, sink),
        count: number(node, "count").unwrap_or(1).clamp(1, MAX_CLUSTERS as u32),
        processes: number(node, "processes"),
        workers: number(node, "workers"),
        names_kubeconfig: node.get("kubeconfig").is_some(),
    }
}
