//! What differs between the targets of a run, or of several runs, and what explains it.
//!
//! Outcomes go in as plain [`input`]; [`compare()`] gives a [`Comparison`], which [`show`] writes as
//! text, Markdown, JSON, or one HTML page. [`report::read`] fills the input from Ginkgo's own
//! reports; readers of other formats fill the same types.
//!
//! The crate opens no file, knows no clock, and draws no lots: the same outcomes give the same
//! bytes, in whatever order they come.

mod bits;
mod compare;
pub mod explain;
pub mod history;
pub mod input;
mod message;
pub mod report;
pub mod show;

pub use compare::{
    CompareError, Comparison, FORMAT, FailingSpec, Group, TargetHistory, TargetSummary, Uneven,
    Unsteady, compare,
};
