//! The coordinator: the shell around the scheduler.
//!
//! It keeps no database. What it decides is a command to the ledger first and an order to a worker
//! second; what it knows of a run it can read back from there.
//!
//! The path of a piece of news: [`service`] takes it from a worker's stream, [`hub`] (one task that
//! owns all state) gives it to its `run`, which asks the scheduler; what the scheduler wants goes
//! through the run's `committer` into the ledger, and from there back through the hub to workers
//! and watchers. A hub lasts as long as this coordinator is in [`office`].

mod clock;
mod committer;
mod doubt;
mod expected;
#[cfg(test)]
mod fake;
mod hub;
mod judge;
mod ledger;
mod messages;
mod metrics;
mod office;
pub mod plan;
mod proxy;
mod run;
mod service;
pub mod spec;
mod takeover;
mod workers;

pub use office::{Hub, HubError};
pub use proxy::ResultsProxy;
pub use service::{CoordinatorService, new_run_id, random_seed};
