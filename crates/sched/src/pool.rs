//! Who gets which group.
//!
//! A process that has nothing to do gets the longest group with which its cluster keeps within the
//! horizon of the target (`balance`), or any when no other cluster would be done with it earlier.
//! One that is busy gets a group ahead, so that no commit lies between two of its specs, when
//! - more groups are waiting than the target has processes,
//! - what it runs is not overdue, and
//! - what it runs and what it would get take no longer than an average process still has to do.
//!
//! By the last rule a group is not stuck behind a long one while others run dry, as far as the
//! estimates tell; where they are wrong it is taken back (`ahead`). Expected durations are compared with
//! each other only, so that a common factor does not matter.
//!
//! The last attempt of a group runs with nothing else on its worker: it goes to a worker where
//! nothing runs, else a worker is reserved for it and gets nothing else until it has become quiet.

use std::sync::Arc;
use std::time::Duration;

use multibeam_model::event::Phase;
use multibeam_model::link::ProcessOrder;
use multibeam_model::{GroupId, ProcessId, TargetId, WorkerId};

use crate::balance::Horizon;
use crate::crowd::Crowd;
use crate::run::Run;
use crate::session::{Process, Session};
use crate::{Order, Output};

impl Run {
    pub(crate) fn hand_out(&mut self) {
        self.holds_back = false;
        let targets: Vec<TargetId> = self.targets.keys().copied().collect();
        for target in targets {
            self.place_quiet(target);
            // What is given moves from the pool to a process: the horizon stays.
            let horizon = Arc::new(self.horizon(target));
            if let Some(state) = self.targets.get_mut(&target) {
                state.horizon = Arc::clone(&horizon);
            }
            let Some(state) = self.target(target) else {
                continue;
            };
            let out = |session: &Session| state.out.contains_key(&session.cluster);
            let processes: Vec<ProcessId> = self
                .processes_of(target)
                .filter(|(session, p)| p.wants || p.spoiled || out(session))
                .map(|(_, process)| process.id)
                .collect();
            // The idle ones first: what they do not take may go ahead to the busy ones.
            for idle in [true, false] {
                for id in &processes {
                    if self.process(*id).is_some_and(|p| p.is_idle() == idle)
                        && let Some(group) = self.choose(target, *id, &horizon)
                    {
                        self.give(target, *id, group);
                    }
                }
            }
            self.ask_back(target, &horizon);
            for id in processes {
                self.release_if_done(target, id, &horizon);
            }
        }
    }

    pub(crate) fn give(&mut self, target: TargetId, id: ProcessId, group: GroupId) {
        let Some((attempt, decision)) = self.begin(id, target, group) else {
            return;
        };
        let Some(process) = self.process_mut(id) else {
            return;
        };
        process.queued = Some(attempt);
        process.wants = false;
        let worker = process.worker.clone();
        let then = vec![Order { worker, process: id, order: ProcessOrder::HandOut { attempt } }];
        self.out.push(Output::Commit { decisions: vec![decision], then });
    }

    /// Whether a process may ever run a group, clean-ups and other workers' reservations aside.
    pub(crate) fn may_run(&self, session: &Session, process: &Process, group: GroupId) -> bool {
        let group = self.group(session.target, group);
        group.is_some_and(|group| !(group.plan.avoid_first && process.id.number.is_first()))
    }

    /// The group to give to a process now.
    pub(crate) fn choose(
        &self,
        target: TargetId,
        id: ProcessId,
        horizon: &Horizon,
    ) -> Option<GroupId> {
        let session = self.sessions.get(&id.session)?;
        let process = self.process(id)?;
        let state = self.target(target)?;
        let busy = !process.running.is_empty();
        // Others could begin it earlier then, if there are any.
        let overdue =
            || horizon.crew() > 1 && process.running.iter().any(|running| self.is_overdue(running));
        if busy && (state.pool.len() <= horizon.crew() || overdue()) {
            return None;
        }
        let crowd = self.takes(session, process)?;
        // Counted from when the horizon was found, as everything in it.
        let now = horizon.age(self.now).div_f64(state.pace());
        let load = now + self.load(process);
        let room = match horizon.is_better_elsewhere(session.id, load, now) {
            true => horizon.room(session.id, load),
            // Nobody else would be done with it earlier.
            false => Duration::MAX,
        };
        let suits = |group: &GroupId| self.suits(session, process, &crowd, *group);
        let group = state.fitting(room).find(suits)?;
        // A shorter one would go ahead of the long ones, which are to begin early.
        let ahead = || {
            let time = self.group(target, group).map_or(Duration::MAX, |g| g.plan.expected);
            time <= horizon.room_ahead(session.id, load)
        };
        (!busy || ahead()).then_some(group)
    }

    /// What else runs on its cluster, if a process may be given a group at all.
    pub(crate) fn takes(&self, session: &Session, process: &Process) -> Option<Crowd<'_>> {
        let worker = self.workers.get(&process.worker)?;
        let may = process.wants
            && process.serves()
            && process.queued.is_none()
            && !session.lost
            && !session.leaves
            && !worker.is_taken()
            && self.serves(session.target, session.cluster);
        may.then(|| self.crowd(session)).filter(|crowd| crowd.takes(process))
    }

    /// Whether such a process may be given this group.
    pub(crate) fn suits(
        &self,
        session: &Session,
        process: &Process,
        crowd: &Crowd<'_>,
        group: GroupId,
    ) -> bool {
        let target = session.target;
        let cluster = self.clusters.get(&session.cluster);
        self.may_run(session, process, group)
            && cluster.is_some_and(|cluster| !cluster.blocks(target, group))
            && self.group(target, group).is_some_and(|it| {
                crowd.admits(&it.plan, !process.running.is_empty())
                    && !it.wants_quiet(self.limits.attempts)
            })
    }

    /// How long a process should still be busy with what it runs.
    pub(crate) fn left(&self, process: &Process) -> Duration {
        process.running.iter().map(|running| self.remaining(running)).sum()
    }

    /// How long a process should still have to do.
    pub(crate) fn load(&self, process: &Process) -> Duration {
        let queued = process.queued.and_then(|a| self.group(a.target, a.group));
        self.left(process) + queued.map_or(Duration::ZERO, |group| group.plan.expected)
    }

    /// Tells an idle process that there are no more groups, unless one may still come its way.
    pub(crate) fn release_if_done(&mut self, target: TargetId, id: ProcessId, horizon: &Horizon) {
        let Some(session) = self.sessions.get(&id.session) else {
            return;
        };
        let Some(process) = self.process(id) else {
            return;
        };
        // One that runs nothing any more is told as soon as it asks; so is one whose before-suite
        // failed, which may never say that it wants a group.
        let failed = self.target(target).is_some_and(|t| t.out.contains_key(&session.cluster));
        let ready = (process.wants || failed || process.spoiled) && process.is_empty();
        if process.released || process.stop.is_some() || process.held.is_some() || !ready {
            return;
        }
        let open = self.target(target).filter(|t| t.is_open() && !failed && !process.spoiled);
        let reserved = self.workers.get(&process.worker).and_then(|w| w.reserved);
        let leaves = self.leaves(session, horizon);
        let waits = |group: GroupId| {
            let mine = reserved == Some((target, group));
            self.may_run(session, process, group) && (mine || !self.is_reserved(target, group))
        };
        let hope = open.is_some_and(|state| {
            !leaves
                && (state.pool.iter().any(|(_, group)| waits(*group))
                    || self.may_come_back(session, process))
        });
        if hope {
            self.holds_back = true;
            return;
        }
        let (session, worker) = (session.id, process.worker.clone());
        if let Some(session) = self.sessions.get_mut(&session) {
            session.leaves |= leaves;
        }
        if let Some(process) = self.process_mut(id) {
            process.released = true;
        }
        self.order(worker, id, ProcessOrder::NoMoreGroups);
        if id.number.is_first() {
            self.set_phase(session, Phase::Draining);
        }
    }

    // === groups that run alone ===

    fn place_quiet(&mut self, target: TargetId) {
        self.drop_stale_reservations(target);
        let attempts = self.limits.attempts;
        let waiting: Vec<GroupId> = self
            .target(target)
            .filter(|t| t.is_open())
            .map(|t| t.tried.iter().copied().collect::<Vec<_>>())
            .unwrap_or_default()
            .into_iter()
            .filter(|g| self.group(target, *g).is_some_and(|g| g.wants_quiet(attempts)))
            .collect();
        for group in waiting {
            let candidates: Vec<(ProcessId, WorkerId)> = self
                .processes_of(target)
                .filter(|(session, p)| self.could_take(session, p, group))
                .map(|(_, process)| (process.id, process.worker.clone()))
                .collect();
            let free = |w: &WorkerId| {
                let reserved =
                    self.workers.get(w).is_some_and(|w| w.reserved == Some((target, group)));
                reserved || self.workers.get(w).is_some_and(|w| !w.is_taken())
            };
            let now = candidates.iter().find(|(id, w)| {
                free(w) && self.process(*id).is_some_and(Process::is_idle) && self.is_quiet(w)
            });
            if let Some((id, worker)) = now.cloned() {
                for other in self.workers.values_mut() {
                    other.reserved.take_if(|held| *held == (target, group));
                }
                self.give(target, id, group);
                let attempt = self.process(id).and_then(|process| process.queued);
                if let Some(worker) = self.workers.get_mut(&worker) {
                    worker.alone = attempt;
                }
            } else if !self.is_reserved(target, group)
                && let Some((_, worker)) = candidates.iter().find(|(_, w)| free(w)).cloned()
                && let Some(worker) = self.workers.get_mut(&worker)
            {
                worker.reserved = Some((target, group));
                self.changed = true;
            }
        }
    }

    /// Whether a process could run a group once its worker is quiet.
    fn could_take(&self, session: &Session, process: &Process, group: GroupId) -> bool {
        let cluster = self.clusters.get(&session.cluster);
        let admits = || {
            let plan = self.group(session.target, group).map(|group| &group.plan);
            plan.is_some_and(|plan| self.crowd(session).admits(plan, false))
        };
        process.serves()
            && !session.lost
            && self.serves(session.target, session.cluster)
            && admits()
            && self.may_run(session, process, group)
            && cluster.is_some_and(|c| !c.blocks(session.target, group))
    }

    /// Whether nothing runs on a worker, and nothing is about to.
    fn is_quiet(&self, worker: &WorkerId) -> bool {
        let mut here = self.processes().filter(|(_, process)| process.worker == *worker);
        here.all(|(_, process)| process.is_empty() && (process.wants || process.released))
    }

    fn drop_stale_reservations(&mut self, target: TargetId) {
        let mut stale = Vec::new();
        for (id, worker) in &self.workers {
            let Some((held, group)) = worker.reserved.filter(|(held, _)| *held == target) else {
                continue;
            };
            let waits = self.target(held).is_some_and(|t| {
                t.is_open()
                    && t.groups.get(&group).is_some_and(|g| {
                        t.pool.contains(&(std::cmp::Reverse(g.plan.expected), group))
                    })
            });
            let mut here = self.processes_of(held).filter(|(_, p)| p.worker == *id);
            if !waits || !here.any(|(session, p)| self.could_take(session, p, group)) {
                stale.push(id.clone());
            }
        }
        self.changed |= !stale.is_empty();
        for id in stale {
            if let Some(worker) = self.workers.get_mut(&id) {
                worker.reserved = None;
            }
        }
    }
}
