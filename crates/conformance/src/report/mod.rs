//! What came out, for people and for machines.

mod conformance;
mod github;
mod json;
mod junit;
mod paint;
mod sarif;
mod text;

use std::collections::BTreeMap;
use std::io::{self, Write};

pub use conformance::{diff_json, diff_text, list_json, list_text, stats_json, stats_text};
pub use json::document;
pub use paint::Paint;
pub use text::rules_text;

use crate::rules::{Outcome, Rule, Status};
use crate::verify::{Checked, Verdict};

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A table for people.
    Text(Paint),
    /// One JSON object, with a format number.
    Json,
    /// JUnit: a suite per place, a case per rule.
    Junit,
    /// SARIF 2.1.0, which code hosts show beside the lines.
    Sarif,
    /// Annotations of GitHub's workflow commands.
    Github,
}

/// Prints what came out of some places.
///
/// # Errors
/// When the output takes no more.
pub fn write(out: &mut impl Write, format: Format, all: &[Checked]) -> io::Result<()> {
    match format {
        Format::Text(paint) => text::write(out, paint, all),
        Format::Json => json::write(out, all),
        Format::Junit => junit::write(out, all),
        Format::Sarif => sarif::write(out, all),
        Format::Github => github::write(out, all),
    }
}

/// The worst verdict; of nothing nothing can be told.
#[must_use]
pub fn verdict(all: &[Checked]) -> Verdict {
    all.iter().map(|checked| checked.verdict).max().unwrap_or(Verdict::CouldNotTell)
}

/// Rules that were not checked, by the reason, in the order of the table.
fn not_checked(outcomes: &[Outcome]) -> Vec<(&str, Vec<Rule>)> {
    let mut order = Vec::new();
    let mut by_reason: BTreeMap<&str, Vec<Rule>> = BTreeMap::new();
    for outcome in outcomes {
        if let Status::NotChecked(reason) = &outcome.status {
            let rules = by_reason.entry(reason).or_default();
            if rules.is_empty() {
                order.push(reason.as_str());
            }
            rules.push(outcome.rule);
        }
    }
    order.into_iter().filter_map(|reason| Some((reason, by_reason.remove(reason)?))).collect()
}
