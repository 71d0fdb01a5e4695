//! How many specs are selected, by what their names and labels say.

use std::collections::BTreeMap;

use multibeam_ginkgo::catalog::Catalog;
use multibeam_ginkgo::dryrun::Selection;

use super::selected;

/// Counts of the selected specs.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) total: usize,
    pub(super) selected: usize,
    pub(super) pending: usize,
    /// Groups that are handed out one by one.
    pub(super) parallel_groups: usize,
    /// Specs that run alone on their cluster.
    pub(super) serial: usize,
    /// By `[sig-...]`.
    pub(super) sigs: BTreeMap<String, usize>,
    /// By other words in brackets.
    pub(super) tags: BTreeMap<String, usize>,
    /// By Ginkgo label.
    pub(super) labels: BTreeMap<String, usize>,
}

impl Counts {
    pub(super) fn of(catalog: &Catalog) -> Self {
        let pending = catalog.specs.iter().filter(|spec| spec.selection == Selection::Pending);
        let mut counts = Self {
            total: catalog.specs.len(),
            pending: pending.count(),
            parallel_groups: catalog.selected_groups().count(),
            ..Self::default()
        };
        for index in selected(catalog) {
            let spec = catalog.spec(index);
            counts.selected += 1;
            counts.serial += usize::from(spec.is_serial());
            for tag in tags(&spec.match_text()) {
                let map = if tag.starts_with("sig-") { &mut counts.sigs } else { &mut counts.tags };
                *map.entry(tag.to_owned()).or_default() += 1;
            }
            for label in &spec.labels {
                *counts.labels.entry(label.clone()).or_default() += 1;
            }
        }
        counts
    }
}

/// The words in brackets, each once: `[sig-node] Pods [Slow]` has `sig-node` and `Slow`. An opening
/// bracket counts from its last occurrence, so that a lone one hides nothing.
fn tags(text: &str) -> Vec<&str> {
    let mut found: Vec<&str> = Vec::new();
    let mut start = None;
    for (at, c) in text.char_indices() {
        match c {
            '[' => start = Some(at + 1),
            ']' => {
                let tag = start.take().map_or("", |start| text[start..at].trim());
                if !tag.is_empty() && !found.contains(&tag) {
                    found.push(tag);
                }
            }
            _ => {}
        }
    }
    found
}

/// The most frequent first.
pub(super) fn by_frequency(map: &BTreeMap<String, usize>) -> Vec<(&str, usize)> {
    let mut all: Vec<(&str, usize)> = map.iter().map(|(name, n)| (name.as_str(), *n)).collect();
    all.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_found_between_brackets() {
        assert_eq!(
            tags("[sig-node] Pods [Feature:X] a [Slow] b [Slow] [] ]c [open"),
            ["sig-node", "Feature:X", "Slow"]
        );
        assert_eq!(tags("\x1b[31mred [Slow] [a [b]]"), ["Slow", "b"]);
        assert!(tags("none").is_empty());
    }
}
