//! How long specs took in earlier runs, and how long they should take in the next one.
//!
//! [`History`] is what is remembered: a few recent durations of each spec for each set of labels. The
//! ledger keeps one, and a results directory has one as a [file](mod@file). [`Durations`] is what is made
//! of it: an expected duration for every spec, known or not, with a spread. Packing, plans, and the time
//! that is left all come from there.
//!
//! What this crate never does: it opens no file, reads no clock, and fails for no content. A history
//! that says nothing useful gives what the built-in table gives.

mod durations;
pub mod file;
mod history;
mod robust;
mod table;

pub use durations::{Basis, Durations, Estimate};
pub use history::{History, HistoryError, LONGEST, Labels, Row, Seen};
pub use robust::{Robust, USUAL_SPREAD, robust};
