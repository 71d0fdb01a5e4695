//! Runs seed after seed for `SOAK_MINUTES` (60 unless told), from `SOAK_FROM` on. Stops at the first
//! one that breaks a rule.

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use multibeam_sim::{run_all, trace};

/// Seeds that the tests do not run.
const FROM: u64 = 1_000_000;

/// Between two lines of progress.
const EVERY: u64 = 60;

/// The lines of a failed seed's trace that are shown.
const TAIL: usize = 200;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn main() -> ExitCode {
    let minutes = number("SOAK_MINUTES").unwrap_or(60);
    let from = number("SOAK_FROM").unwrap_or(FROM);
    let begin = Instant::now();
    let told = AtomicU64::new(0);
    let goes_on = |done: u64, _: &_| {
        let elapsed = begin.elapsed();
        let due = elapsed.as_secs() / EVERY;
        if due > told.swap(due, Ordering::Relaxed) {
            println!("{done} seeds in {} s", elapsed.as_secs());
        }
        elapsed < Duration::from_secs(60 * minutes)
    };
    let (seen, broken) = run_all(from..u64::MAX, goes_on);
    println!("{seen}");
    let Some((seed, why)) = broken else { return ExitCode::SUCCESS };
    let (_, lines) = trace(seed, None);
    for line in &lines[lines.len().saturating_sub(TAIL)..] {
        println!("{line}");
    }
    println!(
        "seed {seed}: {why}\n(hint: SIM_SEED={seed} cargo test -p multibeam-sim --test it simulation:: -- --nocapture)"
    );
    ExitCode::FAILURE
}
