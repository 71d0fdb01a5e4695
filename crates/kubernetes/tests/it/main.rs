//! A cluster under test, played by a stand-in API server.
#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    reason = "a test program: it may panic, and nobody else uses it"
)]

mod clean_up;
mod connect;
mod real_cluster;
mod run_lock;
mod stand_in;
