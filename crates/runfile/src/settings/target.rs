//! `targets`: what is certified, each with its clusters.

use std::collections::BTreeMap;

use multibeam_document::diagnostic::Sink;
use multibeam_document::table::{Object, Ty, optional, required};
use multibeam_document::yaml::{Node, Span, Spanned};
use serde::{Deserialize, Serialize};

use super::cluster::{self, CLUSTER, Cluster, PROCESSES, RawCluster, WORKERS};
use super::matrix::{self, MATRIX, RawMatrix};
use super::suite::{self, RawSuite, SUITE, Suite};
use super::{LABELS, number, pairs, text};
use crate::template::{Scope, Template};

static CLUSTER_TY: Ty = Ty::Object(&CLUSTER);

static LABEL_MAP: Object = Object {
    name: "labels",
    doc: "What sets a target apart, such as kubernetes, cni, kube-proxy: reports compare targets by it.",
    fields: &[],
    extra: Some(&LABELS),
};

pub(crate) const LABELS_TY: Ty = Ty::Object(&LABEL_MAP);

pub(crate) static TARGET: Object = Object {
    name: "a target",
    doc: "One thing to certify, or with a matrix many. Each gives one e2e.log and one junit_01.xml.",
    fields: &[
        required(
            "name",
            Ty::Text,
            "Name of the target, unique in the run. Its results are in a directory of this name. With a matrix, such as \"v${matrix.kubernetes}-${matrix.cni}\".",
        ),
        optional(
            "labels",
            LABELS_TY,
            "What sets the target apart, such as kubernetes: \"1.36\", cni: cilium, kube-proxy: ipvs. Axes of the matrix are labels too.",
        ),
        optional(
            "matrix",
            Ty::Object(&MATRIX),
            "Axes with their values: one target for each combination.",
        ),
        optional(
            "suite",
            Ty::Object(&SUITE),
            "What differs from the suite that all targets share.",
        ),
        optional("processes", PROCESSES, "Suite processes per worker. Default: that of defaults."),
        optional("workers", WORKERS, "Local workers per cluster. Default: that of defaults."),
        required(
            "clusters",
            Ty::List { item: &CLUSTER_TY, min: 1 },
            "The clusters that share the target's specs.",
        ),
    ],
    extra: None,
};

/// One thing to certify.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Target {
    /// Unique in the run.
    pub name: String,
    /// The name as a directory name, unique in the run also where case does not count.
    pub dir_name: String,
    /// Own labels, the run's default labels and the matrix row together.
    pub labels: BTreeMap<String, String>,
    /// What it runs.
    pub suite: Suite,
    /// At least one.
    pub clusters: Vec<Cluster>,
    /// The row of the matrix that it is; empty without a matrix.
    pub matrix: BTreeMap<String, String>,
}

/// An entry of `targets` as written.
#[derive(Debug, Clone)]
pub(crate) struct RawTarget {
    pub(crate) span: Span,
    pub(crate) name: Option<Template>,
    pub(crate) labels: Vec<(Spanned<String>, Template)>,
    pub(crate) matrix: Option<RawMatrix>,
    pub(crate) suite: RawSuite,
    pub(crate) processes: Option<u32>,
    pub(crate) workers: Option<u32>,
    pub(crate) clusters: Vec<RawCluster>,
    /// Every string in it that has a `$`, also those under keys that could not be read.
    pub(crate) mentions: String,
}

/// Reads one entry of `targets`.
pub(crate) fn read(node: &Node, sink: &mut Sink<'_>) -> RawTarget {
    let clusters = node.get("clusters").map(Node::items).unwrap_or_default();
    RawTarget {
        span: node.entries().first().map_or(node.span, |e| e.key.span),
        name: text(node, "name", Scope::Target, sink),
        labels: pairs(node, "labels", sink),
        matrix: matrix::read(node, sink),
        suite: suite::read(node, sink),
        processes: number(node, "processes"),
        workers: number(node, "workers"),
        clusters: clusters.iter().map(|node| cluster::read(node, sink)).collect(),
        mentions: mentions(node),
    }
}

fn mentions(node: &Node) -> String {
    let text = node.scalar().filter(|text| text.contains('$')).unwrap_or_default();
    let below = node.items().iter().chain(node.entries().iter().map(|entry| &entry.value));
    below.map(mentions).fold(text.to_owned(), |all, more| all + &more)
}
