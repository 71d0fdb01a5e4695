//! How the clusters of a target come to their ends at about the same time.
//!
//! All clusters draw from one pool, and each has a serial share after it. So a process of a cluster
//! with little to do serially may work on the pool for longer than one of a cluster with much. The
//! *horizon* is when everything could be over, as far as the estimates tell: it is found like the
//! level of water that is poured (the pool) over uneven ground (what each process has to do, and
//! the serial share of its cluster after that). Then
//! - a process takes the longest group with which its cluster keeps within the horizon. Long groups
//!   so come to the clusters with the smallest shares, and the shares are made for that (`share`);
//! - a process that none fits waits, as long as another cluster could be done with the group
//!   earlier; when the last process of its session is at that point, the session *leaves* the pool
//!   to the others and goes on to its serial share.
//!
//! The horizon is found anew whenever everything is looked at, so a wrong estimate moves it as soon as
//! it shows. Only estimates are compared, with each other: a common factor does not matter.

use std::collections::BTreeMap;
use std::time::Duration;

use multibeam_model::plan::GroupPlan;
use multibeam_model::{ClusterId, GroupId, Moment, SessionId, TargetId};

use crate::group::Group;
use crate::run::Run;
use crate::session::{Process, Session};
use crate::share::{self, Place};

/// A process that has not asked for anything for so long is not waited for.
const SLOW_START: Duration = Duration::from_secs(120);

/// How often a decision to wait is looked at again when nothing else happens: what is waited for
/// may be late.
pub(crate) const RECONSIDER: Duration = Duration::from_secs(5);

/// What the clusters of a target have before them. All times count from when it was found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Horizon {
    /// When that was.
    at: Moment,
    /// When all would be over if the groups of the pool could be cut at will.
    level: Duration,
    /// The same, but no earlier than the longest group of the pool can be over.
    end: Duration,
    /// The serial load of each session that works on the pool.
    serial: BTreeMap<SessionId, Duration>,
    /// When the first process of each session that may run anything could be done with all that it
    /// has and the serial load of its session.
    free: BTreeMap<SessionId, Duration>,
    /// How many processes of the target serve.
    crew: usize,
}

// === impl Horizon ===

impl Horizon {
    /// How long a group may take for a process of a session with this load to keep within the
    /// horizon.
    pub(crate) fn room(&self, session: SessionId, load: Duration) -> Duration {
        self.end.saturating_sub(self.reach(session, load))
    }

    /// The same for a group that will wait behind others.
    pub(crate) fn room_ahead(&self, session: SessionId, load: Duration) -> Duration {
        self.level.saturating_sub(self.reach(session, load))
    }

    /// How long ago it was found.
    pub(crate) fn age(&self, now: Moment) -> Duration {
        now.since(self.at)
    }

    /// When all would be over if the groups of the pool could be cut at will.
    pub(crate) fn level(&self) -> Duration {
        self.level
    }

    /// How many processes of the target may be given groups.
    pub(crate) fn crew(&self) -> usize {
        self.crew
    }

    /// Whether another session could be done with any group earlier. Nobody can be free before now,
    /// which is so long after the horizon was found.
    pub(crate) fn is_better_elsewhere(
        &self,
        session: SessionId,
        load: Duration,
        now: Duration,
    ) -> bool {
        let reach = self.reach(session, load);
        let earlier = |(other, free): (&SessionId, &Duration)| {
            *other != session && self.reach(*other, now).max(*free) < reach
        };
        self.free.iter().any(earlier)
    }

    /// When a process with this load is done, and its session with its serial share.
    pub(crate) fn reach(&self, session: SessionId, load: Duration) -> Duration {
        load + self.serial.get(&session).copied().unwrap_or_default()
    }
}

/// The level to which `pool` fills the ground above `heights`.
pub(crate) fn level(mut heights: Vec<Duration>, pool: Duration) -> Duration {
    loop {
        let Ok(count @ 1..) = u32::try_from(heights.len()) else {
            return pool;
        };
        let level = (heights.iter().sum::<Duration>() + pool) / count;
        let before = heights.len();
        heights.retain(|height| *height <= level);
        // The highest one cannot be below the average of all, so some always remain.
        if heights.len() == before {
            return level;
        }
    }
}

impl Run {
    /// What the clusters of a target have before them.
    pub(crate) fn horizon(&self, target: TargetId) -> Horizon {
        let mut horizon = Horizon { at: self.now, ..Horizon::default() };
        let Some(state) = self.target(target) else {
            return horizon;
        };
        horizon.crew = self.processes_of(target).filter(|(_, process)| process.serves()).count();
        let mut reaches = Vec::new();
        for session in self.sessions.values().filter(|session| self.works(target, session)) {
            let serial = self.share_load(session);
            horizon.serial.insert(session.id, serial);
            let mut here = Vec::new();
            let bound = self.clusters.get(&session.cluster).is_some_and(|c| !c.cleaning.is_empty());
            for process in session.live.values().filter(|process| process.serves()) {
                let reach = serial + self.load(process);
                let taken = self.workers.get(&process.worker).is_none_or(|w| w.is_taken());
                let first = process.id.number.is_first() && state.avoids_first;
                here.push((reach, !first && !bound && !taken && self.should_be_up(process)));
            }
            let waiting = here.len().saturating_sub(self.width(session) as usize);
            if waiting > 0 {
                // Only some of them get groups: those that have most to do.
                here.sort_unstable_by(|a, b| b.cmp(a));
                here.truncate(here.len() - waiting);
                horizon.crew -= waiting;
            }
            reaches.extend(here.iter().map(|(reach, _)| *reach));
            let free = here.iter().filter(|(_, free)| *free).map(|(reach, _)| *reach).min();
            horizon.free.extend(free.map(|free| (session.id, free)));
        }
        horizon.level = level(reaches, state.pool_time);
        let first = horizon.free.values().min().copied().unwrap_or_default();
        horizon.end = horizon.level.max(first + state.longest_waiting());
        horizon
    }

    /// Whether a process has come up, or may be expected to do so soon.
    fn should_be_up(&self, process: &Process) -> bool {
        process.asked || self.now.since(process.since) < SLOW_START
    }

    /// Whether a session takes from the pool of a target.
    fn works(&self, target: TargetId, session: &Session) -> bool {
        session.target == target
            && !session.lost
            && !session.leaves
            && self.serves(target, session.cluster)
    }

    /// Whether a session leaves the pool to the other clusters: it has a serial share to go on to,
    /// all its processes have come to their ends, and no group is there that it should rather run.
    pub(crate) fn leaves(&self, session: &Session, horizon: &Horizon) -> bool {
        if session.leaves {
            return true;
        }
        let mut live = session.live.values();
        let Some(state) = self.target(session.target).filter(|state| !state.pool.is_empty()) else {
            return false;
        };
        live.all(|process| process.is_empty() && (process.wants || process.released))
            && horizon.is_better_elsewhere(session.id, Duration::ZERO, Duration::ZERO)
            && state.fitting(horizon.room(session.id, Duration::ZERO)).next().is_none()
            && !self.open_share(session).is_empty()
    }

    /// How long the serial share of a session should take.
    pub(crate) fn share_load(&self, session: &Session) -> Duration {
        let open = self.open_share(session).into_iter();
        open.filter_map(|group| self.group(session.target, group)).map(|g| g.plan.expected).sum()
    }

    /// Takes back that sessions leave the pool, when nobody else works on it any more.
    pub(crate) fn return_to_pool(&mut self) {
        let helped = |leaving: &Session| {
            self.sessions.values().any(|session| {
                self.works(leaving.target, session) && session.live.values().any(Process::serves)
            })
        };
        let back: Vec<SessionId> = self
            .sessions
            .values()
            .filter(|session| {
                session.leaves && (self.open_share(session).is_empty() || !helped(session))
            })
            .map(|session| session.id)
            .collect();
        self.changed |= !back.is_empty();
        for id in back {
            if let Some(session) = self.sessions.get_mut(&id) {
                session.leaves = false;
            }
        }
    }

    /// The serial groups that a new session of a target on a cluster takes.
    pub(crate) fn share_for(
        &self,
        id: TargetId,
        cluster: ClusterId,
    ) -> std::collections::BTreeSet<GroupId> {
        let Some(target) = self.target(id) else {
            return Default::default();
        };
        let place = self.clusters.get(&cluster);
        let free = |group: &&Group| {
            let blocked = place.is_some_and(|place| place.blocks(id, group.plan.id));
            !group.is_done() && group.session.is_none() && !blocked
        };
        let serial = target.serial.iter().filter_map(|id| target.groups.get(id));
        let waiting: Vec<&GroupPlan> = serial.filter(free).map(|group| &group.plan).collect();
        if waiting.is_empty() {
            return Default::default();
        }
        let slots = |cluster: ClusterId| -> u32 {
            let workers = self.clusters.get(&cluster).into_iter().flat_map(|c| &c.workers);
            let workers = workers.filter_map(|id| self.workers.get(id));
            let here = workers.filter(|worker| worker.prepared.contains(&id));
            let slots: u32 = here.map(|w| w.slots).sum();
            slots.min(self.limits.concurrency.per_cluster.unwrap_or(u32::MAX))
        };
        let here = slots(cluster);
        // Whoever comes first starts as many processes as there are groups for; one that is
        // expected but not there yet is taken to be like this one.
        let mut groups = u32::try_from(self.unclaimed(id, cluster)).unwrap_or(u32::MAX);
        let mut fresh = |cluster: ClusterId| {
            let slots = if slots(cluster) == 0 { here } else { slots(cluster) };
            let processes = slots.min(groups);
            groups -= processes;
            Place::fresh(processes)
        };
        let mut places = vec![fresh(cluster)];
        for other in target.clusters.iter().filter(|other| **other != cluster) {
            let session = self.session_on(*other).filter(|session| session.target == id);
            if let Some(session) = session.filter(|_| self.serves(id, *other)) {
                let serving = session.live.values().filter(|p| p.serves() && !session.leaves);
                places.push(Place {
                    serial: self.share_load(session),
                    taken: true,
                    loads: serving.map(|process| self.load(process)).collect(),
                });
            } else if self.expected(id, target, cluster, *other) {
                places.push(fresh(*other));
            }
        }
        let pool: Vec<Duration> = target.pool.iter().map(|(time, _)| time.0).collect();
        share::part(waiting.into_iter(), &places, &pool)
    }
}
