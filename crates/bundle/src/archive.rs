//! A submission as one file, and checksums of both.

use std::io::{self, Read, Write};

use multibeam_export::archive::Archive;
use multibeam_export::{ExportError, Input};
use sha2::{Digest as _, Sha256};

use crate::Submission;

/// Bytes that are summed at a time.
const CHUNK: usize = 64 << 10;

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

/// A line of a file that `sha256sum --check` reads.
///
/// # Errors
/// When the content cannot be read.
pub fn checksum(name: &str, mut content: impl Read) -> io::Result<String> {
    let mut sum = Sha256::new();
    let mut chunk = vec![0; CHUNK];
    loop {
        match content.read(&mut chunk)? {
            0 => break,
            count => sum.update(&chunk[..count]),
        }
    }
    let hex: String = sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("{hex}  {name}\n"))
}
