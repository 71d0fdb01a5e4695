//! Durations that are not what they were expected to be.

use std::time::Duration;

use multibeam_forecast::{Draw, Takes};
use multibeam_model::plan::TargetPlan;

use crate::conformance::exactly;

/// Log-normal noise on every group (a standard deviation of 0.3, so two of three groups are within
/// a third of what was expected), and a tenth of the groups takes five times as long.
#[must_use]
pub fn noisy(plan: &TargetPlan, seed: u64) -> Takes {
    let mut draw = Draw(seed);
    let mut takes = exactly(plan);
    for time in takes.values_mut() {
        let factor = draw.log_normal(0.3) * if draw.unit() < 0.1 { 5.0 } else { 1.0 };
        *time = time.mul_f64(factor);
    }
    takes
}

/// The plan with every expectation off by a factor of its own, up to `factor` either way.
#[must_use]
pub fn misjudged(plan: &TargetPlan, factor: f64, seed: u64) -> TargetPlan {
    let mut draw = Draw(seed);
    let mut plan = plan.clone();
    for group in &mut plan.groups {
        group.expected = group.expected.mul_f64(draw.off_by(factor));
    }
    plan
}

/// The plan with one expectation for all groups: nothing is known.
#[must_use]
pub fn unknown(plan: &TargetPlan, expected: Duration) -> TargetPlan {
    let mut plan = plan.clone();
    for group in &mut plan.groups {
        group.expected = expected;
    }
    plan
}

/// The plan with the durations that were real after all, for its limit.
#[must_use]
pub fn in_truth(plan: &TargetPlan, takes: &Takes) -> TargetPlan {
    let mut plan = plan.clone();
    for group in &mut plan.groups {
        group.expected = takes[&(plan.target, group.id)];
    }
    plan
}

/// The plan with every expectation off by the same factor.
#[must_use]
pub fn scaled(plan: &TargetPlan, factor: f64) -> TargetPlan {
    let mut plan = plan.clone();
    for group in &mut plan.groups {
        group.expected = group.expected.mul_f64(factor);
    }
    plan
}
