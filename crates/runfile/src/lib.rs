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
//! 1. `multibeam_document` reads text into a tree whose nodes know their place;
//! 2. it compares the tree with the tables in `settings`, from which [`schema`] is made too;
//! 3. `settings` reads what is good into structs that still hold references;
//! 4. `resolve` expands the matrices and checks what concerns several places at once.
//!
//! A later step looks at what an earlier one found good, so that one pass reports all mistakes
//! and none twice. Only a file that is no YAML, or of another format, is not looked at further.

pub mod bounds;
mod example;
mod label_filter;
mod mention;
mod mode;
mod name;
mod pattern;
mod resolve;
mod schema;
mod settings;
mod template;

pub use example::{Example, template};
pub use mention::{Mention, Mentioned};
pub use mode::Mode;
pub use multibeam_document::human::{ByteSize, HumanDuration, ParseDurationError, ParseSizeError};
pub use multibeam_document::{Code, Diagnostic, Diagnostics, Place, Severity, Styles};
pub use name::{MAX_PLAIN_NAME, MAX_TARGET_NAME};
pub use schema::{schema, schema_text};
pub use settings::cluster::{
    Cluster, DEFAULT_PROCESSES, DEFAULT_WORKERS, MAX_PROCESSES, MAX_WORKERS,
};
pub use settings::concurrency::{Concurrency, ConcurrencyRule};
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

use multibeam_document::Format;

/// How run files look.
static FORMAT: Format = Format {
    root: &settings::RUN,
    api_version: API_VERSION,
    kind: KIND,
    example: "`multibeam init` writes an example",
    shorter: "use a matrix instead of repeating targets",
};

/// A run file that can be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// What it says.
    pub run: RunFile,
    /// What is probably not meant so; to be shown, but no reason to stop.
    pub warnings: Diagnostics,
    /// What it names on the disk.
    pub mentions: Vec<Mention>,
}

/// A run file that was read as far as it can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examined {
    /// What it says, if it has no mistakes.
    pub run: Option<RunFile>,
    /// Every mistake and every warning.
    pub found: Diagnostics,
    /// What it names on the disk, as far as that can be read in a file with mistakes.
    pub mentions: Vec<Mention>,
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
    parse_bytes_as(file_name, text.as_bytes(), mode)
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
/// Every mistake in the file, warnings among them.
pub fn parse_bytes_as(
    file_name: &str,
    bytes: &[u8],
    mode: Option<Mode>,
) -> Result<Parsed, Diagnostics> {
    match examine(file_name, bytes, mode) {
        Examined { run: Some(run), found: warnings, mentions } => {
            Ok(Parsed { run, warnings, mentions })
        }
        Examined { found, .. } => Err(found),
    }
}

/// Reads the bytes of a run file, whose specs a mode may select, as far as they can be read: who looks
/// at what the file names on the disk can report its mistakes together with those in here.
#[must_use]
pub fn examine(file_name: &str, bytes: &[u8], mode: Option<Mode>) -> Examined {
    let (read, found) = multibeam_document::examine(&FORMAT, file_name, bytes, |root, sink| {
        let raw = settings::run::read(root, mode, sink);
        let (run, mentions) = resolve::resolve(raw, sink);
        (run, mentions.placed(|at| sink.place(at)))
    });
    let (run, mentions) = read.map(|(run, mentions)| (Some(run), mentions)).unwrap_or_default();
    Examined { run: run.filter(|_| !found.has_errors()), found, mentions }
}
