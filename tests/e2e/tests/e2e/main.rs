//! Every end-to-end test, in one program: they wait for half of their time, for leases and for suites
//! that sleep, so several of them go at once. Programs of their own would run one after the other, and
//! each would be linked.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

mod clusters;
mod commands;
mod crowd;
mod deploy;
mod faults;
mod group;
mod history;
mod input;
mod keeping;
mod large;
mod network;
mod outputs;
mod places;
mod resume;
mod same;
mod services;
mod takeover;
mod tracing;
