//! Failures across targets: the same spec in several of them is one thing to look at.

use multibeam_model::outcome::SpecState;
use multibeam_model::status::{Failure, RunStatus};

/// A spec that failed somewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failing<'a> {
    pub(crate) spec: &'a str,
    /// State in the first target it failed in.
    pub(crate) state: SpecState,
    /// The first message.
    pub(crate) message: &'a str,
    /// Indices of the targets, in order.
    pub(crate) targets: Vec<usize>,
}

/// Whether a cancel has cut it short, which says nothing about the suite.
pub(crate) fn cut_short(status: &RunStatus, failure: &Failure) -> bool {
    status.cancelling && failure.state == SpecState::Interrupted && !failure.lost
}

/// All failures by spec, without those that a cancel has cut short: those of most targets first, then
/// as they came.
pub(crate) fn by_spec(status: &RunStatus) -> Vec<Failing<'_>> {
    let mut all: Vec<Failing<'_>> = Vec::new();
    let mut known = std::collections::BTreeMap::new();
    for (index, target) in status.targets.iter().enumerate() {
        for failure in target.failures.iter().filter(|failure| !cut_short(status, failure)) {
            let spec = failure.spec.as_str();
            let place = *known.entry(spec).or_insert_with(|| {
                all.push(Failing {
                    spec,
                    state: failure.state,
                    message: &failure.message,
                    targets: Vec::new(),
                });
                all.len() - 1
            });
            // Copies of a spec, and a suite node of several clusters, fail more than once.
            if !all[place].targets.contains(&index) {
                all[place].targets.push(index);
            }
        }
    }
    all.sort_by_key(|failing| std::cmp::Reverse(failing.targets.len()));
    all
}
