//! The worker: starts suite processes under guards, serves them Ginkgo's parallel protocol on
//! loopback, and discovers what a suite holds.
//!
//! This crate is a shell: what to say to a suite is decided by `multibeam-ginkgo`, what to run by
//! whoever holds the other end of [`suite::server::Incoming`]. It keeps no durable state.

pub mod agent;
pub mod conduct;
pub mod discover;
pub mod guard;
pub mod metrics;
pub mod spool;
pub mod suite;
