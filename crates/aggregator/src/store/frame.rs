//! Entries of the log as they are stored: small ones share a value.
//!
//! sled splits a leaf at some sixteen values, whatever their size, and copies the leaf's values each
//! time. So the fewer values there are for the same bytes, the less a commit costs. A frame holds as
//! many entries of one call as fit into a value; a large entry has a frame, and several values, to
//! itself. It lies at the place of its first entry, and is:
//!
//! ```text
//! for each entry:  index - first: u32   length: u32   the entry, length bytes
//! ```

use bytes::Bytes;
use multibeam_ledger::node::disk::LogEntry;

use super::layout::{CHUNK, HEAD};

/// What a frame spends on an entry, in bytes.
const OVERHEAD: usize = 2 * size_of::<u32>();

/// The entries of one frame, in order; never none.
#[derive(Clone, Debug)]
pub(super) struct Frame(Vec<LogEntry>);

/// A frame that is to be stored.
#[derive(Debug)]
pub(super) struct Packed {
    /// Its place.
    pub(super) first: u64,
    pub(super) object: Vec<u8>,
}

/// Packs entries whose indexes ascend.
pub(super) fn pack<'a>(entries: impl IntoIterator<Item = &'a LogEntry>) -> Vec<Packed> {
    let mut frames: Vec<Packed> = Vec::new();
    for entry in entries {
        let bytes = entry.encode();
        let offset = |frame: &Packed| {
            let room = CHUNK - HEAD >= frame.object.len() + OVERHEAD + bytes.len();
            room.then(|| entry.index.checked_sub(frame.first)?.try_into().ok()).flatten()
        };
        let (offset, frame) = match frames.last().and_then(offset) {
            Some(offset) => (offset, frames.last_mut()),
            None => {
                frames.push(Packed { first: entry.index, object: Vec::new() });
                (0_u32, frames.last_mut())
            }
        };
        if let Some(Packed { object, .. }) = frame {
            let length = u32::try_from(bytes.len()).expect("entries are limited far below 4 GiB");
            object.extend_from_slice(&offset.to_le_bytes());
            object.extend_from_slice(&length.to_le_bytes());
            object.extend_from_slice(&bytes);
        }
    }
    frames
}

impl Frame {
    /// Reads what [`pack`] made for this place; `None` when these bytes are no such thing.
    pub(super) fn decode(first: u64, mut object: Bytes) -> Option<Self> {
        let mut entries = Vec::new();
        while !object.is_empty() {
            let offset = u32::from_le_bytes(*object.first_chunk()?);
            let length = u32::from_le_bytes(*object.get(4..)?.first_chunk()?) as usize;
            let bytes = object.get(OVERHEAD..)?.get(..length)?;
            let index = first.checked_add(offset.into())?;
            entries.push(LogEntry::decode(index, object.slice_ref(bytes))?);
            object = object.slice(OVERHEAD + length..);
        }
        let begins = entries.first().is_some_and(|entry: &LogEntry| entry.index == first);
        let ascends = entries.is_sorted_by(|a, b| a.index < b.index);
        (begins && ascends).then_some(Self(entries))
    }

    /// Its place.
    pub(super) fn first(&self) -> u64 {
        self.0.first().map_or(0, |entry| entry.index)
    }

    /// The index of its last entry.
    pub(super) fn last(&self) -> u64 {
        self.0.last().map_or(0, |entry| entry.index)
    }

    pub(super) fn entries(&self) -> &[LogEntry] {
        &self.0
    }

    pub(super) fn entry(&self, index: u64) -> Option<&LogEntry> {
        let place = self.0.binary_search_by_key(&index, |entry| entry.index);
        place.ok().and_then(|place| self.0.get(place))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use multibeam_ledger::node::disk::EntryKind;

    use super::*;

    fn entry(index: u64, length: usize) -> LogEntry {
        let data = Bytes::from(vec![index as u8; length]);
        LogEntry { index, term: 3, kind: EntryKind::Command, data }
    }

    #[test]
    fn small_entries_share_a_value_and_come_back() {
        let far = 9 + u64::from(u32::MAX);
        let entries = [
            entry(7, 10),
            entry(8, 0),
            entry(20, 5_000),
            entry(21, 5_000),
            entry(22, 100_000),
            entry(23, 1),
            entry(far + 23, 1),
        ];
        let frames = pack(&entries);
        let places: Vec<u64> = frames.iter().map(|frame| frame.first).collect();
        assert_eq!(places, [7, 21, 22, 23, far + 23]);
        for frame in &frames {
            assert!(frame.first == 22 || frame.object.len() <= CHUNK - HEAD);
        }
        let back: Vec<Frame> = frames
            .iter()
            .map(|frame| Frame::decode(frame.first, frame.object.clone().into()).unwrap())
            .collect();
        let all: Vec<LogEntry> = back.iter().flat_map(|frame| frame.entries().to_vec()).collect();
        assert_eq!(all, entries);
        assert_eq!((back[0].first(), back[0].last()), (7, 20));
        assert_eq!(back[0].entry(8), Some(&entries[1]));
        assert_eq!(back[0].entry(9), None);
    }

    #[test]
    fn other_bytes_are_no_frame() {
        let object = pack(&[entry(7, 10), entry(9, 3)]).remove(0).object;
        for end in 0..object.len() {
            let cut = Bytes::copy_from_slice(&object[..end]);
            let whole = Frame::decode(7, cut).filter(|frame| frame.entry(9).is_some());
            assert!(whole.is_none(), "{end}");
        }
        let mut twice = object.clone();
        twice.extend_from_slice(&object);
        assert!(Frame::decode(7, twice.into()).is_none());
    }
}
