//! How the serial groups of a target are divided over its clusters.
//!
//! Longest first, each to the cluster that has the least so far; groups that a share cannot tell
//! apart (twins) go together. The parallel groups come from one pool, so even shares bring all
//! clusters to their ends together, unless a long parallel group does not fit into what an even
//! share leaves of the time. Then one cluster (or a few) is given a *lead*: it counts as having
//! so much already, gets less of the serial groups, and has the time for the long parallel ones,
//! while the others reach their serial part early. Which lead is best is found by trying: the
//! parallel groups are packed longest first behind each division, and the one that is over first
//! is taken. Where nothing is gained the division stays even, because that keeps more of the work
//! in the pool, where it can be moved.
//!
//! A cluster that is expected but not there yet gets its part too: it is left over for it, and when
//! it does not come, for whoever is free next.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::time::Duration;

use multibeam_model::GroupId;
use multibeam_model::plan::GroupPlan;

use crate::balance::level;

/// What a group counts at least: with unknown durations the numbers of groups are balanced.
const LEAST: Duration = Duration::from_millis(1);

/// How many clusters may be given a lead.
const MAX_LEADS: usize = 4;

/// Leads to try, in quarters of an even share.
const LEADS: [u32; 8] = [1, 2, 3, 4, 6, 8, 16, 64];

/// A division must be over so much earlier than a simpler one, in parts of its time: 1/200.
const WORTH: u32 = 200;

/// A cluster as the division sees it.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The serial load that it has.
    pub(crate) serial: Duration,
    /// Whether it has its share already and gets nothing more.
    pub(crate) taken: bool,
    /// What each process that works on the pool has to do.
    pub(crate) loads: Vec<Duration>,
}

impl Place {
    /// One without any load.
    pub(crate) fn fresh(slots: u32) -> Self {
        let loads = vec![Duration::ZERO; slots as usize];
        Self { serial: Duration::ZERO, taken: false, loads }
    }
}

/// Serial groups that stay together.
struct Unit {
    time: Duration,
    groups: Vec<GroupId>,
}

/// The part of `groups` that falls to the first of `places`, when `pool` holds the parallel groups
/// that wait, longest first.
pub(crate) fn part<'a>(
    groups: impl Iterator<Item = &'a GroupPlan>,
    places: &[Place],
    pool: &[Duration],
) -> BTreeSet<GroupId> {
    let units = units(groups);
    if units.is_empty() {
        return BTreeSet::new();
    }
    let open = places.iter().filter(|place| !place.taken).count();
    let total: Duration = units.iter().map(|unit| unit.time).sum();
    let even = total / u32::try_from(open).unwrap_or(u32::MAX).max(1);
    let mut best = divide(&units, places, 0, Duration::ZERO);
    let mut end = best.end(&units, places, pool);
    // Nothing can be over before its longest group, or before an even share of all.
    let least = best.least(places, pool).max(even);
    for leading in 1..open.min(MAX_LEADS + 1) {
        for lead in LEADS {
            if end <= least + least / WORTH {
                return best.first(&units);
            }
            let other = divide(&units, places, leading, even * lead / 4);
            let over = other.end(&units, places, pool);
            if over + over / WORTH < end {
                (best, end) = (other, over);
            }
        }
    }
    best.first(&units)
}

/// How long the longest part takes when `groups` are divided over so many clusters.
pub(crate) fn longest_part<'a>(
    groups: impl Iterator<Item = &'a GroupPlan>,
    clusters: u32,
) -> Duration {
    let units = units(groups);
    let places = vec![Place::fresh(0); clusters as usize];
    divide(&units, &places, 0, Duration::ZERO).end(&units, &places, &[])
}

/// Longest first.
fn units<'a>(groups: impl Iterator<Item = &'a GroupPlan>) -> Vec<Unit> {
    let mut units: BTreeMap<(bool, u32), Unit> = BTreeMap::new();
    for group in groups {
        let key = match group.twin {
            Some(twin) => (true, twin),
            None => (false, group.id.0),
        };
        let new = || Unit { time: Duration::ZERO, groups: Vec::new() };
        let unit = units.entry(key).or_insert_with(new);
        unit.time += group.expected.max(LEAST);
        unit.groups.push(group.id);
    }
    let mut units: Vec<_> = units.into_values().collect();
    units.sort_by(|a, b| b.time.cmp(&a.time).then_with(|| a.groups.cmp(&b.groups)));
    units
}

/// One way to divide: the place of each unit.
struct Division {
    places: Vec<usize>,
}

/// The first `leading` open places count as having `lead` already. Place 0 wins ties, so without a
/// load it never comes away empty-handed.
fn divide(units: &[Unit], places: &[Place], leading: usize, lead: Duration) -> Division {
    let mut loads = BinaryHeap::new();
    let open = places.iter().enumerate().filter(|(_, place)| !place.taken);
    for (nth, (index, place)) in open.enumerate() {
        let lead = if nth < leading { lead } else { Duration::ZERO };
        loads.push(Reverse((place.serial + lead, index)));
    }
    let to_least = |unit: &Unit| {
        let Reverse((load, index)) = loads.pop().unwrap_or_default();
        loads.push(Reverse((load + unit.time, index)));
        index
    };
    Division { places: units.iter().map(to_least).collect() }
}

// === impl Division ===

impl Division {
    fn first(&self, units: &[Unit]) -> BTreeSet<GroupId> {
        let mine = self.places.iter().zip(units).filter(|(place, _)| **place == 0);
        mine.flat_map(|(_, unit)| unit.groups.iter().copied()).collect()
    }

    /// When all is over: the parallel groups packed longest first, each to the process that is free
    /// first when the serial part of its cluster is taken off; the short rest fills the gaps.
    fn end(&self, units: &[Unit], places: &[Place], pool: &[Duration]) -> Duration {
        let mut serial: Vec<Duration> = places.iter().map(|place| place.serial).collect();
        for (place, unit) in self.places.iter().zip(units) {
            serial[*place] += unit.time;
        }
        let crews = places.iter().zip(&serial);
        let mut free: BinaryHeap<Reverse<Duration>> = crews
            .flat_map(|(place, serial)| place.loads.iter().map(|load| Reverse(*serial + *load)))
            .collect();
        let (long, short) = pool.split_at(pool.len().min(2 * free.len()));
        let mut end = serial.into_iter().max().unwrap_or_default();
        for time in long {
            if let Some(Reverse(at)) = free.pop() {
                end = end.max(at + *time);
                free.push(Reverse(at + *time));
            }
        }
        let heights = free.into_iter().map(|Reverse(at)| at).collect();
        end.max(level(heights, short.iter().sum()))
    }

    /// No division is over before this.
    fn least(&self, places: &[Place], pool: &[Duration]) -> Duration {
        let fixed = places.iter().filter(|place| place.taken).map(|place| place.serial).max();
        fixed.unwrap_or_default().max(pool.first().copied().unwrap_or_default())
    }
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
            crowds: Vec::new(),
        }
    }

    fn ids(part: &BTreeSet<GroupId>) -> Vec<u32> {
        part.iter().map(|id| id.0).collect()
    }

    #[test]
    fn one_cluster_takes_all() {
        let groups = [group(1, 5, None), group(2, 3, None)];
        assert_eq!(ids(&part(groups.iter(), &[Place::fresh(4)], &[])), [1, 2]);
    }

    #[test]
    fn loads_are_balanced() {
        let groups = [group(1, 6, None), group(2, 3, None), group(3, 3, None)];
        let places = [Place::fresh(4), Place::fresh(4)];
        assert_eq!(ids(&part(groups.iter(), &places, &[])), [1]);
        let busy = Place { serial: Duration::from_secs(100), ..Place::fresh(4) };
        assert_eq!(ids(&part(groups.iter(), &[Place::fresh(4), busy], &[])), [1, 2, 3]);
    }

    #[test]
    fn twins_stay_together() {
        let groups =
            [group(1, 4, Some(9)), group(2, 3, None), group(3, 4, Some(9)), group(4, 3, None)];
        let places = [Place::fresh(4), Place::fresh(4)];
        assert_eq!(ids(&part(groups.iter(), &places, &[])), [1, 3]);
    }

    #[test]
    fn whoever_has_time_for_the_long_groups_gets_less() {
        let groups: Vec<_> = (0..20).map(|id| group(id, 10, None)).collect();
        let places = [Place::fresh(4), Place::fresh(4)];
        let short = [Duration::from_secs(10); 4];
        assert_eq!(part(groups.iter(), &places, &short).len(), 10);
        let long = [Duration::from_secs(150); 4];
        let lead = part(groups.iter(), &places, &long).len();
        assert!((3..=6).contains(&lead), "{lead}");
    }

    #[test]
    fn who_has_a_share_gets_no_more() {
        let groups = [group(1, 5, None), group(2, 3, None)];
        let taken = Place { taken: true, ..Place::fresh(4) };
        assert_eq!(ids(&part(groups.iter(), &[Place::fresh(4), taken], &[])), [1, 2]);
    }
}
