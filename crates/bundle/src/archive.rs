//! A submission as one file, and checksums of both.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read, Write};

use multibeam_export::archive::Archive;
use multibeam_export::{ExportError, Input};
use sha2::{Digest as _, Sha256};

use crate::Submission;

/// Bytes that are summed at a time.
const CHUNK: usize = 64 << 10;

/// Hex digits of a SHA-256.
const SUM: usize = 64;

/// Writes a compressed tar archive with the files of a submission in `vX.Y/PRODUCT`. The time of
/// every member is that at which the target ended, so the same results give the same bytes.
///
/// # Errors
/// When a file cannot be read, or changes meanwhile; when the output takes no more.
pub fn write(
    submission: &Submission<'_>,
    files: &mut [Input<'_>],
    out: impl Write,
) -> Result<(), ExportError> {
    let mut archive = Archive::new(out, submission.target.time());
    for Input { name, bytes, content } in files {
        let path = format!("{}/{name}", submission.directory());
        archive.file(&path, Input { name, bytes: *bytes, content: &mut **content })?;
    }
    archive.end()
}

/// Checksums of files by their paths: what stands in a file that `sha256sum --check` reads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checksums(BTreeMap<String, String>);

// === impl Checksums ===

impl Checksums {
    /// Reads what [`Display`](fmt::Display) has written. Other lines are left out.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let line = |line: &str| {
            let (sum, path) = line.split_once("  ")?;
            let hex = sum.len() == SUM && sum.bytes().all(|byte| byte.is_ascii_hexdigit());
            hex.then(|| (path.to_owned(), sum.to_owned()))
        };
        Self(text.lines().filter_map(line).collect())
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a file, in the place of an earlier one of that path.
    ///
    /// # Errors
    /// When the content cannot be read.
    pub fn add(&mut self, path: String, mut content: impl Read) -> io::Result<()> {
        let mut sum = Sha256::new();
        let mut chunk = vec![0; CHUNK];
        loop {
            match content.read(&mut chunk)? {
                0 => break,
                count => sum.update(&chunk[..count]),
            }
        }
        let hex = sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        self.0.insert(path, hex);
        Ok(())
    }

    /// Keeps those of some files only.
    pub fn retain(&mut self, mut keep: impl FnMut(&str) -> bool) {
        self.0.retain(|path, _| keep(path));
    }
}

impl fmt::Display for Checksums {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(path, sum)| writeln!(f, "{sum}  {path}"))
    }
}
