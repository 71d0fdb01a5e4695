//! `results`: where the reports go.

use multibeam_document::diagnostic::{Code, Sink};
use multibeam_document::table::{Object, Ty, optional};
use multibeam_document::yaml::{Node, Span};
use serde::{Deserialize, Serialize};

use super::text;
use crate::template::{Row, Scope};

/// Where reports go: beside the run file, under a name that nobody takes for sources.
pub const DEFAULT_RESULTS_DIR: &str = "results";

pub(crate) static RESULTS: Object = Object {
    name: "results",
    doc: "Where the reports go.",
    fields: &[
        optional(
            "dir",
            Ty::Text,
            "Directory for all runs; each run gets one of its own in it. Relative to the run file. Default \"results\".",
        ),
        optional(
            "matrixJUnit",
            Ty::Bool,
            "Whether one more JUnit file holds the results of all targets together. Default false.",
        ),
    ],
    extra: None,
};

/// Where the reports go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Results {
    /// As written; the caller resolves it relative to the run file.
    pub dir: String,
    /// Whether one more JUnit file holds the results of all targets together.
    #[serde(rename = "matrixJUnit")]
    pub matrix_junit: bool,
}

/// Reads `results` of the run, if it is there, and says where its directory stands.
pub(crate) fn read(run: &Node, sink: &mut Sink<'_>) -> (Results, Option<Span>) {
    let mut results = Results { dir: DEFAULT_RESULTS_DIR.to_owned(), matrix_junit: false };
    let Some(node) = run.get("results") else {
        return (results, None);
    };
    let dir = text(node, "dir", Scope::Run, sink);
    if let Some(template) = &dir {
        results.dir = template.expand(&Row::new(), 0);
        if results.dir.trim().is_empty() {
            let hint = "write \".\" for the directory of the run file".to_owned();
            sink.error(Code::BadValue, template.span, "results.dir is empty", Some(hint));
        }
    }
    results.matrix_junit = node.get("matrixJUnit").and_then(Node::boolean).unwrap_or(false);
    (results, dir.map(|template| template.span))
}
