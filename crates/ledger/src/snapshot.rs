//! The state as bytes: for the disk, and for sending it to a node that lags behind.

use sha2::{Digest, Sha256};

use crate::Ledger;

/// The format of the snapshots this build writes.
pub const SNAPSHOT_FORMAT: u8 = 2;

const HASH_LEN: usize = 32;

/// A snapshot cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The bytes are of a format this build does not know.
    #[error(
        "snapshot format {found} is unknown, expected {SNAPSHOT_FORMAT} (hint: upgrade this node)"
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
    /// The state as bytes: format, hash, state.
    #[must_use]
    pub fn snapshot(&self) -> Vec<u8> {
        let body = self.body();
        let mut bytes = Vec::with_capacity(1 + HASH_LEN + body.len());
        bytes.push(SNAPSHOT_FORMAT);
        bytes.extend_from_slice(&Sha256::digest(&body));
        bytes.extend_from_slice(&body);
        bytes
    }

    /// Reads what [`Ledger::snapshot`] wrote.
    ///
    /// # Errors
    /// An unknown format, or bytes that differ from those that were written.
    pub fn from_snapshot(bytes: &[u8]) -> Result<Self, SnapshotError> {
        let short = SnapshotError::Short { len: bytes.len() };
        let (&format, rest) = bytes.split_first().ok_or(short)?;
        if format != SNAPSHOT_FORMAT {
            return Err(SnapshotError::Format { found: format });
        }
        let short = SnapshotError::Short { len: bytes.len() };
        let (hash, body) = rest.split_at_checked(HASH_LEN).ok_or(short)?;
        if Sha256::digest(body)[..] != *hash {
            return Err(SnapshotError::Hash);
        }
        postcard::from_bytes(body).map_err(SnapshotError::Damaged)
    }

    fn body(&self) -> Vec<u8> {
        postcard::to_extend(self, Vec::new())
            .expect("writing to memory cannot fail and every type has a known shape")
    }
}
