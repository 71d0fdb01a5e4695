//! Why something cannot be verified at all.

use std::io;

/// Why no evidence could be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// The system does not give it.
    #[error("cannot read {path}")]
    Io {
        /// What.
        path: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// Neither a file nor a directory.
    #[error("{path} is no file and no directory (hint: nothing else is opened)")]
    Special {
        /// What.
        path: String,
    },
    /// A file that is nothing that is known.
    #[error(
        "{path}: expected a directory, a tar archive (plain, gzip, or zstd), e2e.log, or junit_01.xml"
    )]
    Unknown {
        /// What.
        path: String,
    },
    /// There is nothing to verify.
    #[error("{path}: nothing to verify, expected e2e.log and junit_01.xml somewhere in it")]
    Nothing {
        /// Where.
        path: String,
    },
    /// Two files of the same role in one place.
    #[error("{path}: a second {what} in one place, expected one (hint: give each pair by itself)")]
    Twice {
        /// The second one.
        path: String,
        /// Its role.
        what: &'static str,
    },
    /// The same file twice in one archive.
    #[error("{path} is there twice, expected once (hint: make the archive anew)")]
    Again {
        /// Which.
        path: String,
    },
    /// An archive that is none, or that is damaged.
    #[error("{path} is no archive that can be read")]
    Archive {
        /// Which.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// An archive holds what no results hold.
    #[error("{path}: refused because of its entry {entry:?}: {fault}")]
    Entry {
        /// The archive.
        path: String,
        /// The entry, shortened.
        entry: String,
        /// What is wrong with it.
        fault: EntryFault,
    },
    /// One of the [`limits`](crate::limits) is exceeded.
    #[error("{path}: {what}")]
    Limit {
        /// What.
        path: String,
        /// How much of what.
        what: String,
    },
}

/// What is wrong with an entry of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EntryFault {
    /// `../` or an absolute path.
    #[error("its path leads out of the archive")]
    Path,
    /// A symbolic or hard link.
    #[error("it is a link, and results have none")]
    Link,
    /// A device or a pipe.
    #[error("it is a device or a pipe, and results have none")]
    Device,
    /// A file with holes, which may be as large as it says and take no room.
    #[error("it is a sparse file, and results have none")]
    Sparse,
}
