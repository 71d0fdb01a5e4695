//! The files a target leaves: the log ([`console`]), the JUnit file ([`junit`]) and the merged
//! report ([`json`]), byte for byte what Ginkgo's own `reporters` package writes from the same
//! report, in the version that built the suite ([`Dialect`]).
//!
//! Nothing here holds a whole report. A [`ReportSource`] keeps a small summary of every spec report
//! in memory and loads the bytes of one at a time, so the size of a target's captured output bounds
//! neither memory nor the number of specs.

pub mod console;
mod dialect;
mod error;
mod failure;
mod go_text;
mod go_value;
pub mod json;
pub mod junit;
mod location;
mod matrix;
pub mod order;
mod printer;
mod progress;
mod source;
mod timeline;
mod xml;

pub use dialect::Dialect;
pub use error::RenderError;
pub use matrix::{MatrixTarget, matrix_junit};
pub use source::{MemorySource, ReportSource};
