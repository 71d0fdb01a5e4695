//! One target: its groups, the pool of its waiting parallel ones, and why it stops.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use multibeam_model::outcome::Verdict;
use multibeam_model::plan::TargetPlan;
use multibeam_model::{Cause, ClusterId, GroupId, Moment, SessionId};

use crate::TargetShape;
use crate::balance::Horizon;
use crate::group::{Group, Stand};
use crate::pace::Record;
use crate::recover::RecoveredTarget;

/// Estimates are believed as if so much had come true already.
const TRUSTED: Duration = Duration::from_secs(60);

/// How a target is brought to its end; a later one replaces an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Halt {
    /// Nothing more is handed out; what runs ends by itself.
    Drain,
    /// Its processes are interrupted.
    Interrupt,
    /// Its processes are killed.
    Kill,
}

/// Why a cluster does not serve a target any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Out {
    /// The before-suite failed there.
    BeforeSuite(String),
    /// Something else.
    Refused(String),
}

/// One target.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) clusters: Vec<ClusterId>,
    pub(crate) prepared: bool,
    pub(crate) groups: BTreeMap<GroupId, Group>,
    /// The serial ones.
    pub(crate) serial: Vec<GroupId>,
    /// Waiting parallel groups, longest first.
    pub(crate) pool: BTreeSet<(Reverse<Duration>, GroupId)>,
    /// Those of the pool that were lost before.
    pub(crate) tried: BTreeSet<GroupId>,
    /// How long all of the pool should take.
    pub(crate) pool_time: Duration,
    /// What its clusters had before them when everything was looked at last.
    pub(crate) horizon: Arc<Horizon>,
    /// A group that was asked back may come any moment, as of the last look.
    pub(crate) coming: bool,
    /// How its groups have kept to what was expected of them.
    pub(crate) kept: Record,
    /// Groups that are neither sealed nor given up.
    pub(crate) open_groups: usize,
    /// How it is being stopped, if it is.
    pub(crate) halt: Option<Halt>,
    pub(crate) cause: Option<Cause>,
    /// At least this bad, whatever its groups say.
    pub(crate) floor: Verdict,
    /// Clusters that do not serve it any more.
    pub(crate) out: BTreeMap<ClusterId, Out>,
    /// How many sessions in a row got nothing done.
    pub(crate) futile: BTreeMap<ClusterId, u32>,
    /// The last session it had on each cluster.
    pub(crate) sessions: BTreeMap<ClusterId, SessionId>,
    /// Whether it has groups that no process 1 may run.
    pub(crate) avoids_first: bool,
    pub(crate) no_worker_since: Option<Moment>,
    pub(crate) ended: Option<Verdict>,
    past: RecoveredTarget,
}

impl Target {
    pub(crate) fn new(shape: TargetShape, past: RecoveredTarget) -> Self {
        Self {
            name: shape.name,
            clusters: shape.clusters,
            prepared: false,
            groups: BTreeMap::new(),
            serial: Vec::new(),
            pool: BTreeSet::new(),
            tried: BTreeSet::new(),
            pool_time: Duration::ZERO,
            horizon: Arc::default(),
            coming: false,
            kept: Record::default(),
            open_groups: 0,
            halt: None,
            cause: None,
            floor: Verdict::Passed,
            out: BTreeMap::new(),
            futile: BTreeMap::new(),
            sessions: BTreeMap::new(),
            avoids_first: false,
            no_worker_since: None,
            ended: past.ended,
            past,
        }
    }

    pub(crate) fn prepare(&mut self, plan: TargetPlan) {
        self.prepared = true;
        for plan in plan.groups {
            let id = plan.id;
            let past = self.past.groups.get(&id);
            self.avoids_first |= plan.avoid_first;
            self.serial.extend(plan.serial.then_some(id));
            let group = Group::new(plan, past);
            if !group.is_done() {
                self.open_groups += 1;
            }
            self.groups.insert(id, group);
            self.wait(id);
        }
    }

    /// Puts a waiting parallel group into the pool.
    pub(crate) fn wait(&mut self, id: GroupId) {
        if let Some(group) = self.groups.get(&id)
            && !group.plan.serial
            && group.stand == Stand::Waiting
            && self.pool.insert((Reverse(group.plan.expected), id))
        {
            self.pool_time += group.plan.expected;
            if group.was_lost() {
                self.tried.insert(id);
            }
        }
    }

    /// Takes a group out of the pool.
    pub(crate) fn take(&mut self, id: GroupId) {
        self.tried.remove(&id);
        if let Some(group) = self.groups.get(&id)
            && self.pool.remove(&(Reverse(group.plan.expected), id))
        {
            self.pool_time = self.pool_time.saturating_sub(group.plan.expected);
        }
    }

    /// The waiting parallel groups that take no longer than `room`, longest first.
    pub(crate) fn fitting(&self, room: Duration) -> impl Iterator<Item = GroupId> {
        let from = (Reverse(room), GroupId(0));
        self.pool.range(from..).map(|(_, group)| *group)
    }

    /// How many times longer its groups take than was expected: 1 as long as little is known, and
    /// within bounds.
    pub(crate) fn pace(&self) -> f64 {
        self.kept.ratio(TRUSTED, 1.0).clamp(0.01, 100.0)
    }

    /// The longest group that waits should take so long.
    pub(crate) fn longest_waiting(&self) -> Duration {
        self.pool.first().map_or(Duration::ZERO, |(time, _)| time.0)
    }

    /// Stops it. The more urgent way and the weightier cause win.
    pub(crate) fn stop(&mut self, how: Halt, cause: Cause) {
        self.halt = self.halt.max(Some(how));
        self.cause = self.cause.take().max(Some(cause));
    }

    /// Whether new work may begin.
    pub(crate) fn is_open(&self) -> bool {
        self.prepared && self.halt.is_none() && self.ended.is_none()
    }

    /// How it ended, and why it was cut short, if it was.
    pub(crate) fn sum_up(&self) -> (Verdict, Option<Cause>) {
        let undone = !self.prepared || self.open_groups > 0;
        let cut_short = undone || self.floor == Verdict::Incomplete;
        let cause = self.cause.clone().filter(|_| cut_short);
        let verdict = match cause {
            Some(Cause::NoCluster(_)) => Verdict::Environment,
            _ if undone => Verdict::Incomplete,
            _ => Verdict::Passed,
        };
        let groups = self.groups.values().map(|group| match group.stand {
            Stand::Sealed { failed: true } | Stand::GivenUp { failed: true } => Verdict::Failed,
            Stand::GivenUp { failed: false } => Verdict::Incomplete,
            _ => Verdict::Passed,
        });
        let verdict = verdict.max(groups.max().unwrap_or(Verdict::Passed));
        (verdict.max(self.floor), cause)
    }
}
