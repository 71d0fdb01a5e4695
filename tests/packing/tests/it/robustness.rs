//! Durations that are not what was expected.

use std::time::Duration;

use multibeam_forecast::{Takes, limit, play};
use multibeam_model::TargetId;
use multibeam_model::outcome::Verdict;
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
        let believed = perturb::scaled(&truth, factor);
        for (clusters, slots, goal) in conformance::GOALS {
            let ratio = ratio(believed.clone(), &truth, clusters, slots);
            println!("{clusters} x {slots}, all times {factor:.2}: {ratio:.3}");
            assert!(ratio <= goal + 0.06, "{clusters} x {slots}, {factor:.2}: {ratio:.3}");
        }
    }
}

/// The bounds leave room for what no schedule can know: the longest serial group is as long as the
/// whole run of four clusters should be.
#[test]
fn estimates_off_by_three_cost_little() {
    let truth = conformance::plan();
    for (clusters, slots, at_most) in [(1, 8, 1.03), (3, 8, 1.45), (4, 16, 1.6)] {
        let mut all: Vec<f64> = (0..9)
            .map(|seed| ratio(perturb::misjudged(&truth, 3.0, seed), &truth, clusters, slots))
            .collect();
        all.sort_by(f64::total_cmp);
        println!("{clusters} x {slots}, each off by up to 3: {all:.3?}");
        assert!(all[4] <= at_most, "{clusters} x {slots}: the median is {:.3}", all[4]);
    }
}

#[test]
fn without_estimates_it_is_no_worse_than_any_order() {
    let truth = conformance::plan();
    for (clusters, slots, at_most) in [(1, 8, 1.15), (3, 8, 1.45)] {
        let ratio =
            ratio(perturb::unknown(&truth, Duration::from_secs(6)), &truth, clusters, slots);
        println!("{clusters} x {slots}, nothing is known: {ratio:.3}");
        assert!(ratio <= at_most, "{clusters} x {slots}: {ratio:.3}");
    }
}

/// Long groups used to wait behind one that took five times as long as expected: 1.33 times the limit.
#[test]
fn what_was_handed_out_ahead_does_not_stay_behind_a_late_one() {
    let plan = conformance::plan();
    let truth = perturb::in_truth(&plan, &perturb::noisy(&plan, 12));
    let ratio = ratio(plan, &truth, 1, 8);
    println!("1 x 8, noise: {ratio:.3}");
    assert!(ratio <= 1.02, "{ratio:.3}");
}

/// A cluster that takes twice as long as the others gets serial groups taken back.
#[test]
fn a_slow_cluster_gives_back_serial_groups() {
    let truth = conformance::plan();
    let mut scene = scene(truth.clone(), 3, 8);
    scene.clusters[2].pace = 200;
    let course = play(&scene, &exactly(&truth)).expect("it ends");
    let sessions = course.lives.iter().map(|life| life.process.session);
    let sessions: std::collections::BTreeSet<_> = sessions.collect();
    println!("{:?}, {} sessions", course.end(), sessions.len());
    assert!(sessions.len() > 3, "nothing was taken back");
    // Two and a half clusters of the usual speed: the limit is 618 s.
    assert!(course.end() < Duration::from_secs(750), "{:?}", course.end());
}

/// What a cluster had before it that died is divided over the others.
#[test]
fn the_share_of_a_dead_cluster_is_divided() {
    let truth = conformance::plan();
    let mut scene = scene(truth.clone(), 3, 8);
    scene.clusters[2].dies = Some(Duration::from_secs(250));
    let course = play(&scene, &exactly(&truth)).expect("it ends");
    assert_eq!(course.verdicts[&TargetId(0)], Verdict::Passed);
    println!("{:?}", course.end());
    // As if two clusters had done everything: 773 s.
    assert!(course.end() < Duration::from_secs(780), "{:?}", course.end());
}
