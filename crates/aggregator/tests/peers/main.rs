//! Do messages and states reach the other members, and nothing else?
#![allow(clippy::unwrap_used, reason = "a failed test may panic")]

mod certificates;
mod messages;
mod proxy;
mod refusals;
mod rig;
mod robust;
mod source;
mod states;
