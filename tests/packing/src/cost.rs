//! What the scheduler itself costs: the inputs of a run, recorded, and given to a scheduler again
//! with nothing around it.

use std::time::Duration;

use multibeam_forecast::{Scene, Takes, record};
use multibeam_model::Moment;
use multibeam_model::TargetId;
use multibeam_model::plan::TargetPlan;
use multibeam_sched::{Input, Output, Scheduler};

use crate::conformance::{group, scene};

/// Processes of a worker.
const SLOTS: u32 = 8;

/// Inputs with the times at which they come.
pub type Inputs = Vec<(Moment, Input)>;

/// Clusters with so many processes each, and so many parallel groups of 1 to 20 seconds.
#[must_use]
pub fn instance(clusters: u32, slots: u32, groups: u32) -> Scene {
    let groups = (0..groups).map(|id| group(id, false, Duration::from_secs((id % 20 + 1).into())));
    let plan = TargetPlan { target: TargetId(0), groups: groups.collect() };
    let mut scene = scene(plan, clusters, slots);
    for cluster in &mut scene.clusters {
        cluster.workers =
            (0..slots).step_by(SLOTS as usize).map(|n| SLOTS.min(slots - n)).collect();
    }
    scene
}

/// All inputs of such a run on clusters with so many processes each: about three for each group.
///
/// # Panics
/// When the run does not end.
#[must_use]
pub fn inputs(clusters: u32, slots: u32, groups: u32) -> Inputs {
    record(&instance(clusters, slots, groups), &Takes::new()).expect("every run ends")
}

/// Gives the inputs to a new scheduler; after how many of them it looked at everything.
///
/// # Panics
/// When the run is not over after the last input.
pub fn replay(clusters: u32, slots: u32, groups: u32, inputs: &Inputs) -> usize {
    let mut sched = Scheduler::new(instance(clusters, slots, groups).shape(), None);
    let mut out: Vec<Output> = Vec::new();
    let mut looks = 0;
    for (at, input) in inputs {
        sched.handle(*at, input.clone(), &mut out);
        looks += usize::from(!sched.puts_off());
        out.clear();
    }
    assert!(sched.is_over(), "the same inputs give the same run");
    looks
}
