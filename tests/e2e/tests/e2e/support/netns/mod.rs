//! A whole system on hosts of its own, with a network that can be cut.

mod fault;
mod lab;
mod permitted;
mod system;
mod undisturbed;

pub(crate) use fault::Fault;
pub(crate) use system::{AGGREGATORS, COORDINATORS, IN_OFFICE, STANDING_BY, System, WORKERS};
pub(crate) use undisturbed::Suite;
