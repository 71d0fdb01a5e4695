//! Lists of conformance tests: built in, from a file, or from a suite binary that is asked for its
//! own.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use multibeam_conformance::Minor;
use multibeam_conformance::catalog::{Catalog, CatalogError, Origin};
use multibeam_conformance::limits::SMALL_FILE;
use tokio::io::AsyncReadExt as _;

/// How long a suite may take to print its list. It takes a second.
const PATIENCE: Duration = Duration::from_secs(60);

/// How a suite is asked for its list.
const QUESTION: &str = "--list-conformance-tests";

/// Why there is no list.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The system does not give the file.
    #[error("cannot read {path}")]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The suite cannot be started.
    #[error("cannot start {path}")]
    Start {
        /// Which.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The suite gives no list in time.
    #[error("{path} {QUESTION} prints no list within {} s", PATIENCE.as_secs())]
    TooSlow {
        /// Which.
        path: PathBuf,
    },
    /// What it holds or prints is no list.
    #[error("{path}")]
    Content {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: CatalogError,
    },
    /// A release whose list is not built in.
    #[error(
        "the list of {minor} is not built in, expected {oldest} to {newest} \
         (hint: give its conformance.yaml or suite binary)"
    )]
    Unknown {
        /// Which.
        minor: Minor,
        /// The oldest that is.
        oldest: Minor,
        /// The newest that is.
        newest: Minor,
    },
}

/// The list that a user names: a release, a conformance.yaml, or a suite binary. A file of that name
/// wins over a release; a directory, such as those of submissions, does not.
///
/// # Errors
/// When there is none.
pub fn named(name: &str) -> Result<Catalog, SourceError> {
    match Minor::parse(name) {
        Some(minor) if !Path::new(name).is_file() => built_in(minor),
        _ => any_file(Path::new(name)),
    }
}

/// The list built in for a release.
///
/// # Errors
/// When there is none.
pub fn built_in(minor: Minor) -> Result<Catalog, SourceError> {
    Catalog::built_in(minor).ok_or_else(|| {
        let known = Catalog::built_in_minors();
        let oldest = known.first().copied().unwrap_or(minor);
        let newest = known.last().copied().unwrap_or(minor);
        SourceError::Unknown { minor, oldest, newest }
    })
}

/// The list of a conformance.yaml or a suite binary; which of them it is, its first bytes tell.
///
/// # Errors
/// When it is neither.
pub fn any_file(path: &Path) -> Result<Catalog, SourceError> {
    let read = |source| SourceError::Read { path: path.to_owned(), source };
    let mut head = Vec::new();
    File::open(path).map_err(read)?.take(4).read_to_end(&mut head).map_err(read)?;
    if head.starts_with(b"\x7fELF") || head.starts_with(b"#!") { suite(path) } else { file(path) }
}

/// The list of a conformance.yaml.
///
/// # Errors
/// When it is none.
pub fn file(path: &Path) -> Result<Catalog, SourceError> {
    let read = |source| SourceError::Read { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    // One byte more than any list has, so that the reader can say that there are too many.
    File::open(path).map_err(read)?.take(SMALL_FILE + 1).read_to_end(&mut bytes).map_err(read)?;
    parsed(path, Origin::File(path.display().to_string()), &bytes)
}

/// The list that a suite binary prints. No cluster is asked for it.
///
/// # Errors
/// When it prints none.
pub fn suite(path: &Path) -> Result<Catalog, SourceError> {
    let start = |source| SourceError::Start { path: path.to_owned(), source };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    // Resolved, so that a bare name is a file here and no program of the search path.
    let program = std::fs::canonicalize(path).map_err(start)?;
    let bytes = runtime.map_err(start)?.block_on(async {
        match tokio::time::timeout(PATIENCE, printed(&program)).await {
            Ok(printed) => printed.map_err(start),
            Err(_) => Err(SourceError::TooSlow { path: path.to_owned() }),
        }
    })?;
    parsed(path, Origin::Binary(path.display().to_string()), &bytes)
}

/// What the program prints on standard output; it is killed when nobody waits any more.
async fn printed(program: &Path) -> io::Result<Vec<u8>> {
    let mut command = tokio::process::Command::new(program);
    command.arg(QUESTION).env_remove("KUBECONFIG").kill_on_drop(true);
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let mut bytes = Vec::new();
    if let Some(output) = child.stdout.take() {
        output.take(SMALL_FILE + 1).read_to_end(&mut bytes).await?;
    }
    // More than any list has: it would wait for somebody to read on.
    if bytes.len() as u64 <= SMALL_FILE {
        child.wait().await?;
    }
    Ok(bytes)
}

fn parsed(path: &Path, origin: Origin, bytes: &[u8]) -> Result<Catalog, SourceError> {
    let text = String::from_utf8_lossy(bytes);
    let failed = |source| SourceError::Content { path: path.to_owned(), source };
    Catalog::parse(origin, &text).map_err(failed)
}
