//! What no schedule can beat.

use std::time::Duration;

use multibeam_model::plan::TargetPlan;

/// The least time that a target can take on so many interchangeable clusters with so many processes
/// each, start-ups aside; `None` when either is zero.
///
/// With `P` the sum of the parallel groups and `S` that of the serial ones this is
/// `max(longest parallel group, P/N) + S` on one cluster, because nothing runs beside a serial
/// group, and `max(longest group, (P/N + S)/K)` on several.
#[must_use]
pub fn limit(plan: &TargetPlan, clusters: u32, processes: u32) -> Option<Duration> {
    if clusters == 0 || processes == 0 {
        return None;
    }
    let of = |serial: bool| plan.groups.iter().filter(move |group| group.serial == serial);
    let sum = |serial| of(serial).map(|group| group.expected).sum::<Duration>();
    let longest = |serial| of(serial).map(|group| group.expected).max().unwrap_or_default();
    let parallel = sum(false) / processes;
    if clusters == 1 {
        return Some(longest(false).max(parallel) + sum(true));
    }
    Some(longest(false).max(longest(true)).max((parallel + sum(true)) / clusters))
}
