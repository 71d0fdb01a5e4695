//! Many processes: the schedule stays as good, and an input does not cost more.

use multibeam_forecast::{Takes, limit, play};
use multibeam_packing::cost;

/// 1,000 workers with eight processes each on ten clusters. The program plays the same with 100,000
/// specs.
#[test]
fn eight_thousand_processes_are_kept_busy() {
    let scene = cost::instance(10, 800, 32_000);
    let course = play(&scene, &Takes::new()).expect("it ends");
    let plan = &scene.targets[0].plan;
    let ratio = course.end().as_secs_f64()
        / limit(plan, 10, 800).expect("there are processes").as_secs_f64();
    println!("{:?}, {ratio:.3} of the limit", course.end());
    assert_eq!(course.bars.len(), 32_000, "each runs once");
    // Start-up and end of all processes are 8 s of some 50 s.
    assert!(ratio < 1.25, "{ratio:.3} of the limit");
}

/// A look at everything costs more with more processes, so it has to come less often: else the cost
/// of a run grows with the square of its size.
#[test]
fn everything_is_looked_at_less_often_where_there_are_many_processes() {
    let part = |slots, groups| {
        let inputs = cost::inputs(1, slots, groups);
        cost::replay(1, slots, groups, &inputs) as f64 / inputs.len() as f64
    };
    let (few, some, many) = (part(64, 500), part(512, 2_000), part(2_048, 8_000));
    println!("{few:.4}, {some:.4}, {many:.4}");
    assert!(few > 0.99, "with few processes each time, not {few:.3} of the times");
    // Processes that work on the same groups for as long: four times as many, a quarter of the looks.
    assert!(some < 0.1, "{some:.4} of the inputs have everything looked at");
    assert!(
        many < some / 2.0,
        "{many:.4} of the inputs have everything looked at, {some:.4} before"
    );
}
