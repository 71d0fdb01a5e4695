//! Thousands of random worlds: the rules hold in each, and each comes to its end.
#![allow(clippy::unwrap_used, reason = "a failed test may panic")]

use multibeam_sim::{Seen, run, trace};

#[test]
fn first() {
    if let Ok(seed) = std::env::var("SIM_SEED") {
        let seed = seed.parse().unwrap();
        let (outcome, lines) = trace(seed, None);
        let n: usize = std::env::var("SIM_TAIL").ok().and_then(|t| t.parse().ok()).unwrap_or(80);
        for line in &lines[lines.len().saturating_sub(n)..] {
            println!("{line}");
        }
        println!("{:?}", outcome.broken);
        return;
    }
    let mut seen = Seen::default();
    let mut bad = 0;
    let begin = std::time::Instant::now();
    let mut total = 0.0;
    let from = std::env::var("SIM_FROM").ok().and_then(|t| t.parse().ok()).unwrap_or(0u64);
    let count = std::env::var("SIM_SEEDS").ok().and_then(|t| t.parse().ok()).unwrap_or(100u64);
    for seed in from..from + count {
        let outcome = run(seed, None);
        seen.add(&outcome.seen);
        total += outcome.took.as_secs_f64();
        if let Some(broken) = outcome.broken {
            bad += 1;
            println!("seed {seed}: {}", &broken.chars().take(400).collect::<String>());
        }
    }
    println!("{seen}");
    println!("{bad} bad, {:?}, {} virtual s each", begin.elapsed(), total / count as f64);
}
