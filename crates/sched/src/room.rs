//! Where another process could be started, and whether there is a group for it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use multibeam_model::{ClusterId, GroupId, TargetId, WorkerId};

use crate::cluster::Worker;
use crate::run::Run;
use crate::session::{Process, Session};

impl Run {
    /// The session that a cluster has.
    pub(crate) fn session_on(&self, cluster: ClusterId) -> Option<&Session> {
        self.sessions.get(&self.clusters.get(&cluster)?.session?)
    }

    /// The processes on a cluster: those of its session.
    pub(crate) fn processes_on(&self, cluster: ClusterId) -> impl Iterator<Item = &Process> {
        self.session_on(cluster).into_iter().flat_map(|session| session.live.values())
    }

    /// The workers of a cluster that can take another process of a target, with how many each.
    pub(crate) fn rooms(&self, target: TargetId, id: ClusterId) -> Vec<(u32, WorkerId)> {
        let Some(cluster) = self.clusters.get(&id) else {
            return Vec::new();
        };
        let workers = || cluster.workers.iter().filter_map(|id| Some((id, self.workers.get(id)?)));
        let holds = |process: &&Process| process.takes_slot();
        // Most of the time all is taken: then nobody need be asked one by one.
        let slots: usize = workers().map(|(_, worker)| worker.slots as usize).sum();
        let heard_of = |process: &&Process| process.held.is_none();
        if self.processes_on(id).filter(holds).filter(heard_of).count() >= slots {
            return Vec::new();
        }
        let mut taken: BTreeMap<&WorkerId, u32> = BTreeMap::new();
        for process in self.processes_on(id).filter(holds) {
            *taken.entry(&process.worker).or_default() += 1;
        }
        let most = self.room_on(id);
        let free = |(id, worker): (&WorkerId, &Worker)| {
            let taken = taken.get(id).copied().unwrap_or_default();
            let free = worker.slots.saturating_sub(taken).min(most);
            let may = worker.prepared.contains(&target) && !worker.is_taken() && free > 0;
            may.then(|| (free, id.clone()))
        };
        workers().filter_map(free).collect()
    }

    /// The worker of a cluster with the most room for a target.
    pub(crate) fn roomiest(&self, target: TargetId, cluster: ClusterId) -> Option<WorkerId> {
        let rooms = self.rooms(target, cluster).into_iter();
        rooms.max_by_key(|(free, id)| (*free, Reverse(id.clone()))).map(|(_, id)| id)
    }

    /// Parallel groups of a target that could begin on a cluster now and that no process will
    /// take before anything else happens.
    pub(crate) fn unclaimed(&self, target: TargetId, cluster: ClusterId) -> usize {
        let (Some(state), Some(place)) = (self.target(target), self.clusters.get(&cluster)) else {
            return 0;
        };
        let leaves = |session: &Session| session.target == target && session.leaves;
        if state.pool.is_empty() || self.session_on(cluster).is_some_and(leaves) {
            return 0;
        }
        let claims = self
            .processes_of(target)
            .filter(|(session, p)| {
                p.claims() && !session.lost && self.serves(target, session.cluster)
            })
            .count();
        let reserved: BTreeSet<GroupId> = self
            .workers
            .values()
            .filter_map(|worker| worker.reserved)
            .filter_map(|(of, group)| (of == target).then_some(group))
            .collect();
        let wanted = claims + self.all_slots();
        let free = state
            .pool
            .iter()
            .filter(|(_, group)| !place.blocks(target, *group) && !reserved.contains(group))
            .take(wanted)
            .count();
        free.saturating_sub(claims)
    }

    /// No more processes than this can be of use: a bound for counting groups.
    fn all_slots(&self) -> usize {
        self.workers.values().map(|worker| worker.slots as usize).sum::<usize>() + 1
    }

    pub(crate) fn is_reserved(&self, target: TargetId, group: GroupId) -> bool {
        self.workers.values().any(|worker| worker.reserved == Some((target, group)))
    }
}
