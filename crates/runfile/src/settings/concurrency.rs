//! `concurrency`: how much runs on a cluster at once.

use multibeam_document::diagnostic::Sink;
use multibeam_document::table::{Object, Ty, optional, required};
use multibeam_document::yaml::Node;
use serde::{Deserialize, Serialize};

use super::cluster::{MAX_PROCESSES, MAX_WORKERS};
use super::{number, tag};

const SOME: Ty = Ty::Int { min: 1, max: (MAX_PROCESSES * MAX_WORKERS) as i64 };

static RULE: Object = Object {
    name: "a rule of concurrency",
    doc: "Specs that do not meet in numbers.",
    fields: &[
        required(
            "match",
            Ty::Text,
            "Specs whose full text contains this, or that have it as a label. Such as \"[Feature:Volumes]\"; no pattern.",
        ),
        required("atOnce", SOME, "How many of them run on one cluster at once."),
    ],
    extra: None,
};

static RULE_TY: Ty = Ty::Object(&RULE);

pub(crate) static CONCURRENCY: Object = Object {
    name: "concurrency",
    doc: "How much runs on a cluster at once. Serial specs run alone whatever this says.",
    fields: &[
        optional(
            "perCluster",
            SOME,
            "Suite processes on one cluster at most, whatever its workers offer. Default: as many as they offer.",
        ),
        optional(
            "adaptive",
            Ty::Bool,
            "Whether fewer processes get specs while the specs of a cluster take far longer than expected or time out. Default false.",
        ),
        optional(
            "byTag",
            Ty::List { item: &RULE_TY, min: 0 },
            "Specs of which only so many run on one cluster at once, by what their name or labels contain. All rules that match count.",
        ),
    ],
    extra: None,
};

/// How much runs on a cluster at once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Concurrency {
    /// Suite processes on one cluster; nothing means as many as its workers offer.
    pub per_cluster: Option<u32>,
    /// Whether fewer processes get specs while a cluster shows that it has too much to do.
    pub adaptive: bool,
    /// All that match count.
    pub by_tag: Vec<ConcurrencyRule>,
}

/// Specs of which only so many run on one cluster at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConcurrencyRule {
    /// What the full text of the spec contains, or what one of its labels is.
    #[serde(rename = "match")]
    pub matches: String,
    /// At least 1.
    pub at_once: u32,
}

/// Reads `concurrency` of the run, if it is there.
pub(crate) fn read(run: &Node, sink: &mut Sink<'_>) -> Concurrency {
    let Some(node) = run.get("concurrency") else {
        return Concurrency::default();
    };
    let mut by_tag = Vec::new();
    for rule in node.get("byTag").map(Node::items).unwrap_or_default() {
        let Some(at_once) = number(rule, "atOnce") else { continue };
        let Some((_, word)) = tag(rule, "concurrency.perCluster", sink) else { continue };
        by_tag.push(ConcurrencyRule { matches: word.to_owned(), at_once });
    }
    Concurrency {
        per_cluster: number(node, "perCluster"),
        adaptive: node.get("adaptive").and_then(Node::boolean).unwrap_or(false),
        by_tag,
    }
}
