//! The hash of the state, by which replicas are compared.
//!
//! It is taken again and again, of a state that has many runs of which few change: so it is one of the
//! runs' own hashes, and those of runs that did not change are kept.

use std::collections::BTreeMap;

use multibeam_model::RunId;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::Ledger;

pub(crate) type Hash = [u8; 32];

/// The hashes of what has not changed since these were taken.
#[derive(Clone, Debug, Default)]
pub(crate) struct Digests {
    runs: BTreeMap<RunId, Hash>,
    expectations: Option<Hash>,
}

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
        self.runs.remove(run);
    }

    /// The history has changed, or what is expected of a target.
    pub(crate) fn forget_expectations(&mut self) {
        self.expectations = None;
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
            digest.update(self.digests.runs.get(id).copied().unwrap_or_else(|| of(run)));
        }
        // Nothing, where there is nothing: a member of an earlier version comes to the same hash.
        if !self.expectations.is_empty() {
            digest.update(self.digests.expectations.unwrap_or_else(|| of(&self.expectations)));
        }
        digest.finalize().into()
    }

    /// The same, and keeps what the next time needs.
    pub(crate) fn hash_and_keep(&mut self) -> Hash {
        let Self { runs, expectations, digests, .. } = self;
        for (id, run) in runs {
            if !digests.runs.contains_key(id) {
                digests.runs.insert(id.clone(), of(run));
            }
        }
        digests.expectations.get_or_insert_with(|| of(expectations));
        self.hash()
    }
}

fn of(value: &impl Serialize) -> Hash {
    Sha256::digest(encode(value)).into()
}

fn encode(value: &impl Serialize) -> Vec<u8> {
    postcard::to_extend(value, Vec::new())
        .expect("writing to memory cannot fail and every type has a known shape")
}
