//! How the clusters of a target come to their ends at about the same time.
//!
//! All parallel parts end together, because the groups come from one pool, unless a single group
//! takes longer than that. Then
//! - such groups are kept together on one cluster, the *home* of the target: only one cluster has
//!   to wait for them, and it gets less of the serial groups (its *lead*);
//! - as soon as the processes of a cluster that has to wait anyway can do the rest of the pool in
//!   that time, the other clusters *leave* it to them and go on to their serial share.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use multibeam_model::event::Phase;
use multibeam_model::{ClusterId, GroupId, SessionId, TargetId};

use crate::run::Run;
use crate::session::{Process, Session};

/// Where the long groups of a target run.
#[derive(Clone, Debug)]
pub(crate) struct Home {
    pub(crate) cluster: ClusterId,
    /// The groups that other clusters do not take while they have anything else.
    pub(crate) groups: BTreeSet<GroupId>,
    /// How much later than the others its parallel part should end.
    pub(crate) lead: Duration,
}

impl Run {
    /// Makes a cluster the home of a target's long groups, if there are any.
    pub(crate) fn settle_home(&mut self, id: TargetId, cluster: ClusterId) {
        let slots = |cluster: ClusterId| -> u32 {
            let workers = self.workers.values();
            let here = workers.filter(|w| w.cluster == cluster && w.prepared.contains(&id));
            here.map(|w| w.slots).sum()
        };
        let here = slots(cluster);
        // One that is expected but not there yet is taken to be like this one.
        let elsewhere = self.target(id).map_or(0, |target| {
            let others = target.clusters.iter().filter(|c| **c != cluster);
            let others = others.filter(|c| self.serves(id, **c));
            others.map(|c| if slots(*c) == 0 { here } else { slots(*c) }).sum()
        });
        let Some(target) = self.targets.get_mut(&id) else {
            return;
        };
        if target.home.is_some() || here == 0 || elsewhere == 0 {
            return;
        }
        let level = target.pool_time / (here + elsewhere);
        let Some((longest, _)) = target.pool.first().filter(|(time, _)| time.0 > level) else {
            return;
        };
        // What is left for the others is less than that: they are to take nothing that is longer.
        let others = target.pool_time.saturating_sub(longest.0 * here) / elsewhere;
        let long = target.pool.iter().take_while(|(time, _)| time.0 > others);
        let groups = long.take(here as usize).map(|(_, group)| *group).collect();
        target.home = Some(Home { cluster, groups, lead: longest.0.saturating_sub(others) });
    }

    /// How much later than the others a cluster's parallel part should end.
    pub(crate) fn lead(&self, target: TargetId, cluster: ClusterId) -> Duration {
        let home = self.target(target).and_then(|t| t.home.as_ref());
        let home = home.filter(|home| home.cluster == cluster);
        let first = self.target(target).is_some_and(|t| {
            let session = t.sessions.get(&cluster);
            session.is_none_or(|id| self.sessions.get(id).is_some_and(|s| s.phase < Phase::Serial))
        });
        home.filter(|_| first).map_or(Duration::ZERO, |home| home.lead)
    }

    /// Whether a cluster leaves a group to the home of its target while it has others.
    pub(crate) fn belongs_elsewhere(
        &self,
        target: TargetId,
        cluster: ClusterId,
        group: GroupId,
    ) -> bool {
        let home = self.target(target).and_then(|t| t.home.as_ref());
        home.is_some_and(|home| {
            home.cluster != cluster
                && home.groups.contains(&group)
                && self.helpers(target, cluster).any(|(session, _)| session.cluster == home.cluster)
        })
    }

    /// The processes on other clusters that work on the pool of a target.
    fn helpers(
        &self,
        target: TargetId,
        cluster: ClusterId,
    ) -> impl Iterator<Item = (&Session, &Process)> {
        self.processes_of(target).filter(move |(session, process)| {
            session.cluster != cluster
                && process.serves()
                && !session.lost
                && !session.leaves
                && self.serves(target, session.cluster)
        })
    }

    /// Whether a session leaves the pool to the other clusters.
    pub(crate) fn leaves(&self, session: &Session) -> bool {
        let (target, cluster) = (session.target, session.cluster);
        let mut helpers = self.helpers(target, cluster).peekable();
        if helpers.peek().is_none() || self.open_share(session).is_empty() {
            return false;
        }
        if session.leaves {
            return true;
        }
        let spare = spare(helpers.map(|(other, process)| (other.id, self.sure_load(process))));
        let pool = self.target(target).map_or(Duration::ZERO, |t| t.pool_time);
        !pool.is_zero() && spare >= pool + pool / 20
    }

    /// How long a process should still have to do; one that is late may end at any moment.
    fn sure_load(&self, process: &Process) -> Duration {
        let running = process.running.iter();
        let left = running.map(|r| r.expected.saturating_sub(self.now.since(r.since)));
        let queued = process.queued.and_then(|a| self.group(a.target, a.group));
        left.sum::<Duration>() + queued.map_or(Duration::ZERO, |group| group.plan.expected)
    }

    /// How long an average process of a cluster should still have to do for the pool. Where the
    /// home has to wait for its long groups anyway, it does more of the rest.
    pub(crate) fn level(&self, target: TargetId, cluster: ClusterId) -> Duration {
        let Some(state) = self.target(target) else {
            return Duration::ZERO;
        };
        let home = state.home.as_ref().map(|home| home.cluster);
        let home = home.filter(|home| *home != cluster && !self.lead(target, *home).is_zero());
        let serving = self.processes_of(target).filter(|(_, p)| p.serves());
        let (at_home, others): (Vec<_>, Vec<_>) =
            serving.partition(|(session, _)| Some(session.cluster) == home);
        let loads = at_home.iter().map(|(session, p)| (session.id, self.load(p)));
        let pool = state.pool_time.saturating_sub(spare(loads));
        let work = others.iter().map(|(_, p)| self.load(p)).sum::<Duration>() + pool;
        work / u32::try_from(others.len()).unwrap_or(u32::MAX).max(1)
    }

    /// Takes back that sessions leave the pool, when nobody else works on it any more.
    pub(crate) fn return_to_pool(&mut self) {
        let back: Vec<SessionId> = self
            .sessions
            .values()
            .filter(|session| session.leaves && !self.leaves(session))
            .map(|session| session.id)
            .collect();
        self.changed |= !back.is_empty();
        for id in back {
            if let Some(session) = self.sessions.get_mut(&id) {
                session.leaves = false;
            }
        }
    }
}

/// What the processes of each session can do before the last one of that session is done.
fn spare(loads: impl Iterator<Item = (SessionId, Duration)>) -> Duration {
    let mut sessions: BTreeMap<SessionId, Vec<Duration>> = BTreeMap::new();
    for (session, load) in loads {
        sessions.entry(session).or_default().push(load);
    }
    let spare = sessions.values().flat_map(|loads| {
        let end = loads.iter().max().copied().unwrap_or_default();
        loads.iter().map(move |load| end - *load)
    });
    spare.sum()
}
