//! Who cannot serve a target: a worker, a cluster all of whose workers cannot, or nobody at all.

use std::collections::BTreeSet;

use multibeam_model::event::What;
use multibeam_model::outcome::Verdict;
use multibeam_model::{Cause, ClusterId, Moment, TargetId, WorkerId};
use multibeam_sched::Input;

use super::ActiveRun;

impl ActiveRun {
    /// A worker cannot prepare a target: the other ones of its cluster go on without it.
    pub(super) fn is_unable(
        &mut self,
        target: TargetId,
        worker: &WorkerId,
        cluster: ClusterId,
        reason: String,
        now: Moment,
    ) {
        let Some(state) = self.target_mut(target) else { return };
        state.unable.insert(worker.clone(), reason.clone());
        match self.without_able(target, cluster) {
            Some(_) => self.refuse_cluster(target, cluster, reason, now),
            None => self.warn_of_refusal(&format!("worker {worker}"), target, &reason),
        }
    }

    /// The roll was called, or a worker has left: clusters may be left to workers that cannot prepare
    /// a target.
    pub(super) fn refuse_clusters(&mut self, now: Moment) {
        let clusters: BTreeSet<ClusterId> = self.workers.values().copied().collect();
        for target in self.target_ids() {
            for cluster in &clusters {
                if let Some(reason) = self.without_able(target, *cluster) {
                    self.refuse_cluster(target, *cluster, reason, now);
                }
            }
        }
    }

    /// Why no worker of a cluster can prepare a target, if that is so: by what the last one of them says.
    /// As long as some of them are on their way, that is open.
    fn without_able(&self, target: TargetId, cluster: ClusterId) -> Option<String> {
        let unable = &self.targets.get(target.0 as usize)?.unable;
        let there = self.workers.iter().filter(|(_, of)| **of == cluster);
        let reasons: Option<Vec<&String>> = there.map(|(worker, _)| unable.get(worker)).collect();
        let reasons = reasons?;
        let expected = self.spec.clusters.get(cluster.0 as usize)?.workers as usize;
        let all_there = self.roll_call.is_none() || reasons.len() >= expected;
        reasons.last().filter(|_| all_there).map(|reason| (*reason).clone())
    }

    fn refuse_cluster(
        &mut self,
        target: TargetId,
        cluster: ClusterId,
        reason: String,
        now: Moment,
    ) {
        let Some(state) = self.target_mut(target) else { return };
        if !state.out.insert(cluster) {
            return;
        }
        let name = self.cluster_name(cluster).to_owned();
        self.warn_of_refusal(&format!("cluster {name}"), target, &reason);
        self.schedule(Input::ClusterRefused { target, cluster, reason }, now);
    }

    /// A worker has another suite than the target: the others go on without it. When all that there are
    /// have another one than the run began with, nobody is left to wait for.
    pub(super) fn refuse_worker(
        &mut self,
        target: TargetId,
        worker: &WorkerId,
        reason: String,
        now: Moment,
    ) {
        self.warn_of_refusal(&format!("worker {worker}"), target, &reason);
        let Some(clusters) = self.spec.targets.get(target.0 as usize).map(|it| &it.clusters) else {
            return;
        };
        let serving: Vec<(&WorkerId, &ClusterId)> =
            self.workers.iter().filter(|(_, cluster)| clusters.contains(&cluster.0)).collect();
        let complete =
            clusters.iter().all(|cluster| serving.iter().any(|(_, serves)| serves.0 == *cluster));
        let Some(state) = self.targets.get_mut(target.0 as usize) else { return };
        state.strangers.insert(worker.clone());
        let is_no_use =
            |worker| state.strangers.contains(worker) || state.unable.contains_key(worker);
        let none_of_use = serving.iter().all(|(worker, _)| is_no_use(*worker));
        if state.first.is_none() && complete && none_of_use {
            self.refuse_target(target, reason, now);
        }
    }

    fn warn_of_refusal(&mut self, who: &str, target: TargetId, reason: &str) {
        let Some(target) = self.spec.targets.get(target.0 as usize) else { return };
        let message = format!("{who} cannot serve target {}: {reason}", target.name);
        self.show(What::Warning { message });
    }

    pub(super) fn refuse_target(&mut self, target: TargetId, reason: String, now: Moment) {
        if let Some(state) = self.target_mut(target) {
            state.refused = true;
        }
        let cause = Cause::Refused(reason);
        let verdict = Verdict::Environment;
        self.schedule(Input::TargetRefused { target, cause, verdict }, now);
    }
}
