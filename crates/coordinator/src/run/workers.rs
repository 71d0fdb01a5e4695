//! A run's workers: they come, go, and say whether their cluster answers.

use std::collections::BTreeSet;

use multibeam_model::event::What;
use multibeam_model::link::Hello;
use multibeam_model::{ClusterId, Moment, WorkerId};
use multibeam_sched::Input;

use super::ActiveRun;

impl ActiveRun {
    /// A worker is there. `unready` is what its cluster answers to it, if it is not ready.
    pub(crate) fn worker_joined(&mut self, hello: &Hello, unready: Option<&str>, now: Moment) {
        let cluster = self.cluster_named(&hello.cluster);
        let Some(cluster) = cluster.filter(|_| !self.queued && !self.is_over()) else { return };
        self.workers.insert(hello.worker.clone(), cluster);
        self.show(What::WorkerJoined {
            worker: hello.worker.0.clone(),
            cluster,
            slots: hello.slots,
        });
        if let Some(detail) = unready {
            self.cluster_ready(&hello.worker, false, detail, now);
        }
        let joined =
            Input::WorkerJoined { worker: hello.worker.clone(), cluster, slots: hello.slots };
        self.schedule(joined, now);
        self.ask_to_prepare(&hello.worker, cluster);
    }

    /// Tells its watchers which clusters nobody has come from. A run may wait for them for long.
    pub(super) fn call_the_roll(&mut self) {
        let present: BTreeSet<ClusterId> = self.workers.values().copied().collect();
        let absent: Vec<String> = (0..)
            .zip(self.cluster_names())
            .filter(|(place, _)| !present.contains(&ClusterId(*place)))
            .map(|(_, name)| name.to_owned())
            .collect();
        if !absent.is_empty() {
            let message = format!("waiting for a worker of cluster {}", absent.join(", "));
            self.show(What::Warning { message });
        }
    }

    pub(crate) fn worker_lost(&mut self, worker: &WorkerId, reason: &str, now: Moment) {
        let Some(cluster) = self.workers.remove(worker) else { return };
        self.forget_silence(worker);
        let reason = reason.to_owned();
        self.show(What::WorkerLeft { worker: worker.0.clone(), cluster, reason });
        self.ask_another_for_catalogs(worker);
        self.refuse_clusters(now);
        if self.unready.remove(worker) {
            // What it could not see may be there for the others.
            self.readiness(cluster, "", now);
        }
        self.schedule(Input::WorkerLost { worker: worker.clone() }, now);
    }

    pub(crate) fn cluster_ready(
        &mut self,
        worker: &WorkerId,
        ready: bool,
        detail: &str,
        now: Moment,
    ) {
        let Some(cluster) = self.workers.get(worker).copied() else { return };
        if ready {
            self.unready.remove(worker);
        } else {
            self.unready.insert(worker.clone());
        }
        self.readiness(cluster, detail, now);
    }

    /// A cluster is ready when all its workers find it so: what is handed out may go to any of them.
    fn readiness(&mut self, cluster: ClusterId, detail: &str, now: Moment) {
        let ready = !self.unready.iter().any(|worker| self.workers.get(worker) == Some(&cluster));
        self.show(What::ClusterReady { cluster, ready, detail: detail.to_owned() });
        self.schedule(Input::ClusterReady { cluster, ready }, now);
    }
}
