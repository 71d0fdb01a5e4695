//! The run file: what a run of Multibeam consists of, as people write it.
//!
//! Text goes in; out comes a [`RunFile`] in which everything is decided (defaults applied,
//! matrices expanded, references replaced), or [`Diagnostics`] that name every mistake of the
//! file with line, column and a hint. The crate opens no file, reads no environment and starts
//! nothing: whether a path exists is for the caller to find out, who also resolves relative paths
//! against the directory of the run file.
//!
//! The way of a file through the crate:
//!
//! 1. `yaml` reads text into a tree whose nodes know their place;
//! 2. `check` compares the tree with the tables in `settings`, from which [`schema`] is made too;
//! 3. `settings` reads what is good into structs that still hold references;
//! 4. `resolve` expands the matrices and checks what concerns several places at once.
//!
//! A later step looks at what an earlier one found good, so that one pass reports all mistakes
//! and none twice. Only a file that is no YAML, or of another format, is not looked at further.

pub mod bounds;
mod check;
mod diagnostic;
mod example;
mod human;
mod mode;
mod name;
mod pattern;
mod place;
mod render;
mod resolve;
mod schema;
mod settings;
mod suggest;
mod table;
mod template;
mod yaml;

pub use diagnostic::{Code, Diagnostic, Diagnostics, Severity};
pub use example::{Example, template};
pub use human::{ByteSize, HumanDuration, ParseDurationError, ParseSizeError};
pub use mode::Mode;
pub use name::{MAX_PLAIN_NAME, MAX_TARGET_NAME};
pub use place::Place;
pub use render::Styles;
pub use schema::{schema, schema_text};
pub use settings::cluster::{
    Cluster, DEFAULT_PROCESSES, DEFAULT_WORKERS, MAX_PROCESSES, MAX_WORKERS,
};
pub use settings::limits::{
    DEFAULT_ATTEMPTS, DEFAULT_CLUSTER_UNREADY_GIVE_UP, DEFAULT_GRACE, DEFAULT_HEARTBEAT,
    DEFAULT_LEASE, DEFAULT_NO_WORKER_GIVE_UP, DEFAULT_SPOOL_LIMIT, Limits,
    MIN_HEARTBEATS_PER_LEASE,
};
pub use settings::results::{DEFAULT_RESULTS_DIR, Results};
pub use settings::run::{API_VERSION, Cleanup, DEFAULT_RUN_NAME, KIND, MAX_SEED, RunFile};
pub use settings::spec_timeout::{DEFAULT_SPEC_TIMEOUT, SpecTimeoutRule, SpecTimeouts};
pub use settings::suite::{DEFAULT_SUITE_TIMEOUT, Suite};
pub use settings::target::Target;

use std::collections::BTreeMap;

use bounds::MAX_FILE_BYTES;
use diagnostic::Sink;
use yaml::{Kind, Span};

/// A run file that can be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// What it says.
    pub run: RunFile,
    /// What is probably not meant so; to be shown, but no reason to stop.
    pub warnings: Diagnostics,
    /// Where the kubeconfig of a cluster is named (for the first time), by the cluster's name.
    pub kubeconfigs: BTreeMap<String, Place>,
}

/// Reads a run file. `file_name` is only repeated in messages.
///
/// # Errors
/// Every mistake in the file, warnings among them.
pub fn parse(file_name: &str, text: &str) -> Result<Parsed, Diagnostics> {
    parse_as(file_name, text, None)
}

/// Reads a run file whose specs a mode selects.
///
/// # Errors
/// Every mistake in the file, warnings among them; also what contradicts the mode.
pub fn parse_as(file_name: &str, text: &str, mode: Option<Mode>) -> Result<Parsed, Diagnostics> {
    if text.len() > MAX_FILE_BYTES {
        // Nothing of such a text is worth being looked at, not even for its lines.
        let mut sink = Sink::new(file_name, "");
        let message =
            format!("the file has {} bytes, a run file at most {MAX_FILE_BYTES}", text.len());
        sink.error(Code::TooLarge, Span::at(1, 1), message, None);
        return Err(sink.finish());
    }
    let mut sink = Sink::new(file_name, text);
    let read = read(text, mode, &mut sink);
    let failed = sink.has_errors();
    match read {
        Some((run, spans)) if !failed => {
            let places = spans.into_iter().map(|(name, span)| (name, sink.place(span)));
            let kubeconfigs = places.collect();
            Ok(Parsed { run, warnings: sink.finish(), kubeconfigs })
        }
        _ => Err(sink.finish()),
    }
}

/// Reads the bytes of a run file, which must be UTF-8.
///
/// # Errors
/// Every mistake in the file, warnings among them.
pub fn parse_bytes(file_name: &str, bytes: &[u8]) -> Result<Parsed, Diagnostics> {
    parse_bytes_as(file_name, bytes, None)
}

/// Reads the bytes of a run file whose specs a mode selects.
///
/// # Errors
/// Every mistake in the file, warnings among them; also what contradicts the mode.
pub fn parse_bytes_as(
    file_name: &str,
    bytes: &[u8],
    mode: Option<Mode>,
) -> Result<Parsed, Diagnostics> {
    match std::str::from_utf8(bytes) {
        Ok(text) => parse_as(file_name, text, mode),
        Err(error) => {
            let good = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
            let line = good.matches('\n').count() + 1;
            let column = good.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
            let lossy = String::from_utf8_lossy(bytes);
            let mut sink = Sink::new(file_name, &lossy);
            let hint = "save the file as UTF-8".to_owned();
            sink.error(Code::Syntax, Span::at(line, column), "not UTF-8", Some(hint));
            Err(sink.finish())
        }
    }
}

fn read(
    text: &str,
    mode: Option<Mode>,
    sink: &mut Sink<'_>,
) -> Option<(RunFile, BTreeMap<String, Span>)> {
    // A byte order mark is no part of the text.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if let Some((line, column)) = find(text, '\0') {
        let hint = "this is no text file".to_owned();
        sink.error(Code::Syntax, Span::at(line, column), "a NUL character", Some(hint));
        return None;
    }
    let root = match yaml::load(text, sink) {
        Some(root) if !root.is_null() => root,
        _ => {
            if !sink.has_errors() {
                let hint = "`multibeam init` writes an example".to_owned();
                sink.error(Code::Syntax, Span::at(1, 1), "the file is empty", Some(hint));
            }
            return None;
        }
    };
    if matches!(root.kind, Kind::Map(_)) && !settings::run::is_readable(&root, sink) {
        return None;
    }
    check::check(&root, &table::Ty::Object(&settings::RUN), "", sink);
    let raw = settings::run::read(&root, mode, sink);
    Some(resolve::resolve(raw, sink))
}

/// Line and column of a character, from 1.
fn find(text: &str, wanted: char) -> Option<(usize, usize)> {
    text.split('\n').enumerate().find_map(|(line, content)| {
        let column = content.chars().position(|c| c == wanted)?;
        Some((line + 1, column + 1))
    })
}
