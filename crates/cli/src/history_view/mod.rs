//! What is remembered of earlier runs, for people and for scripts.

pub(crate) mod json;
pub(crate) mod text;

use std::collections::BTreeMap;
use std::time::Duration;

use multibeam_history::{History, Labels, Robust, Row, robust};

/// What is to be shown.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    /// Only specs with this in their text.
    pub(crate) spec: Option<String>,
    /// Only durations with all of these labels.
    pub(crate) labels: Labels,
}

/// A spec in targets with the same labels.
struct Shown<'a> {
    spec: &'a str,
    labels: &'a Labels,
    /// The newest first.
    took: Vec<Duration>,
    robust: Robust,
}

/// What is shown, the longest first.
fn shown<'a>(history: &'a History, wanted: &Wanted) -> Vec<Shown<'a>> {
    let named = |row: &Row<'_>| wanted.spec.as_deref().is_none_or(|text| row.spec.contains(text));
    let mut shown: Vec<Shown<'a>> =
        history.rows().filter(named).flat_map(|row| by_labels(&row, &wanted.labels)).collect();
    shown.sort_by(|a, b| b.robust.typical.cmp(&a.robust.typical).then(a.spec.cmp(b.spec)));
    shown
}

fn by_labels<'a>(row: &Row<'a>, wanted: &Labels) -> Vec<Shown<'a>> {
    let mut sets: BTreeMap<&'a Labels, Vec<Duration>> = BTreeMap::new();
    for seen in &row.seen {
        if wanted.iter().all(|(key, value)| seen.labels.get(key) == Some(value)) {
            sets.entry(seen.labels).or_default().push(seen.took);
        }
    }
    let spec = row.spec;
    let shown = sets.into_iter().filter_map(|(labels, took)| {
        let robust = robust(took.iter().copied())?;
        Some(Shown { spec, labels, took, robust })
    });
    shown.collect()
}
