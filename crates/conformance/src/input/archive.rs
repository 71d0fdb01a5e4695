//! Tar archives, plain or compressed, read once from front to back.

mod guard;

use std::io::{self, Read};
use std::path::{Component, Path};

use flate2::read::MultiGzDecoder;
use tar::{Archive, Entry, EntryType};

use super::collector::Collector;
use super::{EntryFault, InputError};
use crate::Evidence;
use crate::evidence::FileKind;
use guard::{Guard, Metered, Passed};

/// Bytes of an entry's name that a message repeats.
const SHOWN: usize = 120;

/// Two to this power is the memory that a zstd stream may ask for; zstd's usual levels stay below.
const ZSTD_WINDOW: u32 = 25;

/// Bytes that tell an archive: one block of a tar.
const HEAD: u64 = 512;

/// How an archive is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compression {
    None,
    Gzip,
    Zstd,
}

// === impl Compression ===

impl Compression {
    /// What the first bytes say; nothing for what is no archive.
    fn of(head: &[u8]) -> Option<Self> {
        match head {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Self::Zstd),
            _ if head.get(257..262) == Some(b"ustar") => Some(Self::None),
            _ => None,
        }
    }
}

/// Reads an archive. Nothing comes back if the stream is none, by what it begins with.
pub(super) fn read(mut input: impl Read, shown: &str) -> Result<Option<Vec<Evidence>>, InputError> {
    let mut head = Vec::new();
    let io = |source| InputError::Io { path: shown.to_owned(), source };
    input.by_ref().take(HEAD).read_to_end(&mut head).map_err(io)?;
    let Some(compression) = Compression::of(&head) else { return Ok(None) };
    members(io::Cursor::new(head).chain(input), compression, shown).map(Some)
}

fn members(
    input: impl Read,
    compression: Compression,
    shown: &str,
) -> Result<Vec<Evidence>, InputError> {
    let passed = Passed::default();
    let compressed = Metered::new(input, passed.clone());
    match compression {
        // Of a plain archive as many bytes come out as go in.
        Compression::None => walk(Guard::new(compressed, passed), shown),
        Compression::Gzip => walk(Guard::new(MultiGzDecoder::new(compressed), passed), shown),
        Compression::Zstd => {
            let broken = |source| InputError::Archive { path: shown.to_owned(), source };
            let mut decoder = zstd::Decoder::new(compressed).map_err(broken)?;
            decoder.window_log_max(ZSTD_WINDOW).map_err(broken)?;
            walk(Guard::new(decoder, passed), shown)
        }
    }
}

fn walk<R: Read>(guard: Guard<R>, shown: &str) -> Result<Vec<Evidence>, InputError> {
    let budget = guard.budget();
    let mut collector = Collector::new(shown.to_owned());
    let mut archive = Archive::new(guard);
    let broken = |source| explain(source, shown);
    let mut entries = archive.entries().map_err(broken)?;
    loop {
        // What a header says of long names is read into memory, so it may be only so long.
        budget.begin_header();
        let Some(entry) = entries.next() else { break };
        let mut entry = entry.map_err(broken)?;
        budget.end_header();
        member(&mut entry, &mut collector, shown)?;
        // Read to its end here: what is left would count as a header.
        io::copy(&mut entry, &mut io::sink()).map_err(broken)?;
    }
    collector.finish(Path::new(""))
}

fn member<R: Read>(
    entry: &mut Entry<'_, R>,
    collector: &mut Collector,
    shown: &str,
) -> Result<(), InputError> {
    let bytes = entry.path_bytes().into_owned();
    let name = String::from_utf8_lossy(&bytes).into_owned();
    let refuse = |fault| {
        let entry = name.chars().take(SHOWN).collect();
        Err(InputError::Entry { path: shown.to_owned(), entry, fault })
    };
    let mut inside = Vec::new();
    for component in Path::new(&name).components() {
        match component {
            Component::Normal(part) => inside.push(part.to_string_lossy()),
            Component::CurDir => {}
            _ => return refuse(EntryFault::Path),
        }
    }
    // A backslash is a separator where the archive may have been made or be unpacked.
    if inside.iter().any(|part| part.split('\\').any(|part| part == "..")) {
        return refuse(EntryFault::Path);
    }
    let inside = inside.join("/");
    match entry.header().entry_type() {
        EntryType::Regular | EntryType::Continuous => {
            let size = entry.size();
            let result = collector.entry(&inside, FileKind::File, size, || Ok(entry));
            result.map_err(|error| within(error, shown))
        }
        EntryType::Directory | EntryType::XGlobalHeader => collector.count_entry(),
        EntryType::Symlink | EntryType::Link => refuse(EntryFault::Link),
        EntryType::GNUSparse => refuse(EntryFault::Sparse),
        _ => refuse(EntryFault::Device),
    }
}

/// A member that cannot be read on tells of the archive.
fn within(error: InputError, shown: &str) -> InputError {
    match error {
        InputError::Io { source, .. } => explain(source, shown),
        error => error,
    }
}

/// Tells a limit of ours from a damaged archive.
fn explain(source: io::Error, shown: &str) -> InputError {
    let path = shown.to_owned();
    match guard::limit_of(&source) {
        Some(limit) => InputError::Limit { path, what: limit.to_string() },
        None => InputError::Archive { path, source },
    }
}

#[cfg(test)]
mod tests;
