//! The goals for the conformance run, in virtual time.

use multibeam_forecast::{limit, play};
use multibeam_model::TargetId;
use multibeam_model::outcome::Verdict;
use multibeam_packing::conformance::{self, GOALS};

#[test]
fn goals_are_met() {
    let plan = conformance::plan();
    let takes = conformance::exactly(&plan);
    for (clusters, slots, goal) in GOALS {
        let scene = conformance::scene(plan.clone(), clusters, slots);
        let course = play(&scene, &takes).expect("it ends");
        assert_eq!(course.verdicts[&TargetId(0)], Verdict::Passed);
        let least = limit(&plan, clusters, slots).expect("there are processes");
        let ratio = course.end().as_secs_f64() / least.as_secs_f64();
        println!("{clusters} x {slots}: {:?}, {ratio:.3} of {least:?}", course.end());
        assert!(ratio <= goal, "{clusters} x {slots} takes {ratio:.3} of the limit, not {goal}");
    }
}
