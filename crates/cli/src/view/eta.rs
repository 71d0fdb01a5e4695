//! How long a target still takes.
//!
//! The plan knows how much is left, what of it is serial, and which share each cluster has; how long
//! the specs so far took against what was expected of them stretches it. Counting specs would be far
//! off: the last tenth of them, the serial ones, can take half of the time.
//!
//! Where no durations are known the measured pace has to do: the plan counts in the beginning, and
//! the pace from the middle on.

mod work;

use std::time::Duration;

use multibeam_model::status::{RunStatus, TargetStatus};
use multibeam_model::time::Timestamp;

use super::time::between;

/// Below this part of the work its pace says nothing.
const PACE_FROM: f64 = 0.05;

/// From this part of the work on only the pace counts.
const PACE_ALONE_FROM: f64 = 0.5;

/// From this many specs on their durations tell the speed.
const SPEED_FROM: u32 = 4;

/// How long the target still takes; `None` when nothing is known.
#[must_use]
pub fn remaining(status: &RunStatus, target: usize, now: Timestamp) -> Option<Duration> {
    let id = u32::try_from(target).ok()?;
    let target = status.targets.get(target)?;
    if target.verdict.is_some() {
        return Some(Duration::ZERO);
    }
    if !target.prepared {
        return None;
    }
    let (processes, sessions) = width(status, id, target);
    let planned = work::left(status, id, target, now, speed(target), (processes, sessions));
    if planned.is_some() {
        return planned;
    }
    let work = Work {
        parallel: target.selected.saturating_sub(target.serial),
        serial: target.serial.min(target.selected),
        processes,
        sessions,
    };
    let reported: u32 = target.states.values().sum();
    let before = work.of(target.done.saturating_sub(reported));
    let total = work.of(target.selected) - before;
    if total <= 0.0 {
        return Some(Duration::ZERO);
    }
    let part = ((work.of(target.done) - before) / total).clamp(0.0, 1.0);
    left(target.expected.mul_f64(speed(target)), between(target.prepared_at, now), part)
}

/// How long the specs so far took against what was expected of them.
fn speed(target: &TargetStatus) -> f64 {
    let (ran, expected) = (target.ran.as_secs_f64(), target.ran_expected.as_secs_f64());
    // Few and short specs say nothing of the speed.
    if target.done < SPEED_FROM || expected <= 0.0 {
        return 1.0;
    }
    (ran / expected).clamp(0.001, 1000.0)
}

/// How long the whole run still takes: as long as its slowest target.
#[must_use]
pub fn of_run(status: &RunStatus, now: Timestamp) -> Option<Duration> {
    let targets = 0..status.targets.len();
    let each = targets.map(|target| remaining(status, target, now));
    each.collect::<Option<Vec<_>>>()?.into_iter().max()
}

/// What is left after `elapsed` when `part` (0 to 1) of the work is done. `expected` is the plan
/// for all of it, zero for none.
fn left(expected: Duration, elapsed: Duration, part: f64) -> Option<Duration> {
    let (plan, elapsed) = (expected.as_secs_f64(), elapsed.as_secs_f64());
    let trust = ((part - PACE_FROM) / (PACE_ALONE_FROM - PACE_FROM)).clamp(0.0, 1.0);
    let secs = if plan == 0.0 {
        (part >= PACE_FROM).then(|| elapsed / part - elapsed)?
    } else if trust == 0.0 {
        // Overdue with nearly nothing done: neither plan nor pace can tell.
        (plan > elapsed).then_some(plan - elapsed)?
    } else {
        let total = plan * (1.0 - trust) + elapsed / part * trust;
        (total - elapsed).max(elapsed * (1.0 - part))
    };
    Duration::try_from_secs_f64(secs).ok()
}

/// How many processes and sessions work for the target, or could.
fn width(status: &RunStatus, id: u32, target: &TargetStatus) -> (f64, f64) {
    let open = status.sessions.values().filter(|s| s.target.0 == id);
    let (processes, sessions) = open.fold((0, 0), |(p, s), open| (p + open.processes, s + 1));
    if sessions > 0 {
        return (f64::from(processes.max(1)), f64::from(sessions));
    }
    let clusters = target.clusters.iter();
    let slots = clusters
        .filter_map(|cluster| status.clusters.get(cluster.0 as usize))
        .map(|cluster| cluster.workers.values().sum::<u32>())
        .filter(|slots| *slots > 0);
    let (processes, sessions) = slots.fold((0, 0), |(p, s), slots| (p + slots, s + 1));
    (f64::from(processes.max(1)), f64::from(sessions.max(1)))
}

/// Work in units of one spec's time.
struct Work {
    parallel: u32,
    serial: u32,
    processes: f64,
    sessions: f64,
}

impl Work {
    /// The time until `done` specs are done: serial ones come last and one at a time.
    fn of(&self, done: u32) -> f64 {
        let parallel = done.min(self.parallel);
        let serial = (done - parallel).min(self.serial);
        f64::from(parallel) / self.processes + f64::from(serial) / self.sessions
    }
}

#[cfg(test)]
mod tests {
    use multibeam_model::event::What;
    use multibeam_model::ids::TargetId;
    use multibeam_model::outcome::Verdict;

    use super::super::fixture::{Story, at};
    use super::*;

    fn secs(story: &Story, now: f64) -> Option<u64> {
        remaining(&story.status(), 0, at(now)).map(|left| left.as_secs())
    }

    /// 100 specs on 4 processes, prepared at 0.
    fn story(serial: u32, expected: u64) -> Story {
        let mut story = Story::new(&[("a", &["x"])]);
        story.joined(0, 4).prepared(0, 100, serial, expected).session(1, 0, 0, 4);
        story
    }

    #[test]
    fn nothing_is_known_before_the_preparation() {
        let story = Story::new(&[("a", &["x"])]);
        assert_eq!(secs(&story, 10.0), None);
        assert_eq!(of_run(&story.status(), at(10.0)), None);
    }

    #[test]
    fn the_plan_counts_first() {
        let mut story = story(0, 600);
        assert_eq!(secs(&story, 0.0), Some(600));
        story.at(60.0).pass(1, 4);
        assert_eq!(secs(&story, 60.0), Some(540));
    }

    #[test]
    fn the_plan_is_stretched_by_the_speed_so_far() {
        let mut status = story(0, 600).status();
        status.targets[0].done = 4;
        status.targets[0].ran = Duration::from_secs(2);
        status.targets[0].ran_expected = Duration::from_secs(20);
        assert_eq!(remaining(&status, 0, at(0.0)).map(|left| left.as_secs()), Some(60));
    }

    #[test]
    fn a_plan_that_is_overdue_tells_nothing() {
        assert_eq!(secs(&story(0, 600), 601.0), None);
    }

    #[test]
    fn the_pace_counts_from_the_middle_on() {
        for (expected, half_after) in [(600, 100.0), (600, 1200.0), (0, 300.0)] {
            let mut story = story(0, expected);
            story.at(half_after).pass(1, 50);
            assert_eq!(secs(&story, half_after), Some(half_after as u64), "{expected}");
        }
    }

    #[test]
    fn without_a_plan_the_pace_needs_a_few_specs() {
        let mut story = story(0, 0);
        story.at(10.0).pass(1, 4);
        assert_eq!(secs(&story, 10.0), None);
        story.pass(1, 6);
        assert_eq!(secs(&story, 10.0), Some(90));
    }

    #[test]
    fn serial_specs_weigh_as_much_as_they_take() {
        // 80 parallel ones on 4 processes take 20 units, 20 serial ones take 20 units.
        let mut story = story(20, 0);
        story.at(100.0).pass(1, 80);
        assert_eq!(secs(&story, 100.0), Some(100));
    }

    #[test]
    fn specs_of_an_earlier_start_are_no_pace() {
        let mut story = Story::new(&[("a", &["x"])]);
        story.tell(What::TargetPrepared {
            target: TargetId(0),
            selected: 100,
            total: 100,
            serial: 0,
            done: 60,
            expected: Duration::from_secs(400),
            work: multibeam_model::event::Work::default(),
        });
        story.session(1, 0, 0, 4);
        assert_eq!(secs(&story, 0.0), Some(400));
        story.at(50.0).pass(1, 20);
        assert_eq!(secs(&story, 50.0), Some(50));
    }

    #[test]
    fn an_end_is_an_end_and_the_slowest_target_counts() {
        let mut story = Story::new(&[("a", &["x"]), ("b", &["y"])]);
        story.prepared(0, 100, 0, 600).prepared(1, 100, 0, 900);
        assert_eq!(of_run(&story.status(), at(0.0)).unwrap().as_secs(), 900);
        let verdict = Verdict::Passed;
        story.tell(What::TargetEnded { target: TargetId(1), verdict, cause: None });
        assert_eq!(remaining(&story.status(), 1, at(5.0)), Some(Duration::ZERO));
        assert_eq!(of_run(&story.status(), at(0.0)).unwrap().as_secs(), 600);
    }

    #[test]
    fn it_never_panics_and_never_goes_beyond_sense() {
        for part in 0..=20 {
            for elapsed in [0, 1, 60, 3_600, 1 << 40] {
                for plan in [0, 1, 600, 1 << 40] {
                    let part = f64::from(part) / 20.0;
                    let left = left(Duration::from_secs(plan), Duration::from_secs(elapsed), part);
                    if part == 1.0 {
                        assert_eq!(left, Some(Duration::ZERO));
                    }
                }
            }
        }
    }
}
