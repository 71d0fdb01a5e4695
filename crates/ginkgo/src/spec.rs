//! What tells one spec from another, and the few fields of a spec report that a run is steered by.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::go_json::null_is_default;
use crate::version::Version;

/// A line of the suite's source.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CodeLocation {
    /// File as the compiler saw it.
    #[serde(rename = "FileName", default, deserialize_with = "null_is_default")]
    pub file: String,
    /// Line, counted from 1; 0 when there is none.
    #[serde(rename = "LineNumber", default, deserialize_with = "null_is_default")]
    pub line: u32,
}

impl fmt::Display for CodeLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// `types.SpecState` of Ginkgo.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum SpecState {
    /// Go's zero value, written as `null`.
    #[default]
    #[serde(rename = "INVALID SPEC STATE")]
    Invalid,
    /// Marked pending in the source; never runs.
    Pending,
    /// Not selected, not begun, or left by Skip().
    Skipped,
    /// Ran without a failure.
    Passed,
    /// An assertion failed.
    Failed,
    /// Stopped by AbortSuite() or by the abort of another process.
    Aborted,
    /// Panicked.
    Panicked,
    /// Ended by a signal.
    Interrupted,
    /// Ran over its own or the suite's timeout.
    Timedout,
}

impl SpecState {
    /// True for the states that fail a suite.
    pub fn is_failure(self) -> bool {
        matches!(
            self,
            Self::Failed | Self::Aborted | Self::Panicked | Self::Interrupted | Self::Timedout
        )
    }

    /// The word Ginkgo writes for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invalid => "INVALID SPEC STATE",
            Self::Pending => "pending",
            Self::Skipped => "skipped",
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Aborted => "aborted",
            Self::Panicked => "panicked",
            Self::Interrupted => "interrupted",
            Self::Timedout => "timedout",
        }
    }
}

impl fmt::Display for SpecState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The part of `types.Failure` that steers a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Failure {
    /// What Fail() or Skip() was given.
    #[serde(deserialize_with = "null_is_default")]
    pub message: String,
}

/// The part of `types.SpecReport` that steers a run; everything else stays in the raw report.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct SpecHeader {
    /// Texts of the containers, outermost first.
    #[serde(deserialize_with = "null_is_default")]
    pub container_hierarchy_texts: Vec<String>,
    /// Places of the containers, outermost first.
    #[serde(deserialize_with = "null_is_default")]
    pub container_hierarchy_locations: Vec<CodeLocation>,
    /// Labels of the containers, outermost first; a container without labels may be `null`.
    #[serde(deserialize_with = "null_is_default")]
    pub container_hierarchy_labels: Vec<Option<Vec<String>>>,
    /// `It` for a spec, something else for a suite node.
    #[serde(deserialize_with = "null_is_default")]
    pub leaf_node_type: String,
    /// Place of the leaf.
    #[serde(deserialize_with = "null_is_default")]
    pub leaf_node_location: CodeLocation,
    /// Labels of the leaf itself.
    #[serde(deserialize_with = "null_is_default")]
    pub leaf_node_labels: Vec<String>,
    /// Text of the leaf.
    #[serde(deserialize_with = "null_is_default")]
    pub leaf_node_text: String,
    /// How it ended.
    #[serde(deserialize_with = "null_is_default")]
    pub state: SpecState,
    /// RFC 3339 with nanoseconds, as Go writes it.
    #[serde(deserialize_with = "null_is_default")]
    pub start_time: String,
    /// RFC 3339 with nanoseconds, as Go writes it.
    #[serde(deserialize_with = "null_is_default")]
    pub end_time: String,
    /// Nanoseconds.
    #[serde(deserialize_with = "null_is_default")]
    pub run_time: i64,
    /// Number of the process that reported it.
    #[serde(deserialize_with = "null_is_default")]
    pub parallel_process: u32,
    /// Set for a failure and for Skip().
    pub failure: Option<Failure>,
}

impl SpecHeader {
    /// True for a spec, false for a suite node such as `SynchronizedBeforeSuite`.
    pub fn is_spec(&self) -> bool {
        self.leaf_node_type == "It"
    }

    /// Message of the failure or of Skip(), if there is one.
    pub fn failure_message(&self) -> Option<&str> {
        self.failure.as_ref().map(|failure| failure.message.as_str())
    }

    /// True when the report says that the spec was passed over: `skipped` without a message. Skip()
    /// leaves a message, so a *selected* spec that comes back like this has no outcome yet.
    pub fn was_passed_over(&self) -> bool {
        self.state == SpecState::Skipped && self.failure_message().is_none_or(str::is_empty)
    }

    /// Identity without the ordinal.
    pub fn key(&self) -> SpecKey {
        SpecKey {
            text: match_text(&self.container_hierarchy_texts, &self.leaf_node_text),
            location: self.leaf_node_location.clone(),
        }
    }

    /// All labels, outermost first, each once.
    pub fn labels(&self) -> Vec<String> {
        let mut labels: Vec<String> = Vec::new();
        let containers = self.container_hierarchy_labels.iter().flatten().flatten();
        for label in containers.chain(&self.leaf_node_labels) {
            if !labels.contains(label) {
                labels.push(label.clone());
            }
        }
        labels
    }
}

/// Identity of a spec up to copies: the text that filters see, and the place of its leaf. Specs
/// made in a loop can share it; they are told apart by their ordinal in the suite's order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SpecKey {
    /// Full text as Ginkgo's filters see it, without the suite description.
    pub text: String,
    /// Place of the leaf.
    pub location: CodeLocation,
}

impl fmt::Display for SpecKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" ({})", self.text, self.location)
    }
}

/// The text that focus and skip are matched against (after suite description and a blank): all
/// texts joined by one blank, empty ones left out, in every version (`Spec.Text`).
pub fn match_text(containers: &[String], leaf: &str) -> String {
    let texts = containers.iter().map(String::as_str).chain([leaf]);
    texts.filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The text that reports show (`SpecReport.FullText`). Before 2.25.1 an empty container text still
/// contributes its blank.
pub fn full_text(containers: &[String], leaf: &str, ginkgo: Version) -> String {
    if ginkgo >= Version::new(2, 25, 1) {
        return match_text(containers, leaf);
    }
    let leaf = (!leaf.is_empty()).then_some(leaf);
    containers.iter().map(String::as_str).chain(leaf).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn empty_containers_leave_a_blank_only_in_old_reports() {
        let containers = texts(&["", "a", ""]);
        assert_eq!(match_text(&containers, "leaf"), "a leaf");
        assert_eq!(full_text(&containers, "leaf", Version::new(2, 25, 0)), " a  leaf");
        assert_eq!(full_text(&containers, "leaf", Version::new(2, 25, 1)), "a leaf");
        assert_eq!(full_text(&containers, "", Version::new(2, 1, 6)), " a ");
    }

    #[test]
    fn reads_nulls_and_missing_fields() {
        let header: SpecHeader = serde_json::from_str(
            r#"{"ContainerHierarchyTexts":null,"ContainerHierarchyLabels":[null,["x"],["x","y"]],
                "LeafNodeType":"It","LeafNodeText":"t","LeafNodeLabels":["y","z"],"State":null,
                "LeafNodeLocation":{"FileName":"a.go","LineNumber":7},"Unknown":{"a":[1]}}"#,
        )
        .unwrap();
        assert!(header.is_spec());
        assert_eq!(header.state, SpecState::Invalid);
        assert_eq!(header.labels(), ["x", "y", "z"]);
        assert_eq!(header.key().to_string(), "\"t\" (a.go:7)");
    }

    #[test]
    fn skip_with_a_message_is_an_outcome() {
        let parse = |json| serde_json::from_str::<SpecHeader>(json).unwrap();
        assert!(parse(r#"{"State":"skipped"}"#).was_passed_over());
        assert!(!parse(r#"{"State":"skipped","Failure":{"Message":"no"}}"#).was_passed_over());
        assert!(!parse(r#"{"State":"passed"}"#).was_passed_over());
    }

    #[test]
    fn states_are_written_as_ginkgo_writes_them() {
        for state in ["pending", "skipped", "passed", "failed", "aborted", "panicked"] {
            let parsed: SpecState = serde_json::from_str(&format!("\"{state}\"")).unwrap();
            assert_eq!(parsed.to_string(), state);
        }
        assert!(serde_json::from_str::<SpecState>("\"exploded\"").is_err());
    }
}
