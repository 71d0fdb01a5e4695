//! Removes what a killed suite process left behind, so that its specs can be tried again.
//!
//! A [`Baseline`] is taken when the run begins; after a process was killed, [`clean_up`] takes a
//! second look, [`plan`] decides, and what was done goes into a [`CleanupReport`].
//!
//! # Whose leavings are these?
//! Never is anything deleted that may belong to a living process. What is known for certain comes
//! from [`SuiteMark`](crate::SuiteMark)s: a worker starts every suite process under a marked
//! `argv[0]`, and the API server notes it on each object, label, taint, and cordon that the process
//! makes itself. One marked namespace also tells the `e2e-run` id of that process, and with it all
//! other namespaces of the same id, whoever made them.
//!
//! What has no mark (a node cordoned with kubectl, suites whose clients hide the program's name) is
//! touched only if the caller says that no suite process is alive in the cluster ([`Scope::alone`]),
//! was not there in the baseline, and looks like a suite's doing: an `e2e-run` label, an
//! `e2e-` key, or a field manager that is a test program or kubectl. Everything else that is new is
//! reported as kept.

mod execute;
mod owner;
mod plan;
mod state;

pub use execute::{CleanupReport, Entry, clean_up};
pub use plan::{Action, Kept, Kind, Plan, Scope, Step, Why, plan};
pub use state::{Baseline, NodeState, Object, Snapshot, SuiteNamespace, Taint, UnknownFormat};
