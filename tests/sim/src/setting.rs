//! A random world: how large it is, what is to run, and what goes wrong when.

use std::collections::BTreeMap;
use std::time::Duration;

use multibeam_ledger::merge::PlannedGroup;
use multibeam_model::plan::{GroupPlan, TargetPlan};
use multibeam_model::{ClusterId, GroupId, SpecIndex, TargetId};
use multibeam_sched::{RunShape, TargetShape};

use crate::rng::Rng;
use crate::scale;

/// What a group does when it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nature {
    Pass,
    Fail,
    /// It kills its process each time.
    Poison,
}

/// One group.
#[derive(Clone, Debug)]
pub(crate) struct SimGroup {
    pub(crate) plan: GroupPlan,
    pub(crate) nature: Nature,
    /// How long each of its specs runs.
    pub(crate) spec: Duration,
}

/// A worker's place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seat {
    pub(crate) cluster: u32,
    pub(crate) slots: u32,
}

/// A random world.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    pub(crate) nodes: usize,
    pub(crate) coordinators: usize,
    pub(crate) seats: Vec<Seat>,
    pub(crate) shape: RunShape,
    /// After so many routine news the schedulers look at everything; by size when absent.
    pub(crate) seldom: Option<usize>,
    pub(crate) groups: BTreeMap<TargetId, BTreeMap<GroupId, SimGroup>>,
    /// Clocks gain or lose at most this, in microseconds a second.
    pub(crate) drift: u64,
    /// Messages take at most this, in microseconds.
    pub(crate) slowest: u64,
    pub(crate) loss: u64,
    pub(crate) double: u64,
    /// A sync takes at most this, in microseconds.
    pub(crate) sync: u64,
    /// Of 1,000 specs, so many end with their process.
    pub(crate) spec_death: u64,
    /// When the last fault is mended.
    pub(crate) heal: Duration,
    /// How many faults there are.
    pub(crate) troubles: u64,
    pub(crate) compact_every: u64,
    pub(crate) trailing: u64,
}

impl Setting {
    pub(crate) fn random(rng: &mut Rng, seed: u64) -> Self {
        let clusters = [1, 1, 2, 2, 3][rng.place(5)];
        let targets = if rng.chance(25) { 2 } else { 1 };
        let mut shape = RunShape {
            targets: Vec::new(),
            clusters: (0..clusters).map(|c| format!("c{c}")).collect(),
            limits: scale::limits(rng.chance(50)),
            fail_fast: false,
        };
        let mut groups = BTreeMap::new();
        for t in 0..targets {
            let mut serves: Vec<_> =
                (0..clusters).filter(|_| rng.chance(75)).map(ClusterId).collect();
            if serves.is_empty() {
                serves.push(ClusterId(0));
            }
            shape.targets.push(TargetShape { name: format!("t{t}"), clusters: serves });
            groups.insert(TargetId(t), random_groups(rng));
        }
        let mut seats = Vec::new();
        for cluster in 0..clusters {
            for _ in 0..rng.range(1, 2) {
                let slots = u32::try_from(rng.range(1, 3)).unwrap_or(1);
                seats.push(Seat { cluster, slots });
            }
        }
        let rough = rng.chance(40);
        Self {
            nodes: if rng.chance(30) { 5 } else { 3 },
            coordinators: if rng.chance(30) { 3 } else { 2 },
            seats,
            shape,
            // Not drawn: what else a seed means stays as it is.
            seldom: (seed % 2 == 1).then_some(seed as usize / 2 % 12),
            groups,
            drift: if rng.chance(60) { 45_000 } else { 100 },
            slowest: [3_000, 20_000, 150_000][rng.place(3)],
            loss: if rough { rng.range(1, 30) } else { 0 },
            double: if rough { rng.range(1, 30) } else { 0 },
            sync: [2_000, 10_000, 60_000][rng.place(3)],
            spec_death: if rng.chance(30) { rng.range(1, 40) } else { 0 },
            heal: Duration::from_secs(rng.range(20, 90)),
            troubles: rng.range(0, 8),
            compact_every: [8, 12, 30, 200][rng.place(4)],
            trailing: [2, 4, 12][rng.place(3)],
        }
    }

    /// What discovery finds.
    pub(crate) fn plan(&self, target: TargetId) -> TargetPlan {
        let groups = self.groups[&target].values().map(|group| group.plan.clone());
        TargetPlan { target, groups: groups.collect() }
    }

    /// The same for the report.
    pub(crate) fn planned(&self, target: TargetId) -> Vec<PlannedGroup> {
        let groups = self.groups[&target].values();
        let planned = groups.map(|group| PlannedGroup {
            id: group.plan.id,
            selected: (0..group.plan.reports).map(|n| spec_of(group.plan.id, n)).collect(),
        });
        planned.collect()
    }
}

/// The most specs in a group.
const MOST: u32 = 4;

/// The n-th spec of a group.
pub(crate) fn spec_of(group: GroupId, ordinal: u32) -> SpecIndex {
    SpecIndex(group.0 * MOST + ordinal)
}

fn random_groups(rng: &mut Rng) -> BTreeMap<GroupId, SimGroup> {
    let parallel = u32::try_from(rng.range(1, 14)).unwrap_or(1);
    let serial = if rng.chance(70) { u32::try_from(rng.range(1, 4)).unwrap_or(1) } else { 0 };
    let mut groups = BTreeMap::new();
    let longest = [1_500, 5_000, 12_000, 24_000][rng.place(4)];
    for n in 0..parallel + serial {
        let nature = match rng.range(0, 99) {
            0..2 => Nature::Poison,
            2..10 => Nature::Fail,
            _ => Nature::Pass,
        };
        let reports = u32::try_from(rng.range(1, 3)).unwrap_or(1);
        let spec = Duration::from_millis(rng.range(50, longest));
        let plan = GroupPlan {
            id: GroupId(n),
            serial: n >= parallel,
            reports,
            expected: spec * reports,
            twin: None,
            avoid_first: false,
            limit: None,
            crowds: Vec::new(),
        };
        groups.insert(plan.id, SimGroup { plan, nature, spec });
    }
    groups
}
