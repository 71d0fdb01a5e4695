//! sled 0.34, as far as it can be relied on. `docs/decisions/0002-sled-durability.md` has the
//! findings behind this file.

use std::fs::File;
use std::io;
use std::ops::RangeBounds;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use multibeam_ledger::node::disk::LogEntry;
use sled::{Batch, Db, IVec, Tree};

use super::StoreError;
use super::dir::{Dir, io_error, is_full};
use super::frame::{Frame, pack};
use super::layout::{self, CHUNK, HEAD, Key};

/// What sled may keep of the tree in memory, in bytes. Replay and reports read each entry once, so
/// more would not help.
const CACHE: u64 = 16 << 20;

/// How often each value is asked for, so that reading a leaf of some 16 values makes sled evict
/// what it kept before. Without this it keeps nearly all that is read.
const ASKS: usize = 4;

/// How often sled's own thread collects garbage, in milliseconds. Flushes do not wait for it.
const HOUSEKEEPING_MS: u64 = 1000;

/// How long this process may still use the files of a store that it has just closed: sled's threads
/// finish what they are at. Nobody else can use them, because we have the directory's own lock.
const LEFTOVER: Duration = Duration::from_secs(10);

/// The open engine. Readers hold a clone of its tree.
#[derive(Clone, Debug)]
pub(super) struct Engine {
    /// The store's directory, for messages.
    dir: PathBuf,
    tree: Tree,
}

/// What only the owner does with it.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) engine: Engine,
    db: Db,
    file: File,
    path: PathBuf,
    /// How often it was synced.
    pub(super) progress: Arc<AtomicU64>,
}

impl Writer {
    pub(super) fn open(dir: &Dir) -> Result<Self, StoreError> {
        let log = dir.log();
        let config = sled::Config::new()
            .path(&log)
            .cache_capacity(CACHE)
            .flush_every_ms(Some(HOUSEKEEPING_MS));
        let until = Instant::now() + LEFTOVER;
        let opened = loop {
            let opened = guard(dir.path(), || {
                let db = config.clone().open()?;
                let tree = db.open_tree("ledger")?;
                Ok((db, tree))
            });
            match opened {
                Err(StoreError::Engine(e)) if is_lock(&e) && Instant::now() < until => {
                    thread::sleep(LEFTOVER / 500);
                }
                opened => break opened,
            }
        };
        let (db, tree) = match opened {
            Err(StoreError::Engine(e)) if is_lock(&e) => {
                return Err(StoreError::Locked { dir: dir.path().to_owned() });
            }
            Err(StoreError::Engine(sled::Error::Io(e))) if !is_cut(&e) => {
                return Err(io_error("open", &log, e));
            }
            // Whatever else hinders it is in its files: nobody but us has chosen its settings.
            Err(StoreError::Engine(e)) => return Err(damaged(dir.path(), e.to_string())),
            other => other?,
        };
        let path = log.join("db");
        let file = File::open(&path).map_err(|e| io_error("open", &path, e))?;
        // The names of new files must be as durable as what is in them.
        for path in [&log, dir.path()] {
            let synced = File::open(path).and_then(|dir| dir.sync_all());
            synced.map_err(|e| io_error("sync", path, e))?;
        }
        let engine = Engine { dir: dir.path().to_owned(), tree };
        Ok(Self { engine, db, file, path, progress: Arc::default() })
    }

    /// Applies a batch: recovered as a whole or not at all, and visible to readers bit by bit.
    pub(super) fn apply(&self, batch: Batch) -> Result<(), StoreError> {
        self.engine.guard(|| self.engine.tree.apply_batch(batch))
    }

    /// Makes everything durable that was applied.
    pub(super) fn sync(&self) -> Result<(), StoreError> {
        self.engine.guard(|| self.db.flush().map(|_| ()))?;
        // sled's flush starts and awaits the write-back of the pages it wrote, and neither the
        // file's length nor the disk's own cache. This does both.
        self.file.sync_data().map_err(|e| match is_full(&e) {
            true => StoreError::DiskFull { dir: self.engine.dir.clone() },
            false => io_error("sync", &self.path, e),
        })?;
        self.progress.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Adds entries to a batch, in order.
    pub(super) fn put<'a>(
        batch: &mut Batch,
        generation: u32,
        entries: impl IntoIterator<Item = &'a LogEntry>,
    ) {
        for frame in pack(entries) {
            for (key, value) in layout::chunks(generation, frame.first, &frame.object) {
                batch.insert(&key[..], value);
            }
        }
    }

    /// Writes an entry, in a frame of its own, ahead of what will refer to it. Gives its size.
    pub(super) fn put_ahead(&self, generation: u32, entry: &LogEntry) -> Result<usize, StoreError> {
        let mut bytes = 0;
        for frame in pack([entry]) {
            self.put_large(generation, frame.first, &frame.object)?;
            bytes += frame.object.len();
        }
        Ok(bytes)
    }

    /// Writes a large object in pieces, so that it is never in memory twice. It is recovered as a
    /// whole only together with something later that refers to it.
    pub(super) fn put_large(
        &self,
        generation: u32,
        index: u64,
        object: &[u8],
    ) -> Result<(), StoreError> {
        let mut chunks = layout::chunks(generation, index, object).peekable();
        while chunks.peek().is_some() {
            let mut batch = Batch::default();
            for (key, value) in chunks.by_ref().take(PIECE / CHUNK) {
                batch.insert(&key[..], value);
            }
            self.apply(batch)?;
            // Between two syncs sled may use places again whose content it has moved without the
            // disk's cache having been flushed. Not much shall happen in between.
            if chunks.peek().is_some() {
                self.sync()?;
            }
        }
        Ok(())
    }
}

/// Bytes of a large object that are written as one batch, with a flush after it. Little, because sled
/// 0.34 can lock itself up: who needs a place in the file that is just being cut off waits for the cut, the
/// cut waits for one of the IO threads, and these wait for whoever holds the list of places. It takes more
/// buffers on their way than there are such threads (seven at least).
pub(super) const PIECE: usize = 256 << 10;

impl Engine {
    /// One object; `None` when there is none at this place.
    pub(super) fn object(&self, generation: u32, index: u64) -> Result<Found<Vec<u8>>, StoreError> {
        self.guard(|| {
            let Some(first) = self.value(&layout::key(generation, index, 0))? else {
                return Ok(Found::Nothing);
            };
            let Some((length, sum, body)) = layout::head(&first) else {
                return Ok(Found::Broken("is incomplete"));
            };
            // A length that is damaged itself must not become an allocation.
            let mut object = Vec::with_capacity(length.min(PIECE));
            object.extend_from_slice(body);
            for chunk in 1.. {
                if object.len() >= length {
                    break;
                }
                match self.value(&layout::key(generation, index, chunk))? {
                    Some(value) => object.extend_from_slice(&value),
                    None => return Ok(Found::Broken("is incomplete")),
                }
            }
            if object.len() != length {
                Ok(Found::Broken("is incomplete"))
            } else if layout::checksum(generation, index, &object) != sum {
                Ok(Found::Broken("does not match its checksum"))
            } else {
                Ok(Found::Object(object))
            }
        })
    }

    /// The frame that the entry at this place is in, if it is there at all.
    pub(super) fn frame(&self, generation: u32, index: u64) -> Result<Found<Frame>, StoreError> {
        let end = layout::key(generation, index, u32::MAX);
        let Some((_, first)) = self.last_before(end)?.filter(|place| place.0 == generation) else {
            return Ok(Found::Nothing);
        };
        Ok(match self.object(generation, first)? {
            Found::Object(object) => match Frame::decode(first, Bytes::from(object)) {
                Some(frame) => Found::Object(frame),
                None => Found::Broken("is none"),
            },
            Found::Nothing => Found::Nothing,
            Found::Broken(how) => Found::Broken(how),
        })
    }

    /// One by one, and not as a range: sled looks after its cache only once a page's neighbourhood
    /// was asked for 64 times, and a range asks once per page.
    fn value(&self, key: &Key) -> sled::Result<Option<IVec>> {
        for _ in 1..ASKS {
            self.tree.get(key)?;
        }
        self.tree.get(key)
    }

    /// A single value as it is.
    pub(super) fn get(&self, key: Key) -> Result<Option<IVec>, StoreError> {
        self.guard(|| self.tree.get(key))
    }

    /// Whether the tree holds nothing at all.
    pub(super) fn is_empty(&self) -> Result<bool, StoreError> {
        self.guard(|| Ok(self.tree.first()?.is_none()))
    }

    /// The last place in the tree before `key`.
    pub(super) fn last_before(&self, key: Key) -> Result<Option<(u32, u64)>, StoreError> {
        let found = self.guard(|| self.tree.get_lt(key))?;
        found.map(|(key, _)| self.place(&key)).transpose()
    }

    /// The first place at or behind `key`.
    pub(super) fn first_from(&self, key: Key) -> Result<Option<(u32, u64)>, StoreError> {
        let found = self.guard(|| self.tree.range(key..).next().transpose())?;
        found.map(|(key, _)| self.place(&key)).transpose()
    }

    /// Up to `most` keys of a range, in order.
    pub(super) fn keys(
        &self,
        range: impl RangeBounds<Key>,
        most: usize,
    ) -> Result<Vec<IVec>, StoreError> {
        self.guard(|| self.tree.range(range).keys().take(most).collect())
    }

    /// Adds the removal of all of a range to a batch.
    pub(super) fn remove(
        &self,
        batch: &mut Batch,
        range: impl RangeBounds<Key>,
    ) -> Result<(), StoreError> {
        for key in self.keys(range, usize::MAX)? {
            batch.remove(key);
        }
        Ok(())
    }

    fn place(&self, key: &[u8]) -> Result<(u32, u64), StoreError> {
        layout::place(key).ok_or_else(|| damaged(&self.dir, "it has a malformed key".to_owned()))
    }

    pub(super) fn damaged(&self, what: impl Into<String>) -> StoreError {
        damaged(&self.dir, what.into())
    }

    fn guard<T>(&self, call: impl FnOnce() -> sled::Result<T>) -> Result<T, StoreError> {
        guard(&self.dir, call)
    }
}

/// What is found at a place.
#[derive(Debug)]
pub(super) enum Found<T> {
    /// Nothing was ever written there, or it is gone.
    Nothing,
    /// What was written.
    Object(T),
    /// Something else.
    Broken(&'static str),
}

/// Calls the engine. On damaged files it returns errors or panics, according to where it stumbles.
fn guard<T>(dir: &Path, call: impl FnOnce() -> sled::Result<T>) -> Result<T, StoreError> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(sled::Error::Io(e))) if is_full(&e) => {
            Err(StoreError::DiskFull { dir: dir.to_owned() })
        }
        Ok(Err(e @ sled::Error::Corruption { .. })) => Err(damaged(dir, e.to_string())),
        Ok(Err(e)) => Err(StoreError::Engine(e)),
        Err(_) => Err(damaged(dir, "its storage engine could not read its files".to_owned())),
    }
}

fn damaged(dir: &Path, what: String) -> StoreError {
    StoreError::Damaged { dir: dir.to_owned(), what }
}

/// Whether the engine's files are locked. sled gives that no kind of its own.
fn is_lock(e: &sled::Error) -> bool {
    matches!(e, sled::Error::Io(e) if e.to_string().starts_with("could not acquire lock"))
}

/// Whether a file of the engine is shorter than it says itself.
fn is_cut(e: &io::Error) -> bool {
    matches!(e.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData)
}

const _: () = assert!(HEAD < CHUNK);
