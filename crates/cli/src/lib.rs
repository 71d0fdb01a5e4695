//! The `multibeam` program: what the user types, and what the user sees.
//!
//! `main` reads the command line ([`args`]) and calls one of [`commands`]. A command that follows a
//! run folds the run's events into a status and shows both through a [`view::View`].

pub mod args;
pub mod cache;
mod cancels;
pub mod catalog_view;
pub mod commands;
pub mod connect;
pub mod convert;
mod discovery;
pub mod embedded;
pub mod exit;
pub mod files;
pub mod follow;
mod foreign;
mod history;
mod history_view;
pub mod kubeconfigs;
pub mod load;
pub mod on_disk;
pub mod online;
pub mod output;
pub mod place;
pub mod plan_view;
pub mod required;
pub mod rerun;
mod results_of;
mod roles;
pub mod stored;
pub mod view;
pub mod written;
