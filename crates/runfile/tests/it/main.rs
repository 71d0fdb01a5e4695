//! From the text of a run file to a run, or to its mistakes.
#![expect(clippy::unwrap_used, reason = "in tests a panic is the report")]

mod golden;
mod mentions;
mod robust;
mod schema;
