//! The form of a backup: frames, each with a checksum of everything up to and including itself.
//!
//! ```text
//! "multibeam-backup 1\n"  header  state...  kept entry...  entry of the log...  end
//! frame: kind u8, length u32, body, first 8 bytes of the SHA-256 so far
//! ```
//!
//! A reader notices a changed byte at the frame it is in, and a stream that was cut off by the
//! missing end.

use std::io::{self, Read, Write};

use multibeam_ledger::node::disk::{Base, HardState, LogEntry, Start};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::StoreError;
use super::disk::Identity;

const WORD: &str = "multibeam-backup";
/// The format of the backups this build writes.
const FORMAT: u32 = 1;
const SUM: usize = 8;

/// Larger frames are not ours: an entry is far smaller, and states come in pieces.
const MOST: u32 = 256 << 20;

/// What a backup begins with.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Header {
    pub(super) identity: Identity,
    pub(super) base: Base,
    pub(super) hard: HardState,
    pub(super) start: Start,
    pub(super) last: u64,
}

/// What it ends with: how much there was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct End {
    pub(super) state: u64,
    pub(super) kept: u64,
    pub(super) entries: u64,
}

/// One part of a backup.
#[derive(Debug)]
pub(super) enum Frame {
    Header(Header),
    State(Vec<u8>),
    Kept(LogEntry),
    Entry(LogEntry),
    End(End),
}

const HEADER: u8 = b'H';
const STATE: u8 = b'S';
const KEPT: u8 = b'K';
const ENTRY: u8 = b'L';
const END: u8 = b'E';

/// Writes a backup.
pub(super) struct Writer<W> {
    out: W,
    digest: Sha256,
}

/// Reads one.
pub(super) struct Reader<R> {
    input: R,
    digest: Sha256,
}

impl<W: Write> Writer<W> {
    pub(super) fn begin(out: W) -> Result<Self, StoreError> {
        let mut writer = Self { out, digest: Sha256::new() };
        writer.put(format!("{WORD} {FORMAT}\n").as_bytes())?;
        Ok(writer)
    }

    pub(super) fn header(&mut self, header: &Header) -> Result<(), StoreError> {
        self.frame(HEADER, &encode(header))
    }

    /// A piece of the state.
    pub(super) fn state(&mut self, piece: &[u8]) -> Result<(), StoreError> {
        self.frame(STATE, piece)
    }

    pub(super) fn kept(&mut self, entry: &LogEntry) -> Result<(), StoreError> {
        self.frame(KEPT, &with_index(entry))
    }

    pub(super) fn entry(&mut self, entry: &LogEntry) -> Result<(), StoreError> {
        self.frame(ENTRY, &with_index(entry))
    }

    pub(super) fn end(mut self, end: &End) -> Result<(), StoreError> {
        self.frame(END, &encode(end))?;
        self.out.flush().map_err(written)
    }

    fn frame(&mut self, kind: u8, body: &[u8]) -> Result<(), StoreError> {
        let length = u32::try_from(body.len()).expect("entries are limited far below 4 GiB");
        self.put(&[kind])?;
        self.put(&length.to_le_bytes())?;
        self.put(body)?;
        let sum = sum(&self.digest);
        self.put(&sum)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.digest.update(bytes);
        self.out.write_all(bytes).map_err(written)
    }
}

impl<R: Read> Reader<R> {
    pub(super) fn begin(input: R) -> Result<Self, StoreError> {
        let mut reader = Self { input, digest: Sha256::new() };
        let mut line = Vec::new();
        // No format's line is longer.
        while line.last() != Some(&b'\n') && line.len() < WORD.len() + 12 {
            let mut byte = [0];
            reader.take(&mut byte)?;
            line.extend_from_slice(&byte);
        }
        let line = String::from_utf8_lossy(&line);
        match line.trim_end().strip_prefix(WORD).and_then(|rest| rest.trim().parse::<u32>().ok()) {
            Some(FORMAT) => Ok(reader),
            Some(found) => Err(StoreError::BackupFormat { found, expected: FORMAT }),
            None => Err(bad("it does not begin as one")),
        }
    }

    pub(super) fn next(&mut self) -> Result<Frame, StoreError> {
        let (mut kind, mut length) = ([0], [0; 4]);
        self.take(&mut kind)?;
        self.take(&mut length)?;
        let length = u32::from_le_bytes(length);
        if length > MOST {
            return Err(bad("a part of it is damaged"));
        }
        // Grows with what is there, so that a damaged length allocates nothing.
        let mut body = Vec::new();
        let taken = self.input.by_ref().take(u64::from(length)).read_to_end(&mut body);
        if taken.map_err(read)? < length as usize {
            return Err(bad("its end is missing"));
        }
        self.digest.update(&body);
        let expected = sum(&self.digest);
        let mut found = [0; SUM];
        self.take(&mut found)?;
        if found != expected {
            return Err(bad("a part of it is damaged"));
        }
        let frame = match kind[0] {
            HEADER => decode(&body).map(Frame::Header),
            STATE => Some(Frame::State(body)),
            KEPT => without_index(body).map(Frame::Kept),
            ENTRY => without_index(body).map(Frame::Entry),
            END => decode(&body).map(Frame::End),
            _ => None,
        };
        frame.ok_or_else(|| bad("a part of it is of an unknown kind"))
    }

    /// Nothing may follow the end.
    pub(super) fn finish(mut self) -> Result<(), StoreError> {
        match self.input.read(&mut [0]).map_err(read)? {
            0 => Ok(()),
            _ => Err(bad("something follows its end")),
        }
    }

    fn take(&mut self, bytes: &mut [u8]) -> Result<(), StoreError> {
        self.input.read_exact(bytes).map_err(read)?;
        self.digest.update(bytes);
        Ok(())
    }
}

pub(super) fn bad(what: impl Into<String>) -> StoreError {
    StoreError::BadBackup { what: what.into() }
}

fn written(source: io::Error) -> StoreError {
    StoreError::Backup { action: "write", source }
}

fn read(source: io::Error) -> StoreError {
    if source.kind() == io::ErrorKind::UnexpectedEof {
        return bad("its end is missing");
    }
    StoreError::Backup { action: "read", source }
}

fn sum(digest: &Sha256) -> [u8; SUM] {
    *digest.clone().finalize().first_chunk().expect("a SHA-256 has 32 bytes")
}

fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    postcard::to_extend(value, Vec::new())
        .expect("writing to memory cannot fail and every type has a known shape")
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    postcard::from_bytes(bytes).ok()
}

fn with_index(entry: &LogEntry) -> Vec<u8> {
    let mut bytes = entry.index.to_le_bytes().to_vec();
    bytes.extend_from_slice(&entry.encode());
    bytes
}

fn without_index(bytes: Vec<u8>) -> Option<LogEntry> {
    let bytes = bytes::Bytes::from(bytes);
    let index = u64::from_le_bytes(*bytes.first_chunk()?);
    LogEntry::decode(index, bytes.slice(size_of::<u64>()..))
}
