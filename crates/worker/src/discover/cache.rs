//! Discoveries kept on disk. Anything in the cache that cannot be read is made anew.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use multibeam_ginkgo::catalog::Catalog;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Binary, DiscoverError, DiscoverOptions, hex};

/// Version of the files of this module; a catalog has its own.
const FORMAT: u32 = 1;

/// What a discovery depends on.
#[derive(Debug)]
pub(super) struct Key(String);

impl Key {
    pub(super) fn of(binary: &Binary, options: &DiscoverOptions) -> Self {
        let mut digest = Sha256::new();
        // Lengths keep neighbours apart: ("ab", "c") is not ("a", "bc").
        let mut add = |bytes: &[u8]| {
            digest.update((bytes.len() as u64).to_le_bytes());
            digest.update(bytes);
        };
        add(&FORMAT.to_le_bytes());
        add(binary.digest.as_bytes());
        add(options.directory.as_os_str().as_bytes());
        for argument in options.options.effective(options.seed) {
            add(argument.as_bytes());
        }
        for (name, value) in &options.env {
            add(name.as_bytes());
            add(value.as_bytes());
        }
        Self(hex(&digest.finalize()))
    }
}

/// A directory of discoveries.
#[derive(Debug)]
pub(super) struct Cache {
    directory: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    format: u32,
    /// SHA-256 of the dry run's report next to it: both or none.
    dry_run: String,
    catalog: String,
}

impl Cache {
    pub(super) fn open(directory: &Path) -> Result<Self, DiscoverError> {
        let what = format!("make the cache directory {}", directory.display());
        fs::create_dir_all(directory)
            .and_then(|()| fs::canonicalize(directory))
            .map(|directory| Self { directory })
            .map_err(DiscoverError::io(what))
    }

    fn paths(&self, key: &Key) -> (PathBuf, PathBuf) {
        let path = |end| self.directory.join(format!("{}.{end}.json", key.0));
        (path("catalog"), path("dry-run"))
    }

    /// A stored discovery: its catalog and the path of the dry run's report.
    pub(super) fn load(&self, key: &Key) -> Option<(Catalog, PathBuf)> {
        let (entry_path, dry_run_path) = self.paths(key);
        let entry = fs::read(&entry_path).ok()?;
        let read = || -> Option<Catalog> {
            let entry: Entry = serde_json::from_slice(&entry).ok()?;
            let dry_run = fs::read(&dry_run_path).ok()?;
            let intact = entry.format == FORMAT && entry.dry_run == hex(&Sha256::digest(dry_run));
            Catalog::from_json(entry.catalog.as_bytes()).ok().filter(|_| intact)
        };
        let catalog = read();
        if catalog.is_none() {
            tracing::warn!(path = %entry_path.display(), "a stored discovery cannot be used, making it anew");
        }
        Some((catalog?, dry_run_path))
    }

    /// Stores a discovery; gives the path of the dry run's report.
    pub(super) fn store(
        &self,
        key: &Key,
        catalog: &Catalog,
        dry_run: &[u8],
    ) -> Result<PathBuf, DiscoverError> {
        let (entry_path, dry_run_path) = self.paths(key);
        let catalog = String::from_utf8(catalog.to_json()).expect("JSON is UTF-8");
        let entry = Entry { format: FORMAT, dry_run: hex(&Sha256::digest(dry_run)), catalog };
        let entry = serde_json::to_vec(&entry).expect("strings and numbers can be written");
        let write = || -> io::Result<()> {
            let scratch = self.make_scratch()?;
            // The entry comes last: with it the pair is complete.
            replace(scratch.path(), &dry_run_path, dry_run)?;
            replace(scratch.path(), &entry_path, &entry)
        };
        let what = format!("write to the cache directory {}", self.directory.display());
        write().map_err(DiscoverError::io(what))?;
        Ok(dry_run_path)
    }

    /// A directory that vanishes when it is dropped.
    pub(super) fn scratch(&self) -> Result<Scratch, DiscoverError> {
        let what = format!("write to the cache directory {}", self.directory.display());
        self.make_scratch().map_err(DiscoverError::io(what))
    }

    fn make_scratch(&self) -> io::Result<Scratch> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let path = self.directory.join(format!("tmp-{}-{number}", std::process::id()));
            match fs::create_dir(&path) {
                Ok(()) => return Ok(Scratch(path)),
                // Left by an earlier process with this number.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// Writes a file so that a reader sees all of it or none.
fn replace(scratch: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = scratch.join("new");
    let mut file = File::create(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, path)
}

/// A directory that vanishes when it is dropped.
#[derive(Debug)]
pub(super) struct Scratch(PathBuf);

impl Scratch {
    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!(path = %self.0.display(), %error, "cannot remove a temporary directory");
        }
    }
}
