//! A state is written ahead of the compaction that comes with it, a slice at a time: one of some
//! hundred thousand reports has megabytes, and commits must not wait for all of them at once.

use multibeam_ledger::node::disk::Compact;
use sled::Batch;

use super::StoreError;
use super::durable::Store;
use super::layout::{self, CHUNK, PARTS};

/// Bytes of one slice: a commit that comes meanwhile waits for it, and writes it along.
const SLICE: usize = 64 << 10;

/// A state that lies in the store before anything refers to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Prepared {
    /// The base that it is of. A node has one state for each.
    base: u64,
    /// The part's number.
    pub(super) number: u64,
    /// The first of its values that is still to be written.
    next: u32,
}

impl Store {
    /// One slice; true while more is left.
    pub(super) fn prepare_slice(&mut self, compact: &Compact) -> Result<bool, StoreError> {
        let base = compact.base.index;
        let mut prepared = match self.prepared.filter(|prepared| prepared.base == base) {
            Some(prepared) => prepared,
            None => {
                self.abandon_prepared();
                Prepared { base, number: self.take_part(), next: 0 }
            }
        };
        let mut batch = Batch::default();
        let mut more = true;
        for _ in 0..SLICE / CHUNK {
            let value = layout::chunk(PARTS, prepared.number, &compact.state, prepared.next);
            let Some((key, value)) = value else {
                more = false;
                break;
            };
            batch.insert(&key[..], value);
            prepared.next += 1;
        }
        self.writer.apply(batch)?;
        self.prepared = Some(prepared);
        Ok(more)
    }

    /// Writes what is left of a state and gives the number of its part.
    pub(super) fn finish_prepared(&mut self, compact: &Compact) -> Result<u64, StoreError> {
        while self.prepare_slice(compact)? {
            // See `Writer::put_large`.
            self.writer.sync()?;
        }
        match self.prepared.take() {
            Some(prepared) => Ok(prepared.number),
            None => self.part(&compact.state),
        }
    }

    /// Leaves what was prepared to [`super::Disk::tidy`].
    pub(super) fn abandon_prepared(&mut self) {
        self.strays |= self.prepared.take().is_some();
    }
}
