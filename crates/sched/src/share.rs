//! How the serial groups of a target are divided over its clusters.
//!
//! Longest first, each to the cluster that has the least so far; groups that a share cannot tell
//! apart (twins) go together. The parallel groups come from one pool, so the parallel parts of all
//! clusters end at about the same time and only the serial loads have to be balanced. A cluster
//! that is expected but not there yet gets its part too: it is left over for it, and when it does
//! not come, for whoever is free next.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use multibeam_model::GroupId;
use multibeam_model::plan::GroupPlan;

/// What a group counts at least: with unknown durations the numbers of groups are balanced.
const LEAST: Duration = Duration::from_millis(1);

/// The part of `groups` that falls to one cluster, when it has a load already and the other ones
/// have these.
pub(crate) fn part<'a>(
    groups: impl Iterator<Item = &'a GroupPlan>,
    mine: Duration,
    others: &[Duration],
) -> BTreeSet<GroupId> {
    let mut units: BTreeMap<(bool, u32), (Duration, Vec<GroupId>)> = BTreeMap::new();
    for group in groups {
        let key = match group.twin {
            Some(twin) => (true, twin),
            None => (false, group.id.0),
        };
        let unit = units.entry(key).or_default();
        unit.0 += group.expected.max(LEAST);
        unit.1.push(group.id);
    }
    let mut units: Vec<_> = units.into_values().collect();
    units.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));

    // Place 0 is the cluster that asks: it wins ties, so without a load it never comes away
    // empty-handed.
    let mut loads = vec![mine];
    loads.extend_from_slice(others);
    let mut part = BTreeSet::new();
    for (time, ids) in units {
        let place = (0..loads.len()).min_by_key(|&i| (loads[i], i)).unwrap_or(0);
        loads[place] += time;
        if place == 0 {
            part.extend(ids);
        }
    }
    part
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(id: u32, secs: u64, twin: Option<u32>) -> GroupPlan {
        GroupPlan {
            id: GroupId(id),
            serial: true,
            reports: 1,
            expected: Duration::from_secs(secs),
            twin,
            avoid_first: false,
            limit: None,
        }
    }

    fn ids(part: &BTreeSet<GroupId>) -> Vec<u32> {
        part.iter().map(|id| id.0).collect()
    }

    #[test]
    fn one_cluster_takes_all() {
        let groups = [group(1, 5, None), group(2, 3, None)];
        assert_eq!(ids(&part(groups.iter(), Duration::ZERO, &[])), [1, 2]);
    }

    #[test]
    fn loads_are_balanced() {
        let groups = [group(1, 6, None), group(2, 3, None), group(3, 3, None)];
        assert_eq!(ids(&part(groups.iter(), Duration::ZERO, &[Duration::ZERO])), [1]);
        let busy = [Duration::from_secs(100)];
        assert_eq!(ids(&part(groups.iter(), Duration::ZERO, &busy)), [1, 2, 3]);
    }

    #[test]
    fn twins_stay_together() {
        let groups =
            [group(1, 4, Some(9)), group(2, 3, None), group(3, 4, Some(9)), group(4, 3, None)];
        assert_eq!(ids(&part(groups.iter(), Duration::ZERO, &[Duration::ZERO])), [1, 3]);
    }
}
