//! What deploy/systemd starts, without systemd.

mod site;
mod unit;

pub(crate) use site::{Installed, Service, Site};
