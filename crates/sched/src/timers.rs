//! What is due by time alone.
//!
//! | timer | runs while | then |
//! |---|---|---|
//! | a spec's limit | an attempt runs, anew after each report | the process is stopped as hung |
//! | a stop | a process is interrupted | it is killed |
//! | a cluster not ready | its API server does not answer | it is given up for the run |
//! | no worker | no usable cluster of a target has a worker | the target ends |
//! | a preparation | a worker has not prepared a target | it does not count as one of its workers |
//! | a takeover | a worker that should have processes has not come | its processes are lost |
//! | a wait for another cluster | a process waits although groups are there | it is thought over |
//! | a clean-up | a worker cleans up | it is no longer waited for |

use std::time::Duration;

use multibeam_model::event::What;
use multibeam_model::link::StopHow;
use multibeam_model::{Cause, ClusterId, Moment, ProcessId, TargetId};

use crate::balance::RECONSIDER;
use crate::cluster::Worker;
use crate::run::Run;
use crate::session::{Process, Session, Why};
use crate::target::{Halt, Target};

/// How long a clean-up is waited for before its groups are tried again all the same: the objects
/// are named after their process, so what is left over can at worst be in the way.
pub(crate) const CLEANUP_LIMIT: Duration = Duration::from_secs(300);

/// How long a worker that has joined may take to prepare a target and still count as one that
/// serves it: twice what discovery may take.
pub(crate) const PREPARE_LIMIT: Duration = Duration::from_secs(600);

/// What a process gets beyond the grace for the interrupted spec and the grace for the after-suite
/// before it is killed.
const STOP_MARGIN: Duration = Duration::from_secs(30);

impl Run {
    /// When something is due by time, as things stand.
    pub(crate) fn next_due(&self) -> Option<Moment> {
        let processes = self.processes().flat_map(|(session, process)| {
            let hung = hung_at(process).map(|(at, _)| at);
            hung.into_iter().chain(self.kill_at(session, process))
        });
        let clusters = self.clusters.values().flat_map(|cluster| {
            let unready = cluster.unready_since.filter(|_| !cluster.given_up);
            let cleaning = cluster.cleaning.values().map(|cleaning| cleaning.until);
            unready.map(|since| since + self.limits.cluster_unready).into_iter().chain(cleaning)
        });
        let targets = self.targets.values().filter_map(|target| {
            let since = target.no_worker_since?;
            let waits = target.halt.is_none() && target.ended.is_none();
            waits.then(|| since + self.limits.no_worker)
        });
        // Only while a target has nobody else: then it makes the difference.
        let unprepared = self.workers.values().map(|worker| worker.since + PREPARE_LIMIT);
        let waits = |target: &Target| !target.prepared && target.ended.is_none();
        let waiting = self.targets.values().any(waits);
        let unprepared = unprepared.filter(|at| waiting && *at > self.now);
        let patience = self.patient_until.filter(|_| self.unheard_of().next().is_some());
        let again = self.holds_back.then(|| self.now + RECONSIDER);
        processes
            .chain(patience)
            .chain(again)
            .chain(clusters)
            .chain(targets)
            .chain(unprepared)
            .min()
    }

    /// Does what is due.
    pub(crate) fn expire(&mut self) {
        self.lose_the_unheard_of();
        self.stop_overdue();
        self.give_up_clusters();
        let now = self.now;
        for cluster in self.clusters.values_mut() {
            cluster.cleaning.retain(|_, cleaning| cleaning.until > now);
        }
        self.give_up_targets();
    }

    fn stop_overdue(&mut self) {
        let mut due: Vec<(ProcessId, StopHow, Why)> = Vec::new();
        for (session, process) in self.processes() {
            if let Some((at, attempt)) = hung_at(process)
                && at <= self.now
            {
                due.push((process.id, StopHow::Hung, Why::Hung(attempt)));
            } else if let Some(stop) = process.stop
                && self.kill_at(session, process).is_some_and(|at| at <= self.now)
            {
                due.push((process.id, StopHow::Kill, stop.why));
            }
        }
        for (process, how, why) in due {
            self.stop(process, how, why);
        }
    }

    /// When a process that is being stopped is killed. Process 1 has to wait for the others
    /// before it can end, so its time begins when they are gone.
    fn kill_at(&self, session: &Session, process: &Process) -> Option<Moment> {
        let stop = process.stop.filter(|stop| stop.how != StopHow::Kill)?;
        // One that is recalled runs its last group to the end.
        if stop.how == StopHow::Recall && !process.running.is_empty() {
            return None;
        }
        if process.id.number.is_first() && !session.only_first() {
            return None;
        }
        Some(stop.at.max(session.alone_since) + self.limits.grace * 2 + STOP_MARGIN)
    }

    fn give_up_clusters(&mut self) {
        let due: Vec<(ClusterId, String)> = self
            .clusters
            .iter()
            .filter(|(_, cluster)| !cluster.given_up)
            .filter(|(_, cluster)| {
                cluster
                    .unready_since
                    .is_some_and(|since| since + self.limits.cluster_unready <= self.now)
            })
            .map(|(&id, cluster)| (id, cluster.name.clone()))
            .collect();
        for (id, name) in due {
            let secs = self.limits.cluster_unready.as_secs();
            if let Some(cluster) = self.clusters.get_mut(&id) {
                cluster.given_up = true;
                cluster.cleaning.clear();
            }
            self.say(What::ClusterGivenUp {
                cluster: id,
                reason: format!("the API server of {name} did not answer for {secs} s"),
            });
        }
    }

    /// Ends targets that nothing can run for: at once when all their clusters are out for good,
    /// after a while when there is merely no worker.
    fn give_up_targets(&mut self) {
        let ids: Vec<TargetId> = self.targets.keys().copied().collect();
        for id in ids {
            let Some(target) = self.target(id) else {
                continue;
            };
            if target.halt.is_some()
                || target.ended.is_some()
                || (target.prepared && target.open_groups == 0)
            {
                continue;
            }
            let cause = self.nowhere(target);
            let served = cause.is_none() && self.has_worker(id, target);
            let (now, limit) = (self.now, self.limits.no_worker);
            let Some(target) = self.targets.get_mut(&id) else {
                continue;
            };
            if let Some(cause) = cause {
                // What still runs is stopped for the reason for which its cluster is out.
                target.stop(Halt::Drain, cause);
            } else if served {
                target.no_worker_since = None;
            } else if *target.no_worker_since.get_or_insert(now) + limit <= now {
                let secs = limit.as_secs();
                let text = format!("no worker could run {} for {secs} s", target.name);
                target.stop(Halt::Interrupt, Cause::NoCluster(text));
            }
        }
    }

    /// Whether a usable cluster of a target has a worker for it, or one that may soon be.
    fn has_worker(&self, id: TargetId, target: &Target) -> bool {
        self.workers.values().any(|worker| {
            target.clusters.contains(&worker.cluster)
                && !target.out.contains_key(&worker.cluster)
                && self.clusters.get(&worker.cluster).is_some_and(|c| c.usable())
                && self.can_serve(id, target, worker)
        })
    }
}

impl Run {
    /// Whether a worker runs a target's suite, or is still expected to once it is prepared.
    fn can_serve(&self, id: TargetId, target: &Target, worker: &Worker) -> bool {
        match target.prepared {
            true => worker.prepared.contains(&id),
            false => self.now < worker.since + PREPARE_LIMIT,
        }
    }
}

/// When a process counts as hung, and because of which attempt.
pub(crate) fn hung_at(process: &Process) -> Option<(Moment, multibeam_model::AttemptId)> {
    if process.stop.is_some_and(|stop| stop.how >= StopHow::Hung) {
        return None;
    }
    let due = process.running.iter().filter_map(|running| {
        let limit = running.limit?;
        Some((running.sign + limit, running.attempt))
    });
    due.min()
}
