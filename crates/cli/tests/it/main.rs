//! The program as its users call it, and the pages that describe it.
#![allow(clippy::unwrap_used, reason = "tests")]

mod bundle;
mod certification;
mod common;
mod deploy;
#[path = "../../../conformance/tests/it/support/mod.rs"]
mod fixtures;
mod limits;
mod offline;
mod results;
#[path = "../../../bundle/tests/it/support/run_json.rs"]
mod run_json;
