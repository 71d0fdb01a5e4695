//! Outcomes out of Ginkgo's own JSON report.

use std::io::Read;

use multibeam_ginkgo::report::{NodeType, ReportError, SpecSummary, read_reports};
use multibeam_ginkgo::spec::{self, match_text};
use multibeam_model::outcome::SpecState;

use crate::input::{Outcome, Target};

/// Reads the outcomes in a report file into a target without a name; nothing else of it stays in
/// memory. Specs that were not selected are left out. A node of the suite, such as BeforeSuite, is in
/// it by its type in brackets, as in JUnit files.
///
/// # Errors
/// When the input cannot be read or is no report.
pub fn read(report: impl Read) -> Result<Target, ReportError> {
    let mut target = Target::default();
    read_reports(report, |summary: SpecSummary| {
        if let Some(outcome) = outcome(&summary) {
            match summary.leaf_node_type {
                NodeType::It => target.add(name(&summary), outcome),
                _ => target.add_suite_node(name(&summary), outcome),
            }
        }
    })?;
    Ok(target)
}

/// The text by which a spec is known in every target, whatever Ginkgo the target was built with.
fn name(summary: &SpecSummary) -> String {
    let text = match_text(&summary.container_texts, &summary.leaf_text);
    match summary.leaf_node_type {
        NodeType::It => text,
        node => format!("[{node}] {text}").trim_end().to_owned(),
    }
}

/// `None` for a spec that was not selected.
fn outcome(summary: &SpecSummary) -> Option<Outcome> {
    let message = || summary.failure_message.clone().unwrap_or_default();
    let failed = |state| Outcome::Failed { state, message: message() };
    Some(match summary.state {
        spec::SpecState::Passed if summary.is_flaked() => Outcome::Flaked,
        spec::SpecState::Passed => Outcome::Passed,
        spec::SpecState::Failed => failed(SpecState::Failed),
        spec::SpecState::Aborted => failed(SpecState::Aborted),
        spec::SpecState::Panicked => failed(SpecState::Panicked),
        spec::SpecState::Interrupted => failed(SpecState::Interrupted),
        spec::SpecState::Timedout => failed(SpecState::TimedOut),
        _ if summary.is_unselected() => return None,
        spec::SpecState::Skipped => Outcome::Skipped,
        spec::SpecState::Pending | spec::SpecState::Invalid => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    #[test]
    fn a_report_gives_one_outcome_per_selected_spec() {
        let json = r#"[{"SpecReports":[
            {"LeafNodeType":"SynchronizedBeforeSuite","State":"passed"},
            {"LeafNodeType":"SynchronizedBeforeSuite","State":"failed","Failure":{"Message":"no node"}},
            {"LeafNodeType":"It","ContainerHierarchyTexts":["a",""],"LeafNodeText":"b","State":"passed"},
            {"LeafNodeType":"It","LeafNodeText":"unselected","State":"skipped"},
            {"LeafNodeType":"It","LeafNodeText":"pending","State":"pending"},
            {"LeafNodeType":"It","LeafNodeText":"not here","State":"skipped","Failure":{"Message":"why"}},
            {"LeafNodeType":"It","LeafNodeText":"twice","State":"timedout","Failure":{"Message":"late"}},
            {"LeafNodeType":"It","LeafNodeText":"twice","State":"passed"},
            {"LeafNodeType":"It","LeafNodeText":"retried","State":"passed","NumAttempts":2,
             "MaxFlakeAttempts":3}]}]"#;
        let failed = |state, message: &str| Outcome::Failed { state, message: message.to_owned() };
        let expected = [
            ("[SynchronizedBeforeSuite]", failed(SpecState::Failed, "no node")),
            ("a b", Outcome::Passed),
            ("not here", Outcome::Skipped),
            ("retried", Outcome::Flaked),
            ("twice", failed(SpecState::TimedOut, "late")),
        ];
        let expected = expected.map(|(name, outcome)| (name.to_owned(), outcome));
        let found = read(json.as_bytes()).unwrap();
        assert_eq!(found.specs, BTreeMap::from(expected));
        assert_eq!(found.suite_nodes, BTreeSet::from(["[SynchronizedBeforeSuite]".to_owned()]));
    }
}
