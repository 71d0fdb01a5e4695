//! Suite processes, and those who watch over them.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;
mod discover;
mod guard;
mod server;
mod sessions;
