//! Random worlds, and those that once found something.
#![allow(clippy::unwrap_used, reason = "a failed test may panic")]

mod found;
mod simulation;
