//! Sets of stored entries: which are kept for their payloads, and which are to be removed.

use std::collections::BTreeMap;

/// Entries by the generation they were written in, their indexes ascending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Places(BTreeMap<u32, Vec<u64>>);

impl Places {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }

    /// All of them, oldest generation first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, u64)> {
        self.0
            .iter()
            .flat_map(|(&generation, all)| all.iter().map(move |&index| (generation, index)))
    }

    pub(super) fn has_generation(&self, generation: u32) -> bool {
        self.0.contains_key(&generation)
    }

    pub(super) fn has(&self, generation: u32, index: u64) -> bool {
        self.0.get(&generation).is_some_and(|all| all.binary_search(&index).is_ok())
    }

    /// The newest generation that has an entry at `index`.
    pub(super) fn find(&self, index: u64) -> Option<u32> {
        self.0.keys().rev().copied().find(|generation| self.has(*generation, index))
    }

    /// Adds entries of one generation, in any order.
    pub(super) fn add(&mut self, generation: u32, indexes: impl IntoIterator<Item = u64>) {
        let all = self.0.entry(generation).or_default();
        let before = all.len();
        all.extend(indexes);
        if before > 0 || !all.is_sorted_by(|a, b| a < b) {
            all.sort_unstable();
            all.dedup();
        }
        if all.is_empty() {
            self.0.remove(&generation);
        }
    }

    /// Parts with the entries that `stays` does not want, and returns them.
    pub(super) fn split(&mut self, mut stays: impl FnMut(u32, u64) -> bool) -> Self {
        let mut gone = Self::default();
        for (&generation, all) in &mut self.0 {
            let mut left = Vec::new();
            all.retain(|&index| {
                let stay = stays(generation, index);
                if !stay {
                    left.push(index);
                }
                stay
            });
            gone.add(generation, left);
        }
        self.0.retain(|_, all| !all.is_empty());
        gone
    }

    pub(super) fn extend(&mut self, other: Self) {
        for (generation, all) in other.0 {
            self.add(generation, all);
        }
    }

    /// The last one, where taking it off costs nothing.
    pub(super) fn last(&self) -> Option<(u32, u64)> {
        let (&generation, all) = self.0.last_key_value()?;
        Some((generation, *all.last()?))
    }

    pub(super) fn remove_last(&mut self) {
        if let Some(mut all) = self.0.last_entry() {
            all.get_mut().pop();
            if all.get().is_empty() {
                all.remove();
            }
        }
    }

    /// As bytes: neighbours are near each other, so their distances take about a byte each.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (&generation, all) in &self.0 {
            put(&mut bytes, u64::from(generation));
            put(&mut bytes, all.len() as u64);
            let mut before = 0;
            for &index in all {
                put(&mut bytes, index.wrapping_sub(before));
                before = index;
            }
        }
        bytes
    }

    /// Reads what [`Places::encode`] wrote; `None` when these bytes are no such thing.
    pub(super) fn decode(mut bytes: &[u8]) -> Option<Self> {
        let mut places = Self::default();
        while !bytes.is_empty() {
            let generation = u32::try_from(take(&mut bytes)?).ok()?;
            let mut before = 0_u64;
            let mut all = Vec::new();
            for _ in 0..take(&mut bytes)? {
                before = before.wrapping_add(take(&mut bytes)?);
                all.push(before);
            }
            if !all.is_sorted_by(|a, b| a < b) || places.0.insert(generation, all).is_some() {
                return None;
            }
        }
        Some(places)
    }
}

/// Seven bits a byte, the lowest first; the eighth says that more follow.
fn put(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..u64::BITS).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_comes_back() {
        let mut places = Places::default();
        places.add(1, [3, 4, 5, 900, u64::MAX]);
        places.add(7, [1000, 1, 300_000, 1]);
        assert_eq!(Places::decode(&places.encode()).unwrap(), places);
        assert_eq!(Places::decode(&[]).unwrap(), Places::default());
        assert_eq!(places.iter().last(), Some((7, 300_000)));
        for end in 1..places.encode().len() {
            let cut = Places::decode(&places.encode()[..end]);
            assert_ne!(cut, Some(places.clone()), "{end}");
        }
    }

    #[test]
    fn the_newest_generation_is_found() {
        let mut places = Places::default();
        places.add(1, [3, 4]);
        places.add(2, [4]);
        assert_eq!((places.find(4), places.find(3), places.find(5)), (Some(2), Some(1), None));
        let gone = places.split(|generation, index| (generation, index) != (2, 4));
        assert_eq!(gone.iter().collect::<Vec<_>>(), [(2, 4)]);
        assert_eq!(places.find(4), Some(1));
        assert!(!places.has_generation(2));
    }
}
