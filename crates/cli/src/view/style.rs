//! Lines whose parts have a role, which a terminal may show as a colour.

use std::fmt::Write as _;

use super::text;
use crate::args::ColorChoice;

/// How lines become text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// Whether roles become colours.
    pub color: bool,
}

impl Style {
    /// Text without any escape sequence.
    pub const PLAIN: Self = Self { color: false };

    /// What the user asked for, on a stream that is a terminal or not.
    #[must_use]
    pub fn new(choice: ColorChoice, is_terminal: bool) -> Self {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        Self { color: colored(choice, is_terminal, no_color || dumb) }
    }
}

/// Whether to use colours; `refused` is true when the environment asks for none.
#[must_use]
pub fn colored(choice: ColorChoice, is_terminal: bool, refused: bool) -> bool {
    match choice {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto => is_terminal && !refused,
    }
}

/// What a piece of text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Plain,
    Dim,
    Bold,
    Good,
    Bad,
    Warn,
    Accent,
}

impl Role {
    /// Parameters of the escape sequence "select graphic rendition".
    fn code(self) -> Option<&'static str> {
        Some(match self {
            Self::Plain => return None,
            Self::Dim => "2",
            Self::Bold => "1",
            Self::Good => "32",
            Self::Bad => "1;31",
            Self::Warn => "33",
            Self::Accent => "36",
        })
    }
}

/// A line in pieces. Every piece is cleaned when it comes in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Line(Vec<(Role, String)>);

impl Line {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn of(role: Role, text: &str) -> Self {
        let mut line = Self::new();
        line.push(role, text);
        line
    }

    pub(crate) fn push(&mut self, role: Role, text: &str) {
        self.0.push((role, text::clean(text)));
    }

    pub(crate) fn append(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    pub(crate) fn width(&self) -> usize {
        self.0.iter().map(|(_, text)| text::width(text)).sum()
    }

    /// The line in at most `room` columns.
    pub(crate) fn fit(self, room: usize) -> Self {
        if self.width() <= room {
            return self;
        }
        let mut left = room;
        let mut out = Vec::new();
        for (role, piece) in self.0 {
            let width = text::width(&piece);
            if width < left {
                left -= width;
                out.push((role, piece));
            } else {
                // More follows, so that also a piece that just fits gives its last column away.
                let cut = text::fit(&format!("{piece}  "), left);
                out.push((role, cut));
                break;
            }
        }
        Self(out)
    }

    /// `self` and `right` at the two ends of a line of `room` columns; `right` is left out where it
    /// does not fit.
    pub(crate) fn flush(mut self, right: Self, room: usize) -> Self {
        let (left_width, right_width) = (self.width(), right.width());
        if left_width + 2 + right_width <= room {
            self.push(Role::Plain, &" ".repeat(room - left_width - right_width));
            self.append(right);
            return self;
        }
        self.fit(room)
    }

    /// The line as text.
    pub(crate) fn paint(&self, style: Style) -> String {
        let mut out = String::new();
        for (role, piece) in &self.0 {
            match role.code().filter(|_| style.color && !piece.is_empty()) {
                Some(code) => {
                    let _ = write!(out, "\x1b[{code}m{piece}\x1b[0m");
                }
                None => out.push_str(piece),
            }
        }
        if style.color { out } else { out.trim_end().to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_choice_wins_over_the_environment() {
        assert!(colored(ColorChoice::Always, false, true));
        assert!(!colored(ColorChoice::Never, true, false));
        assert!(colored(ColorChoice::Auto, true, false));
        assert!(!colored(ColorChoice::Auto, true, true));
        assert!(!colored(ColorChoice::Auto, false, false));
    }

    #[test]
    fn a_line_is_cut_across_its_pieces() {
        let mut line = Line::of(Role::Good, "abc");
        line.push(Role::Bad, "defg");
        assert_eq!(line.clone().fit(7).paint(Style::PLAIN), "abcdefg");
        assert_eq!(line.clone().fit(5).paint(Style::PLAIN), "abcd…");
        assert_eq!(line.clone().fit(3).paint(Style::PLAIN), "ab…");
        assert_eq!(line.clone().fit(0).paint(Style::PLAIN), "");
        assert_eq!(
            line.fit(5).paint(Style { color: true }),
            "\x1b[32mabc\x1b[0m\x1b[1;31md…\x1b[0m"
        );
    }

    #[test]
    fn hostile_text_cannot_leave_its_piece() {
        let line = Line::of(Role::Bad, "x\x1b[0m\x1b]0;title\x07");
        let painted = line.paint(Style { color: true });
        assert_eq!(painted.matches('\x1b').count(), 2);
        assert!(!painted.contains('\x07'));
    }
}
