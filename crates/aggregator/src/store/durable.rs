//! The disk of a node on sled.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use multibeam_ledger::node::disk::{Base, Compact, Install, LogEntry, Recovered, Write};
use sled::Batch;

use super::StoreError;
use super::content::{Content, Record, Staged};
use super::dir::{Dir, FORMAT};
use super::disk::{Disk, Identity, SharedReader};
use super::engine::{Found, PIECE, Writer};
use super::layout::{self, FIRST, PARTS};
use super::places::Places;
use super::prepare::Prepared;
use super::reader::Reader;

/// Bytes that are staged between two flushes: as much as one large object has between two of its own.
const STAGE: usize = PIECE;

/// A node's disk, in a directory of its own.
#[derive(Debug)]
pub struct Store {
    // Before `dir`: sled's files are closed before the directory's lock is given back.
    pub(super) reader: Arc<Reader>,
    pub(super) writer: Writer,
    pub(super) content: Content,
    /// Free numbers for generations and parts. Nothing in the tree has one of these or a later one.
    pub(super) next_generation: u32,
    next_part: u64,
    staging: Option<Staging>,
    pub(super) prepared: Option<Prepared>,
    /// There may be generations and parts that the record does not speak of.
    pub(super) strays: bool,
    /// A call has failed, and nobody knows what of it is on the disk.
    pub(super) failed: bool,
    pub(super) dir: Dir,
}

#[derive(Debug)]
struct Staging {
    staged: Staged,
    unflushed: usize,
}

impl Store {
    /// Opens the store in `dir`, or makes one.
    ///
    /// # Errors
    /// When the directory is in use, holds another format, or is damaged.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::open_in(Dir::open(dir.as_ref(), FORMAT)?)
    }

    /// Like [`Store::open`], but makes nothing.
    pub(super) fn open_existing(dir: &Path) -> Result<Self, StoreError> {
        Self::open_in(Dir::open_existing(dir)?)
    }

    /// Opens a store whose restore is not complete.
    pub(super) fn open_restored(dir: &Path) -> Result<Self, StoreError> {
        Self::open_in(Dir::open_restored(dir)?)
    }

    fn open_in(dir: Dir) -> Result<Self, StoreError> {
        let writer = Writer::open(&dir)?;
        let engine = &writer.engine;
        let record = match engine.get(layout::record_key())? {
            Some(bytes) => layout::decode_record(&bytes)
                .ok_or_else(|| engine.damaged("its record does not match its checksum"))?,
            None if engine.is_empty()? => Record::default(),
            None => return Err(engine.damaged("its record is missing")),
        };
        let mark = dir.mark();
        if record.seq < mark {
            let lost = format!(
                "it ends at entry {} and write {}, but write {mark} was acknowledged",
                record.last, record.seq
            );
            return Err(engine.damaged(lost));
        }
        if let Some(what) = record.contradiction() {
            return Err(engine.damaged(what));
        }
        let kept = list(&writer, record.kept)?;
        let doomed = list(&writer, record.doomed)?;
        let newest = engine.last_before(layout::key(PARTS, 0, 0))?.map_or(0, |place| place.0);
        let next_generation = newest.max(record.generation).max(FIRST) + 1;
        let last = engine.last_before(layout::key(PARTS, u64::MAX, u32::MAX))?;
        let next_part = last.filter(|place| place.0 == PARTS).map_or(0, |place| place.1) + 1;
        let content = Content { record, kept: Arc::new(kept), doomed: Arc::new(doomed) };
        let reader = Arc::new(Reader::new(engine.clone(), content.view(0), dir.share_lock()));
        Ok(Self {
            reader,
            writer,
            content,
            next_generation,
            next_part,
            staging: None,
            prepared: None,
            strays: true,
            failed: false,
            dir,
        })
    }

    /// The store's directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Runs a call that writes. After a failure nothing more is written.
    pub(super) fn attempt<T>(
        &mut self,
        call: impl FnOnce(&mut Self) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if self.failed {
            return Err(StoreError::Broken { dir: self.dir.path().to_owned() });
        }
        let done = call(self);
        self.failed = done.is_err();
        done
    }

    /// Puts the record in place with whatever else is in the batch.
    pub(super) fn switch(
        &mut self,
        content: Content,
        mut batch: Batch,
        sync: bool,
    ) -> Result<(), StoreError> {
        batch.insert(&layout::record_key()[..], layout::encode_record(&content.record));
        self.writer.apply(batch)?;
        if sync {
            self.writer.sync()?;
            self.dir.set_mark(content.record.seq)?;
        }
        self.content = content;
        Ok(())
    }

    /// Shows readers what counts now. Whatever goes out of sight may be removed afterwards.
    fn show(&mut self, cut: bool) {
        let epoch = self.reader.view().epoch + u64::from(cut);
        self.reader.show(self.content.view(epoch));
    }

    /// Takes entries of the log away that others replace. What lies in a frame with the first of them
    /// and comes before it stays.
    fn cut(
        &self,
        batch: &mut Batch,
        generation: u32,
        gone: RangeInclusive<u64>,
    ) -> Result<(), StoreError> {
        let (first, last) = (*gone.start(), *gone.end());
        self.writer.engine.remove(batch, layout::keys(generation, first, last))?;
        let frame = match self.writer.engine.frame(generation, first)? {
            Found::Object(frame) => frame,
            Found::Nothing => return Ok(()),
            // It was damaged before; nothing must be written over it.
            Found::Broken(how) => {
                return Err(self.writer.engine.damaged(format!("entry {first} {how}")));
            }
        };
        if frame.first() < first && frame.last() >= first {
            let stays = frame.entries().iter().filter(|entry| entry.index < first);
            Writer::put(batch, generation, stays);
        }
        Ok(())
    }

    /// Writes a large part under a number of its own.
    pub(super) fn part(&mut self, bytes: &[u8]) -> Result<u64, StoreError> {
        let number = self.take_part();
        self.writer.put_large(PARTS, number, bytes)?;
        Ok(number)
    }

    pub(super) fn take_part(&mut self) -> u64 {
        self.next_part += 1;
        self.next_part - 1
    }

    pub(super) fn lists(&mut self, content: &mut Content) -> Result<(), StoreError> {
        let mut part = |places: &Places| match places.is_empty() {
            true => Ok(None),
            false => self.part(&places.encode()).map(Some),
        };
        content.record.kept = part(&content.kept)?;
        content.record.doomed = part(&content.doomed)?;
        Ok(())
    }

    fn let_go(&mut self, stays: impl Fn(u64) -> bool) -> Result<(), StoreError> {
        let mut content = self.content.clone();
        if !content.let_go(stays) {
            return Ok(());
        }
        self.lists(&mut content)?;
        self.switch(content, Batch::default(), false)?;
        self.strays = true;
        self.show(true);
        Ok(())
    }

    fn unfit(&self, what: String) -> StoreError {
        StoreError::Unfit { dir: self.dir.path().to_owned(), what }
    }

    fn take_generation(&mut self) -> u32 {
        self.next_generation += 1;
        self.next_generation - 1
    }

    fn staging(&mut self) -> Staging {
        self.staging.take().unwrap_or_else(|| {
            let staged = Staged { generation: self.take_generation(), indexes: Vec::new() };
            Staging { staged, unflushed: 0 }
        })
    }

    /// The first generation that is being staged or is free.
    pub(super) fn first_unsettled(&self) -> u32 {
        self.staging.as_ref().map_or(self.next_generation, |staging| staging.staged.generation)
    }
}

impl Disk for Store {
    fn recovered(&self) -> Result<Recovered, StoreError> {
        let state = match self.content.record.state {
            Some(number) => read_part(&self.writer, number, "the state")?,
            None => Vec::new(),
        };
        Ok(self.content.recovered(state))
    }

    fn identity(&self) -> Option<Identity> {
        self.content.record.identity.clone()
    }

    fn found(&mut self, identity: &Identity, base: &Base, state: &[u8]) -> Result<(), StoreError> {
        if let Some(identity) = self.identity() {
            return Err(StoreError::Founded { dir: self.dir.path().to_owned(), identity });
        }
        self.attempt(|store| {
            let mut content = store.content.clone();
            content.found(identity, base, FIRST);
            if base.index > 0 {
                content.record.state = Some(store.part(state)?);
            }
            store.switch(content, layout::empty_slots(), true)?;
            // From now on an empty log is a lost one. A mark that is missing would hide that.
            store.dir.sync_mark()?;
            store.show(false);
            Ok(())
        })
    }

    fn write(&mut self, write: &Write) -> Result<(), StoreError> {
        self.attempt(|store| {
            let mut content = store.content.clone();
            let replaced = content.write(write).map_err(|what| store.unfit(what))?;
            let generation = content.record.generation;
            let mut batch = Batch::default();
            if let Some((first, last)) = replaced {
                let mut view = store.reader.view();
                view.cut(first);
                store.reader.show(view);
                store.cut(&mut batch, generation, first..=last)?;
            }
            Writer::put(&mut batch, generation, &write.entries);
            store.switch(content, batch, write.sync)?;
            store.show(false);
            Ok(())
        })
    }

    fn prepare(&mut self, compact: &Compact) -> Result<bool, StoreError> {
        self.attempt(|store| store.prepare_slice(compact))
    }

    fn compact(&mut self, compact: &Compact) -> Result<(), StoreError> {
        self.attempt(|store| {
            let mut content = store.content.clone();
            content.compact(compact).map_err(|what| store.unfit(what))?;
            content.record.state = Some(store.finish_prepared(compact)?);
            store.lists(&mut content)?;
            store.switch(content, Batch::default(), true)?;
            store.strays = true;
            store.show(true);
            Ok(())
        })
    }

    fn tidy(&mut self) -> Result<bool, StoreError> {
        self.attempt(Self::tidy_slice)
    }

    fn forget(&mut self, payloads: &[u64]) -> Result<(), StoreError> {
        let payloads: BTreeSet<u64> = payloads.iter().copied().collect();
        self.attempt(|store| store.let_go(|index| !payloads.contains(&index)))
    }

    fn retain(&mut self, payloads: &[u64]) -> Result<(), StoreError> {
        let payloads: BTreeSet<u64> = payloads.iter().copied().collect();
        self.attempt(|store| store.let_go(|index| payloads.contains(&index)))
    }

    fn stage(&mut self, entries: &[LogEntry]) -> Result<(), StoreError> {
        self.attempt(|store| {
            let mut staging = store.staging();
            let generation = staging.staged.generation;
            // One by one: what is staged may overlap with what was, and frames must not.
            for entry in entries {
                staging.unflushed += store.writer.put_ahead(generation, entry)?;
                staging.staged.indexes.push(entry.index);
                if staging.unflushed >= STAGE {
                    store.writer.sync()?;
                    staging.unflushed = 0;
                }
            }
            store.staging = Some(staging);
            Ok(())
        })
    }

    fn unstage(&mut self) -> Result<(), StoreError> {
        self.strays |= self.staging.take().is_some();
        Ok(())
    }

    fn install(&mut self, install: &Install) -> Result<(), StoreError> {
        self.attempt(|store| {
            store.abandon_prepared();
            let staged = store.staging().staged;
            let mut content = store.content.clone();
            content.install(install, staged).map_err(|what| store.unfit(what))?;
            store.next_generation = store.next_generation.max(content.record.generation + 1);
            content.record.state = Some(store.part(&install.state)?);
            store.lists(&mut content)?;
            store.switch(content, Batch::default(), true)?;
            store.strays = true;
            store.show(true);
            Ok(())
        })
    }

    fn damage(&self) -> Option<StoreError> {
        self.reader.damage().map(|what| self.writer.engine.damaged(what))
    }

    fn progress(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.writer.progress)
    }

    fn reader(&self) -> SharedReader {
        Arc::clone(&self.reader) as SharedReader
    }
}

pub(super) fn read_part(writer: &Writer, number: u64, what: &str) -> Result<Vec<u8>, StoreError> {
    match writer.engine.object(PARTS, number)? {
        Found::Object(bytes) => Ok(bytes),
        Found::Nothing => Err(writer.engine.damaged(format!("{what} is missing"))),
        Found::Broken(how) => Err(writer.engine.damaged(format!("{what} {how}"))),
    }
}

fn list(writer: &Writer, number: Option<u64>) -> Result<Places, StoreError> {
    let Some(number) = number else {
        return Ok(Places::default());
    };
    let bytes = read_part(writer, number, "a list of entries")?;
    Places::decode(&bytes).ok_or_else(|| writer.engine.damaged("a list of entries is none"))
}
