//! The log on sled 0.34. `docs/decisions/0002-sled-durability.md` has the findings behind this
//! file: why entries are cut into small chunks, and why a flush is followed by an fdatasync.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};
use sled::{Batch, Db, Tree};

use super::dir::{Dir, SINGLE, io_error};
use super::{Log, ReadLog, StoreError};

/// Bytes of one stored value. A leaf of sled's tree holds at most 17 values before it is split,
/// and a leaf of more than 128 KiB would go to a file of its own that sled never syncs.
const CHUNK: usize = 6 << 10;

/// What sled may keep of the tree in memory, in bytes. Replay and reports read each entry once, so
/// more would not help.
const CACHE: u64 = 16 << 20;

/// How often each chunk is asked for, so that reading a leaf of some 16 chunks makes sled evict what
/// it kept before. Without this it keeps nearly all that is read.
const ASKS: usize = 4;

/// How often sled's own thread collects garbage, in milliseconds. Flushes do not wait for it.
const HOUSEKEEPING_MS: u64 = 1000;

/// Every entry begins with its length and the beginning of its SHA-256. sled has checksums of its
/// own, but takes a page that fails them for one that was never written, and then shows the tree as
/// it was before.
const LENGTH: usize = size_of::<u32>();
const SUM: usize = 8;
const HEAD: usize = LENGTH + SUM;

/// A log in a directory of its own.
#[derive(Debug)]
pub struct Store {
    // Before `dir`: sled's files are closed before the directory's lock is given back.
    reader: Arc<Reader>,
    db: Db,
    file: File,
    dir: Dir,
}

#[derive(Debug)]
struct Reader {
    dir: PathBuf,
    entries: Tree,
    last: AtomicU64,
}

impl Store {
    /// Opens the store in `dir`, or makes one.
    ///
    /// # Errors
    /// When the directory is in use, holds another format, or is damaged.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self, StoreError> {
        let dir = Dir::open(dir.as_ref(), SINGLE)?;
        let log = dir.log();
        let (db, entries) = open_engine(&dir)?;
        let path = log.join("db");
        let file = File::open(&path).map_err(|e| io_error("open", &path, e))?;
        // The names of new files must be as durable as what is in them.
        for path in [&log, dir.path()] {
            let synced = File::open(path).and_then(|dir| dir.sync_all());
            synced.map_err(|e| io_error("sync", path, e))?;
        }
        let last = last_index(&dir, &entries)?;
        let mark = dir.mark();
        if last < mark {
            return Err(StoreError::Damaged {
                dir: dir.path().to_owned(),
                what: format!("its log ends at entry {last}, but entry {mark} was acknowledged"),
            });
        }
        let last = AtomicU64::new(last);
        let reader = Arc::new(Reader { dir: dir.path().to_owned(), entries, last });
        Ok(Self { reader, db, file, dir })
    }
}

impl Log for Store {
    fn last_index(&self) -> u64 {
        self.reader.last.load(Ordering::Acquire)
    }

    fn append(&mut self, entries: &[&[u8]]) -> Result<(), StoreError> {
        let mut batch = Batch::default();
        let mut index = self.last_index();
        for entry in entries {
            index += 1;
            for (number, chunk) in chunks(entry).into_iter().enumerate() {
                batch.insert(&key(index, number)[..], chunk);
            }
        }
        self.reader.entries.apply_batch(batch).map_err(StoreError::Engine)?;
        self.db.flush().map_err(StoreError::Engine)?;
        // sled's flush starts and awaits the write-back of the pages it wrote, and neither the
        // file's length nor the disk's own cache. This does both.
        let path = || self.dir.log().join("db");
        self.file.sync_data().map_err(|e| io_error("sync", &path(), e))?;
        self.reader.last.store(index, Ordering::Release);
        self.dir.set_mark(index)
    }

    fn reader(&self) -> Arc<dyn ReadLog> {
        Arc::clone(&self.reader) as Arc<dyn ReadLog>
    }
}

impl ReadLog for Reader {
    fn read(&self, index: u64) -> Result<Option<Vec<u8>>, StoreError> {
        if index == 0 || index > self.last.load(Ordering::Acquire) {
            return Ok(None);
        }
        // On damaged files sled returns errors or panics, according to where it stumbles.
        let read = catch_unwind(AssertUnwindSafe(|| self.assemble(index)));
        read.unwrap_or_else(|_| Err(self.damaged(index, "cannot be read"))).map(Some)
    }
}

impl Reader {
    fn assemble(&self, index: u64) -> Result<Vec<u8>, StoreError> {
        let engine = |e: sled::Error| match e {
            sled::Error::Corruption { .. } => self.damaged(index, "does not match its checksum"),
            e => StoreError::Engine(e),
        };
        let Some(first) = self.entries.get(key(index, 0)).map_err(engine)? else {
            return Err(self.damaged(index, "is missing"));
        };
        let incomplete = || self.damaged(index, "is incomplete");
        let (length, rest) = first.split_first_chunk::<LENGTH>().ok_or_else(incomplete)?;
        let (sum, body) = rest.split_first_chunk::<SUM>().ok_or_else(incomplete)?;
        let length = u32::from_le_bytes(*length) as usize;
        let mut entry = Vec::with_capacity(length);
        entry.extend_from_slice(body);
        // Chunk by chunk, and not as a range: sled looks after its cache only once a page's
        // neighbourhood was asked for 64 times, and a range asks once per page.
        for number in 1.. {
            if entry.len() >= length {
                break;
            }
            let mut chunk = None;
            for _ in 0..ASKS {
                chunk = self.entries.get(key(index, number)).map_err(engine)?;
            }
            entry.extend_from_slice(&chunk.ok_or_else(incomplete)?);
        }
        if entry.len() != length {
            return Err(incomplete());
        }
        if checksum(&entry) != *sum {
            return Err(self.damaged(index, "does not match its checksum"));
        }
        Ok(entry)
    }

    fn damaged(&self, index: u64, what: &str) -> StoreError {
        StoreError::Damaged { dir: self.dir.clone(), what: format!("entry {index} {what}") }
    }
}

fn open_engine(dir: &Dir) -> Result<(Db, Tree), StoreError> {
    let config = sled::Config::new()
        .path(dir.log())
        .cache_capacity(CACHE)
        .flush_every_ms(Some(HOUSEKEEPING_MS));
    let opened = catch_unwind(AssertUnwindSafe(|| {
        let db = config.open()?;
        let entries = db.open_tree("entries")?;
        Ok((db, entries))
    }));
    let damaged = |what: String| StoreError::Damaged { dir: dir.path().to_owned(), what };
    match opened {
        Ok(Ok(engine)) => Ok(engine),
        Ok(Err(sled::Error::Io(e))) => Err(io_error("open", &dir.log(), e)),
        Ok(Err(e)) => Err(damaged(e.to_string())),
        Err(_) => Err(damaged("its storage engine could not read its files".to_owned())),
    }
}

fn last_index(dir: &Dir, entries: &Tree) -> Result<u64, StoreError> {
    let last = catch_unwind(AssertUnwindSafe(|| entries.last()));
    let damaged =
        |what: &str| StoreError::Damaged { dir: dir.path().to_owned(), what: what.to_owned() };
    match last {
        Ok(Ok(None)) => Ok(0),
        Ok(Ok(Some((key, _)))) => match key.first_chunk::<8>() {
            Some(index) => Ok(u64::from_be_bytes(*index)),
            None => Err(damaged("its log has a malformed key")),
        },
        Ok(Err(e)) => Err(damaged(&e.to_string())),
        Err(_) => Err(damaged("its storage engine could not read its files")),
    }
}

/// An entry's length and bytes, cut to size. Sequential keys keep the tree's leaves in log order.
fn chunks(entry: &[u8]) -> Vec<Vec<u8>> {
    let length = u32::try_from(entry.len()).expect("proposals are limited far below 4 GiB");
    let (first, rest) = entry.split_at(entry.len().min(CHUNK - HEAD));
    let mut head = length.to_le_bytes().to_vec();
    head.extend_from_slice(&checksum(entry));
    head.extend_from_slice(first);
    std::iter::once(head).chain(rest.chunks(CHUNK).map(<[u8]>::to_vec)).collect()
}

fn checksum(entry: &[u8]) -> [u8; SUM] {
    let digest = Sha256::digest(entry);
    *digest.first_chunk().expect("a SHA-256 has 32 bytes")
}

fn key(index: u64, chunk: usize) -> [u8; 12] {
    let chunk = u32::try_from(chunk).expect("an entry has far less than 2^32 chunks");
    let mut key = [0; 12];
    key[..8].copy_from_slice(&index.to_be_bytes());
    key[8..].copy_from_slice(&chunk.to_be_bytes());
    key
}
