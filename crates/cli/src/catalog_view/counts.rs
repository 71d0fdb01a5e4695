//! How many specs are selected, by what their names and labels say.

use std::collections::{BTreeMap, BTreeSet};

use multibeam_ginkgo::catalog::Catalog;
use multibeam_ginkgo::dryrun::Selection;
use multibeam_model::spec_text;

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
            let text = spec.match_text();
            let tags: BTreeSet<&str> = spec_text::tags(&text).map(str::trim).collect();
            for tag in tags.into_iter().filter(|tag| !tag.is_empty()) {
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

/// The most frequent first.
pub(super) fn by_frequency(map: &BTreeMap<String, usize>) -> Vec<(&str, usize)> {
    let mut all: Vec<(&str, usize)> = map.iter().map(|(name, n)| (name.as_str(), *n)).collect();
    all.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    all
}
