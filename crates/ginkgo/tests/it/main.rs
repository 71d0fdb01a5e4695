//! Reports, rendered as Ginkgo's own code renders them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod render_generated;
mod render_matrix;
mod render_support;
mod render_zoo;
