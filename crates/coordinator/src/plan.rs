//! From a catalog to what the scheduler, and a forecast, have to know of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use multibeam_forecast::{ClusterScene, Costs, Scene, TargetScene};
use multibeam_ginkgo::catalog::{Catalog, SpecIndex};
use multibeam_history::Durations;
use multibeam_model::plan::{GroupPlan, TargetPlan};
use multibeam_model::run::{ClusterSpec, Limits, RunSpec, SpecTimeout, TagLimit};
use multibeam_model::{ClusterId, GroupId, TargetId};

/// The plan of a target: its groups with at least one selected spec.
#[must_use]
pub fn target_plan(
    target: TargetId,
    catalog: &Catalog,
    durations: &Durations,
    limits: &Limits,
) -> TargetPlan {
    let shared_with_serial = catalog.groups_hit_by_serial_skips(&BTreeSet::new());
    let mut twins = Twins::default();
    let group = |id: usize, specs: &[SpecIndex], serial: bool| GroupPlan {
        id: group_id(id),
        serial,
        reports: count(specs.len()),
        expected: selected(catalog, specs)
            .map(|spec| durations.expect(&catalog.full_text(spec)))
            .sum(),
        twin: None,
        avoid_first: false,
        limit: limit(catalog, specs, &limits.spec_timeouts),
        crowds: crowds(catalog, specs, &limits.concurrency.by_tag),
    };
    let mut groups = Vec::new();
    for index in catalog.selected_groups() {
        let place = index.0 as usize;
        groups.push(GroupPlan {
            avoid_first: shared_with_serial.contains(&index),
            ..group(place, &catalog.groups[place], false)
        });
    }
    for index in catalog.selected_serial_groups() {
        let place = index.0 as usize;
        let specs = &catalog.serial_groups[place];
        groups.push(GroupPlan {
            twin: twins.of(selected(catalog, specs).map(|spec| catalog.spec(spec).match_text())),
            ..group(catalog.groups.len() + place, specs, true)
        });
    }
    TargetPlan { target, groups }
}

/// How far the groups of a target may be off, as a part of what is expected of each.
#[must_use]
pub fn target_spread(catalog: &Catalog, durations: &Durations) -> BTreeMap<GroupId, f64> {
    let all = catalog.groups.iter().chain(&catalog.serial_groups);
    let spread = |specs: &Vec<SpecIndex>| {
        let estimates =
            selected(catalog, specs).map(|spec| durations.estimate(&catalog.full_text(spec)));
        // Specs are late or early each for itself, so their variances add up.
        let (expected, variance) = estimates.fold((0.0, 0.0), |(expected, variance), one| {
            let spread = one.spread.as_secs_f64();
            (expected + one.expected.as_secs_f64(), spread.mul_add(spread, variance))
        });
        (expected > 0.0).then(|| f64::sqrt(variance) / expected)
    };
    let spreads = all.enumerate().filter_map(|(id, specs)| Some((group_id(id), spread(specs)?)));
    spreads.collect()
}

/// A run as a forecast wants it: all its targets with their plans, and the workers that the run file
/// speaks of.
#[must_use]
pub fn scene(
    run: &RunSpec,
    mut planned: impl FnMut(TargetId) -> (TargetPlan, BTreeMap<GroupId, f64>),
) -> Scene {
    let targets = (0..).map(TargetId).zip(&run.targets).map(|(id, target)| {
        let (plan, spread) = planned(id);
        TargetScene {
            name: target.name.clone(),
            clusters: target.clusters.iter().copied().map(ClusterId).collect(),
            plan,
            spread,
        }
    });
    let cluster = |cluster: &ClusterSpec| ClusterScene {
        workers: vec![cluster.processes; cluster.workers as usize],
        ..ClusterScene::new(&cluster.name, 0)
    };
    Scene {
        targets: targets.collect(),
        clusters: run.clusters.iter().map(cluster).collect(),
        costs: Costs::default(),
        concurrency: run.limits.concurrency.clone(),
    }
}

fn selected<'a>(
    catalog: &'a Catalog,
    specs: &'a [SpecIndex],
) -> impl Iterator<Item = SpecIndex> + 'a {
    specs.iter().copied().filter(|spec| catalog.spec(*spec).is_selected())
}

/// The longest time that one spec of the group may take; none when one of them has no limit.
pub(crate) fn limit(
    catalog: &Catalog,
    specs: &[SpecIndex],
    timeouts: &[SpecTimeout],
) -> Option<Duration> {
    let limits = selected(catalog, specs).map(|spec| {
        let (text, labels) = (catalog.full_text(spec), &catalog.spec(spec).labels);
        timeouts.iter().find(|timeout| timeout.applies(&text, labels)).map(|timeout| timeout.limit)
    });
    limits.collect::<Option<Vec<_>>>()?.into_iter().max()
}

/// The rules that apply to one of the group's specs.
fn crowds(catalog: &Catalog, specs: &[SpecIndex], rules: &[TagLimit]) -> Vec<u32> {
    let applies = |rule: &TagLimit| {
        selected(catalog, specs)
            .any(|spec| rule.applies(&catalog.full_text(spec), &catalog.spec(spec).labels))
    };
    (0..).zip(rules).filter(|(_, rule)| applies(rule)).map(|(index, _)| index).collect()
}

/// Numbers the sets of serial groups that share a spec text.
#[derive(Debug, Default)]
struct Twins {
    first_with: BTreeMap<String, u32>,
    groups: u32,
}

impl Twins {
    /// The number of the set that a group with these texts belongs to. Every group gets one: a set
    /// of its own is one without twins.
    fn of(&mut self, texts: impl Iterator<Item = String>) -> Option<u32> {
        self.groups += 1;
        let texts: Vec<String> = texts.collect();
        let known = texts.iter().find_map(|text| self.first_with.get(text).copied());
        let number = known.unwrap_or(self.groups);
        for text in texts {
            self.first_with.entry(text).or_insert(number);
        }
        Some(number)
    }
}

fn group_id(place: usize) -> GroupId {
    GroupId(count(place))
}

fn count(number: usize) -> u32 {
    u32::try_from(number).expect("a suite has fewer than 2^32 specs")
}

#[cfg(test)]
mod tests {
    use multibeam_ginkgo::catalog::{GroupIndex, Placement, Spec};
    use multibeam_ginkgo::dryrun::Selection;
    use multibeam_ginkgo::sample;
    use multibeam_ginkgo::spec::CodeLocation;

    use super::*;

    fn catalog(specs: Vec<Spec>) -> Catalog {
        Catalog { specs, ..sample::catalog([]) }
    }

    #[test]
    fn the_first_limit_that_applies_counts_and_the_longest_of_a_group() {
        let spec = |leaf: &str, label: &str, selection| Spec {
            containers: Vec::new(),
            leaf: leaf.to_owned(),
            location: CodeLocation::default(),
            ordinal: 0,
            labels: vec![label.to_owned()],
            selection,
            placement: Placement::Parallel(GroupIndex(0)),
        };
        let catalog = catalog(vec![
            spec("a", "quick", Selection::Selected),
            spec("b", "Slow", Selection::Selected),
            spec("c [Endless]", "quick", Selection::Skipped),
        ]);
        let secs = Duration::from_secs;
        let tagged = |tag: &str, limit| SpecTimeout { tag: Some(tag.to_owned()), limit };
        let rules = [tagged("[Slow]", secs(30)), tagged("Endless", secs(900))];
        let of = |specs: &[u32], rules: &[SpecTimeout]| {
            let specs: Vec<SpecIndex> = specs.iter().copied().map(SpecIndex).collect();
            limit(&catalog, &specs, rules)
        };
        assert_eq!(of(&[1], &rules), Some(secs(30)), "by its label");
        assert_eq!(of(&[0, 1], &rules), None, "one has no limit");
        let default = SpecTimeout { tag: None, limit: secs(5) };
        let all = [rules[0].clone(), rules[1].clone(), default];
        assert_eq!(of(&[0], &all), Some(secs(5)));
        assert_eq!(of(&[0, 1, 2], &all), Some(secs(30)), "what is not selected does not count");

        let at_most = |tag: &str| TagLimit { tag: tag.to_owned(), at_once: 1 };
        let rules = ["[Slow]", "Endless", "quick"].map(at_most);
        let specs = [0, 1, 2].map(SpecIndex);
        assert_eq!(
            crowds(&catalog, &specs, &rules),
            [0, 2],
            "the one of a skipped spec is not there"
        );
    }
}
