//! The block that names a spec: all its texts, labels, constraints, and where it stands.

use super::Dialect;
use super::go_text::unstyled;
use crate::report::{FailureContext, Location, SpecReport};

/// Which place the block ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The leaf, and the failing node where that is another one.
    Node,
    /// The line that failed.
    Failure,
}

/// Texts of the spec with the failing node marked, then labels and constraints, then the place.
pub(super) fn block(report: &SpecReport, place: Place, dialect: Dialect) -> String {
    let failure = &report.failure;
    let mut texts = report.container_hierarchy_texts.clone();
    let mut leaf_location = &report.leaf_node_location;
    texts.push(if report.leaf_node_type.is_suite_level() {
        format!("[{}] {}", report.leaf_node_type, report.leaf_node_text)
    } else {
        unstyled(&report.leaf_node_text).into_owned()
    });
    let failure_location = match place {
        Place::Node => &failure.failure_node_location,
        Place::Failure => &failure.location,
    };
    match failure.failure_node_context {
        FailureContext::TopLevel => {
            texts.insert(0, format!("TOP-LEVEL [{}]", failure.failure_node_type));
        }
        FailureContext::InContainer => {
            if let Some(text) = texts.get_mut(failure.failure_node_container_index) {
                *text = format!("{text} [{}]", failure.failure_node_type);
            }
        }
        FailureContext::LeafNode => {
            if let Some(text) = texts.last_mut() {
                *text = format!("[{}] {}", report.leaf_node_type, report.leaf_node_text);
            }
            leaf_location = failure_location;
        }
        FailureContext::Invalid => {}
    }
    let mut out = texts.join(" ");
    push_list(&mut out, &report.labels());
    if dialect.constraints() {
        push_list(&mut out, &report.sem_ver_constraints());
    }
    let components = report.component_sem_ver_constraints();
    if dialect.component_constraints() && !components.is_empty() {
        out.push_str(&format!(" [{}]", component_list(components)));
    }
    out.push('\n');
    match place {
        Place::Failure => out.push_str(&failure_location.to_string()),
        Place::Node => push_place(&mut out, report, leaf_location),
    }
    out
}

fn push_place(out: &mut String, report: &SpecReport, leaf: &Location) {
    let node = &report.failure.failure_node_location;
    if node.is_zero() || node == leaf {
        out.push_str(&leaf.to_string());
    } else {
        // Two lines, the second without an end.
        out.push_str(&indent(&format!("[{}] {node}\n", report.failure.failure_node_type)));
        out.push_str(&indent(&format!("[{}] {leaf}", report.leaf_node_type)));
    }
}

fn indent(text: &str) -> String {
    String::from_utf8_lossy(&super::go_text::indented(1, text.as_bytes())).into_owned()
}

fn push_list(out: &mut String, items: &[&str]) {
    if !items.is_empty() {
        out.push_str(&format!(" [{}]", items.join(", ")));
    }
}

/// `component: [>= 1.0.0 < 2.0.0], other: [...]`.
pub(super) fn component_list<'a>(
    components: impl IntoIterator<Item = (&'a str, Vec<&'a str>)>,
) -> String {
    let items = components
        .into_iter()
        .map(|(component, constraints)| format!("{component}: [{}]", constraints.join(" ")));
    items.collect::<Vec<_>>().join(", ")
}
