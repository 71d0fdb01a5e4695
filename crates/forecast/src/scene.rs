//! What a forecast starts from: targets, clusters, and what things cost besides the specs.

use std::collections::BTreeMap;
use std::time::Duration;

use multibeam_model::plan::TargetPlan;
use multibeam_model::run::{Concurrency, Limits};
use multibeam_model::{ClusterId, GroupId, TargetId};
use multibeam_sched::{RunShape, TargetShape};

/// A run that has not begun.
#[derive(Clone, Debug)]
pub struct Scene {
    /// The targets, by [`TargetId`].
    pub targets: Vec<TargetScene>,
    /// The clusters, by [`ClusterId`].
    pub clusters: Vec<ClusterScene>,
    /// What a process costs besides its specs.
    pub costs: Costs,
    /// How much runs on a cluster at once. Everything takes what is expected here, so nothing adapts.
    pub concurrency: Concurrency,
}

/// One target of a [`Scene`].
#[derive(Clone, Debug)]
pub struct TargetScene {
    /// Its name.
    pub name: String,
    /// The clusters that serve it.
    pub clusters: Vec<ClusterId>,
    /// What is to run, with the durations that the scheduler believes.
    pub plan: TargetPlan,
    /// How far groups may be off: the standard deviation of their durations as a part of what is expected.
    /// A group that is not there is off as usual.
    pub spread: BTreeMap<GroupId, f64>,
}

/// One cluster of a [`Scene`].
#[derive(Clone, Debug)]
pub struct ClusterScene {
    /// Its name.
    pub name: String,
    /// The slots of each of its workers.
    pub workers: Vec<u32>,
    /// How much longer everything takes here than elsewhere, in percent: 100 is as fast.
    pub pace: u32,
    /// When its workers die and do not come back, for what-if questions.
    pub dies: Option<Duration>,
}

/// What processes cost besides the specs that they run.
///
/// The default is an assumption, to be read as "a few seconds each": building the spec tree of a
/// Kubernetes `e2e.test` takes seconds of CPU, its before-suite waits for nodes and system pods,
/// and its after-suite gathers little. Both happen once per process (the before-suite proper once
/// per session), so against a run of minutes they count little.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Costs {
    /// From the order to start a process until its tree is built.
    pub boot: Duration,
    /// The part of the before-suite that process 1 runs and all others wait for.
    pub before_suite: Duration,
    /// From the last spec of a process to its end.
    pub after_suite: Duration,
    /// One way between coordinator and worker, the commit included.
    pub latency: Duration,
}

impl ClusterScene {
    /// A cluster with one worker.
    #[must_use]
    pub fn new(name: &str, slots: u32) -> Self {
        Self { name: name.to_owned(), workers: vec![slots], pace: 100, dies: None }
    }

    /// How many processes its workers offer.
    #[must_use]
    pub fn slots(&self) -> u32 {
        self.workers.iter().sum()
    }
}

impl Default for Costs {
    fn default() -> Self {
        Self {
            boot: Duration::from_secs(2),
            before_suite: Duration::from_secs(2),
            after_suite: Duration::from_secs(2),
            latency: Duration::from_millis(2),
        }
    }
}

impl Costs {
    /// Nothing costs anything: what is left is the schedule alone.
    pub const NOTHING: Self = Self {
        boot: Duration::ZERO,
        before_suite: Duration::ZERO,
        after_suite: Duration::ZERO,
        latency: Duration::ZERO,
    };
}

impl Scene {
    /// How many groups its targets have.
    #[must_use]
    pub fn groups(&self) -> usize {
        self.targets.iter().map(|target| target.plan.groups.len()).sum()
    }

    /// The run as the scheduler is told of it.
    #[must_use]
    pub fn shape(&self) -> RunShape {
        let target = |target: &TargetScene| TargetShape {
            name: target.name.clone(),
            clusters: target.clusters.clone(),
        };
        let concurrency = Concurrency { adaptive: false, ..self.concurrency.clone() };
        RunShape {
            targets: self.targets.iter().map(target).collect(),
            clusters: self.clusters.iter().map(|cluster| cluster.name.clone()).collect(),
            limits: Limits { concurrency, ..Limits::default() },
            fail_fast: false,
        }
    }

    /// How many processes a cluster can have at a time.
    pub(crate) fn slots(&self, cluster: &ClusterScene) -> u32 {
        cluster.slots().min(self.concurrency.per_cluster.unwrap_or(u32::MAX))
    }

    /// The targets with their ids.
    pub fn targets(&self) -> impl Iterator<Item = (TargetId, &TargetScene)> {
        (0..).map(TargetId).zip(&self.targets)
    }

    /// The clusters with their ids.
    pub fn clusters(&self) -> impl Iterator<Item = (ClusterId, &ClusterScene)> {
        (0..).map(ClusterId).zip(&self.clusters)
    }
}
