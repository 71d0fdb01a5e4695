//! A compressed tar archive whose bytes depend on nothing but its content and one time.

use std::io::{self, Read, Write};

use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};

use crate::ExportError;
use crate::input::Input;

/// An archive in the making. Members are added in the order of their names.
pub struct Archive<W: Write> {
    out: tar::Builder<GzEncoder<W>>,
    /// In seconds since 1970, for every member.
    time: i64,
}

// === impl Archive ===

impl<W: Write> Archive<W> {
    /// An empty archive; `time`, in seconds since 1970, is that of every member.
    pub fn new(out: W, time: i64) -> Self {
        // No name and no time in the head of the stream: the same content gives the same bytes.
        let zipped = GzBuilder::new().mtime(0).write(out, Compression::default());
        Self { out: tar::Builder::new(zipped), time }
    }

    /// Adds a small file. JSON is YAML too, so it does for files of either kind.
    ///
    /// # Errors
    /// When the output takes no more.
    pub fn json(&mut self, path: &str, content: &impl serde::Serialize) -> Result<(), ExportError> {
        let mut bytes = serde_json::to_vec_pretty(content)?;
        bytes.push(b'\n');
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.add(path, length, bytes.as_slice())
    }

    /// Adds a file as it is.
    ///
    /// # Errors
    /// When it cannot be read, or has another length than was announced; when the output takes no
    /// more.
    pub fn file(&mut self, path: &str, input: Input<'_>) -> Result<(), ExportError> {
        let mut found = 0;
        let content = Counting { of: (&mut *input.content).take(input.bytes), found: &mut found };
        self.add(path, input.bytes, content)?;
        input.check(found)
    }

    fn add(&mut self, path: &str, bytes: u64, content: impl Read) -> Result<(), ExportError> {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(u64::try_from(self.time).unwrap_or_default());
        header.set_entry_type(tar::EntryType::Regular);
        Ok(self.out.append_data(&mut header, path, content)?)
    }

    /// Writes what ends an archive.
    ///
    /// # Errors
    /// When the output takes no more.
    pub fn end(self) -> Result<(), ExportError> {
        Ok(self.out.into_inner()?.finish()?.flush()?)
    }
}

/// Tells how much was read.
struct Counting<'a, R> {
    of: R,
    found: &'a mut u64,
}

impl<R: Read> Read for Counting<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.of.read(buffer)?;
        *self.found += u64::try_from(read).unwrap_or_default();
        Ok(read)
    }
}
