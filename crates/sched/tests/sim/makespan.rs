//! How long the schedule takes, in virtual time, on the durations of a conformance run of
//! Kubernetes v1.30 (402 specs, 6,096 s in one process; `tests/data`).

use std::collections::BTreeMap;
use std::time::Duration;

use multibeam_model::outcome::Verdict;
use multibeam_model::plan::GroupPlan;
use multibeam_model::run::Limits;
use multibeam_model::{ClusterId, GroupId, TargetId};
use multibeam_sched::{RunShape, TargetShape};

use super::Rng;
use super::plan::{Faults, Nature, Setting, SimGroup};
use super::world::World;

const ROWS: &str = include_str!("../data/conformance-v1.30.csv");

fn rows() -> Vec<(bool, Duration)> {
    let row = |line: &str| {
        let (serial, seconds) = line.split_once(',').expect("two columns");
        (serial == "1", Duration::from_secs_f64(seconds.parse().expect("seconds")))
    };
    ROWS.lines().skip(1).map(row).collect()
}

/// What the schedule believes of a group that takes so long.
type Guess = fn(Duration, &mut Rng) -> Duration;

fn exactly(takes: Duration, _: &mut Rng) -> Duration {
    takes
}

/// Off by up to a quarter either way, as another machine's history is.
fn roughly(takes: Duration, rng: &mut Rng) -> Duration {
    takes * u32::try_from(rng.range(75, 125)).expect("small") / 100
}

/// The seconds that `clusters` with `slots` processes each take, and the least possible.
fn measure(clusters: u32, slots: u32, guess: Guess) -> (f64, f64) {
    let mut rng = Rng(1);
    let mut rows = rows();
    // Parallel groups come first.
    rows.sort_by_key(|(serial, _)| *serial);
    let groups: BTreeMap<GroupId, SimGroup> = (0..)
        .map(GroupId)
        .zip(&rows)
        .map(|(id, &(serial, takes))| {
            let plan = GroupPlan {
                id,
                serial,
                reports: 1,
                expected: guess(takes, &mut rng),
                twin: None,
                avoid_first: false,
                limit: None,
            };
            let nature = Nature::Pass;
            (id, SimGroup { plan, nature, takes })
        })
        .collect();
    let ids: Vec<_> = (0..clusters).map(ClusterId).collect();
    let setting = Setting {
        shape: RunShape {
            targets: vec![TargetShape { name: "v1.30".to_owned(), clusters: ids.clone() }],
            clusters: ids.iter().map(|id| format!("c{id}")).collect(),
            limits: Limits::default(),
            fail_fast: false,
        },
        groups: BTreeMap::from([(TargetId(0), groups)]),
        workers: ids.iter().map(|id| (*id, slots, Duration::ZERO)).collect(),
        faults: Faults::default(),
        bad_before_suite: Vec::new(),
        unready: Vec::new(),
        cancel: None,
        force: None,
        restart: None,
        takeovers: Vec::new(),
        refuse_cluster: None,
        latency: (500, 3_000),
        startup: (1_000, 3_000),
    };
    let mut world = World::with(setting, rng);
    world.run();
    assert_eq!(world.over, Some(Verdict::Passed));

    let sum = |of: bool| -> f64 {
        let of = rows.iter().filter(|(serial, _)| *serial == of);
        of.map(|(_, time)| time.as_secs_f64()).sum()
    };
    let (parallel, serial) = (sum(false), sum(true));
    let longest = rows.iter().map(|(_, time)| time.as_secs_f64()).fold(0.0, f64::max);
    let (k, n) = (f64::from(clusters), f64::from(slots));
    let least = if clusters == 1 {
        longest.max(parallel / n) + serial
    } else {
        longest.max((parallel / n + serial) / k)
    };
    let micros = u32::try_from(world.now.0 / 1000).expect("a few minutes");
    (f64::from(micros) / 1000.0, least)
}

#[test]
fn close_to_the_least_possible() {
    for (clusters, slots, guess, what, within) in [
        (1, 4, exactly as Guess, "exact", 1.05),
        (1, 8, exactly, "exact", 1.05),
        (3, 4, exactly, "exact", 1.05),
        (3, 8, exactly, "exact", 1.05),
        (1, 8, roughly, "rough", 1.08),
        (3, 8, roughly, "rough", 1.15),
    ] {
        let (took, least) = measure(clusters, slots, guess);
        let ratio = took / least;
        println!(
            "{clusters} x {slots}, {what} durations: {took:.1} s, least {least:.1} s, ratio {ratio:.3}"
        );
        assert!(ratio < within, "{clusters} x {slots} takes {ratio:.3} of the least possible");
    }
}
