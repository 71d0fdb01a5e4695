//! Colours, and text that cannot do more to a terminal than be read.

use std::fmt::Write as _;

/// Whether roles become colours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Paint {
    /// True on a terminal that wants colours.
    pub color: bool,
}

/// What a piece of text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Good,
    Bad,
    Warn,
    Strong,
    Quiet,
}

// === impl Paint ===

impl Paint {
    /// Text without any escape sequence.
    pub const PLAIN: Self = Self { color: false };

    /// A piece of text in its colour.
    pub(super) fn paint(self, role: Role, text: &str) -> String {
        let text = printable(text);
        if !self.color || text.is_empty() {
            return text;
        }
        let code = match role {
            Role::Good => "32",
            Role::Bad => "1;31",
            Role::Warn => "33",
            Role::Strong => "1",
            Role::Quiet => "2",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// The text with control characters shown instead of obeyed.
pub(super) fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        // Besides controls, what turns the direction of the line around.
        let hidden = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if c.is_control() || hidden {
            let _ = write!(out, "{}", c.escape_debug());
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_is_shown_and_not_obeyed() {
        assert_eq!(printable("a\x1b[31mb\n\u{202e}c"), "a\\u{1b}[31mb\\n\\u{202e}c");
        assert_eq!(
            Paint { color: true }.paint(Role::Good, "x\x1b[0m"),
            "\x1b[32mx\\u{1b}[0m\x1b[0m"
        );
        assert_eq!(Paint::PLAIN.paint(Role::Bad, "x"), "x");
    }
}
