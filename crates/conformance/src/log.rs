//! `e2e.log`, read as a stream: the specs it names, the versions it prints, how it ends.
//!
//! Ginkgo 2 prints the full text of a spec at the beginning of a line, before the spec in the live log of
//! one process and after it in the log of several. What other programs put around a line is taken
//! off first: colours, a carriage return, and the time that log collectors write in front.

mod line;
mod summary;

use std::collections::BTreeMap;
use std::io::{self, Read};

use memchr::memmem::Finder;
use multibeam_ginkgo::report::NodeType;

pub use summary::{Counts, Summary};

use crate::catalog::{CONFORMANCE, SIG};
use crate::limits::NAME_BYTES;
use line::Lines;

/// Versions and lines that are kept of each kind.
const KEPT: usize = 64;

/// Node types that Ginkgo puts into the text of a spec that failed, where the failure was.
const MARKS: [NodeType; 8] = [
    NodeType::It,
    NodeType::BeforeEach,
    NodeType::JustBeforeEach,
    NodeType::AfterEach,
    NodeType::JustAfterEach,
    NodeType::BeforeAll,
    NodeType::AfterAll,
    NodeType::CleanupAfterEach,
];

/// How the heading of a spec begins that failed.
const FAILURES: [&str; 5] = ["FAILED]", "PANICKED]", "TIMEDOUT]", "INTERRUPTED]", "ABORTED]"];

/// Why a file is no log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// Not text as a run writes it.
    #[error("the encoding is {0}, expected UTF-8")]
    Encoding(&'static str),
    /// One of the [`limits`](crate::limits) is exceeded.
    #[error("more than {NAME_BYTES} bytes of spec texts, which no log of a conformance run has")]
    Limit,
    /// The file cannot be read on.
    #[error("cannot be read")]
    Read(#[source] io::Error),
}

/// Whose version a line tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Component {
    /// `kube-apiserver version:`
    ApiServer,
    /// `e2e test version:`
    Suite,
}

/// A version that the log prints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionLine {
    /// Whose.
    pub component: Component,
    /// Such as `v1.36.2`.
    pub version: String,
    /// Line, from 1.
    pub line: u64,
}

/// A spec that a log names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mention {
    /// The first line that names it, from 1.
    pub line: u64,
    /// How it ended, if a line says so and it did not pass.
    pub outcome: Option<LoggedOutcome>,
}

/// What the line before a spec's text says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoggedOutcome {
    /// It failed, in one of the ways to do so.
    Failed,
    /// It was skipped, or is pending.
    DidNotRun,
}

/// A log in so far as the rules ask for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Log {
    /// Lines.
    pub lines: u64,
    /// The last line that sums up a run.
    pub summary: Option<Summary>,
    /// Versions, each different one once.
    pub versions: Vec<VersionLine>,
    /// Specs that it names, as they stand there: labels may follow the text. What is neither a
    /// conformance test nor of a SIG is none that can be told from other lines.
    pub specs: BTreeMap<String, Mention>,
    /// The first spec after the last summary, by its line.
    pub after_summary: Option<u64>,
    /// Lines that say that a spec passed only at a later attempt; at most some.
    pub flaked: Vec<u64>,
}

impl Log {
    /// Reads a log to its end.
    ///
    /// # Errors
    /// When it is no log, or cannot be read.
    pub fn read(input: impl Read) -> Result<Self, LogError> {
        let mut lines = Lines::new(input);
        let mut scan = Scan::new();
        if let Some(encoding) = lines.other_encoding().map_err(LogError::Read)? {
            return Err(LogError::Encoding(encoding));
        }
        while let Some((number, text)) = lines.next_line().map_err(LogError::Read)? {
            scan.line(number, text)?;
        }
        Ok(scan.log)
    }

    /// Whether it names conformance tests that passed: the log of a run without `-v` is dots, between
    /// which only those stand that did not.
    #[must_use]
    pub fn is_verbose(&self) -> bool {
        self.specs
            .iter()
            .any(|(text, mention)| mention.outcome.is_none() && text.contains(CONFORMANCE))
    }
}

/// What stands at the beginning of a line or within it, looked for in every line.
struct Scan {
    log: Log,
    kept: usize,
    conformance: Finder<'static>,
    version: Finder<'static>,
    /// A summary whose counts stand in the next line.
    pending: Option<Summary>,
    /// What the line before says of the spec that this line names.
    heading: Option<LoggedOutcome>,
}

// === impl Scan ===

impl Scan {
    fn new() -> Self {
        Self {
            log: Log::default(),
            kept: 0,
            conformance: Finder::new(CONFORMANCE),
            version: Finder::new(" version: "),
            pending: None,
            heading: None,
        }
    }

    fn line(&mut self, number: u64, text: &[u8]) -> Result<(), LogError> {
        self.log.lines = number;
        if let Some(begun) = self.pending.take() {
            self.log.summary = Some(begun.with_counts_of(&lossy(text)));
        }
        let heading = self.heading.take();
        match text.first() {
            Some(b'[') if self.is_spec(text) => self.spec(number, text, heading)?,
            Some(b'S' | b'F' | b'P') => {
                if text.starts_with(b"S [SKIPPED]") || text.starts_with(b"P [PENDING]") {
                    self.heading = Some(LoggedOutcome::DidNotRun);
                }
                self.summary(number, text);
            }
            // The first byte of "•" and "↺", which begin the heading of a spec.
            Some(0xe2) => self.heading(number, text),
            _ => {}
        }
        if let Some(at) = self.version.find(text) {
            self.version(number, &text[..at], &text[at + self.version.needle().len()..]);
        }
        Ok(())
    }

    fn is_spec(&self, text: &[u8]) -> bool {
        // A failure stands at the node, which of a spec without containers is the first word.
        let begin = text.strip_prefix(b"[It] ").unwrap_or(text);
        begin.starts_with(SIG.as_bytes()) || self.conformance.find(text).is_some()
    }

    fn heading(&mut self, number: u64, text: &[u8]) {
        if text.starts_with("↺ [FLAKEY TEST".as_bytes()) {
            if self.log.flaked.len() < KEPT {
                self.log.flaked.push(number);
            }
        } else if let Some(rest) = text.strip_prefix("• [".as_bytes())
            && FAILURES.iter().any(|word| rest.starts_with(word.as_bytes()))
        {
            self.heading = Some(LoggedOutcome::Failed);
        }
    }

    fn summary(&mut self, number: u64, text: &[u8]) {
        // Both words are followed by a blank and a dash; other lines are most of a log.
        if !(text.starts_with(b"SUCCESS! -") || text.starts_with(b"FAIL! -")) {
            return;
        }
        let summary = Summary::read(number, &lossy(text));
        self.log.after_summary = None;
        if summary.counts.is_none() {
            self.pending = Some(summary.clone());
        }
        self.log.summary = Some(summary);
    }

    fn version(&mut self, line: u64, before: &[u8], after: &[u8]) {
        let component = if before.ends_with(b"kube-apiserver") {
            Component::ApiServer
        } else if before.ends_with(b"e2e test") {
            Component::Suite
        } else {
            return;
        };
        let version = lossy(after).split_whitespace().next().unwrap_or_default().to_owned();
        let versions = &mut self.log.versions;
        let known = versions.iter().any(|v| v.component == component && v.version == version);
        if !known && versions.len() < KEPT {
            versions.push(VersionLine { component, version, line });
        }
    }

    fn spec(
        &mut self,
        number: u64,
        text: &[u8],
        outcome: Option<LoggedOutcome>,
    ) -> Result<(), LogError> {
        let text = lossy(text);
        if is_of_the_failure_list(&text) {
            return Ok(());
        }
        if self.log.summary.is_some() {
            self.log.after_summary.get_or_insert(number);
        }
        let text = without_marks(text.trim_end());
        match self.log.specs.get_mut(&text) {
            Some(mention) => mention.outcome = mention.outcome.or(outcome),
            None => {
                self.kept += text.len();
                if self.kept > NAME_BYTES {
                    return Err(LogError::Limit);
                }
                self.log.specs.insert(text, Mention { line: number, outcome });
            }
        }
        Ok(())
    }
}

fn lossy(text: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(text)
}

/// `[FAIL] [sig-...] ...`, in the list that stands before the summary.
fn is_of_the_failure_list(text: &str) -> bool {
    ["[FAIL] ", "[PANICKED!] ", "[TIMEDOUT] ", "[INTERRUPTED] ", "[ABORTED] "]
        .iter()
        .any(|word| text.starts_with(word))
}

/// The text without the mark of the node that failed.
fn without_marks(text: &str) -> String {
    for node in MARKS {
        let mark = format!(" [{node}] ");
        // A spec without containers begins with its mark.
        if let Some(after) = text.strip_prefix(mark.trim_start()) {
            return after.to_owned();
        }
        if let Some((before, after)) = text.split_once(&mark) {
            return format!("{before} {after}");
        }
        if let Some(before) = text.strip_suffix(mark.trim_end()) {
            return before.trim_end().to_owned();
        }
    }
    text.to_owned()
}

#[cfg(test)]
mod tests;
