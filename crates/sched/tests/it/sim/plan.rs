//! Random runs: targets, clusters, groups and what is wrong with them.

use std::collections::BTreeMap;
use std::time::Duration;

use multibeam_model::plan::{GroupPlan, TargetPlan};
use multibeam_model::run::{Concurrency, Limits, TagLimit};
use multibeam_model::{ClusterId, GroupId, TargetId};
use multibeam_sched::{RunShape, TargetShape};

use super::Rng;

/// What a group does when it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nature {
    Pass,
    Fail,
    /// Kills its process each time.
    Poison,
    /// Never ends; an interrupt ends it.
    Hang,
    /// Never ends; only a kill ends it.
    HardHang,
    /// Stops the whole target: the suite did something else than it was told.
    Mismatch,
    /// `AbortSuite()`.
    Abort,
}

#[derive(Clone, Debug)]
pub(crate) struct SimGroup {
    pub(crate) plan: GroupPlan,
    pub(crate) nature: Nature,
    pub(crate) takes: Duration,
}

/// How likely things go wrong, in percent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    pub(crate) boot_death: u64,
    pub(crate) spec_death: u64,
    pub(crate) before_suite_death: u64,
    pub(crate) refuse: u64,
    pub(crate) worker_loss: u64,
    pub(crate) not_run: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct Setting {
    pub(crate) shape: RunShape,
    pub(crate) groups: BTreeMap<TargetId, BTreeMap<GroupId, SimGroup>>,
    /// Workers: cluster, slots, when they join.
    pub(crate) workers: Vec<(ClusterId, u32, Duration)>,
    pub(crate) faults: Faults,
    /// Clusters whose before-suite fails.
    pub(crate) bad_before_suite: Vec<ClusterId>,
    /// A cluster is not ready from..to.
    pub(crate) unready: Vec<(ClusterId, Duration, Option<Duration>)>,
    pub(crate) cancel: Option<Duration>,
    pub(crate) force: Option<Duration>,
    /// The run stops with all that runs, and is taken up again.
    pub(crate) restart: Option<Duration>,
    /// The coordinator dies, and another one takes over after a while.
    pub(crate) takeovers: Vec<(Duration, Duration)>,
    pub(crate) refuse_cluster: Option<(TargetId, ClusterId, Duration)>,
    /// The latencies of messages and commits, in microseconds.
    pub(crate) latency: (u64, u64),
    pub(crate) startup: (u64, u64),
}

impl Setting {
    pub(crate) fn random(rng: &mut Rng) -> Self {
        let clusters = rng.range(1, 3) as u32;
        let targets = rng.range(1, 3) as u32;
        let wild = rng.chance(70);
        let mut shape = RunShape {
            targets: Vec::new(),
            clusters: (0..clusters).map(|c| format!("c{c}")).collect(),
            limits: Limits { cleanup: rng.chance(70), ..Limits::default() },
            fail_fast: rng.chance(10),
        };
        let mut groups = BTreeMap::new();
        for t in 0..targets {
            let mut serves: Vec<_> =
                (0..clusters).filter(|_| rng.chance(70)).map(ClusterId).collect();
            if serves.is_empty() {
                serves.push(ClusterId(rng.range(0, u64::from(clusters) - 1) as u32));
            }
            shape.targets.push(TargetShape { name: format!("t{t}"), clusters: serves });
            groups.insert(TargetId(t), random_groups(rng, wild));
        }
        let mut workers = Vec::new();
        for c in 0..clusters {
            for _ in 0..rng.range(1, 2) {
                let late = if rng.chance(20) { rng.range(1, 400) } else { 0 };
                let slots = rng.range(1, 4) as u32;
                workers.push((ClusterId(c), slots, Duration::from_secs(late)));
            }
            if wild && rng.chance(8) {
                workers.retain(|(cluster, ..)| cluster.0 != c);
            }
        }
        let rate = |rng: &mut Rng, often: u64, max: u64| {
            if wild && rng.chance(often) { rng.range(1, max) } else { 0 }
        };
        let faults = Faults {
            boot_death: rate(rng, 25, 60),
            spec_death: rate(rng, 40, 20),
            before_suite_death: rate(rng, 20, 60),
            refuse: rate(rng, 30, 10),
            worker_loss: rate(rng, 30, 60),
            not_run: rate(rng, 10, 10),
        };
        let some = |rng: &mut Rng, often: u64| {
            (wild && rng.chance(often)).then(|| Duration::from_millis(rng.range(0, 600_000)))
        };
        let mut unready = Vec::new();
        let mut bad_before_suite = Vec::new();
        for c in 0..clusters {
            if let Some(from) = some(rng, 15) {
                let back = rng.chance(60).then(|| from + Duration::from_secs(rng.range(1, 400)));
                unready.push((ClusterId(c), from, back));
            }
            if wild && rng.chance(10) {
                // It comes and goes.
                let mut at = Duration::ZERO;
                for _ in 0..20 {
                    at += Duration::from_secs(rng.range(5, 20));
                    let back = at + Duration::from_secs(rng.range(1, 10));
                    unready.push((ClusterId(c), at, Some(back)));
                    at = back;
                }
            }
            if wild && rng.chance(8) {
                bad_before_suite.push(ClusterId(c));
            }
        }
        let cancel = some(rng, 15);
        let force = cancel
            .filter(|_| rng.chance(50))
            .map(|at| at + Duration::from_millis(rng.range(0, 30_000)));
        let refuse_cluster = some(rng, 8).map(|at| {
            let target = TargetId(rng.range(0, u64::from(targets) - 1) as u32);
            let serves = &shape.targets[target.0 as usize].clusters;
            (target, serves[rng.next() as usize % serves.len()], at)
        });
        let mut takeovers = Vec::new();
        if wild && rng.chance(25) {
            let mut at = Duration::from_millis(rng.range(0, 300_000));
            for _ in 0..rng.range(1, 3) {
                let longest = if rng.chance(20) { 70_000 } else { 5_000 };
                takeovers.push((at, Duration::from_millis(rng.range(1, longest))));
                let shortest = if rng.chance(50) { 1 } else { 60_000 };
                at += Duration::from_millis(rng.range(shortest, 200_000));
            }
        }
        limit_crowds(rng, &mut shape, &mut groups);
        Self {
            shape,
            groups,
            workers,
            faults,
            bad_before_suite,
            unready,
            cancel,
            force,
            restart: some(rng, 10),
            takeovers,
            refuse_cluster,
            latency: (500, 200_000),
            startup: (1_000, 20_000),
        }
    }
}

fn limit_crowds(
    rng: &mut Rng,
    shape: &mut RunShape,
    groups: &mut BTreeMap<TargetId, BTreeMap<GroupId, SimGroup>>,
) {
    let rules = if rng.chance(40) { rng.range(1, 2) as u32 } else { 0 };
    shape.limits.concurrency = Concurrency {
        per_cluster: rng.chance(25).then(|| rng.range(1, 4) as u32),
        adaptive: rng.chance(40),
        by_tag: (0..rules)
            .map(|n| TagLimit { tag: n.to_string(), at_once: rng.range(1, 2) as u32 })
            .collect(),
    };
    // Clusters that have too much to do all the time.
    let slow = if shape.limits.concurrency.adaptive && rng.chance(50) { 4 } else { 1 };
    for group in groups.values_mut().flat_map(BTreeMap::values_mut) {
        group.takes *= slow;
        group.plan.crowds = (0..rules).filter(|_| rng.chance(40)).collect();
    }
}

fn random_groups(rng: &mut Rng, wild: bool) -> BTreeMap<GroupId, SimGroup> {
    let parallel = rng.range(0, 25) as u32;
    let serial = if rng.chance(70) { rng.range(0, 8) as u32 } else { 0 };
    let mut groups = BTreeMap::new();
    let limit = rng.chance(50).then_some(Duration::from_secs(200));
    let twins = rng.chance(20);
    let avoids = rng.chance(20);
    let spoiler = wild && rng.chance(5);
    for n in 0..(parallel + serial).max(1) {
        let is_serial = n >= parallel;
        let nature = match rng.range(0, 99) {
            0..3 if wild => Nature::Poison,
            3..5 if wild && limit.is_some() => Nature::Hang,
            5..7 if wild && limit.is_some() => Nature::HardHang,
            7 if spoiler => Nature::Mismatch,
            8 if spoiler => Nature::Abort,
            9..14 => Nature::Fail,
            _ => Nature::Pass,
        };
        let longest = if rng.chance(20) { 150_000 } else { 15_000 };
        let takes = Duration::from_millis(rng.range(5, longest));
        let off = rng.range(5, 20) as u32;
        let plan = GroupPlan {
            // Gaps: groups without a selected spec are not in the plan.
            id: GroupId(n * 2),
            serial: is_serial,
            reports: rng.range(1, 3) as u32,
            expected: if rng.chance(10) { Duration::ZERO } else { takes * off / 10 },
            twin: (is_serial && twins).then_some(n % 2),
            avoid_first: !is_serial && avoids && rng.chance(30),
            limit,
            crowds: Vec::new(),
        };
        groups.insert(plan.id, SimGroup { plan, nature, takes });
    }
    groups
}

impl Setting {
    pub(crate) fn plan(&self, target: TargetId) -> TargetPlan {
        TargetPlan {
            target,
            groups: self.groups[&target].values().map(|group| group.plan.clone()).collect(),
        }
    }
}
