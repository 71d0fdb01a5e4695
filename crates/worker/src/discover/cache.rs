//! Discoveries kept on disk. Anything in the cache that cannot be read is made anew.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use multibeam_ginkgo::catalog::Catalog;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Binary, DiscoverError, DiscoverOptions, hex};

/// Version of the files of this module; a catalog has its own.
const FORMAT: u32 = 1;

/// Discoveries that are kept, the newest ones. A run without a seed draws one and so makes a new
/// discovery, of some 25 MB for a suite of Kubernetes' size.
const KEPT: usize = 8;

/// Younger ones stay in any case: somebody may be about to read them.
const IN_USE: Duration = Duration::from_secs(60 * 60);

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
        let failed = |cause| DiscoverError::Cache { directory: directory.to_owned(), cause };
        fs::create_dir_all(directory)
            .and_then(|()| fs::canonicalize(directory))
            .map(|directory| Self { directory })
            .map_err(failed)
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
        let catalog = catalog?;
        // What is used stays; that it is used matters less than the discovery itself.
        let used = File::open(&entry_path).and_then(|file| file.set_modified(SystemTime::now()));
        if let Err(error) = used {
            tracing::debug!(path = %entry_path.display(), %error, "cannot note a use");
        }
        Some((catalog, dry_run_path))
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
        if let Err(error) = self.prune(SystemTime::now()) {
            tracing::warn!(path = %self.directory.display(), %error, "cannot remove old discoveries");
        }
        Ok(dry_run_path)
    }

    /// Removes discoveries that nobody has used for long.
    fn prune(&self, now: SystemTime) -> io::Result<()> {
        let mut entries = Vec::new();
        for file in fs::read_dir(&self.directory)? {
            let path = file?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if let Some(key) = name.strip_suffix(".catalog.json") {
                entries.push((fs::metadata(&path)?.modified()?, Key(key.to_owned())));
            }
        }
        entries.sort_by_key(|(used, _)| std::cmp::Reverse(*used));
        for (used, key) in entries.into_iter().skip(KEPT) {
            if now.duration_since(used).is_ok_and(|age| age > IN_USE) {
                let (entry, dry_run) = self.paths(&key);
                // The entry first: without it there is no pair.
                fs::remove_file(entry)?;
                fs::remove_file(dry_run)?;
            }
        }
        Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_discoveries_and_those_in_use_stay() {
        let directory = tempfile::tempdir().unwrap();
        let cache = Cache::open(directory.path()).unwrap();
        let now = SystemTime::now();
        // The higher the number, the longer ago; one in two is younger than an hour.
        for number in 0..20_u32 {
            let (entry, dry_run) = cache.paths(&Key(number.to_string()));
            fs::write(&dry_run, b"{}").unwrap();
            let file = File::create(&entry).unwrap();
            let age = Duration::from_secs(60 * u64::from(number));
            let age = if number.is_multiple_of(2) { age } else { age + 2 * IN_USE };
            file.set_modified(now - age).unwrap();
        }
        cache.prune(now).unwrap();
        let left = |number: &u32| cache.paths(&Key(number.to_string())).0.exists();
        let left: Vec<u32> = (0..20).filter(left).collect();
        assert_eq!(left, [0, 2, 4, 6, 8, 10, 12, 14, 16, 18], "the young ones are the newest, too");
        for number in (0..20_u32).step_by(2) {
            let (_, dry_run) = cache.paths(&Key(number.to_string()));
            fs::remove_file(dry_run).unwrap();
        }
        let rest: Vec<_> = fs::read_dir(directory.path()).unwrap().collect();
        assert_eq!(rest.len(), 10, "both files of a discovery go: {rest:?}");
    }
}
