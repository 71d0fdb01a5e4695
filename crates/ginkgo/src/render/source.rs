//! Where the renderers get a target's reports from.

use std::convert::Infallible;
use std::error::Error;

use super::RenderError;
use crate::report::{Report, ReportError, SpecReport, SpecSummary, SuiteHeader};

/// One target's merged report. Summaries are at hand, the reports themselves are loaded one by one.
pub trait ReportSource {
    /// Why a report could not be loaded.
    type Error: Error + Send + Sync + 'static;

    /// The suite's part.
    fn suite(&self) -> &SuiteHeader;

    /// Number of spec reports.
    fn len(&self) -> usize;

    /// Whether there is no spec report.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Summary of the report at `index`, in the order of the merged report. Never out of range.
    fn summary(&self, index: usize) -> &SpecSummary;

    /// JSON of the report at `index`, as the suite sent it.
    ///
    /// # Errors
    /// When the report cannot be read from where it is kept.
    fn load(&self, index: usize) -> Result<Vec<u8>, Self::Error>;
}

/// Loads one report and parses it.
pub(super) fn load<S: ReportSource + ?Sized>(
    source: &S,
    index: usize,
) -> Result<SpecReport, RenderError> {
    let raw = load_raw(source, index)?;
    SpecReport::parse(&raw).map_err(|source| RenderError::Spec { index, source })
}

/// Loads the bytes of one report.
pub(super) fn load_raw<S: ReportSource + ?Sized>(
    source: &S,
    index: usize,
) -> Result<Vec<u8>, RenderError> {
    source.load(index).map_err(|source| RenderError::Load { index, source: Box::new(source) })
}

/// A report that is in memory as a whole: for tests and small reports.
#[derive(Debug, Clone, Default)]
pub struct MemorySource {
    suite: SuiteHeader,
    specs: Vec<(SpecSummary, Vec<u8>)>,
}

// === impl MemorySource ===

impl MemorySource {
    /// A source from a suite header and the JSON of its spec reports.
    ///
    /// # Errors
    /// When one of them is no spec report.
    pub fn new(
        suite: SuiteHeader,
        specs: impl IntoIterator<Item = Vec<u8>>,
    ) -> Result<Self, ReportError> {
        let with_summary = |raw: Vec<u8>| Ok((SpecSummary::parse(&raw)?, raw));
        Ok(Self { suite, specs: specs.into_iter().map(with_summary).collect::<Result<_, _>>()? })
    }
}

impl TryFrom<Report> for MemorySource {
    type Error = ReportError;

    fn try_from(report: Report) -> Result<Self, Self::Error> {
        let specs = report.specs.into_iter().map(|raw| raw.get().as_bytes().to_vec());
        Self::new(report.suite, specs)
    }
}

impl ReportSource for MemorySource {
    type Error = Infallible;

    fn suite(&self) -> &SuiteHeader {
        &self.suite
    }

    fn len(&self) -> usize {
        self.specs.len()
    }

    fn summary(&self, index: usize) -> &SpecSummary {
        &self.specs[index].0
    }

    fn load(&self, index: usize) -> Result<Vec<u8>, Self::Error> {
        Ok(self.specs[index].1.clone())
    }
}
