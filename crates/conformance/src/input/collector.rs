//! Sorts files into places by their directories, and reads those that count as they come.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::path::{Component, Path};

use super::InputError;
use crate::Minor;
use crate::evidence::{Evidence, FileKind, Kind, ListedFile, Readme};
use crate::junit::{Junit, JunitError};
use crate::limits::{ENTRIES, PATHS, SMALL_FILE};
use crate::log::{Log, LogError};
use crate::product::{Product, ProductError};

/// What a file is to a submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Product,
    Readme,
    Log,
    Junit,
}

/// Places as they emerge.
pub(super) struct Collector {
    /// What the user gave: a directory, or an archive.
    root: String,
    places: BTreeMap<String, Evidence>,
    entries: usize,
    /// Bytes of all paths so far.
    paths: usize,
}

// === impl Role ===

impl Role {
    /// The bot finds the four files whatever the case of their names. Other names of JUnit files are
    /// those of runs with other tools.
    fn of(name: &str) -> Option<Self> {
        let lower = name.to_ascii_lowercase();
        match lower.as_str() {
            "product.yaml" => Some(Self::Product),
            "readme.md" => Some(Self::Readme),
            "e2e.log" => Some(Self::Log),
            _ if lower.starts_with("junit") && lower.ends_with(".xml") => Some(Self::Junit),
            _ => None,
        }
    }

    /// The role of a file that was named by the user.
    fn of_bare(name: &str) -> Option<Self> {
        let ends = |end: &str| name.to_ascii_lowercase().ends_with(end);
        Self::of(name).or_else(|| match () {
            () if ends(".xml") => Some(Self::Junit),
            () if ends(".log") || ends(".txt") => Some(Self::Log),
            () => None,
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Product => "PRODUCT.yaml",
            Self::Readme => "README.md",
            Self::Log => "e2e.log",
            Self::Junit => "junit_01.xml",
        }
    }
}

// === impl Collector ===

impl Collector {
    pub(super) fn new(root: String) -> Self {
        Self { root, places: BTreeMap::new(), entries: 0, paths: 0 }
    }

    /// A name that is no directory; `path` is below the root, with slashes. What is read of it comes
    /// from `open`, which is asked only for files that count.
    pub(super) fn entry<R: Read>(
        &mut self,
        path: &str,
        kind: FileKind,
        size: u64,
        open: impl FnOnce() -> io::Result<R>,
    ) -> Result<(), InputError> {
        self.count_entry()?;
        self.paths += path.len();
        if self.paths > PATHS {
            return Err(self.limit(format!("more than {PATHS} bytes of paths")));
        }
        let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
        let role = Role::of(name).filter(|_| kind == FileKind::File);
        let evidence = self.place(directory);
        evidence.files.push(ListedFile { name: name.to_owned(), kind, size });
        let Some(role) = role else { return Ok(()) };
        let shown = evidence.path(name);
        match name_of(evidence, role) {
            // Only in an archive: who unpacks it may find another file than who reads it.
            Some(taken) if taken == name => return Err(InputError::Again { path: shown }),
            // A run in shards leaves several JUnit files, and names may differ by case: the one
            // that is spelled as in a submission counts, else the first.
            Some(_) if name != role.name() => return Ok(()),
            _ => {}
        }
        let input = open().map_err(|source| InputError::Io { path: shown, source })?;
        fill(evidence, role, name, input)
    }

    /// Counts a directory or any other entry against the limit.
    pub(super) fn count_entry(&mut self) -> Result<(), InputError> {
        self.entries += 1;
        if self.entries <= ENTRIES {
            return Ok(());
        }
        Err(self.limit(format!("more than {ENTRIES} entries")))
    }

    fn limit(&self, what: String) -> InputError {
        InputError::Limit { path: self.root.clone(), what }
    }

    /// A file that the user named.
    pub(super) fn bare_file(
        &mut self,
        name: &str,
        size: u64,
        input: impl Read,
    ) -> Result<(), InputError> {
        let evidence = self.place("");
        let path = evidence.path(name);
        let Some(role) = Role::of_bare(name) else { return Err(InputError::Unknown { path }) };
        if name_of(evidence, role).is_some() {
            return Err(InputError::Twice { path, what: role.name() });
        }
        evidence.files.push(ListedFile { name: name.to_owned(), kind: FileKind::File, size });
        fill(evidence, role, name, input)
    }

    fn place(&mut self, directory: &str) -> &mut Evidence {
        let place = match (self.root.as_str(), directory) {
            (root, "") => root.to_owned(),
            ("", directory) => directory.to_owned(),
            (root, directory) => format!("{root}/{directory}"),
        };
        self.places.entry(directory.to_owned()).or_insert_with(|| Evidence::new(place))
    }

    /// The place of files that the user named; they are what they are, wherever they lie.
    pub(super) fn only_place(mut self, parent: &Path) -> Result<Evidence, InputError> {
        let found = self.places.pop_first().map(|(_, evidence)| evidence);
        let Some(mut evidence) =
            found.filter(|evidence| holds(evidence) || evidence.readme.is_some())
        else {
            return Err(InputError::Nothing { path: self.root });
        };
        if evidence.product.is_some() || evidence.readme.is_some() {
            evidence.kind = Kind::Submission;
            evidence.folder = folder(parent, "");
        }
        Ok(evidence)
    }

    /// All places that hold something to verify; `absolute` is where the root lies.
    pub(super) fn finish(mut self, absolute: &Path) -> Result<Vec<Evidence>, InputError> {
        let named: BTreeSet<String> = self
            .places
            .iter()
            .filter(|(_, evidence)| holds(evidence))
            .map(|(directory, _)| directory.clone())
            .collect();
        let mut out = Vec::new();
        for directory in &named {
            let Some(mut evidence) = self.places.remove(directory) else { continue };
            evidence.lies_at = absolute.join(directory);
            evidence.folder = folder(absolute, directory);
            let submission = evidence.product.is_some() || evidence.readme.is_some();
            if evidence.folder.is_some() || submission {
                evidence.kind = Kind::Submission;
                evidence.files.extend(self.below(directory, &named));
            }
            out.push(evidence);
        }
        if out.is_empty() { Err(InputError::Nothing { path: self.root }) } else { Ok(out) }
    }

    /// Files in directories below one, as long as they are no places of their own.
    fn below(&self, directory: &str, named: &BTreeSet<String>) -> Vec<ListedFile> {
        let prefix = if directory.is_empty() { String::new() } else { format!("{directory}/") };
        let mut below = Vec::new();
        for (other, evidence) in self.places.range(prefix.clone()..) {
            let Some(rest) = other.strip_prefix(&prefix) else { break };
            if rest.is_empty() || named.contains(other) {
                continue;
            }
            below.extend(
                evidence.files.iter().map(|file| ListedFile {
                    name: format!("{rest}/{}", file.name),
                    ..file.clone()
                }),
            );
        }
        below
    }
}

/// Whether there is something to verify.
fn holds(evidence: &Evidence) -> bool {
    evidence.junit.is_some() || evidence.log.is_some() || evidence.product.is_some()
}

/// Release and product by the last two names of a directory.
fn folder(absolute: &Path, below: &str) -> Option<(Minor, String)> {
    let path = absolute.join(below);
    let mut names = path.components().rev().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_string_lossy()),
        _ => None,
    });
    let product = names.next()?.into_owned();
    Some((Minor::of_directory(&names.next()?)?, product))
}

/// The name of the file that has a role already.
fn name_of(evidence: &Evidence, role: Role) -> Option<&str> {
    match role {
        Role::Product => evidence.product.as_ref().map(|(name, _)| name.as_str()),
        Role::Readme => evidence.readme.as_ref().map(|(name, _)| name.as_str()),
        Role::Log => evidence.log.as_ref().map(|(name, _)| name.as_str()),
        Role::Junit => evidence.junit.as_ref().map(|(name, _)| name.as_str()),
    }
}

/// Reads a file that counts.
fn fill(
    evidence: &mut Evidence,
    role: Role,
    name: &str,
    input: impl Read,
) -> Result<(), InputError> {
    let path = evidence.path(name);
    let io = |source| InputError::Io { path, source };
    let name = name.to_owned();
    match role {
        Role::Junit => match Junit::read(input) {
            Err(JunitError::Read(source)) => return Err(io(source)),
            read => evidence.junit = Some((name, read)),
        },
        Role::Log => match Log::read(input) {
            Err(LogError::Read(source)) => return Err(io(source)),
            read => evidence.log = Some((name, read)),
        },
        Role::Product => {
            let read = match small(input).map_err(io)? {
                Some(bytes) => Product::parse(&bytes),
                None => Err(ProductError::Size),
            };
            let other = read.as_ref().is_ok_and(Product::is_product_file);
            evidence.product = Some((name, read)).filter(|_| !other);
        }
        Role::Readme => {
            // Of a long one the begin tells enough.
            let mut bytes = Vec::new();
            input.take(SMALL_FILE).read_to_end(&mut bytes).map_err(io)?;
            let text = String::from_utf8_lossy(&bytes).into_owned();
            evidence.readme = Some((name, Readme { text }));
        }
    }
    Ok(())
}

/// All bytes, unless there are too many.
fn small(input: impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    input.take(SMALL_FILE + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= SMALL_FILE).then_some(bytes))
}
