//! A buffered reader that knows its line and bounds how much is read in one go.

use std::io::{self, BufRead, BufReader, Read};

/// Bytes read at a time.
const BUFFER: usize = 64 << 10;

/// Counts line ends as they are consumed. The XML parser consumes exactly the bytes of each piece,
/// so the line before a piece is the line where it begins.
pub(super) struct Lines<R> {
    inner: BufReader<R>,
    line: u64,
    begun: bool,
    piece: u64,
    limit: u64,
}

// === impl Lines ===

impl<R: Read> Lines<R> {
    pub(super) fn new(inner: R, limit: u64) -> Self {
        let inner = BufReader::with_capacity(BUFFER, inner);
        Self { inner, line: 1, begun: false, piece: 0, limit }
    }

    /// Begins a piece, which may be as long as the limit, and gives its line.
    pub(super) fn begin_piece(&mut self) -> u64 {
        self.piece = 0;
        self.line
    }

    /// The line, from 1.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// Whether a piece was longer than the limit.
    pub(super) fn is_over(&self) -> bool {
        self.piece > self.limit
    }

    /// What the file begins with, the first time it is asked.
    pub(super) fn first_bytes(&mut self) -> io::Result<Option<&[u8]>> {
        if std::mem::replace(&mut self.begun, true) {
            return Ok(None);
        }
        self.inner.fill_buf().map(Some)
    }
}

impl<R: Read> Read for Lines<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let count = available.len().min(out.len());
        out[..count].copy_from_slice(&available[..count]);
        self.consume(count);
        Ok(count)
    }
}

impl<R: Read> BufRead for Lines<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.is_over() {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "the limit is reached"));
        }
        self.inner.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        let consumed = &self.inner.buffer()[..count];
        self.line += memchr::memchr_iter(b'\n', consumed).count() as u64;
        self.piece += count as u64;
        self.inner.consume(count);
    }
}
