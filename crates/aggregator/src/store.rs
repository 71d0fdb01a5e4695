//! Where the ledger's log is kept.

mod acquaintances;
mod alone;
mod backup;
mod check;
mod content;
mod dir;
mod disk;
mod durable;
mod engine;
mod frame;
mod layout;
mod memory_disk;
mod places;
mod prepare;
mod reader;
mod stream;
mod tidy;

use std::io;
use std::path::PathBuf;

pub use self::acquaintances::Acquaintances;
pub use self::alone::{Alone, restore_alone};
pub use self::backup::{backup, restore};
pub use self::check::{Report, Summary, check};
pub use self::disk::{Disk, Identity, SharedReader};
pub use self::durable::Store;
pub use self::memory_disk::{MemoryDisk, Writes};

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
    #[error(
        "the ledger in {} is damaged: {what} (hint: a member of a group is removed and replaced by a \
         new one with another number; a ledger of its own is restored from a backup)",
        dir.display()
    )]
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
    /// No node has ever used the directory.
    #[error("no node has used {} yet (hint: is it the right directory?)", dir.display())]
    Fresh {
        /// The directory.
        dir: PathBuf,
    },
    /// The directory is not empty.
    #[error("{} is not empty (hint: restore into a new directory)", dir.display())]
    NotEmpty {
        /// The directory.
        dir: PathBuf,
    },
    /// A restore was broken off.
    #[error(
        "a restore into {} was not finished (hint: remove what is in it and restore again)",
        dir.display()
    )]
    Unfinished {
        /// The directory.
        dir: PathBuf,
    },
    /// The node cannot become a group of its own.
    #[error("the node of {} cannot go on alone: {what}", dir.display())]
    Alone {
        /// The directory.
        dir: PathBuf,
        /// Why.
        what: String,
    },
    /// A backup cannot be written or read.
    #[error("cannot {action} the backup")]
    Backup {
        /// What was tried.
        action: &'static str,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// What was to be restored is no backup, or not all of one.
    #[error("this is no complete backup: {what} (hint: use another copy of it)")]
    BadBackup {
        /// What is wrong with it.
        what: String,
    },
    /// The backup was written by another version.
    #[error(
        "backup format {found} is not {expected}, the one this version reads (hint: use the \
         version of multibeam that wrote it)"
    )]
    BackupFormat {
        /// The format found.
        found: u32,
        /// The format this version reads.
        expected: u32,
    },
    /// The storage engine failed while the store was in use.
    #[error("the ledger's storage failed")]
    Engine(#[source] ::sled::Error),
}
