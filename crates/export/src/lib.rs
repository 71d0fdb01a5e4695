//! Results in the shapes that other tools read: [`sonobuoy`]'s tarball, and the directory that
//! [`testgrid`] and Prow's Spyglass take in.
//!
//! The crate opens no file: it reads from what it is given and writes into what it is given, in
//! pieces, so that a log of any size passes through. The same target gives the same bytes.

pub mod archive;
mod input;
pub mod sonobuoy;
pub mod testgrid;

pub use input::{Input, Subject};

use multibeam_ginkgo::render::RenderError;
use multibeam_ginkgo::report::ReportError;

/// Why something could not be exported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The report cannot be read.
    #[error("the target's report.json cannot be read")]
    Report(#[from] ReportError),
    /// A case cannot be written as JUnit would have it.
    #[error("a spec of the target's report.json cannot be printed")]
    Render(#[from] RenderError),
    /// A file has another length than it was announced with.
    #[error("expected {file} to have {expected} bytes, found {found} (hint: is it being written?)")]
    Length {
        /// The file.
        file: &'static str,
        /// Its length when it was opened.
        expected: u64,
        /// What could be read, at most one more.
        found: u64,
    },
    /// The target has not ended.
    #[error("the target has not ended, so nothing can be said about how it went")]
    NotEnded,
    /// Something cannot be read or written.
    #[error("cannot read or write")]
    Io(#[from] std::io::Error),
    /// A small file cannot be written as JSON.
    #[error("cannot write JSON")]
    Json(#[from] serde_json::Error),
}
