//! The shell kit: what every service needs around its core and no core may contain.
//!
//! Clocks, tasks, transports, certificates, retries, telemetry, and the pages for operators live here. The crate knows
//! nothing of runs, targets, or specs, and takes no decision that belongs to a core.

pub mod access;
pub mod admin;
pub mod backoff;
pub mod clock;
pub mod deadline;
pub mod drain;
pub mod endpoints;
pub mod identity;
pub mod leisure;
pub mod limits;
pub mod memory;
pub mod metrics;
pub mod packed;
pub mod pki;
pub mod tasks;
pub mod telemetry;
pub mod tls;
pub mod trace;
pub mod uds;

mod transport;
