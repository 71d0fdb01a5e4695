//! Ginkgo's JSON reports, as anybody would read them.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

/// The one report of a file.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Report {
    /// Whether everything passed.
    pub suite_succeeded: bool,
    /// Why not, if no spec's failure says it.
    #[serde(default)]
    pub special_suite_failure_reasons: Option<Vec<String>>,
    /// What was to be run.
    pub pre_run_stats: Value,
    /// The configuration.
    pub suite_config: Value,
    /// Specs and suite nodes.
    pub spec_reports: Vec<SpecLine>,
}

/// A spec or a suite node.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SpecLine {
    #[serde(default)]
    container_hierarchy_texts: Option<Vec<String>>,
    leaf_node_type: String,
    leaf_node_text: String,
    leaf_node_location: Location,
    /// Its state in Ginkgo's words.
    pub state: String,
    /// Which process ran it.
    pub parallel_process: u32,
    /// How often it was tried by Ginkgo itself.
    pub num_attempts: u32,
    /// What went wrong; null when nothing did.
    #[serde(default)]
    pub failure: Value,
    /// What went wrong on top of it.
    #[serde(default)]
    pub additional_failures: Value,
    /// What it wrote to Ginkgo's writer.
    #[serde(default)]
    pub captured_ginkgo_writer_output: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Location {
    #[serde(default)]
    file_name: String,
    #[serde(default)]
    line_number: i64,
}

impl Report {
    /// Reads a file with exactly one report.
    #[must_use]
    pub fn read(path: &Path) -> Self {
        let text =
            std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut reports: Vec<Self> = serde_json::from_slice(&text)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(reports.len(), 1, "{}", path.display());
        reports.remove(0)
    }

    /// The specs, without suite nodes.
    pub fn specs(&self) -> impl Iterator<Item = &SpecLine> {
        self.spec_reports.iter().filter(|spec| spec.is_spec())
    }

    /// How many specs are in a state.
    #[must_use]
    pub fn count(&self, state: &str) -> usize {
        self.specs().filter(|spec| spec.state == state).count()
    }

    /// The spec whose full text contains this; panics unless there is exactly one.
    #[must_use]
    pub fn spec(&self, text: &str) -> &SpecLine {
        let found: Vec<_> = self.specs().filter(|spec| spec.text().contains(text)).collect();
        assert_eq!(found.len(), 1, "specs with {text:?}: {:?}", found);
        found[0]
    }
}

impl SpecLine {
    /// Whether it is a spec and not a suite node.
    #[must_use]
    pub fn is_spec(&self) -> bool {
        self.leaf_node_type == "It"
    }

    /// The node type, such as `SynchronizedBeforeSuite`.
    #[must_use]
    pub fn node(&self) -> &str {
        &self.leaf_node_type
    }

    /// The full text.
    #[must_use]
    pub fn text(&self) -> String {
        let containers = self.container_hierarchy_texts.iter().flatten();
        let parts: Vec<&str> = containers
            .map(String::as_str)
            .chain([self.leaf_node_text.as_str()])
            .filter(|part| !part.is_empty())
            .collect();
        parts.join(" ")
    }

    /// The text of the spec itself, without its containers'.
    #[must_use]
    pub fn leaf(&self) -> &str {
        &self.leaf_node_text
    }

    /// `file:line` of its leaf, as in a trace.
    #[must_use]
    pub fn location(&self) -> String {
        format!("{}:{}", self.leaf_node_location.file_name, self.leaf_node_location.line_number)
    }

    /// The failure's message; empty when there is none.
    #[must_use]
    pub fn message(&self) -> &str {
        self.failure["Message"].as_str().unwrap_or_default()
    }
}
