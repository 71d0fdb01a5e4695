//! What the scheduler itself costs: the inputs of a run, recorded, and given to a scheduler again
//! with nothing around it.

use std::time::Duration;

use multibeam_forecast::{Costs, Scene, Takes, record};
use multibeam_model::Moment;
use multibeam_model::TargetId;
use multibeam_model::plan::TargetPlan;
use multibeam_sched::{Input, Output, Scheduler};

use crate::conformance::{group, scene};

/// Inputs with the times at which they come.
pub type Inputs = Vec<(Moment, Input)>;

/// One cluster with so many processes and so many parallel groups of 1 to 20 seconds.
fn instance(slots: u32, groups: u32) -> Scene {
    let groups = (0..groups).map(|id| group(id, false, Duration::from_secs((id % 20 + 1).into())));
    let plan = TargetPlan { target: TargetId(0), groups: groups.collect() };
    Scene { costs: Costs::default(), ..scene(plan, 1, slots) }
}

/// All inputs of such a run: about two for each group, its hand-out and its report.
///
/// # Panics
/// When the run does not end.
#[must_use]
pub fn inputs(slots: u32, groups: u32) -> Inputs {
    record(&instance(slots, groups), &Takes::new()).expect("every run ends")
}

/// Gives the inputs to a new scheduler; how many outputs came.
///
/// # Panics
/// When the run is not over after the last input.
pub fn replay(slots: u32, groups: u32, inputs: &Inputs) -> usize {
    let mut sched = Scheduler::new(instance(slots, groups).shape(), None);
    let mut out: Vec<Output> = Vec::new();
    let mut count = 0;
    for (at, input) in inputs {
        sched.handle(*at, input.clone(), &mut out);
        count += out.len();
        out.clear();
    }
    assert!(sched.is_over(), "the same inputs give the same run");
    count
}
