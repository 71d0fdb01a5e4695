//! How a Ginkgo suite binary is driven from outside: its command lines, its dry run, the probe that
//! finds its execution groups, the messages of its parallel protocol, and the reports it leaves.
//!
//! This crate computes and never acts: no clock, no file, no process, no socket, no async runtime.
//! The worker starts processes and serves HTTP; it asks this crate what to say.
//!
//! The path of a suite: [`argv`] gives the command lines of the dry run and of the probe,
//! [`dryrun`] reads the first, [`probe`] answers the second, [`catalog`] joins both into the one
//! product of discovery. During a run [`protocol`] turns HTTP requests into values and back.

pub mod admission;
pub mod argv;
pub mod catalog;
pub mod dryrun;
pub mod probe;
pub mod protocol;
pub mod render;
pub mod report;
pub mod sample;
pub mod serial;
pub mod spec;
pub mod version;

mod go_json;
