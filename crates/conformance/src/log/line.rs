//! Lines of a log without what other programs put around them.

use std::io::{self, BufRead, BufReader, Read};

use crate::limits::LINE;

/// Bytes read at a time.
const BUFFER: usize = 128 << 10;

/// Gives one line after the other; of a long line only its begin.
pub(super) struct Lines<R> {
    input: BufReader<R>,
    line: Vec<u8>,
    number: u64,
}

// === impl Lines ===

impl<R: Read> Lines<R> {
    pub(super) fn new(input: R) -> Self {
        let input = BufReader::with_capacity(BUFFER, input);
        Self { input, line: Vec::new(), number: 0 }
    }

    /// Another encoding than UTF-8, by what the log begins with. A shell that redirects on Windows
    /// writes UTF-16.
    pub(super) fn other_encoding(&mut self) -> io::Result<Option<&'static str>> {
        Ok(match self.input.fill_buf()? {
            [0xff, 0xfe, ..] => Some("UTF-16 (little endian)"),
            [0xfe, 0xff, ..] => Some("UTF-16 (big endian)"),
            _ => None,
        })
    }

    /// The next line and its number, from 1.
    pub(super) fn next_line(&mut self) -> io::Result<Option<(u64, &[u8])>> {
        self.line.clear();
        let mut any = false;
        loop {
            let available = match self.input.fill_buf() {
                Ok(available) => available,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if available.is_empty() {
                if !any {
                    return Ok(None);
                }
                break;
            }
            any = true;
            let end = memchr::memchr(b'\n', available);
            let part = &available[..end.unwrap_or(available.len())];
            let room = LINE.saturating_sub(self.line.len());
            self.line.extend_from_slice(&part[..part.len().min(room)]);
            let used = part.len() + usize::from(end.is_some());
            self.input.consume(used);
            if end.is_some() {
                break;
            }
        }
        self.number += 1;
        unstyle(&mut self.line);
        Ok(Some((self.number, without_time(&self.line))))
    }
}

/// Takes off a carriage return and the escape sequences of colours.
fn unstyle(line: &mut Vec<u8>) {
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    if memchr::memchr(0x1b, line).is_none() {
        return;
    }
    let mut kept = 0;
    let mut at = 0;
    while at < line.len() {
        if line[at] == 0x1b && line.get(at + 1) == Some(&b'[') {
            // Parameters up to the letter that ends the sequence.
            let rest = &line[at + 2..];
            let end = rest.iter().position(|byte| (0x40..=0x7e).contains(byte));
            at += 2 + end.map_or(rest.len(), |end| end + 1);
        } else {
            line[kept] = line[at];
            kept += 1;
            at += 1;
        }
    }
    line.truncate(kept);
}

/// The line without a time such as `2026-01-01T00:00:00.123456789Z ` in front.
fn without_time(line: &[u8]) -> &[u8] {
    let shape = b"0000-00-00T00:00:00";
    if !line.first().is_some_and(u8::is_ascii_digit) || line.len() < shape.len() {
        return line;
    }
    let (time, rest) = line.split_at(shape.len());
    let fits = time.iter().zip(shape).all(|(byte, like)| match like {
        b'0' => byte.is_ascii_digit(),
        _ => byte == like,
    });
    if !fits {
        return line;
    }
    let zone = rest.iter().position(|byte| *byte == b' ');
    match zone {
        Some(end) if rest[..end].iter().all(|b| b.is_ascii_digit() || b".Z+-:".contains(b)) => {
            &rest[end + 1..]
        }
        _ => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> Vec<(u64, String)> {
        let mut lines = Lines::new(bytes);
        let mut out = Vec::new();
        while let Some((number, line)) = lines.next_line().unwrap() {
            out.push((number, String::from_utf8_lossy(line).into_owned()));
        }
        out
    }

    #[test]
    fn what_others_put_around_lines_is_taken_off() {
        let text = b"plain\n\r\n\x1b[38;5;10mgreen\x1b[0m\r\n2026-01-01T00:00:00.5Z timed\n\
                     2026-01-01T00:00:00+01:00 zoned\n2026-01-01 T kept\n2026-01-01T00:00:00x kept\nlast";
        let lines: Vec<String> = all(text).into_iter().map(|(_, line)| line).collect();
        assert_eq!(
            lines,
            [
                "plain",
                "",
                "green",
                "timed",
                "zoned",
                "2026-01-01 T kept",
                "2026-01-01T00:00:00x kept",
                "last"
            ]
        );
        assert_eq!(all(b"a\n\nb\n").last(), Some(&(3, "b".to_owned())));
        assert_eq!(all(b"\x1b[31"), [(1, String::new())]);
    }

    #[test]
    fn of_a_long_line_the_begin_is_kept() {
        let mut text = vec![b'x'; 3 * LINE];
        text.extend_from_slice(b"\nnext\n");
        let lines = all(&text);
        assert_eq!(lines[0].1.len(), LINE);
        assert_eq!(lines[1], (2, "next".to_owned()));
    }
}
