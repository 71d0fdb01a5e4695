//! What other tools read.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;
mod sonobuoy;
mod testgrid;
