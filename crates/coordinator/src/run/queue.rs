//! A run that waits for its turn: another one has a cluster of it.

use multibeam_model::RunId;
use multibeam_model::event::What;

use super::ActiveRun;

impl ActiveRun {
    /// Tells its watchers what it waits for, unless they know.
    pub(crate) fn wait_for(&mut self, run: &RunId, cluster: &str) {
        let Some(cluster) = self.cluster_named(cluster) else { return };
        let told = self.status.queued.as_ref();
        if told.is_none_or(|told| told.behind != run.0 || told.cluster != cluster) {
            self.show(What::Queued { behind: run.clone(), cluster });
        }
    }

    /// The run that it waits for, if it does.
    pub(crate) fn waits_for(&self) -> Option<RunId> {
        let queue = self.status.queued.as_ref().filter(|_| self.queued)?;
        Some(RunId(queue.behind.clone()))
    }

    /// Its turn has come.
    pub(super) fn dequeue(&mut self) {
        self.queued = false;
        if self.status.queued.is_some() {
            self.show(What::Dequeued);
        }
    }
}
