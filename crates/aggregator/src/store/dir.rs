//! The directory of a store: its format, its lock, and how far it had come.
//!
//! | file | holds |
//! |---|---|
//! | `FORMAT` | the data format's number, as text; readable before any engine is opened |
//! | `MEMBERS` | the directory's own number, and those of the other members' directories |
//! | `LOCK` | nothing; locked while the store is open |
//! | `MARK` | the number of the last acknowledged write; notices a log that lost its end |
//! | `log/` | the engine's own files |
//! | `RESTORING` | nothing; there until a restore is complete |
//! | `CHECK/` | a copy of the rest, while it is being checked |

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::StoreError;

/// The format of the data this build writes.
pub(super) const FORMAT: u32 = 4;
const RESTORING: &str = "RESTORING";
const FORMAT_WORD: &str = "multibeam-ledger";

/// How long a lock is waited for. A process that this one is just starting shares it until it has
/// become another program, also when the store has been closed meanwhile.
const PATIENCE: Duration = Duration::from_secs(1);

/// An open store directory. The lock is given back when it is dropped and nobody shares it.
#[derive(Debug)]
pub(super) struct Dir {
    path: PathBuf,
    mark: File,
    lock: Arc<File>,
}

impl Dir {
    /// Opens or creates a store directory and takes its lock.
    pub(super) fn open(path: &Path, format: u32) -> Result<Self, StoreError> {
        fs::create_dir_all(path).map_err(|e| io_error("create", path, e))?;
        if !path.join("FORMAT").exists() && !is_empty(path)? {
            return Err(StoreError::Foreign { dir: path.to_owned() });
        }
        Self::lock(path, format)?.complete()
    }

    /// Takes the lock of a directory that has a store.
    pub(super) fn open_existing(path: &Path) -> Result<Self, StoreError> {
        Self::open_restored(path)?.complete()
    }

    /// Like [`Dir::open_existing`], of one whose restore may not be complete.
    pub(super) fn open_restored(path: &Path) -> Result<Self, StoreError> {
        let format = path.join("FORMAT");
        fs::metadata(&format).map_err(|e| io_error("open", &format, e))?;
        Self::lock(path, FORMAT)
    }

    fn complete(self) -> Result<Self, StoreError> {
        if self.path.join(RESTORING).exists() {
            return Err(StoreError::Unfinished { dir: self.path });
        }
        Ok(self)
    }

    /// Notes, durably, whether a restore is under way.
    pub(super) fn set_restoring(&self, restoring: bool) -> Result<(), StoreError> {
        let path = self.path.join(RESTORING);
        let changed = match restoring {
            true => File::create(&path).and_then(|file| file.sync_all()),
            false => fs::remove_file(&path),
        };
        let synced = changed.and_then(|()| File::open(&self.path)?.sync_all());
        synced.map_err(|e| io_error("write", &path, e))
    }

    fn lock(path: &Path, format: u32) -> Result<Self, StoreError> {
        let lock = open_file(&path.join("LOCK"))?;
        let until = Instant::now() + PATIENCE;
        loop {
            match lock.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if Instant::now() < until => {
                    thread::sleep(PATIENCE / 50);
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(StoreError::Locked { dir: path.to_owned() });
                }
                Err(TryLockError::Error(e)) => return Err(io_error("lock", &path.join("LOCK"), e)),
            }
        }
        check_format(path, format)?;
        let mark = open_file(&path.join("MARK"))?;
        Ok(Self { path: path.to_owned(), mark, lock: Arc::new(lock) })
    }

    /// Holds the lock as well, for as long as it is held itself.
    pub(super) fn share_lock(&self) -> Arc<File> {
        Arc::clone(&self.lock)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The directory of the engine's files.
    pub(super) fn log(&self) -> PathBuf {
        self.path.join("log")
    }

    /// Notes that the write of this number was acknowledged. It is not flushed: after a power cut
    /// it may be older than the log, which is harmless, and never newer than what was flushed.
    pub(super) fn set_mark(&self, index: u64) -> Result<(), StoreError> {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&index.to_le_bytes());
        bytes[8..].copy_from_slice(&(!index).to_le_bytes());
        let written = self.mark.write_all_at(&bytes, 0);
        written.map_err(|e| io_error("write", &self.path.join("MARK"), e))
    }

    /// Makes the mark and its name durable.
    pub(super) fn sync_mark(&self) -> Result<(), StoreError> {
        let synced = self.mark.sync_all().and_then(|()| File::open(&self.path)?.sync_all());
        synced.map_err(|e| io_error("sync", &self.path.join("MARK"), e))
    }

    /// The last number noted; 0 when there is none, or a power cut has torn it.
    pub(super) fn mark(&self) -> u64 {
        let mut bytes = [0; 16];
        if self.mark.read_exact_at(&mut bytes, 0).is_err() {
            return 0;
        }
        let value = u128::from_le_bytes(bytes);
        let (low, high) = (value as u64, (value >> 64) as u64);
        if low == !high { low } else { 0 }
    }
}

fn is_empty(path: &Path) -> Result<bool, StoreError> {
    let entries = fs::read_dir(path).map_err(|e| io_error("read", path, e))?;
    // A start that was killed before it could write FORMAT leaves these.
    let ours = |name: &str| matches!(name, "LOCK" | "FORMAT.new");
    Ok(entries.flatten().all(|entry| entry.file_name().to_str().is_some_and(ours)))
}

fn check_format(dir: &Path, expected: u32) -> Result<(), StoreError> {
    let path = dir.join("FORMAT");
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return write_format(dir, expected),
        Err(e) => return Err(io_error("read", &path, e)),
    };
    let number = text.trim().strip_prefix(FORMAT_WORD).and_then(|rest| rest.trim().parse().ok());
    match number {
        Some(found) if found == expected => Ok(()),
        Some(found) if found < expected => {
            Err(StoreError::Outdated { dir: dir.to_owned(), found, expected })
        }
        Some(found) => Err(StoreError::Newer { dir: dir.to_owned(), found, expected }),
        None => Err(StoreError::Damaged {
            dir: dir.to_owned(),
            what: format!("its FORMAT file says {:?}", text.chars().take(60).collect::<String>()),
        }),
    }
}

fn write_format(dir: &Path, format: u32) -> Result<(), StoreError> {
    write_whole(&dir.join("FORMAT"), format!("{FORMAT_WORD} {format}\n").as_bytes())
}

/// Writes a small file durably: it gets its name when it is whole.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let write = || -> io::Result<()> {
        let new = path.with_extension("new");
        let mut file = File::create(&new)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&new, path)?;
        File::open(path.parent().unwrap_or(path))?.sync_all()
    };
    write().map_err(|e| io_error("write", path, e))
}

fn open_file(path: &Path) -> Result<File, StoreError> {
    let mut options = OpenOptions::new();
    let file = options.read(true).write(true).create(true).truncate(false).open(path);
    file.map_err(|e| io_error("open", path, e))
}

pub(super) fn io_error(action: &'static str, path: &Path, source: io::Error) -> StoreError {
    if is_full(&source) {
        return StoreError::DiskFull { dir: path.parent().unwrap_or(path).to_owned() };
    }
    StoreError::Io { action, path: path.to_owned(), source }
}

/// Whether there was no room for it.
pub(super) fn is_full(e: &io::Error) -> bool {
    matches!(e.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
