//! What is to be expected of a run before it begins.

use std::collections::BTreeMap;
use std::time::Duration;

use multibeam_model::plan::Planned;
use multibeam_model::{ClusterId, TargetId};

use crate::bound::limit;
use crate::course::{Bar, Course};
use crate::draw::Draw;
use crate::play::{Takes, play};
use crate::scene::{ClusterScene, Costs, Scene};

/// How many runs with other durations give the range: as many as this, and fewer for very large ones,
/// so that no more groups than these are played.
const SAMPLES: usize = 40;
const GROUPS: usize = 200_000;
const FEWEST: usize = 3;

/// How far durations differ from run to run where nobody knows better: the standard deviation of their
/// logarithm. With 0.3, two of three specs are within a third of what was expected.
const SPREAD: f64 = 0.3;

/// The least and the most of it. A spec that took the same time thrice can still be late, and one whose
/// runs had nothing in common is no reason to expect hours.
const SPREADS: std::ops::RangeInclusive<f64> = 0.05..=1.0;

/// How many processes more a cluster is asked about.
pub const MORE_PROCESSES: u32 = 8;

/// What is to be expected of a run.
#[derive(Clone, Debug)]
pub struct Forecast {
    /// The run as it goes when everything takes what it is expected to.
    pub course: Course,
    /// Its targets, by [`TargetId`].
    pub targets: Vec<TargetForecast>,
}

/// What is to be expected of one target.
#[derive(Clone, Debug)]
pub struct TargetForecast {
    /// When it is over, from the start of the run.
    pub expected: Duration,
    /// Eight of ten runs with other durations are over in this time; it begins no later than where suites
    /// take no time to start and to end.
    pub range: (Duration, Duration),
    /// What no schedule can beat on its clusters, start-ups and other targets aside.
    pub limit: Duration,
    /// What its end waits for, in the order of time: on the cluster that is done last, the groups of
    /// the process that the serial part waits for, then the serial groups.
    pub critical: Vec<Bar>,
    /// When it would be over with one more cluster like its largest.
    pub with_cluster: Duration,
    /// When it would be over with [`MORE_PROCESSES`] more on each of its clusters.
    pub with_processes: Duration,
}

impl TargetForecast {
    /// How many times the limit it takes.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        self.expected.as_secs_f64() / self.limit.as_secs_f64().max(0.001)
    }
}

/// Why there is nothing to expect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ForecastError {
    /// A target has no cluster.
    NoCluster {
        /// The target's name.
        target: String,
    },
    /// None of a target's clusters offers a process.
    NoProcess {
        /// The target's name.
        target: String,
        /// Its clusters.
        clusters: Vec<String>,
    },
    /// The scheduler would wait for ever, which is a mistake of its own.
    Endless,
}

impl std::fmt::Display for ForecastError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoCluster { target } => write!(
                f,
                "expected target {target} to have a cluster, but it has none (hint: name at least \
                 one under its `clusters`)"
            ),
            Self::NoProcess { target, clusters } => write!(
                f,
                "expected a cluster of target {target} to offer a process, but {} offer none \
                 (hint: `workers` and `processes` of a cluster must both be at least 1)",
                clusters.join(", ")
            ),
            Self::Endless => f.write_str("the schedule of this run never ends"),
        }
    }
}

impl std::error::Error for ForecastError {}

/// Plays a run, and plays it again with other durations and on more clusters and processes.
///
/// # Errors
/// [`ForecastError`] when a target has nothing that it could run on.
pub fn forecast(scene: &Scene) -> Result<Forecast, ForecastError> {
    let courses = Courses::of(scene)?;
    let targets = scene.targets().map(|(id, _)| of_target(scene, id, &courses));
    let targets = targets.collect::<Result<_, _>>()?;
    Ok(Forecast { course: courses.course, targets })
}

/// The same without what would be on more clusters and processes.
///
/// # Errors
/// As there.
pub fn planned(scene: &Scene) -> Result<BTreeMap<TargetId, Planned>, ForecastError> {
    let courses = Courses::of(scene)?;
    Ok(scene.targets().map(|(id, _)| (id, courses.planned(id))).collect())
}

/// How many groups [`planned`] plays: what a call costs.
#[must_use]
pub fn planned_groups(scene: &Scene) -> usize {
    let groups = scene.groups();
    groups * (2 + samples(groups))
}

/// How many runs with other durations are played.
fn samples(groups: usize) -> usize {
    SAMPLES.min(GROUPS / groups.max(1)).max(FEWEST)
}

/// A run as it goes when everything takes what it is expected to, and as it goes otherwise.
struct Courses {
    course: Course,
    /// As it goes when nothing but the groups takes any time: how long suites take to start is not known.
    at_once: Course,
    /// As it goes when the groups take other times.
    samples: Vec<Course>,
}

// === impl Courses ===

impl Courses {
    fn of(scene: &Scene) -> Result<Self, ForecastError> {
        check(scene)?;
        let course = play(scene, &Takes::new()).ok_or(ForecastError::Endless)?;
        let sample = |seed| play(scene, &perturbed(scene, seed)).ok_or(ForecastError::Endless);
        let samples = (0..samples(scene.groups()) as u64).map(sample).collect::<Result<_, _>>()?;
        let at_once = Scene { costs: Costs::NOTHING, ..scene.clone() };
        let at_once = play(&at_once, &Takes::new()).ok_or(ForecastError::Endless)?;
        Ok(Self { course, at_once, samples })
    }

    fn planned(&self, id: TargetId) -> Planned {
        let end = |course: &Course| course.ends.get(&id).copied().unwrap_or_default();
        let mut ends: Vec<Duration> = self.samples.iter().map(end).collect();
        ends.sort_unstable();
        let at = |tenths: usize| ends.get(ends.len() * tenths / 10).copied().unwrap_or_default();
        let expected = end(&self.course);
        let low = at(1).min(expected).min(end(&self.at_once));
        Planned { expected, low, high: at(9).max(expected) }
    }
}

fn check(scene: &Scene) -> Result<(), ForecastError> {
    for (id, target) in scene.targets() {
        let clusters: Vec<_> = clusters_of(scene, id).collect();
        let target = target.name.clone();
        if clusters.is_empty() {
            return Err(ForecastError::NoCluster { target });
        }
        if clusters.iter().all(|cluster| scene.slots(cluster) == 0) {
            let clusters = clusters.iter().map(|cluster| cluster.name.clone()).collect();
            return Err(ForecastError::NoProcess { target, clusters });
        }
    }
    Ok(())
}

fn clusters_of(scene: &Scene, target: TargetId) -> impl Iterator<Item = &ClusterScene> {
    let target = scene.targets.get(target.0 as usize);
    let ids = target.into_iter().flat_map(|target| &target.clusters);
    ids.filter_map(|id| scene.clusters.get(id.0 as usize))
}

fn of_target(
    scene: &Scene,
    id: TargetId,
    courses: &Courses,
) -> Result<TargetForecast, ForecastError> {
    let Planned { expected, low, high } = courses.planned(id);
    let again = |scene: &Scene| {
        let course = play(scene, &Takes::new()).ok_or(ForecastError::Endless)?;
        Ok::<Duration, ForecastError>(course.ends.get(&id).copied().unwrap_or_default())
    };
    Ok(TargetForecast {
        expected,
        range: (low, high),
        limit: limit_of(scene, id),
        critical: critical(&courses.course, id),
        with_cluster: again(&one_more_cluster(scene, id))?,
        with_processes: again(&more_processes(scene, id))?,
    })
}

/// The limit on the clusters of a target; where they differ in size, with their average.
fn limit_of(scene: &Scene, id: TargetId) -> Duration {
    let slots = clusters_of(scene, id).map(|cluster| scene.slots(cluster));
    let usable = slots.filter(|slots| *slots > 0);
    let slots: Vec<u32> = usable.collect();
    let clusters = u32::try_from(slots.len()).unwrap_or(u32::MAX);
    let Some(target) = scene.targets.get(id.0 as usize).filter(|_| clusters > 0) else {
        return Duration::ZERO;
    };
    let processes = slots.iter().sum::<u32>().div_ceil(clusters);
    limit(&target.plan, clusters, processes).unwrap_or_default()
}

/// Every duration drawn anew around what is expected.
fn perturbed(scene: &Scene, seed: u64) -> Takes {
    let mut draw = Draw(seed);
    let groups = scene.targets().flat_map(|(id, target)| {
        target.plan.groups.iter().map(move |group| {
            let spread = target.spread.get(&group.id).copied().unwrap_or(SPREAD);
            let spread = spread.clamp(*SPREADS.start(), *SPREADS.end());
            ((id, group.id), group.expected, spread)
        })
    });
    groups.map(|(key, time, spread)| (key, time.mul_f64(draw.log_normal(spread)))).collect()
}

fn one_more_cluster(scene: &Scene, id: TargetId) -> Scene {
    let mut scene = scene.clone();
    let largest = clusters_of(&scene, id).max_by_key(|cluster| cluster.slots());
    if let Some(more) =
        largest.map(|like| ClusterScene { name: "one more".to_owned(), ..like.clone() })
    {
        let new = ClusterId(u32::try_from(scene.clusters.len()).unwrap_or(u32::MAX));
        scene.clusters.push(more);
        if let Some(target) = scene.targets.get_mut(id.0 as usize) {
            target.clusters.push(new);
        }
    }
    scene
}

fn more_processes(scene: &Scene, id: TargetId) -> Scene {
    let mut scene = scene.clone();
    let ids = scene.targets.get(id.0 as usize).map(|t| t.clusters.clone()).unwrap_or_default();
    for id in ids {
        let cluster = scene.clusters.get_mut(id.0 as usize);
        if let Some(slots) = cluster.and_then(|cluster| cluster.workers.first_mut()) {
            *slots += MORE_PROCESSES;
        }
    }
    scene
}

/// See [`TargetForecast::critical`].
fn critical(course: &Course, id: TargetId) -> Vec<Bar> {
    let bars = || course.bars.iter().filter(|bar| bar.target == id && bar.sealed);
    let Some(last) = bars().max_by_key(|bar| bar.to) else {
        return Vec::new();
    };
    let session = |bar: &&Bar| bar.process.session == last.process.session;
    let mut path: Vec<Bar> = bars().filter(session).filter(|bar| bar.serial).copied().collect();
    let before = bars().filter(session).filter(|bar| !bar.serial).max_by_key(|bar| bar.to);
    if let Some(before) = before {
        let same = |bar: &&Bar| !bar.serial && bar.process == before.process;
        path.extend(bars().filter(same).copied());
    }
    path.sort_by_key(|bar| bar.from);
    path
}

#[cfg(test)]
mod tests {
    use multibeam_model::GroupId;
    use multibeam_model::plan::{GroupPlan, TargetPlan};
    use multibeam_model::run::Concurrency;

    use super::*;
    use crate::scene::TargetScene;

    fn scene(clusters: &[&[u32]], groups: &[(bool, u64)]) -> Scene {
        let group = |(id, (serial, secs)): (u32, &(bool, u64))| GroupPlan {
            id: GroupId(id),
            serial: *serial,
            reports: 1,
            expected: Duration::from_secs(*secs),
            twin: None,
            avoid_first: false,
            limit: None,
            crowds: Vec::new(),
        };
        let groups = (0..).zip(groups).map(group).collect();
        let scenes = (0..).zip(clusters).map(|(n, workers): (u32, _)| ClusterScene {
            workers: workers.to_vec(),
            ..ClusterScene::new(&format!("c{n}"), 1)
        });
        let clusters: Vec<ClusterScene> = scenes.collect();
        let ids = (0..).map(ClusterId).take(clusters.len()).collect();
        let plan = TargetPlan { target: TargetId(0), groups };
        let spread = BTreeMap::new();
        let targets = vec![TargetScene { name: "t".to_owned(), clusters: ids, plan, spread }];
        Scene { targets, clusters, costs: Costs::NOTHING, concurrency: Default::default() }
    }

    #[test]
    fn the_path_leads_from_the_longest_process_to_the_serial_groups() {
        let scene = scene(&[&[2]], &[(false, 50), (false, 20), (false, 20), (true, 10)]);
        let forecast = forecast(&scene).expect("it can run");
        let target = &forecast.targets[0];
        assert_eq!(target.expected, Duration::from_secs(60));
        assert_eq!(target.limit, Duration::from_secs(60));
        let path: Vec<u32> = target.critical.iter().map(|bar| bar.group.0).collect();
        assert_eq!(path, [0, 3]);
        assert!(target.range.0 <= target.expected && target.expected <= target.range.1);
        assert_eq!(target.with_cluster, Duration::from_secs(50), "the serial group goes there");
        assert_eq!(target.with_processes, Duration::from_secs(60), "nothing is gained");
    }

    #[test]
    fn a_suite_may_start_faster_than_is_assumed() {
        let all = scene(&[&[1]], &[(false, 10), (true, 20)]);
        let scene = Scene { costs: Costs::default(), ..all };
        let planned = planned(&scene).expect("it can run")[&TargetId(0)];
        assert!(planned.expected > Duration::from_secs(30), "{planned:?}");
        assert!(planned.low <= Duration::from_secs(30), "{planned:?}");
    }

    #[test]
    fn what_may_run_at_once_counts() {
        let groups = &[(false, 10); 4];
        let planned = |concurrency| {
            let scene = Scene { concurrency, ..scene(&[&[2, 2]], groups) };
            let target = &forecast(&scene).expect("it can run").targets[0];
            (target.expected.as_secs(), target.limit.as_secs())
        };
        assert_eq!(planned(Concurrency::default()), (10, 10));
        let two = Concurrency { per_cluster: Some(2), ..Concurrency::default() };
        assert_eq!(planned(two), (20, 20));
    }

    #[test]
    fn nothing_to_run_on_is_said() {
        let groups = &[(false, 5)];
        let no = |clusters: &[&[u32]]| forecast(&scene(clusters, groups)).expect_err("nowhere");
        assert_eq!(no(&[]), ForecastError::NoCluster { target: "t".to_owned() });
        let clusters = vec!["c0".to_owned(), "c1".to_owned()];
        let none = ForecastError::NoProcess { target: "t".to_owned(), clusters };
        assert_eq!(no(&[&[0], &[]]), none);
        assert!(none.to_string().contains("hint"));
    }

    #[test]
    fn an_empty_target_is_over_at_once() {
        let forecast = forecast(&scene(&[&[1]], &[])).expect("it can run");
        assert_eq!(forecast.targets[0].expected, Duration::ZERO);
        assert!(forecast.targets[0].critical.is_empty());
    }
}
