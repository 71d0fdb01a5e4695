//! The conformance run of Kubernetes v1.30 (402 specs, 6,096 s in one process).

use std::time::Duration;

use multibeam_forecast::{ClusterScene, Costs, Scene, Takes, TargetScene};
use multibeam_model::plan::{GroupPlan, TargetPlan};
use multibeam_model::{ClusterId, GroupId, TargetId};

const TABLE: &str = include_str!("../../../crates/history/data/durations.csv");

/// Clusters, processes on each, and what the schedule may take at most, in parts of the limit.
pub const GOALS: [(u32, u32, f64); 6] =
    [(1, 8, 1.02), (2, 8, 1.03), (3, 8, 1.03), (4, 8, 1.05), (3, 16, 1.11), (4, 16, 1.16)];

/// A parallel or serial group that takes so long.
#[must_use]
pub fn group(id: u32, serial: bool, expected: Duration) -> GroupPlan {
    GroupPlan {
        id: GroupId(id),
        serial,
        reports: 1,
        expected,
        twin: None,
        avoid_first: false,
        limit: None,
        crowds: Vec::new(),
    }
}

/// The run, a group for each spec, parallel ones first.
///
/// # Panics
/// When the table of durations is damaged.
#[must_use]
pub fn plan() -> TargetPlan {
    let row = |line: &str| {
        let (rest, seconds) = line.rsplit_once(',').expect("a column of seconds");
        let serial = rest.ends_with(",1");
        (serial, Duration::from_secs_f64(seconds.parse().expect("seconds")))
    };
    let mut rows: Vec<_> = TABLE.lines().skip(1).map(row).collect();
    rows.sort_by_key(|(serial, _)| *serial);
    let groups = (0..).zip(rows).map(|(id, (serial, takes))| group(id, serial, takes));
    TargetPlan { target: TargetId(0), groups: groups.collect() }
}

/// One target on so many clusters with so many processes each.
#[must_use]
pub fn scene(plan: TargetPlan, clusters: u32, slots: u32) -> Scene {
    let ids = (0..clusters).map(ClusterId).collect();
    Scene {
        targets: vec![TargetScene {
            name: "v1.30".to_owned(),
            clusters: ids,
            plan,
            spread: Default::default(),
        }],
        clusters: (0..clusters).map(|c| ClusterScene::new(&format!("c{c}"), slots)).collect(),
        costs: Costs::default(),
        concurrency: Default::default(),
    }
}

/// What the groups of a plan take when all of its expectations are right.
#[must_use]
pub fn exactly(plan: &TargetPlan) -> Takes {
    plan.groups.iter().map(|group| ((plan.target, group.id), group.expected)).collect()
}
