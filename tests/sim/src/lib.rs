//! A simulation of the whole system under one seed: the real cores of the ledger and the scheduler,
//! and models of the shells around them, in virtual time, with everything that may go wrong.
//! `docs/simulation.md` tells what is checked and how to read a seed that fails.

mod aggregator;
mod client;
mod clock;
mod coordinator;
mod disk;
mod fault;
mod message;
mod net;
mod orders;
mod rng;
mod rules;
mod scale;
mod seen;
mod setting;
mod shipping;
mod stream;
mod suite;
mod transfer;
mod trouble;
mod verdict;
mod worker;
mod world;

pub use fault::{FAULTS, Fault};
pub use seen::Seen;
pub use verdict::{Outcome, run, run_all, trace};
