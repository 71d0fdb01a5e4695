//! The output side of Ginkgo's default reporter: text that runs on, blocks on lines of their own,
//! and delimiters that never follow each other.

use std::io::{self, Write};

use super::go_text::indented;

/// Writes what the default reporter writes, keeping track of line starts and delimiters.
#[derive(Debug)]
pub(super) struct Printer<W> {
    out: W,
    at_line_start: bool,
    after_delimiter: bool,
}

// === impl Printer ===

impl<W: Write> Printer<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out, at_line_start: true, after_delimiter: false }
    }

    pub(super) fn into_inner(self) -> W {
        self.out
    }

    /// Text that runs on where the last one ended.
    pub(super) fn run_on(&mut self, levels: usize, text: impl AsRef<[u8]>) -> io::Result<()> {
        let text = indented(levels, text.as_ref());
        let Some(last) = text.last() else {
            return Ok(());
        };
        self.at_line_start = *last == b'\n';
        self.after_delimiter = false;
        self.out.write_all(&text)
    }

    /// Text on lines of its own. Empty text writes nothing at all.
    pub(super) fn block(&mut self, levels: usize, text: impl AsRef<[u8]>) -> io::Result<()> {
        let text = text.as_ref();
        if text.is_empty() {
            return Ok(());
        }
        self.end_line()?;
        self.run_on(levels, text)?;
        self.end_line()
    }

    /// A line of dashes, unless one was just written.
    pub(super) fn delimiter(&mut self) -> io::Result<()> {
        if !self.after_delimiter {
            self.block(0, "-".repeat(30))?;
            self.after_delimiter = true;
        }
        Ok(())
    }

    fn end_line(&mut self) -> io::Result<()> {
        if !self.at_line_start {
            self.out.write_all(b"\n")?;
            self.at_line_start = true;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_stand_alone_and_delimiters_do_not_repeat() {
        let mut printer = Printer::new(Vec::new());
        printer.run_on(0, "a").unwrap();
        printer.block(1, "b\nc").unwrap();
        printer.block(0, "").unwrap();
        printer.delimiter().unwrap();
        printer.delimiter().unwrap();
        printer.block(0, "\n").unwrap();
        printer.delimiter().unwrap();
        let dashes = "-".repeat(30);
        let expected = format!("a\n  b\n  c\n{dashes}\n\n{dashes}\n");
        assert_eq!(String::from_utf8(printer.into_inner()).unwrap(), expected);
    }
}
