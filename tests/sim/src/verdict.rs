//! One seed from its beginning to its end.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use crate::fault::Fault;
use crate::rules::run_id;
use crate::seen::Seen;
use crate::world::World;

/// What became of a seed.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Which rule was broken, if one was.
    pub broken: Option<String>,
    /// What happened on the way.
    pub seen: Seen,
    /// The virtual time it took.
    pub took: Duration,
}

/// Runs a seed, with a planted fault if one is asked for.
#[must_use]
pub fn run(seed: u64, fault: Option<Fault>) -> Outcome {
    simulate(seed, fault, false).0
}

/// The same with a line for everything that happens.
#[must_use]
pub fn trace(seed: u64, fault: Option<Fault>) -> (Outcome, Vec<String>) {
    simulate(seed, fault, true)
}

fn simulate(seed: u64, fault: Option<Fault>, traced: bool) -> (Outcome, Vec<String>) {
    multibeam_ledger::plant::set(fault.and_then(Fault::plant));
    let mut world = World::new(seed, fault, traced);
    // A core that finds its own rules broken panics.
    let panicked = catch_unwind(AssertUnwindSafe(|| world.run())).err();
    multibeam_ledger::plant::set(None);
    let said = panicked.map(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        format!("a core panicked: {}", text.unwrap_or_default())
    });
    let broken = said.or(world.rules.broken.take());
    let took = Duration::from_micros(world.now.0);
    (Outcome { broken, seen: world.seen, took }, world.trace.unwrap_or_default())
}

impl World {
    /// Whether the run has ended, and everybody has had the time to hear of it.
    pub(crate) fn is_over(&mut self) -> bool {
        let ended = self.rules.state.run(&run_id()).is_some_and(|run| run.ended.is_some());
        if !ended || !self.healed {
            return false;
        }
        let (at, _) = *self.over_since.get_or_insert((self.now, self.rules.known()));
        self.now.since(at) > crate::scale::AFTERWARDS
    }

    pub(crate) fn write_down(&mut self, line: String) {
        let at = format!("{}.{:06}", self.now.0 / 1_000_000, self.now.0 % 1_000_000);
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{at:>11} {line}"));
        }
    }

    /// What the world waits for, when it takes too long.
    pub(crate) fn describe(&self) -> String {
        let acting = self.acting();
        let office = acting.and_then(|n| self.coordinators[n].office.as_ref());
        let leaders: Vec<usize> = (0..self.nodes.len()).filter(|n| self.nodes[*n].led).collect();
        format!("acting: {acting:?}, leaders: {leaders:?}, office: {office:?}")
    }
}

/// Runs seeds on two threads until one breaks a rule, the seeds are used up, or `goes_on`, which is
/// told the number of seeds done and what was seen so far, says no.
pub fn run_all(
    seeds: std::ops::Range<u64>,
    goes_on: impl Fn(u64, &Seen) -> bool + Sync,
) -> (Seen, Option<(u64, String)>) {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::{Mutex, PoisonError};

    let next = AtomicU64::new(seeds.start);
    let all = Mutex::new((0, Seen::default(), None::<(u64, String)>));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    let outcome = run(seed, None);
                    let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
                    all.0 += 1;
                    all.1.add(&outcome.seen);
                    if let Some(why) = outcome.broken
                        && all.2.as_ref().is_none_or(|(first, _)| seed < *first)
                    {
                        all.2 = Some((seed, why));
                    }
                    if all.2.is_some() || !goes_on(all.0, &all.1) {
                        return;
                    }
                }
            });
        }
    });
    let (_, seen, broken) = all.into_inner().unwrap_or_else(PoisonError::into_inner);
    (seen, broken)
}
