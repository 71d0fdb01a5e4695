//! The reports of one attempt.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use super::ReportRecord;

/// Reports by their ordinal. Nearly every attempt has one, and a ledger has hundreds of thousands of
/// attempts: a sorted list takes what it holds, where the node of a tree takes the room of eleven. Its
/// encoded form is that of a map.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Reports(Vec<(u32, ReportRecord)>);

impl Reports {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn place(&self, ordinal: u32) -> Result<usize, usize> {
        self.0.binary_search_by_key(&ordinal, |(ordinal, _)| *ordinal)
    }

    /// The one under this ordinal.
    #[must_use]
    pub fn get(&self, ordinal: u32) -> Option<&ReportRecord> {
        let place = self.place(ordinal).ok()?;
        self.0.get(place).map(|(_, report)| report)
    }

    /// Whether there is one under this ordinal.
    #[must_use]
    pub fn contains(&self, ordinal: u32) -> bool {
        self.place(ordinal).is_ok()
    }

    /// Takes one in, in the place of the one under its ordinal if there is one.
    pub fn insert(&mut self, ordinal: u32, report: ReportRecord) {
        match self.place(ordinal) {
            Ok(place) => self.0[place].1 = report,
            Err(place) => {
                // Doubled only from the second on: see above.
                if self.0.is_empty() {
                    self.0.reserve_exact(1);
                }
                self.0.insert(place, (ordinal, report));
            }
        }
    }

    /// All of them, by ordinal.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (u32, &ReportRecord)> {
        self.0.iter().map(|(ordinal, report)| (*ordinal, report))
    }

    /// All of them without their ordinals, in that order.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &ReportRecord> {
        self.iter().map(|(_, report)| report)
    }
}

impl FromIterator<(u32, ReportRecord)> for Reports {
    fn from_iter<I: IntoIterator<Item = (u32, ReportRecord)>>(reports: I) -> Self {
        let mut all = Self::default();
        for (ordinal, report) in reports {
            all.insert(ordinal, report);
        }
        all
    }
}

impl<'de> Deserialize<'de> for Reports {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let reports = Vec::<(u32, ReportRecord)>::deserialize(deserializer)?;
        // They are searched for by halves.
        match reports.is_sorted_by(|(a, _), (b, _)| a < b) {
            true => Ok(Self(reports)),
            false => Err(D::Error::custom("reports that are not in the order of their ordinals")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::outcome::SpecState;
    use crate::{SpecIndex, record::PayloadRef};

    fn report(spec: u32) -> ReportRecord {
        ReportRecord {
            spec: SpecIndex(spec),
            state: SpecState::Passed,
            explained: false,
            cluster_lost: false,
            payload: PayloadRef { index: 7 },
            len: 3,
        }
    }

    #[test]
    fn they_are_a_map_in_every_way() {
        let mut map = BTreeMap::new();
        let mut reports = Reports::default();
        for (ordinal, spec) in [(3, 1), (1, 2), (2, 3), (3, 4), (0, 5)] {
            map.insert(ordinal, report(spec));
            reports.insert(ordinal, report(spec));
        }
        assert!(reports.iter().eq(map.iter().map(|(ordinal, report)| (*ordinal, report))));
        assert_eq!((reports.len(), reports.get(3), reports.get(4)), (4, map.get(&3), None));
        let bytes = postcard::to_allocvec(&map).unwrap();
        assert_eq!(postcard::to_allocvec(&reports).unwrap(), bytes);
        assert_eq!(postcard::from_bytes::<Reports>(&bytes).unwrap(), reports);
        let wrong = postcard::to_allocvec(&vec![(2_u32, report(1)), (1, report(2))]).unwrap();
        assert!(postcard::from_bytes::<Reports>(&wrong).is_err());
    }
}
