//! Results and submissions, held against the rules.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod properties;
mod rules;
mod support;
