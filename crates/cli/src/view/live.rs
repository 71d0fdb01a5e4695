//! The live view: a block at the bottom of the terminal, drawn again and again in place. What has
//! to last is printed above it and stays in the terminal's history, because there is no alternate
//! screen.
//!
//! Written with a handful of escape sequences that every terminal of the last decades knows,
//! instead of a library: ratatui's inline viewport redraws cells of a fixed height and brings some
//! thirty crates, crossterm would be used for six sequences.

use std::fmt;
use std::io::{self, Stdout, Write};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use multibeam_model::event::Event;
use multibeam_model::status::RunStatus;
use multibeam_model::time::Timestamp;

use super::layout::render;
use super::narrator::{Narrator, Note};
use super::style::{Line, Role, Style};
use super::{View, text};

/// Around a frame: it is shown at once by terminals that can, without the cursor jumping about, and
/// lines do not wrap should a terminal find them wider than we do. Nothing of it outlasts the frame,
/// so that a killed program leaves a terminal in order.
const FRAME: (&str, &str) = ("\x1b[?2026h\x1b[?25l\x1b[?7l", "\x1b[?7h\x1b[?25h\x1b[?2026l");

/// For a terminal that does not tell.
const USUAL_SIZE: Size = Size { columns: 80, rows: 24 };

/// The size of a terminal, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Characters in a line.
    pub columns: u16,
    /// Lines.
    pub rows: u16,
}

/// A view that redraws itself at the bottom of a terminal.
pub struct LiveView<W: Write> {
    out: W,
    style: Style,
    size: Box<dyn Fn() -> Size + Send>,
    narrator: Narrator,
    /// Lasting lines that are not printed yet.
    waiting: String,
    /// What stands on the terminal: its lines, and their widths.
    drawn: Vec<String>,
    widths: Vec<usize>,
    drawn_at: Option<Size>,
    active: bool,
    on_stdout: bool,
}

impl LiveView<Stdout> {
    /// A view on standard output, which must be a terminal. A panic's message comes below it.
    #[must_use]
    pub fn stdout(style: Style) -> Self {
        restore_on_panic();
        let size = || {
            terminal_size::terminal_size_of(io::stdout())
                .map(|(columns, rows)| Size { columns: columns.0, rows: rows.0 })
                .filter(|size| size.columns > 0 && size.rows > 0)
                .unwrap_or(USUAL_SIZE)
        };
        let mut view = Self::new(io::stdout(), style, size);
        view.on_stdout = true;
        view
    }
}

impl<W: Write> LiveView<W> {
    /// A view on any terminal; `size` is asked before each drawing.
    pub fn new(out: W, style: Style, size: impl Fn() -> Size + Send + 'static) -> Self {
        Self {
            out,
            style,
            size: Box::new(size),
            narrator: Narrator::default(),
            waiting: String::new(),
            drawn: Vec::new(),
            widths: Vec::new(),
            drawn_at: None,
            active: false,
            on_stdout: false,
        }
    }

    /// Whether a block stands on the terminal.
    fn is_active(&mut self) -> bool {
        if self.active && self.on_stdout && !ACTIVE.load(Ordering::Relaxed) {
            // A panic's message was written behind the block, which therefore stays where it is.
            self.active = false;
            self.drawn.clear();
            self.widths.clear();
        }
        self.active
    }

    fn set_active(&mut self, active: bool) {
        self.active = active;
        if self.on_stdout {
            ACTIVE.store(active, Ordering::Relaxed);
        }
    }

    fn keep(&mut self, line: &Line) {
        self.waiting.push_str(&line.paint(self.style));
        self.waiting.push_str("\r\n");
    }

    fn keep_note(&mut self, note: &Note) {
        let sign = match note.role {
            Role::Bad => "✗ ",
            Role::Good => "✓ ",
            Role::Warn => "! ",
            _ => "",
        };
        let mut line = Line::of(note.role, sign);
        if !note.subject.is_empty() {
            line.push(Role::Accent, &format!("{}  ", note.subject));
        }
        line.push(note.role, &note.text);
        self.keep(&line);
        for more in &note.more {
            self.keep(&Line::of(Role::Plain, &format!("    {more}")));
        }
    }

    /// Draws `lines` in place of what is drawn, with the waiting lines above.
    fn draw(&mut self, lines: Vec<String>, size: Size) -> io::Result<()> {
        let active = self.is_active();
        if active && self.waiting.is_empty() && lines == self.drawn {
            return Ok(());
        }
        let mut frame = String::from(FRAME.0);
        if !active {
            self.set_active(true);
        }
        frame.push_str(&self.to_top(size));
        if self.drawn_at.replace(size) != Some(size) {
            // Lines that were wrapped by a terminal made narrower stay one line for it until they
            // are cleared, and would be joined again when it is made wider.
            frame.push_str("\x1b[J");
        }
        if !self.waiting.is_empty() {
            // These may wrap: nothing of a failure's message may be missing.
            frame.push_str("\x1b[J\x1b[?7h");
            frame.push_str(&std::mem::take(&mut self.waiting));
            frame.push_str("\x1b[?7l");
        }
        for (index, line) in lines.iter().enumerate() {
            let end = if index + 1 < lines.len() { "\r\n" } else { "" };
            frame.push_str(line);
            frame.push_str("\x1b[K");
            frame.push_str(end);
        }
        frame.push_str("\x1b[J");
        frame.push_str(FRAME.1);
        self.widths = lines.iter().map(|line| visible_width(line)).collect();
        self.drawn = lines;
        self.out.write_all(frame.as_bytes())?;
        self.out.flush()
    }

    /// Moves from the end of the block to its beginning. After the terminal became narrower, lines
    /// that no longer fit were wrapped by it and take more rows.
    fn to_top(&self, size: Size) -> String {
        let columns = usize::from(size.columns.max(1));
        let rows = self.widths.iter().map(|width| width.div_ceil(columns).max(1));
        let rows = rows.sum::<usize>().min(usize::from(size.rows));
        match rows {
            0 | 1 => "\r".to_owned(),
            rows => format!("\r\x1b[{}A", rows - 1),
        }
    }

    fn redraw(&mut self, status: &RunStatus, now: Timestamp) -> io::Result<()> {
        let size = (self.size)();
        // The last column stays free, for terminals that wrap as soon as it is written, and two
        // more for the `^C` that a terminal shows at the cursor: on a row of its own it would move
        // everything up.
        let columns = usize::from(size.columns).saturating_sub(3).max(1);
        // One row stays free for what is said above.
        let rows = usize::from(size.rows).saturating_sub(1).max(1);
        let lines = render(status, now, columns, rows, self.style);
        self.draw(lines, size)
    }

    /// Takes the block away.
    fn restore(&mut self) -> io::Result<()> {
        if !self.is_active() {
            return self.out.flush();
        }
        let mut frame = self.to_top((self.size)());
        frame.push_str("\x1b[J");
        frame.push_str(&std::mem::take(&mut self.waiting));
        self.drawn.clear();
        self.widths.clear();
        self.set_active(false);
        self.out.write_all(frame.as_bytes())?;
        self.out.flush()
    }
}

impl<W: Write + Send> View for LiveView<W> {
    /// Only remembers: drawing is left to [`View::tick`], whatever the pace of the events.
    fn update(&mut self, status: &RunStatus, event: Option<&Event>) -> io::Result<()> {
        let Some(event) = event else {
            return Ok(());
        };
        for note in self.narrator.tell(status, event) {
            if note.lasting {
                self.keep_note(&note);
            }
        }
        Ok(())
    }

    fn tick(&mut self, status: &RunStatus, now: Timestamp) -> io::Result<()> {
        self.redraw(status, now)
    }

    fn note(&mut self, text: &str) -> io::Result<()> {
        for line in text.lines() {
            self.keep(&Line::of(Role::Warn, line));
        }
        // What is drawn is drawn again below, unless nothing is.
        if self.is_active() {
            let size = (self.size)();
            return self.draw(self.drawn.clone(), size);
        }
        Ok(())
    }

    fn finish(&mut self, _: &RunStatus) -> io::Result<()> {
        if !self.is_active() {
            let waiting = std::mem::take(&mut self.waiting);
            self.out.write_all(waiting.as_bytes())?;
        }
        self.restore()
    }
}

impl<W: Write> Drop for LiveView<W> {
    fn drop(&mut self) {
        // The terminal may be gone, and the block with it.
        let _ = self.restore();
    }
}

impl<W: Write> fmt::Debug for LiveView<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveView").field("drawn", &self.drawn).finish_non_exhaustive()
    }
}

/// Columns of a drawn line, whose only escape sequences are colours.
fn visible_width(line: &str) -> usize {
    let mut width = 0;
    for (index, piece) in line.split('\x1b').enumerate() {
        let shown =
            if index == 0 { piece } else { piece.split_once('m').map_or("", |(_, rest)| rest) };
        width += text::width(shown);
    }
    width
}

/// Whether a block stands on standard output. There is one terminal, hence one of these.
static ACTIVE: AtomicBool = AtomicBool::new(false);

/// A panic's message comes before anything is dropped; it must not be written into the block.
fn restore_on_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if ACTIVE.swap(false, Ordering::Relaxed) {
                // The lock may be held by whoever panicked.
                let _ = io::stderr().write_all(b"\r\n");
            }
            before(info);
        }));
    });
}
