//! Looking at a suite binary without running it.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::{DiscoverError, hex};

/// A suite binary on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binary {
    /// Absolute path, links resolved.
    pub path: PathBuf,
    /// SHA-256 in lower-case hexadecimal digits.
    pub digest: String,
}

/// Looks at a suite binary. Workers of one target compare the digests.
///
/// # Errors
/// [`DiscoverError`] when it is missing, unreadable, or not executable.
pub async fn inspect(path: &Path) -> Result<Binary, DiscoverError> {
    let path = path.to_owned();
    let inspected = tokio::task::spawn_blocking(move || inspect_blocking(&path)).await;
    inspected.expect("reading a file does not panic and is not cancelled")
}

/// Whether a suite binary is there and may be started, as far as that shows without reading it.
///
/// # Errors
/// [`DiscoverError`] when it is missing, unreadable, or not executable.
pub fn look_at(path: &Path) -> Result<(), DiscoverError> {
    open(path).map(drop)
}

fn unreadable(path: &Path, source: io::Error) -> DiscoverError {
    match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            DiscoverError::NotFound { suite: path.to_owned() }
        }
        _ => DiscoverError::Unreadable { suite: path.to_owned(), source },
    }
}

/// The file, and its absolute path.
fn open(path: &Path) -> Result<(File, PathBuf), DiscoverError> {
    let unreadable = |source| unreadable(path, source);
    let absolute = std::fs::canonicalize(path).map_err(unreadable)?;
    let file = File::open(&absolute).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(DiscoverError::NotAFile { suite: absolute });
    }
    if metadata.permissions().mode() & 0o111 == 0 {
        return Err(DiscoverError::NotExecutable { suite: absolute });
    }
    Ok((file, absolute))
}

fn inspect_blocking(path: &Path) -> Result<Binary, DiscoverError> {
    let (mut file, absolute) = open(path)?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => digest.update(&buffer[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(unreadable(path, error)),
        }
    }
    Ok(Binary { path: absolute, digest: hex(&digest.finalize()) })
}
