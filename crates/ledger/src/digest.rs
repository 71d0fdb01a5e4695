//! The hash of the state, by which replicas are compared.
//!
//! It is taken again and again, of a state that has many runs of which few change: so it is one of the
//! runs' own hashes, and those of runs that did not change are kept.

use std::collections::BTreeMap;

use multibeam_model::RunId;
use multibeam_model::record::RunRecord;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::Ledger;

pub(crate) type Hash = [u8; 32];

/// The hashes of runs that have not changed since these were taken.
#[derive(Clone, Debug, Default)]
pub(crate) struct Digests(BTreeMap<RunId, Hash>);

/// They follow from the state, and two states do not differ by what is known of them.
impl PartialEq for Digests {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Digests {}

impl Digests {
    /// The run has changed, or is gone.
    pub(crate) fn forget(&mut self, run: &RunId) {
        self.0.remove(run);
    }
}

impl Ledger {
    /// SHA-256 of the whole state. Equal on all replicas that have applied the same commands.
    #[must_use]
    pub fn hash(&self) -> Hash {
        let mut digest = Sha256::new();
        digest.update(encode(&(self.applied, self.format, &self.members, &self.claim)));
        for (id, run) in &self.runs {
            // A run's record has its id.
            digest.update(self.digests.0.get(id).copied().unwrap_or_else(|| of(run)));
        }
        digest.finalize().into()
    }

    /// The same, and keeps what the next time needs.
    pub(crate) fn hash_and_keep(&mut self) -> Hash {
        for (id, run) in &self.runs {
            if !self.digests.0.contains_key(id) {
                self.digests.0.insert(id.clone(), of(run));
            }
        }
        self.hash()
    }
}

fn of(run: &RunRecord) -> Hash {
    Sha256::digest(encode(run)).into()
}

fn encode(value: &impl Serialize) -> Vec<u8> {
    postcard::to_extend(value, Vec::new())
        .expect("writing to memory cannot fail and every type has a known shape")
}
