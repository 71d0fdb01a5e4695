//! The tree: scalars keep the text as written, so that `1.30` stays `1.30`.

/// A place in the file: line and column (in characters), both from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pos {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// From a place up to, not including, another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Its first character.
    pub start: Pos,
    /// The character behind its last one.
    pub end: Pos,
}

/// A value and where it was written.
#[derive(Debug, Clone)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it was written.
    pub span: Span,
}

/// A node of the tree.
#[derive(Debug, Clone)]
pub struct Node {
    /// What it is.
    pub kind: Kind,
    /// Where it was written.
    pub span: Span,
}

/// What a node is.
#[derive(Debug, Clone)]
pub enum Kind {
    /// A string, number, boolean or null, told apart only when somebody asks.
    Scalar {
        /// Its text, without quotes and escapes.
        text: String,
        /// Written without quotes, so that `true`, `null` and numbers mean more than their text.
        plain: bool,
        /// How many columns after the start of the span the text begins, if it stands in the
        /// file exactly as it is (no escapes, one line).
        verbatim: Option<usize>,
    },
    /// A list.
    List(Vec<Node>),
    /// A mapping, in the order of the file.
    Map(Vec<Entry>),
}

/// A key and its value.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The key.
    pub key: Spanned<String>,
    /// Its value.
    pub value: Node,
    /// Copied from another mapping by `<<`.
    pub merged: bool,
}

// === impl Span ===

impl Span {
    /// A single character.
    #[must_use]
    pub fn at(line: usize, column: usize) -> Span {
        let start = Pos { line, column };
        Span { start, end: Pos { line, column: column + 1 } }
    }
}

// === impl Node ===

impl Node {
    /// The value of a key of a mapping.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries().iter().find(|e| e.key.value == key).map(|e| &e.value)
    }

    /// The entries of a mapping; none for anything else.
    pub fn entries(&self) -> &[Entry] {
        match &self.kind {
            Kind::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The items of a list; none for anything else.
    pub fn items(&self) -> &[Node] {
        match &self.kind {
            Kind::List(items) => items,
            _ => &[],
        }
    }

    /// The text of any scalar except null.
    pub fn scalar(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar { text, .. } if !self.is_null() => Some(text),
            _ => None,
        }
    }

    /// The text of a scalar that YAML takes for a string.
    pub fn string(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar { text, plain, .. } if !plain || plain_type(text) == "a string" => {
                Some(text)
            }
            _ => None,
        }
    }

    /// The value of `true` or `false`.
    pub fn boolean(&self) -> Option<bool> {
        match self.plain()? {
            "true" | "True" | "TRUE" => Some(true),
            "false" | "False" | "FALSE" => Some(false),
            _ => None,
        }
    }

    /// The value of a whole number in decimal digits.
    pub fn integer(&self) -> Option<i128> {
        let text = self.plain()?;
        if is_integer(text) { text.parse().ok() } else { None }
    }

    /// Whether it is nothing: `null`, `~`, or no text at all.
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.plain().is_some_and(is_null)
    }

    /// The text of an unquoted scalar.
    pub fn plain(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar { text, plain: true, .. } => Some(text),
            _ => None,
        }
    }

    /// What this is, in words, for "expected X, found Y".
    pub fn describe(&self) -> &'static str {
        match &self.kind {
            Kind::List(_) => "a list",
            Kind::Map(_) => "a mapping",
            Kind::Scalar { plain: false, .. } => "a string",
            Kind::Scalar { text, .. } => plain_type(text),
        }
    }

    /// Where the text of a scalar begins, if it stands in the file exactly as it is.
    pub fn verbatim(&self) -> Option<Span> {
        match &self.kind {
            Kind::Scalar { verbatim: Some(_), .. } => Some(self.within(0, 1)),
            _ => None,
        }
    }

    /// Where `length` characters from the given character of a scalar's text stand in the file;
    /// the whole scalar where that cannot be told (escapes, several lines).
    pub fn within(&self, from: usize, length: usize) -> Span {
        match &self.kind {
            Kind::Scalar { verbatim: Some(offset), .. } => {
                let Pos { line, column } = self.span.start;
                let column = column + offset + from;
                Span {
                    start: Pos { line, column },
                    end: Pos { line, column: column + length.max(1) },
                }
            }
            _ => self.span,
        }
    }
}

fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    !digits.is_empty() && digits.len() <= 30 && digits.bytes().all(|b| b.is_ascii_digit())
}

/// Whether YAML 1.2's core schema reads a plain scalar as a number with a fraction or exponent.
fn is_float(text: &str) -> bool {
    let body = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(body, ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    let (mantissa, exponent) = match body.split_once(['e', 'E']) {
        Some((m, e)) => (m, Some(e)),
        None => (body, None),
    };
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    digits(whole)
        && digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && exponent.is_none_or(is_integer)
}

/// The type of an unquoted scalar by YAML 1.2's core schema.
fn plain_type(text: &str) -> &'static str {
    match text {
        _ if is_null(text) => "nothing",
        "true" | "True" | "TRUE" | "false" | "False" | "FALSE" => "a boolean",
        _ if is_integer(text) || is_float(text) => "a number",
        _ if text
            .strip_prefix("0x")
            .is_some_and(|h| !h.is_empty() && h.bytes().all(|b| b.is_ascii_hexdigit())) =>
        {
            "a number"
        }
        _ if text
            .strip_prefix("0o")
            .is_some_and(|o| !o.is_empty() && o.bytes().all(|b| (b'0'..=b'7').contains(&b))) =>
        {
            "a number"
        }
        _ => "a string",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_have_the_types_of_the_core_schema() {
        for (text, kind) in [
            ("", "nothing"),
            ("~", "nothing"),
            ("true", "a boolean"),
            ("yes", "a string"),
            ("off", "a string"),
            ("12", "a number"),
            ("-1", "a number"),
            ("1.30", "a number"),
            ("1e3", "a number"),
            (".5", "a number"),
            (".inf", "a number"),
            ("0x1F", "a number"),
            ("0o17", "a number"),
            ("1.30.2", "a string"),
            ("v1.30", "a string"),
            (".", "a string"),
            ("-", "a string"),
            ("30s", "a string"),
            ("e3", "a string"),
        ] {
            assert_eq!(plain_type(text), kind, "{text:?}");
        }
    }
}
