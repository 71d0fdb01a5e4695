//! Directories on disk.

use std::fs::{self, File};
use std::path::Path;

use super::InputError;
use super::collector::Collector;
use crate::Evidence;
use crate::evidence::FileKind;
use crate::limits::TREE_DEPTH;

/// Directories that hold no results, only what a version control system keeps of them.
const PASSED_OVER: [&str; 1] = [".git"];

/// Reads a tree. Links are listed and never followed.
pub(super) fn read(root: &Path) -> Result<Vec<Evidence>, InputError> {
    let shown = root.display().to_string();
    let shown = shown.strip_suffix('/').filter(|rest| !rest.is_empty()).unwrap_or(&shown);
    let absolute = fs::canonicalize(root).map_err(|source| io(root, source))?;
    let mut collector = Collector::new(shown.to_owned());
    walk(root, "", 0, &mut collector)?;
    collector.finish(&absolute)
}

fn walk(
    directory: &Path,
    below: &str,
    depth: usize,
    collector: &mut Collector,
) -> Result<(), InputError> {
    if depth > TREE_DEPTH {
        let path = directory.display().to_string();
        return Err(InputError::Limit { path, what: format!("deeper than {TREE_DEPTH}") });
    }
    let entries = fs::read_dir(directory).map_err(|source| io(directory, source))?;
    let mut names = Vec::new();
    for entry in entries {
        collector.count_entry()?;
        let entry = entry.map_err(|source| io(directory, source))?;
        names.push((entry.file_name(), entry));
    }
    // The order of the findings must not depend on the file system.
    names.sort_by(|(a, _), (b, _)| a.cmp(b));
    for (name, entry) in names {
        let name = name.to_string_lossy();
        let path = entry.path();
        let inside = if below.is_empty() { name.to_string() } else { format!("{below}/{name}") };
        // Of the entry itself, not of what a link leads to.
        let metadata = entry.metadata().map_err(|source| io(&path, source))?;
        let kind = metadata.file_type();
        if kind.is_dir() {
            if !PASSED_OVER.contains(&name.as_ref()) {
                walk(&path, &inside, depth + 1, collector)?;
            }
            continue;
        }
        let kind = match () {
            () if kind.is_file() => FileKind::File,
            () if kind.is_symlink() => FileKind::Link,
            () => FileKind::Special,
        };
        collector.entry(&inside, kind, metadata.len(), || File::open(&path))?;
    }
    Ok(())
}

fn io(path: &Path, source: std::io::Error) -> InputError {
    InputError::Io { path: path.display().to_string(), source }
}
