//! What the tasks of a worker share: its targets, its cluster, and the ways to the services.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use multibeam_kubernetes::Access;
use multibeam_model::link::{Prepare, PrepareError, WorkerMessage};
use multibeam_model::{Epoch, ProcessId, RunId, TargetId};
use multibeam_proto::aggregator::v1::ledger_client::LedgerClient;
use multibeam_proto::coordinator::v1::UploadCatalogRequest;
use multibeam_proto::coordinator::v1::coordinator_client::CoordinatorClient;
use multibeam_rt::endpoints::Endpoints;
use multibeam_rt::trace::Inject;
use tokio::sync::{mpsc, watch};

use super::AgentConfig;
use super::cluster::ClusterLink;
use super::end_reports::EndReports;
use super::holds::{Holds, RENEWAL, directory_of, earlier_processes, mark_of};
use super::prepare::{Workshop, prepare};
use super::target::Target;

/// What the tasks of a worker share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) config: AgentConfig,
    pub(super) workshop: Workshop,
    pub(super) coordinator: CoordinatorClient<Endpoints>,
    pub(super) ledger: LedgerClient<Inject<Endpoints>>,
    pub(super) news: mpsc::Sender<WorkerMessage>,
    pub(super) targets: Mutex<BTreeMap<(RunId, TargetId), Arc<Target>>>,
    pub(super) cluster: tokio::sync::OnceCell<Option<Arc<ClusterLink>>>,
    pub(super) holds: Holds,
    pub(super) reports: Arc<EndReports>,
}

impl Shared {
    pub(super) fn targets(
        &self,
    ) -> std::sync::MutexGuard<'_, BTreeMap<(RunId, TargetId), Arc<Target>>> {
        self.targets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn target(&self, run: &RunId, target: TargetId) -> Option<Arc<Target>> {
        self.targets().get(&(run.clone(), target)).cloned()
    }

    pub(super) async fn prepare(
        &self,
        order: &Prepare,
    ) -> Result<(Target, multibeam_model::link::Prepared), PrepareError> {
        let cluster = self.cluster().await?;
        let found = prepare(&self.workshop, order, cluster.as_deref()).await?;
        if let Some(cluster) = cluster {
            self.hold(&cluster, order).await?;
        }
        Ok(found)
    }

    /// Connects once; a failure is tried again with the next target.
    pub(super) async fn cluster(&self) -> Result<Option<Arc<ClusterLink>>, PrepareError> {
        let open = || async {
            let Some(kubeconfig) = &self.config.kubeconfig else { return Ok(None) };
            let access = Access {
                cluster: self.config.cluster.clone(),
                kubeconfig: Some(kubeconfig.clone()),
                context: self.config.context.clone(),
            };
            let link = ClusterLink::open(&access, &self.config.data, self.config.probing).await?;
            Ok(Some(Arc::new(link)))
        };
        self.cluster.get_or_try_init(open).await.cloned()
    }

    pub(super) async fn hold(
        &self,
        cluster: &ClusterLink,
        order: &Prepare,
    ) -> Result<(), PrepareError> {
        let (run, config) = (&order.run, &self.config);
        let directory = directory_of(&config.data, run);
        // The same after a restart: then the lock does not wait for the worker that is gone.
        let data = std::path::absolute(&config.data).unwrap_or_else(|_| config.data.clone());
        let worker = format!("{}:{}", config.host, data.display());
        let taken = self.holds.take(cluster, run, &config.host, &worker, &directory);
        let taken = taken.await.map_err(|message| PrepareError { input: false, message })?;
        if taken && order.limits.cleanup {
            self.clean_up_earlier(run, earlier_processes(&directory)).await;
        }
        Ok(())
    }

    /// Removes what processes left that died with an earlier program of this worker.
    pub(super) async fn clean_up_earlier(&self, run: &RunId, dead: BTreeSet<ProcessId>) {
        let Some(process) = dead.last().copied() else { return };
        let removed = self.remove(run, dead, false).await;
        let _ =
            self.news.send(WorkerMessage::CleanedUp { run: run.clone(), process, removed }).await;
    }

    pub(super) async fn upload(
        &self,
        run: &RunId,
        target: TargetId,
        found: &Target,
    ) -> Result<(), tonic::Status> {
        let (run, digest) = (run.0.clone(), found.digest.clone());
        let chunks = multibeam_proto::chunks(Bytes::from(found.admission.clone()));
        let requests = chunks.map(move |data| UploadCatalogRequest {
            run: run.clone(),
            target: target.0,
            digest: digest.clone(),
            data,
        });
        let requests = tokio_stream::iter(requests.collect::<Vec<_>>());
        self.coordinator.clone().upload_catalog(requests).await.map(drop)
    }

    /// Tells the coordinator when the cluster begins or ceases to answer, and keeps the holds. A
    /// coordinator that took office meanwhile (`epoch`) takes it to be ready until it is told.
    pub(super) async fn monitor(&self, mut epoch: watch::Receiver<Option<Epoch>>) {
        let mut ready = true;
        let mut renewed = tokio::time::Instant::now();
        let mut held = Ok(());
        loop {
            let Some(cluster) = self.cluster.get().cloned().flatten() else {
                tokio::time::sleep(Duration::from_secs(1)).await;
                continue;
            };
            let mut look = cluster.look().await;
            if look.is_ok() {
                if renewed.elapsed() >= RENEWAL {
                    renewed = tokio::time::Instant::now();
                    held = self.holds.renew().await;
                }
                look = held.clone();
            }
            let other = epoch.has_changed().unwrap_or(false);
            if other {
                epoch.mark_unchanged();
            }
            if look.is_ok() != ready || (other && !ready) {
                ready = look.is_ok();
                let detail = look.err().unwrap_or_default();
                let _ = self.news.send(WorkerMessage::ClusterReady { ready, detail }).await;
            }
            tokio::time::sleep(cluster.probing().interval).await;
        }
    }

    /// Removes what dead processes left. `alone` says that no process of this worker lives.
    pub(super) async fn remove(
        &self,
        run: &RunId,
        dead: BTreeSet<ProcessId>,
        alone: bool,
    ) -> Vec<String> {
        let Some(cluster) = self.cluster.get().cloned().flatten() else { return Vec::new() };
        let Some(hold) = self.holds.get(run).await else { return Vec::new() };
        let marks = dead.into_iter().filter_map(|process| mark_of(run, process)).collect();
        let alone = alone && !hold.is_shared().await;
        match cluster.clean(&hold, marks, alone).await {
            Ok(lines) => lines,
            Err(message) => vec![format!("could not clean up: {message}")],
        }
    }
}
