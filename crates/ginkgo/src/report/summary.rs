//! The small view of a spec report that stays in memory for every spec of a target.

use serde::Deserialize;

use super::{GoTime, Location, NodeType, ReportError};
use crate::go_json::null_is_default;
use crate::spec::{SpecState, full_text};
use crate::version::Version;

/// What ordering, counting and merging need of a spec report. Captured output, entries and events
/// are skipped while parsing, without a copy of them being made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "Wire")]
pub struct SpecSummary {
    /// How it ended.
    pub state: SpecState,
    /// `It` for a spec, else a node of the suite.
    pub leaf_node_type: NodeType,
    /// Texts of the containers, outermost first.
    pub container_texts: Vec<String>,
    /// Text of the leaf.
    pub leaf_text: String,
    /// File of the leaf.
    pub file: String,
    /// Line of the leaf, from 1.
    pub line: i64,
    /// All labels, outermost first, each once.
    pub labels: Vec<String>,
    /// When it began; for a spec that was passed over, when it was.
    pub start_time: GoTime,
    /// When it ended; zero for a spec that did not run.
    pub end_time: GoTime,
    /// Nanoseconds.
    pub run_time: i64,
    /// Number of the process within its session.
    pub parallel_process: i64,
    /// Only Ginkgo from 2.33.1 says so in JSON.
    pub running_in_parallel: bool,
    /// Attempts made within this report.
    pub num_attempts: i64,
    /// Attempts allowed by FlakeAttempts.
    pub max_flake_attempts: i64,
    /// Passes demanded by MustPassRepeatedly.
    pub max_must_pass_repeatedly: i64,
    /// What Fail() or Skip() was given, if the report has a failure.
    pub failure_message: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Wire {
    #[serde(deserialize_with = "null_is_default")]
    state: SpecState,
    leaf_node_type: NodeType,
    #[serde(deserialize_with = "null_is_default")]
    container_hierarchy_texts: Vec<String>,
    #[serde(deserialize_with = "null_is_default")]
    container_hierarchy_labels: Vec<Option<Vec<String>>>,
    #[serde(deserialize_with = "null_is_default")]
    leaf_node_text: String,
    #[serde(deserialize_with = "null_is_default")]
    leaf_node_location: Location,
    #[serde(deserialize_with = "null_is_default")]
    leaf_node_labels: Vec<String>,
    #[serde(deserialize_with = "null_is_default")]
    start_time: GoTime,
    #[serde(deserialize_with = "null_is_default")]
    end_time: GoTime,
    #[serde(deserialize_with = "null_is_default")]
    run_time: i64,
    #[serde(deserialize_with = "null_is_default")]
    parallel_process: i64,
    #[serde(deserialize_with = "null_is_default")]
    running_in_parallel: bool,
    #[serde(deserialize_with = "null_is_default")]
    num_attempts: i64,
    #[serde(deserialize_with = "null_is_default")]
    max_flake_attempts: i64,
    #[serde(deserialize_with = "null_is_default")]
    max_must_pass_repeatedly: i64,
    failure: Option<WireFailure>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct WireFailure {
    #[serde(deserialize_with = "null_is_default")]
    message: String,
}

// === impl SpecSummary ===

impl SpecSummary {
    /// Parses the JSON of one spec report.
    ///
    /// # Errors
    /// When the bytes are no JSON object of that shape.
    pub fn parse(json: &[u8]) -> Result<Self, ReportError> {
        serde_json::from_slice(json)
            .map_err(|source| ReportError::Spec { bytes: json.len(), source })
    }

    /// True for a spec, false for a node of the suite.
    pub fn is_spec(&self) -> bool {
        self.leaf_node_type == NodeType::It
    }

    /// The full text as reports of that Ginkgo show it.
    pub fn full_text(&self, ginkgo: Version) -> String {
        full_text(&self.container_texts, &self.leaf_text, ginkgo)
    }

    /// True when the spec was not selected or is pending: `skipped` without a message, or `pending`.
    pub fn is_unselected(&self) -> bool {
        match self.state {
            SpecState::Pending => true,
            SpecState::Skipped => self.failure_message.as_deref().unwrap_or_default().is_empty(),
            _ => false,
        }
    }

    /// True for a spec that passed after failed attempts.
    pub fn is_flaked(&self) -> bool {
        self.state == SpecState::Passed && self.max_flake_attempts > 1 && self.num_attempts > 1
    }

    /// True for a spec that failed after passed attempts.
    pub fn is_repeated(&self) -> bool {
        self.state.is_failure() && self.max_must_pass_repeatedly > 1 && self.num_attempts > 1
    }
}

impl From<Wire> for SpecSummary {
    fn from(wire: Wire) -> Self {
        let mut labels: Vec<String> = Vec::new();
        let containers = wire.container_hierarchy_labels.into_iter().flatten().flatten();
        for label in containers.chain(wire.leaf_node_labels) {
            if !labels.contains(&label) {
                labels.push(label);
            }
        }
        Self {
            state: wire.state,
            leaf_node_type: wire.leaf_node_type,
            container_texts: wire.container_hierarchy_texts,
            leaf_text: wire.leaf_node_text,
            file: wire.leaf_node_location.file_name,
            line: wire.leaf_node_location.line_number,
            labels,
            start_time: wire.start_time,
            end_time: wire.end_time,
            run_time: wire.run_time,
            parallel_process: wire.parallel_process,
            running_in_parallel: wire.running_in_parallel,
            num_attempts: wire.num_attempts,
            max_flake_attempts: wire.max_flake_attempts,
            max_must_pass_repeatedly: wire.max_must_pass_repeatedly,
            failure_message: wire.failure.map(|failure| failure.message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_the_index_needs() {
        let summary = SpecSummary::parse(
            br#"{"ContainerHierarchyTexts":["a",""],"ContainerHierarchyLabels":[["x"],null],
                "LeafNodeType":"It","LeafNodeText":"b","LeafNodeLabels":["x","y"],"State":"failed",
                "LeafNodeLocation":{"FileName":"f.go","LineNumber":3},"RunTime":7,"NumAttempts":2,
                "MaxMustPassRepeatedly":3,"EndTime":"2026-01-01T00:00:00Z","ParallelProcess":4,
                "CapturedStdOutErr":"text","Failure":{"Message":"no"}}"#,
        )
        .unwrap();
        assert!(summary.is_spec() && summary.is_repeated() && !summary.is_flaked());
        assert_eq!(summary.labels, ["x", "y"]);
        assert_eq!(summary.full_text(Version::new(2, 34, 0)), "a b");
        assert_eq!(summary.failure_message.as_deref(), Some("no"));
        assert_eq!((summary.file.as_str(), summary.line), ("f.go", 3));
    }

    #[test]
    fn only_a_skip_without_a_message_is_unselected() {
        let unselected = |json: &[u8]| SpecSummary::parse(json).unwrap().is_unselected();
        assert!(unselected(br#"{"State":"pending"}"#));
        assert!(unselected(br#"{"State":"skipped"}"#));
        assert!(!unselected(br#"{"State":"skipped","Failure":{"Message":"why"}}"#));
        assert!(!unselected(br#"{"State":"passed"}"#));
    }
}
