//! Durations that are not what was expected.

use std::time::Duration;

use multibeam_forecast::{Takes, limit, play};
use multibeam_model::plan::TargetPlan;
use multibeam_packing::conformance::{self, exactly, scene};
use multibeam_packing::perturb;

/// What a plan with such beliefs takes, in parts of the limit of what is true.
fn ratio(believed: TargetPlan, truth: &TargetPlan, clusters: u32, slots: u32) -> f64 {
    let takes: Takes = exactly(truth);
    let course = play(&scene(believed, clusters, slots), &takes).expect("it ends");
    let least = limit(truth, clusters, slots).expect("there are processes");
    course.end().as_secs_f64() / least.as_secs_f64()
}

#[test]
fn a_common_factor_does_not_matter() {
    let truth = conformance::plan();
    for factor in [1.0 / 3.0, 3.0] {
        let mut believed = truth.clone();
        for group in &mut believed.groups {
            group.expected = group.expected.mul_f64(factor);
        }
        for (clusters, slots, goal) in conformance::GOALS {
            let ratio = ratio(believed.clone(), &truth, clusters, slots);
            println!("{clusters} x {slots}, all times {factor:.2}: {ratio:.3}");
            assert!(ratio <= goal + 0.05, "{clusters} x {slots}: {ratio:.3}");
        }
    }
}

#[test]
fn estimates_off_by_three() {
    let truth = conformance::plan();
    for (clusters, slots, _) in conformance::GOALS {
        let mut all: Vec<f64> = (0..20)
            .map(|seed| ratio(perturb::misjudged(&truth, 3.0, seed), &truth, clusters, slots))
            .collect();
        all.sort_by(f64::total_cmp);
        println!(
            "{clusters} x {slots}, off by 3: {:.3} .. {:.3} .. {:.3}",
            all[0], all[10], all[19]
        );
    }
}

#[test]
fn nothing_is_known() {
    let truth = conformance::plan();
    for (clusters, slots, _) in conformance::GOALS {
        for expected in [Duration::ZERO, Duration::from_secs(6)] {
            let ratio = ratio(perturb::unknown(&truth, expected), &truth, clusters, slots);
            println!("{clusters} x {slots}, {expected:?} for all: {ratio:.3}");
        }
    }
}

#[test]
fn noise() {
    let plan = conformance::plan();
    for (clusters, slots, _) in conformance::GOALS {
        let mut all: Vec<f64> = (0..50)
            .map(|seed| {
                let truth = perturb::in_truth(&plan, &perturb::noisy(&plan, seed));
                ratio(plan.clone(), &truth, clusters, slots)
            })
            .collect();
        all.sort_by(f64::total_cmp);
        println!("{clusters} x {slots}, noise: {:.3} .. {:.3} .. {:.3}", all[0], all[25], all[49]);
    }
}
