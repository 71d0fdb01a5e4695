//! Where evidence comes from: directories, archives, and bare files, read once and as streams.
//!
//! A place is any directory, on disk or in an archive, that holds a JUnit file, an `e2e.log`, or a
//! PRODUCT.yaml. So a submission, a directory of submissions, a run's results, and a Sonobuoy tarball
//! (`plugins/e2e/results/global/`) are all read alike. Nothing is ever written, no link is followed,
//! and an archive with a path that leads out of it, a link, or a device is refused as a whole.

mod archive;
mod collector;
mod directory;
mod error;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

pub use error::{EntryFault, InputError};

use crate::Evidence;
use collector::Collector;

/// Reads everything that the paths name; one piece of evidence per place, in the order of the paths.
/// Bare files that lie in the same directory are one place; a directory or archive that several paths lead
/// to is there once, under the first.
///
/// # Errors
/// When a path cannot be read, is nothing that is known, or holds nothing to verify.
pub fn collect(paths: &[PathBuf]) -> Result<Vec<Evidence>, InputError> {
    let mut all = Vec::new();
    let mut known = BTreeSet::new();
    let mut add = |found: Vec<Evidence>| {
        let new = |evidence: &Evidence| known.insert(evidence.lies_at.clone());
        all.extend(found.into_iter().filter(new));
    };
    let mut bare: Vec<(PathBuf, Vec<&PathBuf>)> = Vec::new();
    for path in paths {
        let io = |source| InputError::Io { path: path.display().to_string(), source };
        let metadata = fs::metadata(path).map_err(io)?;
        if metadata.is_dir() {
            add(directory::read(path)?);
        } else if !metadata.is_file() {
            return Err(InputError::Special { path: path.display().to_string() });
        } else if let Some(mut found) =
            archive(File::open(path).map_err(io)?, &path.display().to_string())?
        {
            let file = fs::canonicalize(path).map_err(io)?;
            for evidence in &mut found {
                evidence.lies_at = file.join(&evidence.lies_at);
            }
            add(found);
        } else {
            let real = fs::canonicalize(path).map_err(io)?;
            let parent = real.parent().unwrap_or(Path::new("/")).to_owned();
            match bare.iter_mut().find(|(known, _)| *known == parent) {
                Some((_, files)) => files.push(path),
                None => bare.push((parent, vec![path])),
            }
        }
    }
    for (_, files) in bare {
        let shown = files.first().and_then(|file| file.parent()).unwrap_or(Path::new(""));
        all.push(bare_files(shown, &files)?);
    }
    Ok(all)
}

/// Reads a tar archive, plain or compressed, from a stream; `shown` is what messages call it. Nothing
/// comes back if it is no archive, by what it begins with.
///
/// # Errors
/// When it is damaged, refused, or holds nothing to verify.
pub fn archive(input: impl Read, shown: &str) -> Result<Option<Vec<Evidence>>, InputError> {
    archive::read(input, shown)
}

/// Files that were named one by one.
fn bare_files(parent: &Path, files: &[&PathBuf]) -> Result<Evidence, InputError> {
    let here = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    let mut collector = Collector::new(here.display().to_string());
    for path in files {
        let shown = path.display().to_string();
        let io = |source| InputError::Io { path: shown.clone(), source };
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        let name = name.unwrap_or_default();
        let file = File::open(path).map_err(io)?;
        let size = file.metadata().map_err(io)?.len();
        collector.bare_file(&name, size, file)?;
    }
    collector.only_place(parent)
}
