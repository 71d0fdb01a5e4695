//! The complete typed view of one spec report, parsed for as long as the spec is rendered.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

use super::{EntryVisibility, FailureContext, GoTime, NodeType, ReportError, SpecEventType};
use crate::go_json::null_is_default;
use crate::spec::SpecState;

/// Component name to its semantic version constraints.
type Components = BTreeMap<String, Option<Vec<String>>>;

/// `types.SpecReport`. Times are absolute, durations are nanoseconds.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[expect(missing_docs, reason = "the fields are those of Ginkgo's type, documented there")]
pub struct SpecReport {
    #[serde(deserialize_with = "null_is_default")]
    pub container_hierarchy_texts: Vec<String>,
    #[serde(deserialize_with = "null_is_default")]
    pub container_hierarchy_locations: Vec<Location>,
    #[serde(deserialize_with = "null_is_default")]
    pub container_hierarchy_labels: Vec<Option<Vec<String>>>,
    #[serde(deserialize_with = "null_is_default")]
    pub container_hierarchy_sem_ver_constraints: Vec<Option<Vec<String>>>,
    #[serde(deserialize_with = "null_is_default")]
    pub container_hierarchy_component_sem_ver_constraints: Vec<Option<Components>>,
    pub leaf_node_type: NodeType,
    #[serde(deserialize_with = "null_is_default")]
    pub leaf_node_location: Location,
    #[serde(deserialize_with = "null_is_default")]
    pub leaf_node_labels: Vec<String>,
    #[serde(deserialize_with = "null_is_default")]
    pub leaf_node_sem_ver_constraints: Vec<String>,
    #[serde(deserialize_with = "null_is_default")]
    pub leaf_node_component_sem_ver_constraints: Components,
    #[serde(deserialize_with = "null_is_default")]
    pub leaf_node_text: String,
    #[serde(deserialize_with = "null_is_default")]
    pub state: SpecState,
    #[serde(deserialize_with = "null_is_default")]
    pub start_time: GoTime,
    #[serde(deserialize_with = "null_is_default")]
    pub end_time: GoTime,
    #[serde(deserialize_with = "null_is_default")]
    pub run_time: i64,
    #[serde(deserialize_with = "null_is_default")]
    pub parallel_process: i64,
    #[serde(deserialize_with = "null_is_default")]
    pub failure: Failure,
    #[serde(deserialize_with = "null_is_default")]
    pub num_attempts: i64,
    #[serde(deserialize_with = "null_is_default")]
    pub max_flake_attempts: i64,
    #[serde(deserialize_with = "null_is_default")]
    pub max_must_pass_repeatedly: i64,
    #[serde(deserialize_with = "null_is_default")]
    pub captured_ginkgo_writer_output: String,
    #[serde(deserialize_with = "null_is_default")]
    pub captured_std_out_err: String,
    #[serde(deserialize_with = "null_is_default")]
    pub report_entries: Vec<ReportEntry>,
    #[serde(deserialize_with = "null_is_default")]
    pub progress_reports: Vec<ProgressReport>,
    #[serde(deserialize_with = "null_is_default")]
    pub additional_failures: Vec<AdditionalFailure>,
    #[serde(deserialize_with = "null_is_default")]
    pub spec_events: Vec<SpecEvent>,
}

/// `types.CodeLocation`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[expect(missing_docs, reason = "the fields are those of Ginkgo's type, documented there")]
pub struct Location {
    #[serde(deserialize_with = "null_is_default")]
    pub file_name: String,
    #[serde(deserialize_with = "null_is_default")]
    pub line_number: i64,
    #[serde(deserialize_with = "null_is_default")]
    pub full_stack_trace: String,
    #[serde(deserialize_with = "null_is_default")]
    pub custom_message: String,
}

/// `types.TimelineLocation`: a place in the spec's writer output, and in time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[expect(missing_docs, reason = "the fields are those of Ginkgo's type, documented there")]
pub struct TimelineLocation {
    #[serde(deserialize_with = "null_is_default")]
    pub offset: i64,
    #[serde(deserialize_with = "null_is_default")]
    pub order: i64,
    #[serde(deserialize_with = "null_is_default")]
    pub time: GoTime,
}

/// `types.Failure`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[expect(missing_docs, reason = "the fields are those of Ginkgo's type, documented there")]
pub struct Failure {
    #[serde(deserialize_with = "null_is_default")]
    pub message: String,
    #[serde(deserialize_with = "null_is_default")]
    pub location: Location,
    #[serde(deserialize_with = "null_is_default")]
    pub timeline_location: TimelineLocation,
    #[serde(deserialize_with = "null_is_default")]
    pub forwarded_panic: String,
    pub failure_node_context: FailureContext,
    pub failure_node_type: NodeType,
    #[serde(deserialize_with = "null_is_default")]
    pub failure_node_location: Location,
    #[serde(deserialize_with = "null_is_default")]
    pub failure_node_container_index: usize,
    #[serde(deserialize_with = "null_is_default")]
    pub progress_report: ProgressReport,
    pub additional_failure: Option<Box<AdditionalFailure>>,
}

/// `types.AdditionalFailure`: a failure that followed the first one.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[expect(missing_docs, reason = "the fields are those of Ginkgo's type, documented there")]
pub struct AdditionalFailure {
    #[serde(deserialize_with = "null_is_default")]
    pub state: SpecState,
    #[serde(deserialize_with = "null_is_default")]
    pub failure: Failure,
}

/// `types.ReportEntry`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[expect(missing_docs, reason = "the fields are those of Ginkgo's type, documented there")]
pub struct ReportEntry {
    pub visibility: EntryVisibility,
    #[serde(deserialize_with = "null_is_default")]
    pub location: Location,
    #[serde(deserialize_with = "null_is_default")]
    pub time: GoTime,
    #[serde(deserialize_with = "null_is_default")]
    pub timeline_location: TimelineLocation,
    #[serde(deserialize_with = "null_is_default")]
    pub name: String,
    #[serde(deserialize_with = "null_is_default")]
    pub value: EntryValue,
}

/// `types.ReportEntryValue`: the value as JSON, and as the suite chose to print it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[expect(missing_docs, reason = "the fields are those of Ginkgo's type, documented there")]
pub struct EntryValue {
    #[serde(rename = "AsJSON", deserialize_with = "null_is_default")]
    pub as_json: String,
    #[serde(deserialize_with = "null_is_default")]
    pub representation: String,
}

/// `types.SpecEvent`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[expect(missing_docs, reason = "the fields are those of Ginkgo's type, documented there")]
pub struct SpecEvent {
    pub spec_event_type: SpecEventType,
    #[serde(deserialize_with = "null_is_default")]
    pub code_location: Location,
    #[serde(deserialize_with = "null_is_default")]
    pub timeline_location: TimelineLocation,
    #[serde(deserialize_with = "null_is_default")]
    pub message: String,
    #[serde(deserialize_with = "null_is_default")]
    pub duration: i64,
    pub node_type: NodeType,
    #[serde(deserialize_with = "null_is_default")]
    pub attempt: i64,
}

/// `types.ProgressReport`: what a node was doing when it was asked.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[expect(missing_docs, reason = "the fields are those of Ginkgo's type, documented there")]
pub struct ProgressReport {
    #[serde(deserialize_with = "null_is_default")]
    pub message: String,
    #[serde(deserialize_with = "null_is_default")]
    pub container_hierarchy_texts: Vec<String>,
    #[serde(deserialize_with = "null_is_default")]
    pub leaf_node_text: String,
    #[serde(deserialize_with = "null_is_default")]
    pub leaf_node_location: Location,
    #[serde(deserialize_with = "null_is_default")]
    pub spec_start_time: GoTime,
    pub current_node_type: NodeType,
    #[serde(deserialize_with = "null_is_default")]
    pub current_node_text: String,
    #[serde(deserialize_with = "null_is_default")]
    pub current_node_location: Location,
    #[serde(deserialize_with = "null_is_default")]
    pub current_node_start_time: GoTime,
    #[serde(deserialize_with = "null_is_default")]
    pub current_step_text: String,
    #[serde(deserialize_with = "null_is_default")]
    pub current_step_location: Location,
    #[serde(deserialize_with = "null_is_default")]
    pub current_step_start_time: GoTime,
    #[serde(deserialize_with = "null_is_default")]
    pub additional_reports: Vec<String>,
    #[serde(deserialize_with = "null_is_default")]
    pub captured_ginkgo_writer_output: String,
    #[serde(deserialize_with = "null_is_default")]
    pub timeline_location: TimelineLocation,
    #[serde(deserialize_with = "null_is_default")]
    pub goroutines: Vec<Goroutine>,
}

/// `types.Goroutine`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[expect(missing_docs, reason = "the fields are those of Ginkgo's type, documented there")]
pub struct Goroutine {
    #[serde(rename = "ID", deserialize_with = "null_is_default")]
    pub id: u64,
    #[serde(deserialize_with = "null_is_default")]
    pub state: String,
    #[serde(deserialize_with = "null_is_default")]
    pub stack: Vec<FunctionCall>,
    #[serde(deserialize_with = "null_is_default")]
    pub is_spec_goroutine: bool,
}

/// `types.FunctionCall`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[expect(missing_docs, reason = "the fields are those of Ginkgo's type, documented there")]
pub struct FunctionCall {
    #[serde(deserialize_with = "null_is_default")]
    pub function: String,
    #[serde(deserialize_with = "null_is_default")]
    pub filename: String,
    #[serde(deserialize_with = "null_is_default")]
    pub line: i64,
    #[serde(deserialize_with = "null_is_default")]
    pub highlight: bool,
    #[serde(deserialize_with = "null_is_default")]
    pub source: Vec<String>,
    #[serde(deserialize_with = "null_is_default")]
    pub source_highlight: i64,
}

// === impl SpecReport ===

impl SpecReport {
    /// Parses the JSON of one spec report.
    ///
    /// # Errors
    /// When the bytes are no JSON object of that shape.
    pub fn parse(json: &[u8]) -> Result<Self, ReportError> {
        serde_json::from_slice(json)
            .map_err(|source| ReportError::Spec { bytes: json.len(), source })
    }

    /// All labels, outermost first, each once.
    pub fn labels(&self) -> Vec<&str> {
        flatten_once(&self.container_hierarchy_labels, &self.leaf_node_labels)
    }

    /// All semantic version constraints, outermost first, each once.
    pub fn sem_ver_constraints(&self) -> Vec<&str> {
        flatten_once(
            &self.container_hierarchy_sem_ver_constraints,
            &self.leaf_node_sem_ver_constraints,
        )
    }

    /// The constraints of each component. As in Ginkgo, the first level is taken as it is; from the
    /// second level on, neighbours that are equal become one.
    pub fn component_sem_ver_constraints(&self) -> BTreeMap<&str, Vec<&str>> {
        let containers = self.container_hierarchy_component_sem_ver_constraints.iter().flatten();
        let mut merged: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for level in containers.chain([&self.leaf_node_component_sem_ver_constraints]) {
            for (component, constraints) in level {
                let constraints = constraints.iter().flatten().map(String::as_str);
                match merged.get_mut(component.as_str()) {
                    None => {
                        merged.insert(component, constraints.collect());
                    }
                    Some(known) => {
                        known.extend(constraints);
                        known.dedup();
                    }
                }
            }
        }
        merged
    }
}

fn flatten_once<'a>(levels: &'a [Option<Vec<String>>], leaf: &'a [String]) -> Vec<&'a str> {
    let mut out: Vec<&str> = Vec::new();
    for item in levels.iter().flatten().flatten().chain(leaf) {
        if !out.contains(&item.as_str()) {
            out.push(item);
        }
    }
    out
}

// === impl Location ===

impl Location {
    /// Whether nothing at all is set.
    pub fn is_zero(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.custom_message.is_empty() {
            write!(f, "{}:{}", self.file_name, self.line_number)
        } else {
            f.write_str(&self.custom_message)
        }
    }
}

// === impl Failure ===

impl Failure {
    /// Whether there was no failure and no Skip().
    pub fn is_zero(&self) -> bool {
        self.message.is_empty() && self.location.is_zero()
    }
}

// === impl ProgressReport ===

impl ProgressReport {
    /// Whether there is no report.
    pub fn is_zero(&self) -> bool {
        self.current_node_type == NodeType::Invalid
    }
}

// === impl Goroutine ===

impl Goroutine {
    /// Whether one of its calls is marked as interesting.
    pub fn has_highlights(&self) -> bool {
        self.stack.iter().any(|call| call.highlight)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constraints_of_components_merge_like_ginkgos() {
        let report = SpecReport::parse(
            br#"{"ContainerHierarchyComponentSemVerConstraints":[{"a":["1","1"]},null,{"a":["1","2"],"b":null}],
                "LeafNodeComponentSemVerConstraints":{"b":["3"]}}"#,
        )
        .unwrap();
        let merged = report.component_sem_ver_constraints();
        assert_eq!(merged, BTreeMap::from([("a", vec!["1", "2"]), ("b", vec!["3"])]));
    }

    #[test]
    fn nulls_and_unknown_keys_are_no_error() {
        let report = SpecReport::parse(
            br#"{"LeafNodeType":null,"State":null,"Failure":null,"StartTime":null,"New":{"x":1},
                "ReportEntries":null,"ContainerHierarchyLabels":[null,["a"]],"LeafNodeLabels":["a","b"]}"#,
        )
        .unwrap();
        assert_eq!(report.leaf_node_type, NodeType::Invalid);
        assert!(report.failure.is_zero() && report.start_time.is_zero());
        assert_eq!(report.labels(), ["a", "b"]);
        assert!(SpecReport::parse(b"\"text\"").is_err());
    }
}
