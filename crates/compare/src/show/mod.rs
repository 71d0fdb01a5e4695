//! A comparison for people and for programs.

pub mod html;
pub mod markdown;
pub mod text;
mod words;

#[cfg(test)]
pub(crate) mod fixture;

use crate::compare::Comparison;

/// The comparison as JSON, one field per line.
///
/// # Panics
/// Never: all keys of all maps are text.
#[must_use]
pub fn json(comparison: &Comparison) -> String {
    serde_json::to_string_pretty(comparison).expect("all keys are text") + "\n"
}
