//! Standard output: where what a command has found goes, in one piece.

use std::io::{self, BufWriter, IsTerminal as _, StdoutLock, Write as _};

use crate::args::ColorChoice;
use crate::exit::Exit;
use crate::view::Style;

/// Columns where there is no terminal to ask.
const COLUMNS: usize = 100;

/// Prints what `fill` writes. A reader that has seen enough (`| head`) is no error: the exit status
/// stays that of what was found.
///
/// # Errors
/// When the output does not take it, which has been said.
pub fn print(
    fill: impl FnOnce(&mut BufWriter<StdoutLock<'static>>) -> io::Result<()>,
) -> Result<(), Exit> {
    let mut out = BufWriter::new(io::stdout().lock());
    match fill(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Exit::of_output(&error)),
        _ => Ok(()),
    }
}

/// Prints a text.
///
/// # Errors
/// As [`print`].
pub fn print_text(text: &str) -> Result<(), Exit> {
    print(|out| out.write_all(text.as_bytes()))
}

/// Colours as the user wants them there.
#[must_use]
pub fn style(color: ColorChoice) -> Style {
    Style::new(color, io::stdout().is_terminal())
}

/// The width of the terminal, or that of a common one.
#[must_use]
pub fn columns() -> usize {
    terminal_size::terminal_size().map_or(COLUMNS, |(width, _)| usize::from(width.0))
}
