//! Each planted fault is found: a simulation that cannot fail shows nothing.
#![allow(clippy::unwrap_used, reason = "a failed test may panic")]

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use multibeam_sim::{FAULTS, Fault, run};

/// Seeds within which each has to be found.
const MOST: u64 = 2_000;

/// The first seed that notices a fault, and what it says.
fn find(fault: Fault) -> Option<(u64, String)> {
    (0..MOST).find_map(|seed| {
        let broken = run(seed, Some(fault)).broken?;
        // What goes wrong without it, too, is something else.
        run(seed, None).broken.is_none().then_some((seed, broken))
    })
}

fn show(fault: Fault, seed: Option<&(u64, String)>) {
    let name = format!("{fault:?}");
    match seed {
        Some((seed, why)) => {
            let why: String = why.chars().take(110).collect();
            println!("{name:<24} after {:>4} seeds: {why}", seed + 1);
        }
        None => println!("{name:<24} not found"),
    }
}

#[test]
fn every_planted_fault_is_found() {
    // Cores that find their own rules broken panic; here that is what is wanted.
    std::panic::set_hook(Box::new(|_| {}));
    let next = AtomicUsize::new(0);
    let found = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let only = std::env::var("SIM_FAULT").unwrap_or_default();
                while let Some(fault) = FAULTS.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if !format!("{fault:?}").contains(&only) {
                        continue;
                    }
                    let seed = find(*fault);
                    show(*fault, seed.as_ref());
                    found.lock().unwrap().push((*fault, seed));
                }
            });
        }
    });
    let _ = std::panic::take_hook();
    let mut found = found.into_inner().unwrap();
    found.sort_by_key(|(fault, _)| *fault);
    let missed: Vec<Fault> =
        found.iter().filter(|(_, seed)| seed.is_none()).map(|(fault, _)| *fault).collect();
    assert!(missed.is_empty(), "not found within {MOST} seeds: {missed:?}");
}
