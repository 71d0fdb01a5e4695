//! One run at a time on a cluster: a `coordination.k8s.io/v1` Lease that the run's workers hold
//! together.
//!
//! [`decide`] says what a look at the Lease means; [`RunLock`] looks, writes, and renews. Times in
//! the Lease are the API server's, so workers with different clocks agree.

mod decide;
mod held;
mod lease;

pub use decide::{Decision, Departure, LeaseView, Member, decide, depart};
pub use held::{LockError, RunLock};

use std::time::Duration;

/// Where the Lease is and how long it lasts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockSettings {
    /// Namespace of the Lease.
    pub namespace: String,
    /// Name of the Lease; the same for all runs.
    pub name: String,
    /// How long a Lease holds without renewal; whole seconds. It is renewed three times as often.
    pub duration: Duration,
    /// Time between two looks at a Lease that another run holds.
    pub poll: Duration,
}

impl Default for LockSettings {
    fn default() -> Self {
        Self {
            // Exists everywhere, and no suite deletes it.
            namespace: "kube-system".to_owned(),
            name: "multibeam-run".to_owned(),
            duration: Duration::from_secs(60),
            poll: Duration::from_secs(5),
        }
    }
}

/// What to do when another run holds the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Stop with the holder's name.
    Fail,
    /// Wait until it is free.
    Wait {
        /// Stop with the holder's name after this time. None: wait for ever.
        at_most: Option<Duration>,
    },
}
