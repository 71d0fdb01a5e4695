//! What a ledger keeps, what it says when it cannot, and what other members and clients get from it.
#![allow(clippy::unwrap_used, reason = "a failed test may panic")]

mod actor;
mod backup;
mod common;
mod damage;
mod directory;
mod disk;
mod disk_kill;
mod disk_model;
mod hooked;
mod kill;
mod model;
mod peers;
mod proxy;
mod rig;
mod services;
mod source;
mod standstill;
