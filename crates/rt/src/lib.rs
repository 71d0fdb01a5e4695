//! The shell kit: what every service needs around its core and no core may contain.
//!
//! Clocks, tasks, transports, certificates, retries, and telemetry live here. The crate knows
//! nothing of runs, targets, or specs, and takes no decision that belongs to a core.

pub mod access;
pub mod backoff;
pub mod clock;
pub mod identity;
pub mod memory;
pub mod pki;
pub mod tasks;
pub mod telemetry;
pub mod tls;
pub mod trace;
pub mod uds;

mod transport;
