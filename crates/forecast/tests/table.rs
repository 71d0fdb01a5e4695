//! The table of goals.

mod rig;

use multibeam_forecast::{limit, play};
use multibeam_model::TargetId;
use multibeam_model::outcome::Verdict;

const GOALS: [(u32, u32, f64); 6] =
    [(1, 8, 1.02), (2, 8, 1.03), (3, 8, 1.03), (4, 8, 1.05), (3, 16, 1.11), (4, 16, 1.16)];

#[test]
fn goals_are_met() {
    let plan = rig::conformance();
    let takes = rig::exactly(&plan);
    let mut missed = Vec::new();
    for (clusters, slots, goal) in GOALS {
        let course = play(&rig::scene(plan.clone(), clusters, slots), &takes).expect("it ends");
        assert_eq!(course.verdicts[&TargetId(0)], Verdict::Passed);
        let least = limit(&plan, clusters, slots).expect("there are processes");
        let ratio = course.end().as_secs_f64() / least.as_secs_f64();
        println!(
            "{clusters} x {slots}: {:.1} s, limit {:.1} s, ratio {ratio:.3}, goal {goal:.2}, {} inputs",
            course.end().as_secs_f64(),
            least.as_secs_f64(),
            course.inputs
        );
        if ratio > goal {
            missed.push((clusters, slots, ratio));
        }
    }
    assert!(missed.is_empty(), "{missed:?}");
}
