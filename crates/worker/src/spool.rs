//! A bounded file for the output of a suite process. The beginning is kept in the file, the end in
//! memory until it is known; what lies between is counted and dropped.
//!
//! A full disk is no reason to end a suite: writing stops, reading goes on, and the note at the end
//! says so if it still can be written. Whoever drains the output hears of the first loss at once.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

/// How much of the end is kept, in bytes.
pub const TAIL: usize = 64 * 1024;

/// Where a spool writes to. A trait because a full disk cannot be had in a test otherwise.
pub trait Sink: Write {}

impl<W: Write> Sink for W {}

/// Output that was not kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Loss {
    /// How much of it, in bytes.
    pub bytes: u64,
    /// What the disk said, if that was the reason; else there was too much of it.
    pub error: Option<String>,
}

/// Takes everything, keeps a bounded part.
#[derive(Debug)]
pub struct Spool<W> {
    sink: W,
    /// Bytes that may still go to the head.
    room: u64,
    tail: VecDeque<u8>,
    dropped: u64,
    error: Option<io::Error>,
}

impl Spool<File> {
    /// A new spool file, readable by its owner only: output may hold secrets.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub fn create(path: &Path, limit: u64) -> io::Result<Self> {
        use std::os::unix::fs::OpenOptionsExt as _;

        let mut options = File::options();
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(path)?;
        Ok(Self::new(file, limit))
    }
}

impl<W: Sink> Spool<W> {
    /// Keeps the first `limit` bytes and the last [`TAIL`].
    pub fn new(sink: W, limit: u64) -> Self {
        Self { sink, room: limit, tail: VecDeque::new(), dropped: 0, error: None }
    }

    /// Takes output. Never fails and never waits for anything but the disk.
    pub fn push(&mut self, bytes: &[u8]) {
        let head = usize::try_from(self.room).unwrap_or(usize::MAX).min(bytes.len());
        let (head, rest) = bytes.split_at(head);
        if self.error.is_none() && !head.is_empty() {
            match self.sink.write_all(head) {
                Ok(()) => self.room -= head.len() as u64,
                Err(error) => {
                    self.error = Some(error);
                    self.room = 0;
                    self.keep(head);
                }
            }
        }
        self.keep(rest);
    }

    fn keep(&mut self, bytes: &[u8]) {
        let skip = bytes.len().saturating_sub(TAIL);
        self.tail.extend(&bytes[skip..]);
        let excess = self.tail.len().saturating_sub(TAIL);
        self.tail.drain(..excess);
        self.dropped += (skip + excess) as u64;
    }

    /// What is lost so far, if anything is.
    pub fn loss(&self) -> Option<Loss> {
        let error = self.error.as_ref().map(ToString::to_string);
        (self.dropped > 0 || error.is_some()).then_some(Loss { bytes: self.dropped, error })
    }

    /// Takes everything until the end of `source`; a reading error ends it like an end of file. Tells
    /// the first loss when it happens.
    pub fn drain(&mut self, mut source: impl Read, first_loss: impl FnOnce(Loss)) {
        let mut buffer = vec![0; 64 * 1024];
        let mut first_loss = Some(first_loss);
        loop {
            match source.read(&mut buffer) {
                Ok(0) => return,
                Ok(length) => {
                    self.push(&buffer[..length]);
                    if first_loss.is_some()
                        && let Some(loss) = self.loss()
                        && let Some(tell) = first_loss.take()
                    {
                        tell(loss);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    }

    /// Writes the end and gives the sink back, and what is lost in all. What was written before an
    /// error stays.
    pub fn finish(mut self) -> (W, Option<Loss>) {
        if let Some(error) = &self.error {
            let note = format!("\n[multibeam: output lost: {error}]\n");
            // Some room may have come back; if not, the error below says enough.
            let _ = self.sink.write_all(note.as_bytes());
        }
        if self.dropped > 0 {
            let note = format!("\n[multibeam: {} bytes of output left out]\n", self.dropped);
            let _ = self.sink.write_all(note.as_bytes());
        }
        let (first, second) = self.tail.as_slices();
        let written = self.sink.write_all(first).and_then(|()| self.sink.write_all(second));
        if let Err(error) = written.and_then(|()| self.sink.flush()) {
            self.dropped += self.tail.len() as u64;
            self.error.get_or_insert(error);
        }
        let loss = self.loss();
        (self.sink, loss)
    }
}

/// The last `length` bytes of a spool file, invalid UTF-8 replaced; empty when there is no file.
pub fn read_tail(path: &Path, length: u64) -> String {
    use std::io::{Seek as _, SeekFrom};

    let read = || -> io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        let size = file.metadata()?.len();
        file.seek(SeekFrom::Start(size.saturating_sub(length)))?;
        let mut bytes = Vec::new();
        file.take(length).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    String::from_utf8_lossy(&read().unwrap_or_default()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_beginning_and_end() {
        let mut spool = Spool::new(Vec::new(), 10);
        spool.push(b"0123456");
        spool.push(b"789abc");
        for _ in 0..3 {
            spool.push(&vec![b'x'; TAIL]);
        }
        spool.push(b"the end");
        let (kept, loss) = spool.finish();
        let kept = String::from_utf8(kept).unwrap();
        assert!(kept.starts_with("0123456789\n[multibeam: "), "{}", &kept[..60]);
        assert!(kept.ends_with("xthe end"));
        let dropped = 3 + 2 * TAIL + 7;
        assert!(kept.contains(&format!("{dropped} bytes of output left out")));
        assert!(kept.len() < TAIL + 100);
        assert_eq!(loss, Some(Loss { bytes: dropped as u64, error: None }));
    }

    #[test]
    fn short_output_is_kept_as_it_is() {
        for limit in [0, 2, 100] {
            let mut spool = Spool::new(Vec::new(), limit);
            spool.drain(&b"hello\xff"[..], |loss| panic!("{loss:?}"));
            assert_eq!(spool.finish(), (b"hello\xff".to_vec(), None), "{limit}");
        }
    }

    /// Refuses everything after the first bytes, like a full disk.
    struct Full {
        room: usize,
        kept: Vec<u8>,
    }

    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let length = bytes.len().min(self.room);
            if length == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.room -= length;
            self.kept.extend(&bytes[..length]);
            Ok(length)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_stops_writing_and_nothing_else() {
        let mut spool = Spool::new(Full { room: 5, kept: Vec::new() }, 1 << 20);
        spool.push(b"abc");
        spool.push(b"defgh");
        let mut told = Vec::new();
        spool.drain(&vec![b'x'; 1 << 20][..], |loss| told.push(loss));
        assert_eq!(spool.sink.kept, b"abcde");
        let error = Some(io::Error::from(io::ErrorKind::StorageFull).to_string());
        assert!(told.len() == 1 && told[0].error == error, "{told:?}");
        spool.sink.room = 200;
        let (sink, loss) = spool.finish();
        assert!(sink.kept.starts_with(b"abcde\n[multibeam: output lost: "));
        // Of what came after the disk was full, the end is lost as well.
        assert_eq!(loss, Some(Loss { bytes: 5 + (1 << 20), error }));
    }

    #[test]
    fn too_much_output_is_told_when_it_is_lost() {
        let mut spool = Spool::new(Vec::new(), 10);
        let mut told = Vec::new();
        spool.drain(&vec![b'x'; 3 * TAIL][..], |loss| told.push(loss));
        assert_eq!(told.len(), 1, "{told:?}");
        let (_, loss) = spool.finish();
        assert_eq!(loss, Some(Loss { bytes: 2 * TAIL as u64 - 10, error: None }));
        assert!(told[0].bytes < 2 * TAIL as u64 - 10);
    }

    #[test]
    fn reads_the_end_of_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("spool");
        assert_eq!(read_tail(&path, 10), "");
        let mut spool = Spool::create(&path, 100).unwrap();
        spool.push(b"hello world");
        let _ = spool.finish();
        assert_eq!(read_tail(&path, 5), "world");
        assert_eq!(read_tail(&path, 500), "hello world");
    }
}
