//! Findings about a file: what, where, and what to do about it.

use std::cmp::Reverse;
use std::fmt;

use serde::Serialize;

use crate::bounds::MAX_DIAGNOSTICS;
use crate::place::Place;
use crate::render::{self, Styles};
use crate::yaml::Span;

/// How bad a finding is. Errors stop whatever was asked for before it starts, warnings do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// The file is usable, but probably not what was meant.
    Warning,
    /// The file cannot be used.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Warning => "warning",
            Severity::Error => "error",
        })
    }
}

/// The stable name of a kind of finding, for scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    /// The text is not usable YAML.
    Syntax,
    /// One of the limits in [`crate::bounds`] is exceeded.
    TooLarge,
    /// `apiVersion` or `kind` is not one this build reads.
    Format,
    /// A key that the format does not have.
    UnknownKey,
    /// The same key twice in one mapping.
    DuplicateKey,
    /// A key that must be there is not.
    MissingKey,
    /// A value of another type than the key takes.
    WrongType,
    /// A value of the right type that is not allowed.
    BadValue,
    /// A pattern that Go's regular expressions do not accept.
    BadPattern,
    /// A label filter that Ginkgo does not accept.
    BadLabelFilter,
    /// A `${...}` that cannot be replaced.
    BadReference,
    /// A matrix that has no rows, an unused axis, or a rule that does not fit it.
    BadMatrix,
    /// A name that cannot be used.
    BadName,
    /// Two targets or clusters that must differ do not.
    Duplicate,
    /// An argument or variable that Multibeam sets itself.
    Reserved,
    /// Something that a certified run must not have.
    NotCertifiable,
    /// Something that contradicts the mode of the run.
    ModeConflict,
    /// Nothing selects specs where only some are wanted.
    WholeSuite,
    /// A kubeconfig that is not there, is none, or lacks what is wanted.
    BadKubeconfig,
    /// A suite that is not there, cannot be started, or is none.
    BadSuite,
    /// Something that has no effect in this kind of run.
    Unused,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// What kind of finding it is.
    pub code: Code,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// How many characters of the line are meant (at least 1).
    pub length: usize,
    /// What is wrong: a lower-case fragment without a final period.
    pub message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// What somebody else said about it, line by line: the end of a program's output, say.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub detail: Vec<String>,
    /// The line of the file, control characters replaced.
    pub source: String,
}

/// All findings about one file, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostics {
    /// The file's name as the caller gave it.
    pub file: String,
    /// The findings.
    pub items: Vec<Diagnostic>,
    /// How many more were found after the limit of [`MAX_DIAGNOSTICS`] was reached.
    pub omitted: usize,
}

// === impl Diagnostics ===

impl Diagnostics {
    /// Findings about a file, in whatever order they come. A mistake in a line that several targets
    /// share is said once.
    #[must_use]
    pub fn new(file: &str, mut all: Vec<Diagnostic>) -> Self {
        all.sort_by_key(|d| (d.line, d.column, Reverse(d.severity)));
        let mut items: Vec<Diagnostic> = Vec::new();
        for item in all {
            let said =
                items.iter().rev().take_while(|d| (d.line, d.column) == (item.line, item.column));
            if !said.into_iter().any(|d| d.code == item.code && d.message == item.message) {
                items.push(item);
            }
        }
        let found = items.len();
        if found > MAX_DIAGNOSTICS {
            // Errors are what must not be cut off.
            items.sort_by_key(|d| Reverse(d.severity));
            items.truncate(MAX_DIAGNOSTICS);
            items.sort_by_key(|d| (d.line, d.column));
        }
        let omitted = found - items.len();
        Self { file: file.to_owned(), items, omitted }
    }

    /// These and others about the same file.
    #[must_use]
    pub fn and(mut self, others: Vec<Diagnostic>) -> Self {
        self.items.extend(others);
        let all = Self::new(&self.file, self.items);
        Self { omitted: self.omitted + all.omitted, ..all }
    }

    /// Whether anything in here forbids the use of the file.
    pub fn has_errors(&self) -> bool {
        self.items.iter().any(|d| d.severity == Severity::Error)
    }

    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The findings as text for a terminal. Whether colour is wanted is the caller's knowledge:
    /// [`Styles::PLAIN`] or [`Styles::ANSI`].
    pub fn render(&self, styles: &Styles) -> String {
        render::render(self, styles)
    }

    /// The findings for scripts: `{"file", "items": [{"severity", "code", "line", ...}],
    /// "omitted"}`.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::to_value(self).expect("plain structs with string keys always serialize")
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(&Styles::PLAIN))
    }
}

impl std::error::Error for Diagnostics {}

/// Collects findings while a file is read.
#[derive(Debug)]
pub struct Sink<'a> {
    file: &'a str,
    lines: Vec<&'a str>,
    items: Vec<Diagnostic>,
}

// === impl Sink ===

impl<'a> Sink<'a> {
    /// Nothing yet about a file of that name and text.
    #[must_use]
    pub fn new(file: &'a str, text: &'a str) -> Self {
        // The same line ends as the YAML scanner's: LF, CRLF and a lone CR.
        let mut lines = Vec::new();
        for line in text.split('\n') {
            let line = line.strip_suffix('\r').unwrap_or(line);
            lines.extend(line.split('\r'));
        }
        Sink { file, lines, items: Vec::new() }
    }

    /// Takes in what makes the file unusable.
    pub fn error(
        &mut self,
        code: Code,
        span: Span,
        message: impl Into<String>,
        hint: Option<String>,
    ) {
        self.push(Severity::Error, code, span, message.into(), hint);
    }

    /// Takes in what is probably not meant so.
    pub fn warning(
        &mut self,
        code: Code,
        span: Span,
        message: impl Into<String>,
        hint: Option<String>,
    ) {
        self.push(Severity::Warning, code, span, message.into(), hint);
    }

    fn push(
        &mut self,
        severity: Severity,
        code: Code,
        span: Span,
        message: String,
        hint: Option<String>,
    ) {
        self.items.push(self.place(span).finding(severity, code, &message, hint.as_deref()));
    }

    /// Where a piece of the text is.
    pub fn place(&self, span: Span) -> Place {
        let line = self.lines.get(span.start.line - 1).copied().unwrap_or_default();
        let width = line.chars().count();
        let column = span.start.column;
        let end = if span.end.line == span.start.line { span.end.column } else { width + 1 };
        Place {
            line: span.start.line,
            column,
            length: end.min(width + 1).saturating_sub(column).max(1),
            source: render::printable(line),
        }
    }

    /// Whether an error was found so far.
    pub fn has_errors(&self) -> bool {
        self.items.iter().any(|d| d.severity == Severity::Error)
    }

    /// Whether an error of this kind was found so far.
    pub fn has(&self, code: Code) -> bool {
        self.items.iter().any(|d| d.severity == Severity::Error && d.code == code)
    }

    /// Everything found.
    pub fn finish(self) -> Diagnostics {
        Diagnostics::new(self.file, self.items)
    }
}
