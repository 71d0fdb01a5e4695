//! The worker's holds on its cluster: the run lock, and what was there when the run began.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use multibeam_kubernetes::lock::LockError;
use multibeam_kubernetes::{Baseline, RunLock, SuiteMark};
use multibeam_model::{ProcessId, ProcessNumber, RunId, SessionId};

use super::cluster::ClusterLink;

/// A third of the lock's duration.
pub(super) const RENEWAL: Duration = Duration::from_secs(20);

/// Beside the directories of the run's processes.
const BASELINE: &str = "baseline.json";

/// A run's hold on the cluster.
#[derive(Debug)]
pub(super) struct Hold {
    /// Taken out when the cluster is given free: a renewal after that would take it again.
    lock: tokio::sync::Mutex<Option<RunLock>>,
    pub(super) baseline: Baseline,
}

/// The holds of one worker, by run.
#[derive(Debug, Default)]
pub(super) struct Holds {
    /// Runs that are at work here: a hold that comes after its run is over is given back.
    wanted: Mutex<BTreeSet<RunId>>,
    held: tokio::sync::Mutex<BTreeMap<RunId, Arc<Hold>>>,
}

impl Holds {
    /// A run begins here.
    pub(super) fn want(&self, run: &RunId) {
        self.wanted().insert(run.clone());
    }

    /// A run is over here; what it holds is still to be released.
    pub(super) fn unwant(&self, run: &RunId) {
        self.wanted().remove(run);
    }

    /// Holds the cluster for a run. True if it was not held before.
    pub(super) async fn take(
        &self,
        cluster: &ClusterLink,
        run: &RunId,
        host: &str,
        worker: &str,
        directory: &Path,
    ) -> Result<bool, String> {
        let mut held = self.held.lock().await;
        if held.contains_key(run) {
            return Ok(false);
        }
        let lock = cluster.lock(run, host, worker).await?;
        let baseline = match cluster_as_found(cluster, directory).await {
            Ok(baseline) => baseline,
            Err(message) => {
                release(lock).await;
                return Err(message);
            }
        };
        if !self.wanted().contains(run) {
            release(lock).await;
            return Err("the run is over".to_owned());
        }
        let lock = tokio::sync::Mutex::new(Some(lock));
        held.insert(run.clone(), Arc::new(Hold { lock, baseline }));
        Ok(true)
    }

    pub(super) async fn get(&self, run: &RunId) -> Option<Arc<Hold>> {
        self.held.lock().await.get(run).cloned()
    }

    /// Renews all locks; the error says that another run has the cluster now.
    pub(super) async fn renew(&self) -> Result<(), String> {
        let holds: Vec<Arc<Hold>> = self.held.lock().await.values().cloned().collect();
        let mut lost = Ok(());
        for hold in holds {
            lost = lost.and(hold.renew().await);
        }
        lost
    }

    /// Gives the cluster free for other runs.
    pub(super) async fn release(&self, run: &RunId) {
        self.unwant(run);
        let hold = self.held.lock().await.remove(run);
        if let Some(hold) = hold {
            hold.release().await;
        }
    }

    /// Gives everything free. A hold that is just being taken is waited for, and given back.
    pub(super) async fn release_all(&self) {
        self.wanted().clear();
        let holds = std::mem::take(&mut *self.held.lock().await);
        for hold in holds.into_values() {
            hold.release().await;
        }
    }

    fn wanted(&self) -> std::sync::MutexGuard<'_, BTreeSet<RunId>> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hold {
    async fn renew(&self) -> Result<(), String> {
        let lock = self.lock.lock().await;
        let Some(lock) = lock.as_ref() else { return Ok(()) };
        match lock.renew().await {
            Ok(()) => Ok(()),
            Err(LockError::Cluster(error)) => {
                // While the API server does not answer nobody else can take the lock either.
                tracing::warn!(%error, "cannot renew the run lock, trying again");
                Ok(())
            }
            Err(lost) => Err(lost.to_string()),
        }
    }

    /// Whether other workers of the run may be at work in the cluster.
    pub(super) async fn is_shared(&self) -> bool {
        match self.lock.lock().await.as_ref() {
            // Who cannot be asked may be there.
            Some(lock) => lock.is_shared().await.unwrap_or(true),
            None => true,
        }
    }

    async fn release(&self) {
        if let Some(lock) = self.lock.lock().await.take() {
            release(lock).await;
        }
    }
}

async fn release(lock: RunLock) {
    if let Err(error) = lock.release().await {
        tracing::warn!(%error, "cannot release the run lock; it runs out by itself");
    }
}

/// The cluster's state when the run began. A run that is taken up again has noted it before: what
/// lies there now may be its own killed processes' doing.
async fn cluster_as_found(cluster: &ClusterLink, directory: &Path) -> Result<Baseline, String> {
    let file = directory.join(BASELINE);
    let noted = std::fs::read(&file).ok().and_then(|text| serde_json::from_slice(&text).ok());
    if let Some(noted) = noted {
        return Ok(noted);
    }
    let baseline = cluster.baseline().await?;
    let stored = std::fs::create_dir_all(directory)
        .and_then(|()| std::fs::write(&file, serde_json::to_vec(&baseline)?));
    stored.map_err(|error| format!("cannot write {}: {error}", file.display()))?;
    Ok(baseline)
}

/// Where the processes of a run on this worker have their directories.
pub(super) fn directory_of(data: &Path, run: &RunId) -> PathBuf {
    data.join(&run.0)
}

/// The processes that an earlier program of this worker has started for a run. They are dead: their
/// guards have ended them with their worker.
pub(super) fn earlier_processes(directory: &Path) -> BTreeSet<ProcessId> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries.filter_map(|entry| process_of(entry.file_name().to_str()?)).collect()
}

/// Reads what a process's directory is called: `s1p2` or `s1p2.3`.
fn process_of(name: &str) -> Option<ProcessId> {
    let (session, rest) = name.strip_prefix('s')?.split_once('p')?;
    let (number, incarnation) = rest.split_once('.').unwrap_or((rest, "1"));
    Some(ProcessId {
        session: SessionId(session.parse().ok()?),
        number: ProcessNumber(number.parse().ok()?),
        incarnation: incarnation.parse().ok()?,
    })
}

/// The name that a process carries into everything it makes in the cluster.
pub(super) fn mark_of(run: &RunId, process: ProcessId) -> Option<SuiteMark> {
    let tail: String = run.0.chars().filter(char::is_ascii_alphanumeric).collect();
    let tail = &tail[tail.len().saturating_sub(12)..];
    let ProcessId { session, number, incarnation } = process;
    SuiteMark::new(format!("{}-{session}-{number}-{incarnation}", tail.to_lowercase())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_processs_directory_tells_its_id() {
        for incarnation in [1, 2, 10] {
            let (session, number) = (SessionId(3), ProcessNumber(12));
            let process = ProcessId { session, number, incarnation };
            assert_eq!(process_of(&process.to_string()), Some(process));
        }
        for other in ["baseline.json", "s1", "sxp1", "s1p", "s1p2.x", "reports"] {
            assert_eq!(process_of(other), None, "{other}");
        }
    }
}
