//! The state as bytes: for the disk, and for sending it to a node that lags behind.

use std::sync::Arc;

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::Ledger;

/// The newest format of snapshots that this build reads. It writes that only when there is something
/// that the one before does not have: until all members are upgraded they read each other's states.
pub const SNAPSHOT_FORMAT: u8 = 3;

/// The format without a history.
const PLAIN_FORMAT: u8 = 2;

const HASH_LEN: usize = 32;

/// Where the state begins: behind the format and its hash.
const BODY: usize = 1 + HASH_LEN;

/// A snapshot cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The bytes are of a format this build does not know.
    #[error(
        "snapshot format {found} is unknown, expected {PLAIN_FORMAT} or {SNAPSHOT_FORMAT} (hint: upgrade this node)"
    )]
    Format {
        /// The format found.
        found: u8,
    },
    /// There are too few bytes for a snapshot.
    #[error("snapshot is cut short: {len} bytes")]
    Short {
        /// How many there are.
        len: usize,
    },
    /// The bytes are not those that were written.
    #[error("snapshot does not match its own hash")]
    Hash,
    /// The bytes match their hash but are no state.
    #[error("damaged snapshot")]
    Damaged(#[source] postcard::Error),
}

impl Ledger {
    /// The state as bytes: format, hash, state, and in format 3 the expectations.
    #[must_use]
    pub fn snapshot(&self) -> Vec<u8> {
        let plain = self.expectations.is_empty();
        let mut bytes = vec![0; BODY];
        bytes[0] = if plain { PLAIN_FORMAT } else { SNAPSHOT_FORMAT };
        bytes = encode(bytes, self);
        if !plain {
            bytes = encode(bytes, &self.expectations);
        }
        let hash = Sha256::digest(&bytes[BODY..]);
        bytes[1..BODY].copy_from_slice(&hash);
        bytes
    }

    /// Reads what [`Ledger::snapshot`] wrote.
    ///
    /// # Errors
    /// An unknown format, or bytes that differ from those that were written.
    pub fn from_snapshot(bytes: &[u8]) -> Result<Self, SnapshotError> {
        let short = SnapshotError::Short { len: bytes.len() };
        let (&format, rest) = bytes.split_first().ok_or(short)?;
        if !(PLAIN_FORMAT..=SNAPSHOT_FORMAT).contains(&format) {
            return Err(SnapshotError::Format { found: format });
        }
        let short = SnapshotError::Short { len: bytes.len() };
        let (hash, body) = rest.split_at_checked(HASH_LEN).ok_or(short)?;
        if Sha256::digest(body)[..] != *hash {
            return Err(SnapshotError::Hash);
        }
        let (mut ledger, rest): (Self, _) =
            postcard::take_from_bytes(body).map_err(SnapshotError::Damaged)?;
        if format > PLAIN_FORMAT {
            let expectations = postcard::from_bytes(rest).map_err(SnapshotError::Damaged)?;
            ledger.expectations = Arc::new(expectations);
        }
        Ok(ledger)
    }
}

/// Puts a value behind bytes.
fn encode(bytes: Vec<u8>, value: &impl Serialize) -> Vec<u8> {
    postcard::to_extend(value, bytes)
        .expect("writing to memory cannot fail and every type has a known shape")
}
