//! Foreign text on a terminal: nothing of it is obeyed, and its width is known.

use std::fmt::Write as _;

use unicode_width::UnicodeWidthChar as _;

/// Columns taken by one character, never fewer than a terminal may use. (Terminals disagree about
/// sequences that are joined to one picture; counting every part errs to the safe side.)
fn columns(c: char) -> usize {
    match c {
        // Asks for the wide form of the character before it.
        '\u{fe0f}' => 1,
        c => c.width().unwrap_or(0),
    }
}

/// Columns taken by cleaned text.
pub(crate) fn width(text: &str) -> usize {
    text.chars().map(columns).sum()
}

/// Characters that are not shown as they are: controls, which terminals obey; marks that change
/// the direction of the text around them; separators that break lines; and invisible ones.
fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200c}' | '\u{200e}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{fffe}'..='\u{ffff}' | '\u{e0000}'..='\u{e0fff}')
}

/// The text on one line, with nothing in it that a terminal would obey. Tabs become blanks, line
/// breaks `⏎`, all else that is hostile is written as its code, such as `\u{1b}`.
#[must_use]
pub fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' => out.push_str("  "),
            '\n' => out.push('⏎'),
            '\r' => {}
            c if is_hostile(c) => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}

/// Text without the colours that Ginkgo puts into some messages. What is left is still foreign.
pub(crate) fn without_colours(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("\x1b[") {
        let (before, sequence) = rest.split_at(at);
        out.push_str(before);
        let body = &sequence[2..];
        let parameters =
            body.len() - body.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';').len();
        rest = match body[parameters..].strip_prefix('m') {
            Some(after) => after,
            None => {
                out.push_str(&sequence[..2]);
                body
            }
        };
    }
    out + rest
}

/// Cleaned text cut to at most `room` columns; `…` stands for what is missing.
pub(crate) fn fit(text: &str, room: usize) -> String {
    // Marks without a width are bounded too: a letter may carry thousands.
    let most = room.saturating_mul(8);
    if text.len() <= room && text.is_ascii()
        || text.chars().nth(most).is_none() && width(text) <= room
    {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 1;
    for c in text.chars().take(most) {
        used += columns(c);
        if used > room {
            break;
        }
        out.push(c);
    }
    if room > 0 {
        out.push('…');
    }
    out
}

/// Like [`fit`], with the middle missing: names of specs tell most at their ends.
pub(crate) fn fit_middle(text: &str, room: usize) -> String {
    const LEAST: usize = 16;
    if room < LEAST || width(text) <= room {
        return fit(text, room);
    }
    let head = room * 2 / 5;
    let mut left = room - head;
    let mut start = text.len();
    for (at, c) in text.char_indices().rev().take(room.saturating_mul(8)) {
        let columns = columns(c);
        if columns > left {
            break;
        }
        left -= columns;
        start = at;
    }
    // A mark without its letter would join what stands before it.
    let tail = text[start..].trim_start_matches(|c| columns(c) == 0);
    format!("{}{tail}", fit(text, head))
}

/// Cleaned text in exactly `room` columns, cut or followed by blanks.
pub(crate) fn pad(text: &str, room: usize) -> String {
    let mut out = fit(text, room);
    out.extend(std::iter::repeat_n(' ', room.saturating_sub(width(&out))));
    out
}

/// `1 spec`, `2 specs`.
pub(crate) fn count(number: usize, one: &str) -> String {
    match number {
        1 => format!("1 {one}"),
        // "process" is the only such word here.
        n if one.ends_with("ss") => format!("{n} {one}es"),
        n => format!("{n} {one}s"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn escape_sequences_are_written_out() {
        assert_eq!(clean("a\x1b[2J\x07b"), "a\\u{1b}[2J\\u{7}b");
        assert_eq!(clean("a\u{9b}2Jb"), "a\\u{9b}2Jb");
        assert_eq!(clean("a\tb\r\nc"), "a  b⏎c");
        assert_eq!(clean("a\u{202e}b\u{2066}c"), "a\\u{202e}b\\u{2066}c");
        assert_eq!(clean("größer 日本 👩‍🔬"), "größer 日本 👩‍🔬");
    }

    #[test]
    fn only_colours_are_taken_out() {
        assert_eq!(without_colours("a\x1b[1m\x1b[38;5;9mb\x1b[0mc\x1b[m"), "abc");
        assert_eq!(without_colours("a\x1b[2Jb\x1b["), "a\x1b[2Jb\x1b[");
    }

    #[test]
    fn text_is_cut_at_columns_not_at_characters() {
        assert_eq!(fit("日本語", 6), "日本語");
        assert_eq!(fit("日本語", 5), "日本…");
        assert_eq!(fit("日本語", 4), "日…");
        assert_eq!(fit("abc", 1), "…");
        assert_eq!(fit("abc", 0), "");
        assert_eq!(pad("日本語", 4), "日… ");
        assert_eq!(fit_middle("0123456789abcdefghijklmnop", 20), "0123456…efghijklmnop");
        assert_eq!(pad("ab", 4), "ab  ");
    }

    #[test]
    fn letters_with_many_marks_are_bounded() {
        let heavy = format!("e{}", "\u{301}".repeat(10_000));
        assert!(fit(&heavy, 10).chars().count() <= 81);
    }

    proptest! {
        #[test]
        fn cleaned_text_has_no_control_character(text in any::<String>()) {
            prop_assert!(!clean(&text).chars().any(is_hostile));
        }

        #[test]
        fn padded_text_has_the_width_asked_for(text in any::<String>(), room in 0usize..60) {
            let text = clean(&text);
            prop_assert_eq!(width(&pad(&text, room)), room);
            prop_assert!(width(&fit_middle(&text, room)) <= room);
        }
    }
}
