//! Prints the tables of docs/performance.md as Markdown: `cargo run --release -p
//! multibeam-packing`. All of it is virtual time but the last tables, which count allocations and
//! measure what the scheduler itself costs. `-- DIR` also draws the pictures, into that directory.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use multibeam_forecast::{Costs, Takes, limit, play};
use multibeam_model::plan::TargetPlan;
use multibeam_packing::baseline::{Order, makespan};
use multibeam_packing::conformance::{self, GOALS, exactly, scene};
use multibeam_packing::optimum::Small;
use multibeam_packing::plot::{self, Line, Words};
use multibeam_packing::{cost, perturb};

/// How many perturbations and small instances.
const SAMPLES: u64 = 200;

/// Processes and groups of the runs that are given to the scheduler again.
const SIZES: [(u32, u32); 6] =
    [(8, 1_000), (64, 1_000), (256, 2_000), (1_024, 4_000), (4_096, 12_000), (8_192, 24_000)];

fn main() -> Result<(), Box<dyn Error>> {
    let pictures = std::env::args_os().nth(1).map(PathBuf::from);
    let pictures = pictures.as_deref();
    let plan = conformance::plan();
    goals(&plan);
    optimum();
    robustness(&plan, pictures)?;
    wrong(&plan);
    allocations();
    large();
    inputs(pictures)
}

/// What the schedule takes, and the limit.
fn measure(believed: &TargetPlan, truth: &TargetPlan, clusters: u32, slots: u32) -> (f64, f64) {
    let course = play(&scene(believed.clone(), clusters, slots), &exactly(truth));
    let took = course.map_or(f64::NAN, |course| course.end().as_secs_f64());
    let least = limit(truth, clusters, slots).map_or(f64::NAN, |least| least.as_secs_f64());
    (took, least)
}

fn goals(plan: &TargetPlan) {
    println!("| K × N | limit | schedule | ratio | goal | longest first | first in, first out |");
    println!("|---|---|---|---|---|---|---|");
    for (clusters, slots, goal) in GOALS {
        let (took, least) = measure(plan, plan, clusters, slots);
        let simple = |order| {
            let (k, n) = (clusters as usize, slots as usize);
            makespan(plan, &exactly(plan), k, n, order, Costs::default()).as_secs_f64() / least
        };
        println!(
            "| {clusters} × {slots} | {least:.1} s | {took:.1} s | {:.3} | {goal:.2} | {:.3} | {:.3} |",
            took / least,
            simple(Order::LongestFirst),
            simple(Order::FirstInFirstOut),
        );
    }
}

fn optimum() {
    let ratio = |seed| {
        let small = Small::draw(seed);
        small.scheduled().as_secs_f64() / small.optimum().as_secs_f64()
    };
    let ratios = sorted((0..SAMPLES).map(ratio).collect());
    let exact = ratios.iter().filter(|ratio| **ratio < 1.000_1).count();
    println!("\n| instances | optimal | median | 95 % | worst |\n|---|---|---|---|---|");
    println!(
        "| {SAMPLES} | {exact} | {:.3} | {:.3} | {:.3} |",
        at(&ratios, 50),
        at(&ratios, 95),
        at(&ratios, 100)
    );
}

fn robustness(plan: &TargetPlan, pictures: Option<&Path>) -> Result<(), Box<dyn Error>> {
    /// What the picture shows.
    const DRAWN: (u32, u32) = (3, 8);
    println!("\n| K × N | schedule | median | 90 % | worst |\n|---|---|---|---|---|");
    let mut lines: Vec<Line> = Vec::new();
    for (clusters, slots) in [(1, 8), (3, 8), (4, 16)] {
        let (mut own, mut longest, mut first) = (Vec::new(), Vec::new(), Vec::new());
        for seed in 0..SAMPLES {
            let takes = perturb::noisy(plan, seed);
            let (took, least) = measure(plan, &perturb::in_truth(plan, &takes), clusters, slots);
            let simple = |order| {
                let (k, n) = (clusters as usize, slots as usize);
                makespan(plan, &takes, k, n, order, Costs::default()).as_secs_f64() / least
            };
            own.push(took / least);
            longest.push(simple(Order::LongestFirst));
            first.push(simple(Order::FirstInFirstOut));
        }
        let rows = [("Multibeam", own), ("longest first", longest), ("first in, first out", first)];
        for (name, ratios) in rows {
            let ratios = sorted(ratios);
            println!(
                "| {clusters} × {slots} | {name} | {:.3} | {:.3} | {:.3} |",
                at(&ratios, 50),
                at(&ratios, 90),
                at(&ratios, 100)
            );
            if (clusters, slots) == DRAWN {
                let part = |place: usize| (place + 1) as f64 / ratios.len() as f64;
                lines.push((
                    name,
                    ratios.iter().enumerate().map(|(n, ratio)| (*ratio, part(n))).collect(),
                ));
            }
        }
    }
    let words = Words {
        title: "Durations that are not what was expected, 3 × 8 processes",
        x: "makespan ÷ limit",
        y: "part of 200 runs that are done",
    };
    match pictures {
        Some(dir) => plot::linear(&dir.join("robustness.svg"), words, &lines),
        None => Ok(()),
    }
}

fn wrong(plan: &TargetPlan) {
    println!(
        "\n| K × N | all × 3 | each off by up to 3, median of 50 | nothing known |\n|---|---|---|---|"
    );
    for (clusters, slots, _) in GOALS {
        let ratio = |believed: &TargetPlan| {
            let (took, least) = measure(believed, plan, clusters, slots);
            took / least
        };
        let each = (0..50).map(|seed| ratio(&perturb::misjudged(plan, 3.0, seed))).collect();
        println!(
            "| {clusters} × {slots} | {:.3} | {:.3} | {:.3} |",
            ratio(&perturb::scaled(plan, 3.0)),
            at(&sorted(each), 50),
            ratio(&perturb::unknown(plan, Duration::from_secs(6))),
        );
    }
}

fn allocations() {
    println!(
        "\n| processes | groups | inputs | allocations for each | bytes for each |\n|---|---|---|---|---|"
    );
    for (slots, groups) in SIZES {
        let inputs = cost::inputs(1, slots, groups);
        let count = u64::try_from(inputs.len()).unwrap_or(u64::MAX).max(1);
        let used = allocation_counter::measure(|| {
            cost::replay(1, slots, groups, &inputs);
        });
        println!(
            "| {slots} | {groups} | {count} | {} | {} |",
            used.count_total / count,
            used.bytes_total / count
        );
    }
}

/// 1,000 workers with eight processes each on ten clusters, and 100,000 specs of 1 to 20 s.
fn large() {
    let (clusters, slots, groups) = (10, 800, 100_000);
    let scene = cost::instance(clusters, slots, groups);
    let begun = Instant::now();
    let course = play(&scene, &Takes::new());
    let took = begun.elapsed();
    let end = course.map_or(f64::NAN, |course| course.end().as_secs_f64());
    let least = limit(&scene.targets[0].plan, clusters, slots);
    let least = least.map_or(f64::NAN, |least| least.as_secs_f64());
    println!(
        "\n| K × N | specs | limit | schedule | ratio | played in |\n|---|---|---|---|---|---|"
    );
    println!(
        "| {clusters} × {slots} | {groups} | {least:.1} s | {end:.1} s | {:.3} | {:.1} s |",
        end / least,
        took.as_secs_f64()
    );
}

/// What an input costs, by the number of processes on one cluster and on ten.
fn inputs(pictures: Option<&Path>) -> Result<(), Box<dyn Error>> {
    println!(
        "\n| processes | groups | us for each input, 1 cluster | 10 clusters |\n|---|---|---|---|"
    );
    let (mut one, mut ten) = (Vec::new(), Vec::new());
    for (processes, groups) in SIZES {
        let cost = |clusters: u32| {
            let slots = processes.div_ceil(clusters);
            let inputs = cost::inputs(clusters, slots, groups);
            let begun = Instant::now();
            cost::replay(clusters, slots, groups, &inputs);
            begun.elapsed().as_secs_f64() * 1e6 / inputs.len() as f64
        };
        let (alone, shared) = (cost(1), cost(10));
        println!("| {processes} | {groups} | {alone:.1} | {shared:.1} |");
        one.push((f64::from(processes), alone));
        ten.push((f64::from(processes), shared));
    }
    let words =
        Words { title: "Cost of an input of the scheduler", x: "processes", y: "microseconds" };
    match pictures {
        Some(dir) => {
            plot::log_log(&dir.join("cost.svg"), words, &[("1 cluster", one), ("10 clusters", ten)])
        }
        None => Ok(()),
    }
}

fn sorted(mut ratios: Vec<f64>) -> Vec<f64> {
    ratios.sort_by(f64::total_cmp);
    ratios
}

/// The value that so many percent do not exceed.
fn at(sorted: &[f64], percent: usize) -> f64 {
    let place = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(place).copied().unwrap_or(f64::NAN)
}
