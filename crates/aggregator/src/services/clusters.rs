//! Which cluster a worker's report is of: its certificate names the only one it may speak for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use multibeam_model::command::{Change, PartOf};
use multibeam_model::record::RunRecord;
use multibeam_model::run::RunSpec;
use multibeam_model::{ClusterId, RunId};

/// The cluster that a worker's change is about; `None` for attempts and sessions that the ledger does
/// not know, and for changes that are of no cluster.
pub(super) fn cluster_of(record: &RunRecord, change: &Change) -> Option<ClusterId> {
    let session = match change {
        Change::Report(report) => record.attempt(report.attempt)?.process.session,
        Change::SuiteNode(node) => node.process.session,
        Change::Fact { session, .. } => *session,
        Change::Part(part) => match part.of {
            PartOf::Report { attempt, .. } => record.attempt(attempt)?.process.session,
            PartOf::SuiteNode { process, .. } => process.session,
        },
        Change::Decide { .. } | Change::Cancel { .. } => return None,
    };
    record.sessions.get(&session).map(|session| session.cluster)
}

/// The clusters' names in each run, read once: every report asks for one.
#[derive(Clone, Debug, Default)]
pub(super) struct Clusters {
    known: Arc<Mutex<BTreeMap<RunId, Vec<String>>>>,
}

impl Clusters {
    fn known(&self) -> MutexGuard<'_, BTreeMap<RunId, Vec<String>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a run's names are known.
    pub(super) fn knows(&self, run: &RunId) -> bool {
        self.known().contains_key(run)
    }

    /// The name of a run's cluster. `spec` is the run's, needed when its names are not known; one
    /// that cannot be read has no names.
    pub(super) fn name(
        &self,
        run: &RunId,
        cluster: ClusterId,
        spec: Option<&[u8]>,
    ) -> Option<String> {
        let read = spec.map(|spec| {
            let spec = serde_json::from_slice::<RunSpec>(spec);
            let clusters = spec.map(|spec| spec.clusters).unwrap_or_default();
            clusters.into_iter().map(|cluster| cluster.name).collect::<Vec<_>>()
        });
        let mut known = self.known();
        if let Some(read) = read {
            known.insert(run.clone(), read);
        }
        known.get(run)?.get(cluster.0 as usize).cloned()
    }
}
