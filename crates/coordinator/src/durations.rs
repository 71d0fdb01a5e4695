//! How long specs are expected to take before anything is known of this target.
//!
//! The built-in table holds the durations of one published conformance run of Kubernetes v1.30
//! (402 specs, one process, 6,096 s). Names change between versions mostly by white space and by
//! tags, so both are folded. A spec that is not in the table gets the median of its SIG, else that
//! of the whole table, so that an unknown long one is not put last.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::Duration;

use multibeam_model::spec_text::{fold, sig};

const TABLE: &str = include_str!("../data/durations.csv");

/// Expected durations by folded spec text.
#[derive(Debug, Default)]
pub struct Durations {
    specs: BTreeMap<String, Duration>,
    sigs: BTreeMap<String, Duration>,
    median: Duration,
}

impl Durations {
    /// The built-in table.
    #[must_use]
    pub fn built_in() -> &'static Self {
        static TABLE_READ: OnceLock<Durations> = OnceLock::new();
        TABLE_READ.get_or_init(|| {
            Self::from_rows(TABLE.lines().skip(1).filter_map(|line| {
                let (rest, seconds) = line.rsplit_once(',')?;
                let (text, _serial) = rest.rsplit_once(',')?;
                let text = text.trim_matches('"').replace("\"\"", "\"");
                Some((text, Duration::try_from_secs_f64(seconds.parse().ok()?).ok()?))
            }))
        })
    }

    fn from_rows(rows: impl Iterator<Item = (String, Duration)>) -> Self {
        let mut by_sig: BTreeMap<String, Vec<Duration>> = BTreeMap::new();
        let mut specs = BTreeMap::new();
        for (text, duration) in rows {
            by_sig.entry(sig(&text).to_owned()).or_default().push(duration);
            specs.insert(fold(&text), duration);
        }
        let median_of_all = median(by_sig.values().flatten().copied().collect());
        let sigs = by_sig.into_iter().map(|(sig, all)| (sig, median(all))).collect();
        Self { specs, sigs, median: median_of_all }
    }

    /// The expected duration of a spec by its full text.
    #[must_use]
    pub fn expect(&self, text: &str) -> Duration {
        let known = self.specs.get(&fold(text));
        let known = known.or_else(|| self.sigs.get(sig(text)));
        *known.unwrap_or(&self.median)
    }
}

fn median(mut durations: Vec<Duration>) -> Duration {
    durations.sort_unstable();
    durations.get(durations.len() / 2).copied().unwrap_or(Duration::from_secs(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_whole() {
        let table = Durations::built_in();
        assert_eq!(table.specs.len(), 402);
        let total: Duration = table.specs.values().sum();
        assert!(total.abs_diff(Duration::from_secs(6096)) < Duration::from_secs(1), "{total:?}");
    }

    #[test]
    fn tags_case_and_white_space_do_not_matter() {
        let table = Durations::built_in();
        let text = "[sig-api-machinery] API priority and fairness should support  FlowSchema API operations";
        assert_eq!(table.expect(text), Duration::from_millis(246));
    }

    #[test]
    fn unknown_specs_get_the_median_of_their_sig() {
        let rows = [("[sig-a] x", 1), ("[sig-a] y", 3), ("[sig-a] z", 9), ("[sig-b] x", 100)];
        let rows = rows.map(|(text, s)| (text.to_owned(), Duration::from_secs(s)));
        let table = Durations::from_rows(rows.into_iter());
        assert_eq!(table.expect("[sig-a] new"), Duration::from_secs(3));
        assert_eq!(table.expect("[sig-c] new"), Duration::from_secs(9));
    }
}
