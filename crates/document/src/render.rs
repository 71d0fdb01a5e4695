//! Findings as text: position, message, the line itself, a caret, and the hint.

use std::fmt::Write as _;

use crate::diagnostic::{Diagnostic, Diagnostics, Severity};

/// Longest piece of a source line that is shown, in characters.
const WINDOW: usize = 110;

/// Longest user-written text repeated inside a message, in characters.
const QUOTE: usize = 60;

/// What stands around the parts of a rendered finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Styles {
    /// Before the word `error` and its caret.
    pub error: &'static str,
    /// Before the word `warning` and its caret.
    pub warning: &'static str,
    /// Before the message.
    pub message: &'static str,
    /// Before line numbers and rules.
    pub gutter: &'static str,
    /// Before the hint.
    pub hint: &'static str,
    /// After each of them.
    pub reset: &'static str,
}

impl Styles {
    /// No escape sequences at all.
    pub const PLAIN: Styles =
        Styles { error: "", warning: "", message: "", gutter: "", hint: "", reset: "" };

    /// The colours of common compilers.
    pub const ANSI: Styles = Styles {
        error: "\x1b[1;31m",
        warning: "\x1b[1;33m",
        message: "\x1b[1m",
        gutter: "\x1b[1;34m",
        hint: "\x1b[36m",
        reset: "\x1b[0m",
    };
}

pub(crate) fn render(all: &Diagnostics, s: &Styles) -> String {
    let file = printable(&all.file);
    let mut out = String::new();
    for d in &all.items {
        one(&mut out, &file, d, s);
    }
    let count = |severity| all.items.iter().filter(|d| d.severity == severity).count();
    let mut parts = Vec::new();
    for (n, word) in [(count(Severity::Error), "error"), (count(Severity::Warning), "warning")] {
        match n {
            0 => {}
            1 => parts.push(format!("1 {word}")),
            _ => parts.push(format!("{n} {word}s")),
        }
    }
    if all.omitted > 0 {
        parts.push(format!("{} more not shown", all.omitted));
    }
    if !parts.is_empty() {
        let _ = writeln!(out, "{file}: {}", parts.join(", "));
    }
    out
}

fn one(out: &mut String, file: &str, d: &Diagnostic, s: &Styles) {
    let colour = match d.severity {
        Severity::Error => s.error,
        Severity::Warning => s.warning,
    };
    let _ = writeln!(
        out,
        "{file}:{}:{}: {colour}{}{}: {}{}{}",
        d.line, d.column, d.severity, s.reset, s.message, d.message, s.reset
    );
    let (text, column) = window(&d.source, d.column);
    if !text.trim().is_empty() {
        let room = (text.chars().count() + 1).saturating_sub(column - 1).max(1);
        let number = d.line.to_string();
        let blank = " ".repeat(number.len());
        let _ = writeln!(out, " {}{number} |{} {text}", s.gutter, s.reset);
        let _ = writeln!(
            out,
            " {}{blank} |{} {}{colour}{}{}",
            s.gutter,
            s.reset,
            " ".repeat(column - 1),
            "^".repeat(d.length.min(room)),
            s.reset
        );
    }
    if let Some(hint) = &d.hint {
        let _ = writeln!(out, "    {}(hint: {hint}){}", s.hint, s.reset);
    }
    for line in &d.detail {
        let _ = writeln!(out, "    {}| {}{}", s.gutter, s.reset, printable(line));
    }
}

/// The part of a long line around a column, and that column within it.
fn window(line: &str, column: usize) -> (String, usize) {
    let count = line.chars().count();
    if count <= WINDOW {
        return (line.trim_end().to_owned(), column);
    }
    let from = column.saturating_sub(WINDOW / 2).min(count - WINDOW);
    let cut: String = line.chars().skip(from).take(WINDOW).collect();
    let head = if from > 0 { "…" } else { "" };
    let tail = if from + WINDOW < count { "…" } else { "" };
    (format!("{head}{cut}{tail}"), column - from + head.chars().count())
}

/// Text safe for a terminal: one visible character for each control character, so that columns
/// stay right and no escape sequence of the file reaches the terminal.
pub fn printable(text: &str) -> String {
    let bidi = |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
    text.chars()
        .map(|c| match c {
            '\t' => '→',
            c if c.is_control() || bidi(c) => '\u{fffd}',
            c => c,
        })
        .collect()
}

/// User-written text within a message: in quotes, printable, and not too long.
pub fn quote(text: &str) -> String {
    let mut shown = printable(&text.chars().take(QUOTE).collect::<String>());
    if text.chars().count() > QUOTE {
        shown.push('…');
    }
    format!("\"{shown}\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Code;

    fn finding(source: &str, column: usize, length: usize) -> Diagnostics {
        let item = Diagnostic {
            severity: Severity::Error,
            code: Code::UnknownKey,
            line: 7,
            column,
            length,
            message: "unknown key \"kubconfig\"".into(),
            hint: Some("did you mean \"kubeconfig\"?".into()),
            detail: Vec::new(),
            source: printable(source),
        };
        Diagnostics { file: "run.yaml".into(), items: vec![item], omitted: 0 }
    }

    #[test]
    fn plain_has_position_line_caret_and_hint() {
        assert_eq!(
            finding("  kubconfig: x", 3, 9).render(&Styles::PLAIN),
            "run.yaml:7:3: error: unknown key \"kubconfig\"\n 7 |   kubconfig: x\n   |   ^^^^^^^^^\n    \
             (hint: did you mean \"kubeconfig\"?)\nrun.yaml: 1 error\n"
        );
    }

    #[test]
    fn what_a_program_said_stands_below() {
        let mut all = finding("a: b", 1, 1);
        all.items[0].detail = vec!["flag provided but not defined".into(), "\x1b[2J".into()];
        let text = all.render(&Styles::PLAIN);
        assert!(
            text.contains("?)\n    | flag provided but not defined\n    | \u{fffd}[2J\n"),
            "{text}"
        );
    }

    #[test]
    fn styled_differs_from_plain_only_by_escape_sequences() {
        let all = finding("  kubconfig: x", 3, 9);
        let mut styled = all.render(&Styles::ANSI);
        assert!(styled.contains("\x1b[1;31merror\x1b[0m"));
        for code in ["\x1b[1;31m", "\x1b[1;34m", "\x1b[1m", "\x1b[36m", "\x1b[0m"] {
            styled = styled.replace(code, "");
        }
        assert_eq!(styled, all.render(&Styles::PLAIN));
    }

    #[test]
    fn escape_sequences_of_the_file_stay_off_the_terminal() {
        let text = finding("a: \x1b[2J\u{202e}x", 1, 1).render(&Styles::PLAIN);
        assert!(!text.contains('\x1b') && !text.contains('\u{202e}'), "{text:?}");
    }

    #[test]
    fn a_long_line_is_cut_around_the_caret() {
        let line = format!("{}X{}", "a".repeat(500), "b".repeat(500));
        let text = finding(&line, 501, 1).render(&Styles::PLAIN);
        let mut lines = text.lines().skip(1);
        let (source, caret) = (lines.next().unwrap(), lines.next().unwrap());
        assert!(source.chars().count() < 130);
        let at = caret.chars().position(|c| c == '^').unwrap();
        assert_eq!(source.chars().nth(at), Some('X'));
    }
}
