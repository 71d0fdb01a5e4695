//! Everything a worker does with the cluster under test: connecting, telling who it is, asking
//! whether it is ready, holding it for one run, and removing what killed specs left behind.
//!
//! Small pure pieces decide ([`lock::decide`], [`cleanup::plan`], [`kubeconfig`] selection), a thin
//! asynchronous shell around `kube` performs. What this crate never does:
//!
//! - it never puts a secret (token, key, output of an exec plugin) in an error, a log line, or a
//!   `Debug` output;
//! - it never waits without a bound: every request and every clean-up has a deadline;
//! - it never deletes anything that may belong to a living suite process ([`cleanup::plan`] says
//!   how that is known).
//!
//! ```text
//! Access ──▶ Cluster ──▶ identify / ready      (is this the cluster we think it is?)
//!               ├──────▶ RunLock               (one run at a time)
//!               ├──────▶ Baseline::take        (before the first spec)
//!               └──────▶ clean_up              (after a suite process was killed)
//! ```

mod certificate;
pub mod cleanup;
mod client;
mod cluster;
mod error;
mod explain;
pub mod kubeconfig;
pub mod lock;
mod mark;
mod proxy;
mod redact;
mod server_clock;

pub use cleanup::{Baseline, CleanupReport, Scope};
pub use client::Timeouts;
pub use cluster::{Cluster, Identity, Readiness};
pub use error::{ClusterError, Obstacle};
pub use kubeconfig::{Access, Server};
pub use lock::{LockError, LockSettings, Member, Policy, RunLock};
pub use mark::{InvalidMark, SuiteMark};
