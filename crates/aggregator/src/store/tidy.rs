//! Removes what no longer counts, in slices that hold nobody up.

use std::ops::RangeInclusive;
use std::sync::Arc;

use multibeam_ledger::node::disk::LogEntry;
use sled::Batch;

use super::StoreError;
use super::durable::Store;
use super::engine::Found;
use super::layout::{self, FIRST, Key, PARTS};

/// Values removed in one slice: their leaves have to be written again, while commits wait.
const SLICE: usize = 64;

/// Frames looked at in one slice.
const LOOKS: usize = 256;

impl Store {
    /// One slice; true while more is left.
    pub(super) fn tidy_slice(&mut self) -> Result<bool, StoreError> {
        let mut batch = Batch::default();
        let mut room = SLICE;
        for _ in 0..LOOKS {
            let Some((generation, index)) = self.content.doomed.last() else {
                break;
            };
            let first = match self.writer.engine.frame(generation, index)? {
                Found::Object(frame) if frame.entry(index).is_some() => {
                    let lives = |entry: &LogEntry| self.content.counts(generation, entry.index);
                    let place = frame.first();
                    let keys = layout::keys(generation, place, place);
                    // Entries that still count keep the others company.
                    if !frame.entries().iter().any(lives)
                        && self.take(&mut batch, keys, &mut room)?
                    {
                        break;
                    }
                    place
                }
                Found::Broken(how) => {
                    return Err(self.writer.engine.damaged(format!("entry {index} {how}")));
                }
                // After a restart many of them are gone already.
                Found::Object(_) | Found::Nothing => index,
            };
            let doomed = Arc::make_mut(&mut self.content.doomed);
            while doomed.last().is_some_and(|last| last.0 == generation && last.1 >= first) {
                doomed.remove_last();
            }
        }
        self.writer.apply(batch)?;
        if !self.content.doomed.is_empty() {
            return Ok(true);
        }
        if self.content.record.doomed.is_some() {
            let mut content = self.content.clone();
            content.record.seq += 1;
            content.record.doomed = None;
            self.switch(content, Batch::default(), false)?;
            self.strays = true;
        }
        if self.strays {
            self.strays = self.stray_slice()?;
        }
        Ok(self.strays)
    }

    /// One slice of what the record does not speak of: what was staged in vain, parts that were
    /// replaced, or written without the record that was to follow.
    fn stray_slice(&self) -> Result<bool, StoreError> {
        let record = &self.content.record;
        let mut batch = Batch::default();
        let mut room = SLICE;
        let mut from = layout::key(FIRST, 0, 0);
        let mut more = false;
        while let Some((generation, index)) = self.writer.engine.first_from(from)? {
            let (counts, all) = if generation == PARTS {
                let prepared = self.prepared.map(|prepared| prepared.number);
                let parts = [record.state, record.kept, record.doomed, prepared];
                (parts.contains(&Some(index)), layout::keys(PARTS, index, index))
            } else {
                let counts = generation == record.generation
                    || self.content.kept.has_generation(generation)
                    || generation >= self.first_unsettled();
                (counts, layout::keys(generation, 0, u64::MAX))
            };
            from = after(*all.end());
            if !counts && self.take(&mut batch, all, &mut room)? {
                more = true;
                break;
            }
        }
        self.writer.apply(batch)?;
        Ok(more)
    }

    /// Takes keys into the batch; true when there was no room for all.
    fn take(
        &self,
        batch: &mut Batch,
        keys: RangeInclusive<Key>,
        room: &mut usize,
    ) -> Result<bool, StoreError> {
        let found = self.writer.engine.keys(keys, *room + 1)?;
        let full = found.len() > *room;
        for key in found.into_iter().take(*room) {
            batch.remove(key);
            *room -= 1;
        }
        Ok(full)
    }
}

fn after(key: Key) -> Key {
    (u128::from_be_bytes(key) + 1).to_be_bytes()
}
