//! Servers and their clients, over sockets of this machine.
#![allow(clippy::unwrap_used)]

mod admin;
mod calls;
mod echo;
mod limits;
mod local;
mod mutual_tls;
mod openmetrics;
mod renewal;
