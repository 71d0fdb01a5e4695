//! What can be wrong with a suite.

use std::io;
use std::path::PathBuf;

use multibeam_ginkgo::argv::ArgvError;
use multibeam_ginkgo::catalog::CatalogError;
use multibeam_ginkgo::dryrun::DryRunError;
use multibeam_ginkgo::probe::ProbeError;
use thiserror::Error;

use crate::guard::wire::Exit;
use crate::suite::process::SpawnError;

/// Why a suite cannot be run.
#[derive(Debug, Error)]
pub enum DiscoverError {
    /// Nothing there.
    #[error(
        "expected a suite binary at {suite}, but there is none (hint: build one with `ginkgo build` or `go test -c`, or check the path)"
    )]
    NotFound {
        /// Path of the suite.
        suite: PathBuf,
    },
    /// A directory or a device.
    #[error("expected a suite binary at {suite}, but that is no file")]
    NotAFile {
        /// Path of the suite.
        suite: PathBuf,
    },
    /// Permission bits are missing.
    #[error("expected an executable suite binary at {suite} (hint: chmod +x {suite})")]
    NotExecutable {
        /// Path of the suite.
        suite: PathBuf,
    },
    /// It cannot be read.
    #[error("cannot read the suite binary {suite}")]
    Unreadable {
        /// Path of the suite.
        suite: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Built with Ginkgo 1.
    #[error(
        "expected a suite built with Ginkgo 2, but {suite} is built with Ginkgo 1 (hint: Kubernetes uses Ginkgo 2 from 1.25 on)"
    )]
    GinkgoV1 {
        /// Path of the suite.
        suite: PathBuf,
    },
    /// It runs, but is no suite.
    #[error("expected a Ginkgo 2 suite, but {suite} left no report of a dry run ({exit}){output}")]
    NotGinkgo {
        /// Path of the suite.
        suite: PathBuf,
        /// How it ended.
        exit: Exit,
        /// End of its output.
        output: Output,
    },
    /// A suite that refuses its arguments, or breaks while it is built up.
    #[error("the dry run of {suite} failed ({exit}){output}")]
    DryRunFailed {
        /// Path of the suite.
        suite: PathBuf,
        /// How it ended.
        exit: Exit,
        /// End of its output.
        output: Output,
    },
    /// The report of the dry run is damaged.
    #[error("cannot read the dry run of {suite}")]
    DryRunReport {
        /// Path of the suite.
        suite: PathBuf,
        /// Why not.
        #[source]
        source: DryRunError,
    },
    /// The filters leave nothing.
    #[error(
        "no spec selected out of the {total} of {suite} (hint: check focus, skip, and label filter)"
    )]
    NothingSelected {
        /// Path of the suite.
        suite: PathBuf,
        /// Number of specs in it.
        total: usize,
    },
    /// An `FIt` or the like is left in the source.
    #[error(
        "{suite} has programmatic focus, so most of its specs would never run (hint: remove FIt, FDescribe, and Focus from its source, or allow it for a run that is not certified)"
    )]
    ProgrammaticFocus {
        /// Path of the suite.
        suite: PathBuf,
    },
    /// The probe gave nothing.
    #[error("the probe of {suite} failed ({exit}){output}")]
    Probe {
        /// Path of the suite.
        suite: PathBuf,
        /// How it ended.
        exit: Exit,
        /// End of its output.
        output: Output,
        /// What is wrong.
        #[source]
        source: ProbeError,
    },
    /// Dry run and probe do not fit each other.
    #[error("the suite cannot be sharded")]
    Catalog(#[from] CatalogError),
    /// An argument of the user is in the way.
    #[error("the suite's arguments cannot be used")]
    Arguments(#[from] ArgvError),
    /// It hangs.
    #[error(
        "{suite} took longer than {seconds} s to {what} and was killed (hint: this needs no cluster; look for code that waits outside of specs){output}"
    )]
    TimedOut {
        /// Path of the suite.
        suite: PathBuf,
        /// What it was doing.
        what: &'static str,
        /// The limit.
        seconds: u64,
        /// End of its output.
        output: Output,
    },
    /// No process.
    #[error("cannot start the suite")]
    Spawn(#[from] SpawnError),
    /// The cache directory cannot be made.
    #[error(
        "cannot make the cache directory {directory}: {cause} (hint: XDG_CACHE_HOME names another place)"
    )]
    Cache {
        /// The directory.
        directory: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// A file of the cache or the loopback server.
    #[error("cannot {what}")]
    Io {
        /// What was tried.
        what: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl DiscoverError {
    pub(super) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        |source| Self::Io { what, source }
    }
}

/// What a suite said, as far as it matters: shown on lines of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output(String);

impl Output {
    /// Bytes of the end that are shown.
    const SHOWN: usize = 4096;

    /// Picks the line that says which flag is wrong, if there is one (pages of flags follow it),
    /// else the end.
    pub(super) fn of(text: &str) -> Self {
        if let Some(line) =
            text.lines().find(|line| line.starts_with("flag provided but not defined"))
        {
            return Self(line.to_owned());
        }
        let text = text.trim();
        let start = text.ceil_char_boundary(text.len().saturating_sub(Self::SHOWN));
        Self(text[start..].to_owned())
    }
}

impl std::fmt::Display for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0.as_str() {
            "" => Ok(()),
            text => write!(f, "; its output ends with:\n{text}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Output;

    #[test]
    fn output_is_cut_to_what_matters() {
        assert_eq!(Output::of(" \n").to_string(), "");
        let usage =
            format!("flag provided but not defined: -x\nUsage:\n{}", "flags\n".repeat(9999));
        assert_eq!(Output::of(&usage).0, "flag provided but not defined: -x");
        let long = "\u{e9}".repeat(5000);
        assert_eq!(Output::of(&long).0.len(), Output::SHOWN);
    }
}
