//! From a run and a product file to the files of a submission.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod properties;
mod support;
mod texts;
