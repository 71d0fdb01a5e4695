//! The file as a whole.

use multibeam_document::diagnostic::{Code, Sink};
use multibeam_document::render::quote;
use multibeam_document::table::{Object, Ty, optional, required};
use multibeam_document::yaml::{Node, Span, Spanned};
use serde::{Deserialize, Serialize};

use super::cluster::{PROCESSES, WORKERS};
use super::concurrency::{self, CONCURRENCY, Concurrency};
use super::limits::{self, LIMITS, Limits};
use super::results::{self, RESULTS, Results};
use super::spec_timeout::{self, SPEC_TIMEOUT, SpecTimeouts};
use super::suite::{self, RawSuite, SUITE};
use super::target::{self, LABELS_TY, RawTarget, TARGET, Target};
use super::{number, pairs, text};
use crate::mode::Mode;
use crate::name::{PLAIN_RULE, is_plain};
use crate::template::{Row, Scope, Template};

/// The version of the format that this build reads.
pub const API_VERSION: &str = "multibeam.dev/v1";

/// The kind of document that a run file is.
pub const KIND: &str = "Run";

/// The name of a run that its file does not name.
pub const DEFAULT_RUN_NAME: &str = "run";

/// Largest seed: the largest whole number that JSON readers with 64-bit floats keep exactly.
pub const MAX_SEED: u64 = (1 << 53) - 1;

static TARGET_TY: Ty = Ty::Object(&TARGET);

static DEFAULTS: Object = Object {
    name: "defaults",
    doc: "What holds for every target that says nothing else.",
    fields: &[
        optional("processes", PROCESSES, "Suite processes per worker. Default 4."),
        optional("workers", WORKERS, "Local workers per cluster. Default 1."),
        optional("labels", LABELS_TY, "Labels of every target."),
    ],
    extra: None,
};

pub(crate) static RUN: Object = Object {
    name: "a run file",
    doc: "A run of Multibeam: one Ginkgo suite, run on the clusters of one or more targets.",
    fields: &[
        required("apiVersion", Ty::Const(API_VERSION), "Version of the format."),
        required("kind", Ty::Const(KIND), "Kind of the document."),
        optional("name", Ty::Text, "Name of the run, part of its id. Default \"run\"."),
        optional(
            "certified",
            Ty::Bool,
            "Whether the results are to be submitted: refuses everything that would make them differ from a plain run (skips, flake attempts, programmatic focus). Default false.",
        ),
        optional(
            "seed",
            Ty::Int { min: 0, max: MAX_SEED as i64 },
            "Ginkgo's random seed for every target. Default: drawn once and kept.",
        ),
        optional(
            "failFast",
            Ty::Bool,
            "Whether a target stops at its first failed spec. Default false.",
        ),
        optional("specTimeout", Ty::Object(&SPEC_TIMEOUT), "When a spec counts as hung."),
        optional("concurrency", Ty::Object(&CONCURRENCY), "How much runs on a cluster at once."),
        optional(
            "limits",
            Ty::Object(&LIMITS),
            "How long to wait, how often to try, and how much to keep.",
        ),
        optional(
            "cleanup",
            Ty::Choice(&["auto", "off"]),
            "Whether what a killed spec left in a cluster is removed before its group is tried again there. Default auto.",
        ),
        optional("results", Ty::Object(&RESULTS), "Where the reports go."),
        optional("suite", Ty::Object(&SUITE), "What is run: what all targets share."),
        optional(
            "defaults",
            Ty::Object(&DEFAULTS),
            "What holds for every target that says nothing else.",
        ),
        required("targets", Ty::List { item: &TARGET_TY, min: 1 }, "What is certified."),
    ],
    extra: None,
};

/// Whether what a killed spec left in a cluster is removed before its group is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Cleanup {
    /// What is known to come from the lost attempt is removed.
    #[default]
    Auto,
    /// Nothing is touched.
    Off,
}

/// A run with everything decided: defaults applied, matrices expanded, references replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunFile {
    /// The version of the format of the file, so that a stored run says how to read it.
    pub api_version: String,
    /// Name of the run.
    pub name: String,
    /// Whether the results are to be submitted.
    pub certified: bool,
    /// The mode that selects the specs, if the caller gave one. The file itself names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// Ginkgo's random seed; nothing means that it is to be drawn.
    pub seed: Option<u64>,
    /// Whether a target stops at its first failed spec.
    pub fail_fast: bool,
    /// When a spec counts as hung.
    pub spec_timeouts: SpecTimeouts,
    /// How much runs on a cluster at once.
    #[serde(default)]
    pub concurrency: Concurrency,
    /// How long to wait, how often to try, how much to keep.
    pub limits: Limits,
    /// Whether leftovers are removed.
    pub cleanup: Cleanup,
    /// Where the reports go.
    pub results: Results,
    /// At least one, in the order of the file and of the matrix rows.
    pub targets: Vec<Target>,
}

/// A file as written: settings are read, targets still have references.
#[derive(Debug)]
pub(crate) struct RawRun {
    /// Everything but the targets.
    pub(crate) run: RunFile,
    /// Where `certified` stands.
    pub(crate) certified_at: Option<Span>,
    /// Where `results.dir` stands.
    pub(crate) results_dir: Option<Span>,
    pub(crate) suite: RawSuite,
    pub(crate) processes: Option<u32>,
    pub(crate) workers: Option<u32>,
    pub(crate) labels: Vec<(Spanned<String>, Template)>,
    pub(crate) targets: Vec<RawTarget>,
}

/// Reads the whole file.
pub(crate) fn read(node: &Node, mode: Option<Mode>, sink: &mut Sink<'_>) -> RawRun {
    let boolean = |key| node.get(key).and_then(Node::boolean).unwrap_or(false);
    let certified = certified(node, mode, sink);
    let seed = node.get("seed").and_then(Node::integer).and_then(|n| u64::try_from(n).ok());
    let cleanup = match node.get("cleanup").and_then(Node::string) {
        Some("off") => Cleanup::Off,
        _ => Cleanup::Auto,
    };
    let (results, results_dir) = results::read(node, sink);
    let run = RunFile {
        api_version: API_VERSION.to_owned(),
        name: name(node, sink),
        certified,
        mode,
        seed,
        fail_fast: boolean("failFast"),
        spec_timeouts: spec_timeout::read(node, certified, sink),
        concurrency: concurrency::read(node, sink),
        limits: limits::read(node, sink),
        cleanup,
        results,
        targets: Vec::new(),
    };
    let suite = suite::read(node, sink);
    let mut raw = RawRun {
        run,
        certified_at: node.get("certified").map(|value| value.span),
        results_dir,
        suite,
        processes: None,
        workers: None,
        labels: Vec::new(),
        targets: Vec::new(),
    };
    if let Some(defaults) = node.get("defaults") {
        raw.processes = number(defaults, "processes");
        raw.workers = number(defaults, "workers");
        raw.labels = pairs(defaults, "labels", sink);
    }
    let targets = node.get("targets").map(Node::items).unwrap_or_default();
    raw.targets = targets.iter().map(|node| target::read(node, sink)).collect();
    raw
}

/// Whether the results are to be submitted: the file or the mode says so.
fn certified(node: &Node, mode: Option<Mode>, sink: &mut Sink<'_>) -> bool {
    let asks = node.get("certified").filter(|value| value.boolean() == Some(true));
    match (asks, mode) {
        (Some(value), Some(mode)) if !mode.certifies() => {
            let message = format!("certified: true cannot be had with --mode {mode}");
            let hint = format!("--mode {} can", Mode::CertifiedConformance);
            sink.error(Code::ModeConflict, value.span, message, Some(hint));
            false
        }
        (asks, mode) => asks.is_some() || mode.is_some_and(Mode::certifies),
    }
}

fn name(node: &Node, sink: &mut Sink<'_>) -> String {
    let Some(template) = text(node, "name", Scope::Run, sink) else {
        return DEFAULT_RUN_NAME.to_owned();
    };
    let name = template.expand(&Row::new(), 0);
    if !is_plain(&name) {
        let message = format!("a run cannot be called {}", quote(&name));
        sink.error(Code::BadName, template.span, message, Some(PLAIN_RULE.to_owned()));
    }
    name
}
