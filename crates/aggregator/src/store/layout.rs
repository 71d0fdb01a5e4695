//! How things lie in the engine's one tree.
//!
//! | key, big-endian `u32 u64 u32` | value |
//! |---|---|
//! | 0, slot, 0 | the record in one slot; nothing in those around it |
//! | generation, index, chunk | a frame of entries, of the log or kept for their payloads, at the first one's index |
//! | 2³²-1, number, chunk | a part that is too large for the record: a state, a list of entries |
//!
//! Only one tree, because a batch of the engine is atomic within one.

use std::ops::RangeInclusive;

use sha2::{Digest, Sha256};
use sled::Batch;

use super::content::Record;

/// Bytes of one stored value. A leaf of sled's tree holds at most 17 values before it is split,
/// and a leaf of more than 128 KiB would go to a file of its own that sled never syncs.
pub(super) const CHUNK: usize = 6 << 10;

/// Where the record is. sled writes a leaf anew after ten changes, so the record's neighbours are
/// empty values: with entries beside it, each commit would write some of them again.
const RECORD: (u32, u64) = (0, SLOTS / 2);
const SLOTS: u64 = 48;

/// The place of the large parts.
pub(super) const PARTS: u32 = u32::MAX;

/// The first generation of entries.
pub(super) const FIRST: u32 = 1;

/// Every object begins with its length and the beginning of a SHA-256 of its place and content.
/// sled has checksums of its own, but takes a page that fails them for one that was never written,
/// and then shows the tree as it was before.
const LENGTH: usize = size_of::<u32>();
const SUM: usize = 8;
pub(super) const HEAD: usize = LENGTH + SUM;

pub(super) type Key = [u8; 16];

pub(super) fn key(generation: u32, index: u64, chunk: u32) -> Key {
    let mut key = [0; 16];
    key[..4].copy_from_slice(&generation.to_be_bytes());
    key[4..12].copy_from_slice(&index.to_be_bytes());
    key[12..].copy_from_slice(&chunk.to_be_bytes());
    key
}

/// The generation and index of a key; `None` when it is none of ours.
pub(super) fn place(key: &[u8]) -> Option<(u32, u64)> {
    let key: &Key = key.try_into().ok()?;
    let (generation, rest) = key.split_first_chunk()?;
    Some((u32::from_be_bytes(*generation), u64::from_be_bytes(*rest.first_chunk()?)))
}

/// All keys of the objects at these indexes.
pub(super) fn keys(generation: u32, first: u64, last: u64) -> RangeInclusive<Key> {
    key(generation, first, 0)..=key(generation, last, u32::MAX)
}

pub(super) fn record_key() -> Key {
    key(RECORD.0, RECORD.1, 0)
}

/// The empty values around the record.
pub(super) fn empty_slots() -> Batch {
    let mut batch = Batch::default();
    for slot in (0..SLOTS).filter(|&slot| slot != RECORD.1) {
        batch.insert(&key(RECORD.0, slot, 0)[..], &[]);
    }
    batch
}

pub(super) fn encode_record(record: &Record) -> Vec<u8> {
    let body = postcard::to_extend(record, vec![0; SUM]);
    let mut bytes = body.expect("writing to memory cannot fail and every type has a known shape");
    let sum = checksum(RECORD.0, RECORD.1, &bytes[SUM..]);
    bytes[..SUM].copy_from_slice(&sum);
    bytes
}

/// Reads what [`encode_record`] wrote; `None` when these bytes are something else.
pub(super) fn decode_record(bytes: &[u8]) -> Option<Record> {
    let (sum, body) = bytes.split_first_chunk::<SUM>()?;
    let right = checksum(RECORD.0, RECORD.1, body) == *sum;
    right.then(|| postcard::from_bytes(body).ok()).flatten()
}

/// An object's values, in the order of their chunks. Sequential keys keep the tree's leaves in
/// log order.
pub(super) fn chunks<'a>(
    generation: u32,
    index: u64,
    object: &'a [u8],
) -> impl Iterator<Item = (Key, Vec<u8>)> + use<'a> {
    (0..).map_while(move |number| chunk(generation, index, object, number))
}

/// One of an object's values; `None` behind the last one.
pub(super) fn chunk(
    generation: u32,
    index: u64,
    object: &[u8],
    number: u32,
) -> Option<(Key, Vec<u8>)> {
    let (first, rest) = object.split_at(object.len().min(CHUNK - HEAD));
    let value = match number.checked_sub(1) {
        None => {
            let length = u32::try_from(object.len()).expect("objects are limited far below 4 GiB");
            let mut head = Vec::with_capacity(HEAD + first.len());
            head.extend_from_slice(&length.to_le_bytes());
            head.extend_from_slice(&checksum(generation, index, object));
            head.extend_from_slice(first);
            head
        }
        Some(place) => rest.chunks(CHUNK).nth(place as usize)?.to_vec(),
    };
    Some((key(generation, index, number), value))
}

/// What the first value of an object says about it: its length, its checksum, its beginning.
pub(super) fn head(value: &[u8]) -> Option<(usize, [u8; SUM], &[u8])> {
    let (length, rest) = value.split_first_chunk::<LENGTH>()?;
    let (sum, body) = rest.split_first_chunk::<SUM>()?;
    Some((u32::from_le_bytes(*length) as usize, *sum, body))
}

pub(super) fn checksum(generation: u32, index: u64, object: &[u8]) -> [u8; SUM] {
    let mut digest = Sha256::new();
    digest.update(generation.to_le_bytes());
    digest.update(index.to_le_bytes());
    digest.update(object);
    *digest.finalize().first_chunk().expect("a SHA-256 has 32 bytes")
}
