//! How near the schedule comes to what is possible: the instances, what they are compared with, and
//! the figures of docs/performance.md. Everything is virtual time, so the figures are exact and the
//! same on every machine. `cargo run --release -p multibeam-packing` prints the tables.

pub mod baseline;
pub mod conformance;
pub mod cost;
pub mod optimum;
pub mod perturb;
pub mod plot;
