//! The aggregator: keeps the ledger durable and gives it to whoever asks.
//!
//! One thread owns the log and is the only one that writes ([`Aggregator::start`]). Proposals wait
//! in a bounded queue; the thread takes all that wait, makes them durable with one flush, applies
//! them to [`multibeam_ledger::Ledger`], and only then answers. Readers copy what they need and
//! read payloads straight from the log.
//!
//! What this crate never does: it decides nothing about runs. Every rule is in the ledger's state
//! machine; this crate stores, sends, and prints.
//!
//! ```text
//! propose ─▶ queue ─▶ owner thread: append + flush ─▶ apply ─▶ answer
//!                                     │                 │
//!                                    Log (sled)       Ledger ◀── record(), runs()
//!                                     └──────────────────────◀── payload()
//! ```

mod actor;
mod error;
mod handle;
mod metrics;
pub mod peers;
pub mod render;
pub mod retention;
pub mod services;
pub mod store;

pub use actor::{Aggregator, Limits, Looks, Membership, STANDSTILL, Setup};
pub use error::{Leader, LedgerError};
pub use handle::Handle;
pub use multibeam_ledger::node::disk::NodeId;
pub use multibeam_ledger::node::members::Member;
pub use store::{Store, StoreError};
