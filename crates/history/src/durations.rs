//! What is expected of a spec, known or not.
//!
//! The first of these that knows something says it:
//!
//! 1. what the spec took with the same labels;
//! 2. what it took with any labels, also under other tags (another Kubernetes version);
//! 3. the built-in table;
//! 4. the median of its SIG: of the history where that knows enough of the SIG, else of the table;
//! 5. the median of all that is known, so that an unknown long spec is not put last.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::Duration;

use multibeam_model::spec_text::{fold, sig, squeeze};
use serde::{Deserialize, Serialize};

use crate::history::{History, Labels, Seen};
use crate::robust::{Robust, USUAL_SPREAD, robust};
use crate::table::Table;

/// The newest durations that one estimate is made of.
const NEWEST: usize = 9;

/// Specs of a SIG in the history from which on the table is not asked for its median.
const ENOUGH: usize = 5;

/// What is expected where nothing at all is known, which needs an empty table.
const NOTHING_KNOWN: Robust =
    Robust { typical: Duration::from_secs(1), spread: Duration::from_secs(1) };

/// What is expected of a spec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// How long it should take.
    pub expected: Duration,
    /// By how much it may differ: about the standard deviation.
    pub spread: Duration,
    /// What says so.
    pub basis: Basis,
}

/// What an estimate rests on, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// Earlier runs of the spec with the same labels.
    SameLabels,
    /// Earlier runs of the spec with other labels or tags.
    OtherLabels,
    /// The built-in table.
    Table,
    /// Other specs of its SIG.
    Sig,
    /// All specs that are known.
    Anything,
}

/// Expected durations.
#[derive(Debug, Default)]
pub struct Durations {
    /// By text with single blanks: what was seen with the same labels.
    same: BTreeMap<String, Robust>,
    /// By folded text: what was seen at all.
    any: BTreeMap<String, Robust>,
    table: Option<&'static Table>,
    sigs: BTreeMap<String, Robust>,
    anything: Option<Robust>,
}

// === impl Basis ===

impl Basis {
    /// All of them, the best first.
    pub const ALL: [Self; 5] =
        [Self::SameLabels, Self::OtherLabels, Self::Table, Self::Sig, Self::Anything];

    /// What it is, after "durations of 12 specs from".
    #[must_use]
    pub fn describe(self) -> &'static str {
        match self {
            Self::SameLabels => "earlier runs with the same labels",
            Self::OtherLabels => "earlier runs with other labels",
            Self::Table => "the built-in table of a Kubernetes v1.30 conformance run",
            Self::Sig => "the median of their SIG",
            Self::Anything => "the median of all specs",
        }
    }

    /// Whether earlier runs say so.
    #[must_use]
    pub fn is_history(self) -> bool {
        self <= Self::OtherLabels
    }
}

// === impl Durations ===

impl Durations {
    /// What is expected when nothing is remembered.
    #[must_use]
    pub fn built_in() -> &'static Self {
        static READ: OnceLock<Durations> = OnceLock::new();
        READ.get_or_init(|| Self::of(&History::default(), &Labels::new()))
    }

    /// What is expected in a target with these labels.
    #[must_use]
    pub fn of(history: &History, labels: &Labels) -> Self {
        Self::with_table(history, labels, Table::built_in())
    }

    fn with_table(history: &History, labels: &Labels, table: &'static Table) -> Self {
        let mut same = BTreeMap::new();
        let mut folded: BTreeMap<String, Vec<Seen<'_>>> = BTreeMap::new();
        let mut sigs: BTreeMap<&str, Vec<Duration>> = BTreeMap::new();
        for row in history.rows() {
            let alike = row.seen.iter().filter(|seen| seen.labels == labels);
            if let Some(known) = robust(alike.map(|seen| seen.took).take(NEWEST)) {
                same.insert(row.spec.to_owned(), known);
            }
            let newest = row.seen.iter().map(|seen| seen.took).take(NEWEST);
            sigs.entry(sig(row.spec)).or_default().extend(robust(newest).map(|it| it.typical));
            folded.entry(fold(row.spec)).or_default().extend(row.seen);
        }
        let any = folded.into_iter().filter_map(|(text, mut seen)| {
            seen.sort_by_key(|seen| std::cmp::Reverse(seen.at));
            Some((text, robust(seen.iter().map(|seen| seen.took).take(NEWEST))?))
        });
        let any = any.collect();
        let known: usize = sigs.values().map(Vec::len).sum();
        let anything = match known >= ENOUGH {
            true => robust(sigs.values().flatten().copied()),
            false => robust(table.sigs.values().flatten().copied()),
        };
        let enough = sigs.into_iter().filter(|(_, known)| known.len() >= ENOUGH);
        let enough = enough.map(|(sig, known)| (sig.to_owned(), known));
        let mut by_sig: BTreeMap<String, Vec<Duration>> = table.sigs.clone();
        by_sig.extend(enough);
        let sigs = by_sig.into_iter().filter_map(|(sig, known)| Some((sig, robust(known)?)));
        Self { same, any, sigs: sigs.collect(), anything, table: Some(table) }
    }

    /// What is expected of a spec, by its full text.
    #[must_use]
    pub fn estimate(&self, text: &str) -> Estimate {
        let folded = fold(text);
        let in_table = || {
            let typical = *self.table?.specs.get(&folded)?;
            Some(Robust { typical, spread: typical.mul_f64(USUAL_SPREAD) })
        };
        let known = |known: Option<&Robust>, basis| Some((*known?, basis));
        let found = known(self.same.get(&squeeze(text)), Basis::SameLabels)
            .or_else(|| known(self.any.get(&folded), Basis::OtherLabels))
            .or_else(|| Some((in_table()?, Basis::Table)))
            .or_else(|| known(self.sigs.get(sig(text)), Basis::Sig))
            .or_else(|| known(self.anything.as_ref(), Basis::Anything));
        let (Robust { typical, spread }, basis) = found.unwrap_or((NOTHING_KNOWN, Basis::Anything));
        Estimate { expected: typical, spread, basis }
    }

    /// The expected duration of a spec, by its full text.
    #[must_use]
    pub fn expect(&self, text: &str) -> Duration {
        self.estimate(text).expected
    }
}

#[cfg(test)]
mod tests {
    use multibeam_model::Timestamp;
    use multibeam_model::lesson::{Lesson, Took};

    use super::*;

    const FLOW: &str = "[sig-api-machinery] API priority and fairness should support FlowSchema API operations [Conformance]";

    fn labels(cni: &str) -> Labels {
        Labels::from([("cni".to_owned(), cni.to_owned())])
    }

    fn history(seen: &[(&str, i64, &str, u32)]) -> History {
        let mut history = History::default();
        for (spec, at, cni, secs) in seen {
            history.learn(&Lesson {
                source: format!("{at}"),
                at: Timestamp(*at),
                labels: labels(cni),
                durations: vec![Took { spec: (*spec).to_owned(), millis: secs * 1000 }],
            });
        }
        history
    }

    fn of(seen: &[(&str, i64, &str, u32)], spec: &str) -> (u64, Basis) {
        let found = Durations::of(&history(seen), &labels("cilium")).estimate(spec);
        (found.expected.as_secs(), found.basis)
    }

    #[test]
    fn the_best_that_is_known_counts() {
        let mut seen = vec![];
        assert_eq!(of(&seen, FLOW), (0, Basis::Table));
        let with_blanks = FLOW.replace("should ", "should  ").replace(" [Conformance]", "");
        assert_eq!(of(&seen, &with_blanks), (0, Basis::Table));
        seen.push((FLOW, 1, "calico", 7));
        assert_eq!(of(&seen, FLOW), (7, Basis::OtherLabels));
        assert_eq!(of(&seen, &with_blanks), (7, Basis::OtherLabels));
        seen.push((FLOW, 2, "cilium", 9));
        assert_eq!(of(&seen, FLOW), (9, Basis::SameLabels));
        assert_eq!(of(&seen, &with_blanks), (8, Basis::OtherLabels), "other tags");
    }

    #[test]
    fn other_labels_count_by_their_age() {
        let old: Vec<_> = (1..=9).map(|at| ("[sig-x] a", at, "calico", 100)).collect();
        let new: Vec<_> = (11..=19).map(|at| ("[sig-x] a", at, "flannel", 3)).collect();
        assert_eq!(of(&[old, new].concat(), "[sig-x] a"), (3, Basis::OtherLabels));
    }

    #[test]
    fn unknown_specs_get_the_median_of_their_sig() {
        let names: Vec<String> = (0..5).map(|n| format!("[sig-x] {n}")).collect();
        let seen: Vec<_> =
            (0u32..).zip(&names).map(|(n, name)| (name.as_str(), 1, "cilium", 10 + n)).collect();
        assert_eq!(of(&seen, "[sig-x] new"), (12, Basis::Sig));
        assert_eq!(of(&seen, "new"), (12, Basis::Anything));
        let few = Durations::of(&history(&seen[..4]), &labels("cilium"));
        let table = Durations::built_in();
        assert_eq!(few.estimate("[sig-x] new"), table.estimate("new"), "too few to say something");
        assert_eq!(table.estimate("[sig-apps] new").basis, Basis::Sig);
    }

    #[test]
    fn one_night_of_trouble_changes_nothing() {
        let mut seen: Vec<_> = (1..=4).map(|at| ("[sig-x] a", at, "cilium", 30)).collect();
        seen.push(("[sig-x] a", 5, "cilium", 900));
        let found = Durations::of(&history(&seen), &labels("cilium")).estimate("[sig-x] a");
        assert_eq!((found.expected.as_secs(), found.spread.as_secs()), (30, 0));
    }
}
