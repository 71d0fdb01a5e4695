//! Distance to the best possible schedule of small instances.

use multibeam_packing::optimum::Small;

#[test]
fn near_the_optimum_of_200_small_instances() {
    let mut worst = (0.0, 0);
    let mut exact = 0;
    for seed in 0..200 {
        let small = Small::draw(seed);
        let (took, best) = (small.scheduled(), small.optimum());
        assert!(took >= best, "seed {seed}: {took:?} is better than the best, {best:?}");
        let ratio = took.as_secs_f64() / best.as_secs_f64();
        exact += u32::from(ratio < 1.0001);
        if ratio > worst.0 {
            worst = (ratio, seed);
        }
        if ratio > 1.1 {
            println!("seed {seed}: {ratio:.3} {took:?} {best:?} {small:?}");
        }
    }
    println!("{exact} are optimal, the worst is {worst:?}");
    assert!(worst.0 <= 1.34, "seed {} takes {:.3} of the optimum", worst.1, worst.0);
    assert!(exact >= 120, "only {exact} of 200 are optimal");
}
