//! Simpler schedules, to compare with: one queue for the processes of all clusters, and the serial
//! list divided beforehand.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use multibeam_forecast::{Costs, Takes};
use multibeam_model::plan::{GroupPlan, TargetPlan};

/// In which order groups are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The longest by expectation first, serial ones to the cluster that has least.
    LongestFirst,
    /// As they stand in the suite, serial ones dealt out in turn.
    FirstInFirstOut,
}

/// How long so many clusters with so many processes each take.
#[must_use]
pub fn makespan(
    plan: &TargetPlan,
    takes: &Takes,
    clusters: usize,
    slots: usize,
    order: Order,
    costs: Costs,
) -> Duration {
    let took = |group: &GroupPlan| takes[&(plan.target, group.id)];
    let in_order = |serial: bool| {
        let mut groups: Vec<_> = plan.groups.iter().filter(|g| g.serial == serial).collect();
        if order == Order::LongestFirst {
            groups.sort_by_key(|group| Reverse(group.expected));
        }
        groups
    };
    let mut ends = vec![Duration::ZERO; clusters];
    let mut free: BinaryHeap<_> =
        (0..slots * clusters).map(|n| Reverse((Duration::ZERO, n % clusters))).collect();
    for group in in_order(false) {
        if let Some(Reverse((at, cluster))) = free.pop() {
            let end = at + took(group);
            ends[cluster] = ends[cluster].max(end);
            free.push(Reverse((end, cluster)));
        }
    }
    let mut expected = vec![Duration::ZERO; clusters];
    for (nth, group) in in_order(true).into_iter().enumerate() {
        let cluster = match order {
            Order::LongestFirst => (0..clusters).min_by_key(|c| expected[*c]).unwrap_or_default(),
            Order::FirstInFirstOut => nth % clusters,
        };
        expected[cluster] += group.expected;
        ends[cluster] += took(group);
    }
    let around = costs.boot + costs.before_suite + costs.after_suite * 2;
    ends.into_iter().max().unwrap_or_default() + around
}
