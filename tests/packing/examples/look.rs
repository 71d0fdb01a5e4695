use multibeam_forecast::{Costs, limit, play};
use multibeam_packing::baseline::{Order, makespan};
use multibeam_packing::*;
use std::time::Duration;
fn main() {
    let truth = conformance::plan();
    let takes = conformance::exactly(&truth);
    for (k, n, _) in conformance::GOALS {
        let believed = perturb::unknown(&truth, Duration::from_secs(6));
        let c = play(&conformance::scene(believed.clone(), k, n), &takes).unwrap();
        println!(
            "{k}x{n} none: {:.0} limit {:.0} lf {:.0} fifo {:.0}",
            c.end().as_secs_f64(),
            limit(&truth, k, n).unwrap().as_secs_f64(),
            makespan(
                &believed,
                &takes,
                k as usize,
                n as usize,
                Order::LongestFirst,
                Costs::default()
            )
            .as_secs_f64(),
            makespan(
                &believed,
                &takes,
                k as usize,
                n as usize,
                Order::FirstInFirstOut,
                Costs::default()
            )
            .as_secs_f64()
        );
        for cl in 0..k {
            let b: Vec<_> = c.bars.iter().filter(|b| b.cluster.0 == cl).collect();
            let par = b.iter().filter(|b| !b.serial).map(|b| b.to).max().unwrap_or_default();
            print!("  c{cl}: parallel until {:.0};", par.as_secs_f64());
            for b in b.iter().filter(|b| b.serial) {
                if (b.to - b.from).as_secs_f64() > 5.0 {
                    print!(" {}:{:.0}-{:.0}", b.process, b.from.as_secs_f64(), b.to.as_secs_f64());
                }
            }
            println!();
        }
    }
}
