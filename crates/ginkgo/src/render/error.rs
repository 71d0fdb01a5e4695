//! Why a report could not be rendered.

use std::error::Error;
use std::io;

use crate::report::ReportError;

/// Why a report could not be rendered. What was written before it is incomplete.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RenderError {
    /// The output took no more.
    #[error("cannot write the rendered report")]
    Write(#[from] io::Error),
    /// The source did not give a spec report.
    #[error("cannot load spec report {index}")]
    Load {
        /// Its place in the source, from 0.
        index: usize,
        /// What the source said.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The source gave bytes that are no spec report.
    #[error("spec report {index} cannot be read")]
    Spec {
        /// Its place in the source, from 0.
        index: usize,
        /// What is wrong with it.
        #[source]
        source: ReportError,
    },
    /// The suite header could not be written as JSON.
    #[error("cannot write the suite header as JSON")]
    Suite(#[source] serde_json::Error),
}
