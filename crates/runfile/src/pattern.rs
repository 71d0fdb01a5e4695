//! A first look at Go regular expressions.
//!
//! `focus` and `skip` are compiled by the suite with Go's `regexp` (RE2 syntax). What is checked
//! here finds the usual mistakes before anything starts; the suite's own compiler has the last
//! word. Rust's parser is close to RE2, so the few things that Go alone accepts are rewritten
//! first, and the few that Rust alone accepts are looked for afterwards.

use regex_syntax::ast::{self, Ast, RepetitionKind, RepetitionRange, Visitor};

/// Go refuses higher repeat counts than this.
const MAX_REPEAT: u32 = 1000;

/// Deepest nesting of groups that is looked at; Go's own limit is 1,000.
const NEST_LIMIT: u32 = 200;

/// What is wrong with a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PatternError {
    /// First character that is meant, from 0.
    pub(crate) from: usize,
    /// How many characters are meant.
    pub(crate) length: usize,
    /// A lower-case fragment.
    pub(crate) message: String,
}

/// Checks a pattern.
///
/// # Errors
/// The first mistake in it.
pub(crate) fn check(pattern: &str) -> Result<(), PatternError> {
    let (text, origin) = rewrite(pattern);
    let error = |span: &ast::Span, message: String| {
        let (from, to) = (origin[span.start.offset], origin[span.end.offset]);
        Err(PatternError { from, length: to.saturating_sub(from).max(1), message })
    };
    let mut parser = ast::parse::ParserBuilder::new().octal(true).nest_limit(NEST_LIMIT).build();
    let tree = match parser.parse(&text) {
        Ok(tree) => tree,
        Err(e) => return error(e.span(), explain(&e)),
    };
    if let Err((span, message)) = ast::visit(&tree, GoRules) {
        return error(&span, message.to_owned());
    }
    match regex_syntax::hir::translate::Translator::new().translate(&text, &tree) {
        Ok(_) => Ok(()),
        Err(e) => error(e.span(), e.kind().to_string()),
    }
}

fn explain(error: &ast::Error) -> String {
    match error.kind() {
        ast::ErrorKind::UnsupportedLookAround => "Go has no look-ahead and look-behind".to_owned(),
        ast::ErrorKind::UnsupportedBackreference => "Go has no backreferences".to_owned(),
        kind => kind.to_string(),
    }
}

/// What Rust's parser accepts and Go's does not.
struct GoRules;

impl Visitor for GoRules {
    type Output = ();
    type Err = (ast::Span, &'static str);

    fn finish(self) -> Result<(), Self::Err> {
        Ok(())
    }

    fn visit_pre(&mut self, node: &Ast) -> Result<(), Self::Err> {
        match node {
            Ast::Repetition(repetition) => {
                if let Ast::Repetition(_) = *repetition.ast {
                    return Err((repetition.span, "Go refuses a repetition of a repetition"));
                }
                let most = match &repetition.op.kind {
                    RepetitionKind::Range(RepetitionRange::Bounded(_, most)) => *most,
                    RepetitionKind::Range(
                        RepetitionRange::Exactly(most) | RepetitionRange::AtLeast(most),
                    ) => *most,
                    _ => 0,
                };
                if most > MAX_REPEAT {
                    return Err((repetition.op.span, "Go repeats at most 1000 times"));
                }
            }
            Ast::Flags(set) => return flags(&set.flags),
            Ast::Group(group) => {
                if let ast::GroupKind::NonCapturing(found) = &group.kind {
                    return flags(found);
                }
            }
            _ => {}
        }
        Ok(())
    }
}

fn flags(flags: &ast::Flags) -> Result<(), (ast::Span, &'static str)> {
    use ast::{Flag, FlagsItemKind};
    for item in &flags.items {
        if let FlagsItemKind::Flag(Flag::Unicode | Flag::CRLF | Flag::IgnoreWhitespace) = item.kind
        {
            return Err((item.span, "Go knows the flags i, m, s, and U"));
        }
    }
    Ok(())
}

/// Writes what only Go accepts in a way that Rust's parser accepts, and tells for each byte of
/// the new text which character of the old one it stands for.
fn rewrite(pattern: &str) -> (String, Vec<usize>) {
    let chars: Vec<char> = pattern.chars().collect();
    let mut out = String::new();
    let mut origin = Vec::new();
    let mut emit = |text: &str, at: usize| {
        out.push_str(text);
        origin.resize(out.len(), at);
    };
    let mut buffer = [0; 4];
    // Where the class that is open began, if one is.
    let mut class: Option<usize> = None;
    let mut i = 0;
    while i < chars.len() {
        let (c, next) = (chars[i], chars.get(i + 1).copied());
        match (c, next) {
            ('\\', Some('Q')) if class.is_none() => {
                i += 2;
                while i < chars.len() && !(chars[i] == '\\' && chars.get(i + 1) == Some(&'E')) {
                    if chars[i].is_ascii_punctuation() {
                        emit("\\", i);
                    }
                    emit(literal(chars[i]).encode_utf8(&mut buffer), i);
                    i += 1;
                }
                i += 2;
                continue;
            }
            // Go ignores a closing quote that nothing opened.
            ('\\', Some('E')) if class.is_none() => {
                i += 2;
                continue;
            }
            // An escaped mark stands for itself in Go, whichever it is.
            ('\\', Some(mark)) => {
                emit("\\", i);
                let mark = if mark.is_ascii_punctuation() { literal(mark) } else { mark };
                emit(mark.encode_utf8(&mut buffer), i + 1);
                i += 2;
                // The braces of a class name or code point stay braces.
                if matches!(mark, 'p' | 'P' | 'x') && chars.get(i) == Some(&'{') {
                    emit("{", i);
                    i += 1;
                }
                continue;
            }
            ('[', _) if class.is_none() => {
                emit("[", i);
                class = Some(i);
                i += 1;
                if chars.get(i) == Some(&'^') {
                    emit("^", i);
                    i += 1;
                }
                // The first "]" of a class is a member.
                if chars.get(i) == Some(&']') {
                    emit("\\]", i);
                    i += 1;
                }
                continue;
            }
            // Go's classes do not nest.
            ('[', Some(':')) => {
                let end = (i + 2..chars.len())
                    .find(|e| !chars[*e].is_ascii_alphabetic() && chars[*e] != '^');
                match end {
                    Some(end) if chars[end] == ':' && chars.get(end + 1) == Some(&']') => {
                        for (at, c) in chars.iter().enumerate().take(end + 2).skip(i) {
                            emit(c.encode_utf8(&mut buffer), at);
                        }
                        i = end + 2;
                        continue;
                    }
                    _ => emit("\\[", i),
                }
            }
            ('[', _) => emit("\\[", i),
            (']', _) if class.is_some() => {
                emit("]", i);
                class = None;
            }
            // Not set operations in Go.
            ('&' | '~', _) if class.is_some() => {
                emit("\\", i);
                emit(c.encode_utf8(&mut buffer), i);
            }
            // A brace that begins no repeat count stands for itself.
            ('{', _) if class.is_none() && !is_count(&chars[i..]) => emit("\\{", i),
            _ => emit(c.encode_utf8(&mut buffer), i),
        }
        i += 1;
    }
    let length = out.len() + 1;
    origin.resize(length, chars.len());
    (out, origin)
}

/// A mark that is safe behind a backslash: `\<` is more than a mark to Rust's parser.
fn literal(c: char) -> char {
    match c {
        '<' | '>' | '_' => '!',
        c => c,
    }
}

/// Whether the text begins with `{n}`, `{n,}` or `{n,m}`.
fn is_count(chars: &[char]) -> bool {
    let Some(end) = chars.iter().position(|c| *c == '}') else {
        return false;
    };
    let text: String = chars[1..end].iter().collect();
    let (least, most) = text.split_once(',').unwrap_or((&text, ""));
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    !least.is_empty() && digits(least) && digits(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_what_go_accepts() {
        for pattern in [
            r"\[Conformance\]",
            r"\[Flaky\]|\[Feature:.+\]",
            r"\[sig-(network|node)\].*should",
            r"(?i)dns",
            r"(?P<name>x)",
            r"\Q[Slow]\E|\Qopen",
            r"[[]Conformance[]]",
            r"[[:alpha:]_]+",
            r"[&&~~]",
            r"a{,5}|{x}|a{2}|a{2,}|a{2,3}",
            r"\_\<\>\/\-",
            r"\pL\p{Greek}",
            r"x*?y+?",
            r"",
            r"[^]a]",
            r"\x41\x{1F600}\101",
        ] {
            assert_eq!(check(pattern), Ok(()), "{pattern}");
        }
    }

    #[test]
    fn refuses_what_go_refuses_and_says_where() {
        for (pattern, from, part) in [
            ("[sig-network", 0, "unclosed"),
            ("a(b", 1, "unclosed group"),
            ("a)b", 1, "unopened group"),
            ("*a", 0, "repetition operator"),
            ("a**", 0, "repetition of a repetition"),
            ("ä(?=x)", 1, "look-ahead"),
            (r"(a)\8", 3, ""),
            (r"\y", 0, "unrecognized escape"),
            ("[z-a]", 1, "invalid character class range"),
            ("a{1001}", 1, "1000"),
            ("a{3,2}", 1, "invalid repetition count"),
            ("(?x)a", 2, "flags"),
            (r"\p{Nope}", 0, "property"),
            (r"\Q((\E(", 6, "unclosed group"),
            (r"a\", 1, "incomplete escape"),
        ] {
            let error = check(pattern).expect_err(pattern);
            assert!(error.message.contains(part), "{pattern}: {error:?}");
            assert_eq!(error.from, from, "{pattern}: {error:?}");
        }
    }

    #[test]
    fn deep_nesting_is_refused_not_followed() {
        let deep = "(".repeat(5_000) + &")".repeat(5_000);
        assert!(check(&deep).is_err());
    }
}
