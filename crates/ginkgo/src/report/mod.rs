//! Ginkgo's JSON reports (`types.Report`, `types.SpecReport`), read leniently: keys that this crate
//! does not know are no error, and a spec report's bytes are kept beside every typed view of it, so
//! that nothing is lost on the way into the merged report.
//!
//! Three views of a spec report, from cheap to complete: [`SpecSummary`] (small, kept in memory for
//! every spec of a target), the raw bytes, and [`SpecReport`] (parsed while one spec is rendered).

pub mod duration;
mod enums;
mod spec;
mod stream;
mod substitute;
mod suite;
mod summary;
mod time;

pub use enums::{EntryVisibility, FailureContext, NodeType, SpecEventType};
pub use spec::{
    AdditionalFailure, EntryValue, Failure, FunctionCall, Goroutine, Location, ProgressReport,
    ReportEntry, SpecEvent, SpecReport, TimelineLocation,
};
pub use stream::read_reports;
pub use substitute::Substitute;
pub use suite::{PreRunStats, Report, SuiteConfig, SuiteHeader, parse_reports};
pub use summary::SpecSummary;
pub use time::GoTime;

/// Why a report could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// The bytes are no spec report.
    #[error("expected the JSON of a Ginkgo spec report ({bytes} bytes)")]
    Spec {
        /// Length of what was to be read.
        bytes: usize,
        /// Where it stopped.
        #[source]
        source: serde_json::Error,
    },
    /// The bytes are no list of suite reports.
    #[error("expected a Ginkgo JSON report: a list of suite reports ({bytes} bytes)")]
    Suite {
        /// Length of what was to be read.
        bytes: usize,
        /// Where it stopped.
        #[source]
        source: serde_json::Error,
    },
    /// The stream is no list of suite reports, or broke off.
    #[error("expected a Ginkgo JSON report: a list of suite reports")]
    Stream(#[source] serde_json::Error),
}
