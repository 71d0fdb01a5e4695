//! What several tests stand on: clusters, services, networks, and a look at the processes.

pub(crate) mod collector;
pub(crate) mod lab;
pub(crate) mod netns;
pub(crate) mod processes;
pub(crate) mod system;
pub(crate) mod trio;
pub(crate) mod units;
