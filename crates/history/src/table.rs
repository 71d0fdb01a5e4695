//! The durations of one published conformance run of Kubernetes v1.30 (402 specs, one process,
//! 6,096 s), for whoever has no history yet.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::Duration;

use multibeam_model::spec_text::{fold, sig};

use crate::file::{self, Origin};

const TABLE: &str = include_str!("../data/durations.csv");

/// Durations by spec, and by SIG.
#[derive(Debug, Default)]
pub(crate) struct Table {
    /// By folded text: names change between versions mostly by white space and by tags.
    pub(crate) specs: BTreeMap<String, Duration>,
    /// Those of each SIG.
    pub(crate) sigs: BTreeMap<String, Vec<Duration>>,
}

// === impl Table ===

impl Table {
    /// The built-in one.
    pub(crate) fn built_in() -> &'static Self {
        static READ: OnceLock<Table> = OnceLock::new();
        READ.get_or_init(|| {
            let read = file::read(TABLE.as_bytes(), &Origin::default());
            let read = read.expect("the built-in table has the columns of a history");
            let rows = read.lessons.into_iter().flat_map(|lesson| lesson.durations);
            let rows = rows.map(|took| (took.spec, Duration::from_millis(took.millis.into())));
            Self::of(rows)
        })
    }

    fn of(rows: impl Iterator<Item = (String, Duration)>) -> Self {
        let mut table = Self::default();
        for (text, duration) in rows {
            table.sigs.entry(sig(&text).to_owned()).or_default().push(duration);
            table.specs.insert(fold(&text), duration);
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_whole() {
        let table = Table::built_in();
        assert_eq!(table.specs.len(), 402);
        let total: Duration = table.specs.values().sum();
        assert!(total.abs_diff(Duration::from_secs(6096)) < Duration::from_secs(1), "{total:?}");
    }
}
