//! Where the ledger's log is kept.

mod content;
mod dir;
mod disk;
mod durable;
mod engine;
mod layout;
mod memory;
mod memory_disk;
mod places;
mod reader;
mod sled;
mod tidy;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

pub use self::disk::{Disk, Identity, SharedReader};
pub use self::durable::Store as DiskStore;
pub use self::memory::MemoryLog;
pub use self::memory_disk::{MemoryDisk, Writes};
pub use self::sled::Store;

/// An append-only list of entries, numbered from 1 without a gap.
pub trait Log: Send + 'static {
    /// The number of the last entry; 0 when there is none.
    fn last_index(&self) -> u64;

    /// Appends entries, in order. When this returns, all of them are durable; when it fails, any
    /// number of them may be, and the log must not be used again.
    ///
    /// # Errors
    /// When the storage fails.
    fn append(&mut self, entries: &[&[u8]]) -> Result<(), StoreError>;

    /// A way to read entries from other threads.
    fn reader(&self) -> Arc<dyn ReadLog>;
}

/// Reads a log.
pub trait ReadLog: Send + Sync {
    /// The entry with this number; `None` when there is none.
    ///
    /// # Errors
    /// When the storage fails, or the entry is damaged.
    fn read(&self, index: u64) -> Result<Option<Vec<u8>>, StoreError>;
}

/// The store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file operation failed.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// Another process uses the directory.
    #[error(
        "another multibeam has the ledger in {} open (hint: stop it, or give this one another \
         directory)",
        dir.display()
    )]
    Locked {
        /// The directory.
        dir: PathBuf,
    },
    /// The directory was written by an older version.
    #[error(
        "outdated data format {found} in {}, this version reads format {expected} (hint: finish \
         the run with the version that began it, or use a new directory)",
        dir.display()
    )]
    Outdated {
        /// The directory.
        dir: PathBuf,
        /// The format found.
        found: u32,
        /// The format this version reads.
        expected: u32,
    },
    /// The directory was written by a newer version.
    #[error(
        "data format {found} in {} is newer than {expected}, the newest this version reads \
         (hint: upgrade multibeam)",
        dir.display()
    )]
    Newer {
        /// The directory.
        dir: PathBuf,
        /// The format found.
        found: u32,
        /// The format this version reads.
        expected: u32,
    },
    /// The directory holds something else.
    #[error(
        "{} is not empty and holds no ledger (hint: choose a new or an empty directory)",
        dir.display()
    )]
    Foreign {
        /// The directory.
        dir: PathBuf,
    },
    /// What is stored is not what was written.
    #[error("the ledger in {} is damaged: {what} (hint: restore the directory from a copy)", dir.display())]
    Damaged {
        /// The directory.
        dir: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// There is no room left where the directory is.
    #[error(
        "no space is left for {} (hint: free some and start again; nothing that was answered is \
         lost)",
        dir.display()
    )]
    DiskFull {
        /// The directory.
        dir: PathBuf,
    },
    /// The directory is not a fresh one.
    #[error(
        "{} belongs to node {} of group {:?} (hint: give every node a directory of its own)",
        dir.display(), identity.node, identity.group
    )]
    Founded {
        /// The directory.
        dir: PathBuf,
        /// Who wrote it.
        identity: Identity,
    },
    /// The caller broke the rules of [`Disk`].
    #[error("the ledger in {} was asked to do what it cannot: {what} (hint: please report this)", dir.display())]
    Unfit {
        /// The directory.
        dir: PathBuf,
        /// What does not fit.
        what: String,
    },
    /// A call has failed before. Only the next start finds out what is on the disk.
    #[error("the ledger in {} has failed before (hint: start again)", dir.display())]
    Broken {
        /// The directory.
        dir: PathBuf,
    },
    /// The storage engine failed while the store was in use.
    #[error("the ledger's storage failed")]
    Engine(#[source] ::sled::Error),
}
