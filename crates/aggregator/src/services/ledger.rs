//! The ledger over gRPC.

use bytes::Bytes;
use multibeam_model::RunId;
use multibeam_model::TargetId;
use multibeam_model::command::{Change, Command, Reply};
use multibeam_model::record::RunRecord;
use multibeam_model::run::RunSpec;
use multibeam_proto::aggregator::v1 as wire;
use multibeam_proto::aggregator::v1::ledger_server::Ledger;
use multibeam_rt::access::Peer;
use tonic::{Request, Response, Status};

use super::clusters::{Clusters, cluster_of};
use super::{chunk, ledger_status};
use crate::{Handle, LedgerError};

/// Serves the ledger.
#[derive(Clone, Debug)]
pub struct LedgerService {
    ledger: Handle,
    clusters: Clusters,
}

// === impl LedgerService ===

impl LedgerService {
    /// Serves this ledger.
    #[must_use]
    pub fn new(ledger: Handle) -> Self {
        Self { ledger, clusters: Clusters::default() }
    }

    async fn commit(
        &self,
        commands: Vec<Bytes>,
        allowed: impl Fn(&Command) -> Result<(), Status>,
    ) -> Result<Vec<Bytes>, Status> {
        let decode = |bytes: Bytes| match Command::decode(&bytes) {
            Ok(command) => allowed(&command).map(|()| (command, bytes)),
            Err(error) => Err(ledger_status(&LedgerError::Command(error))),
        };
        let entries = commands.into_iter().map(decode).collect::<Result<_, Status>>()?;
        let replies = self.ledger.submit(entries).await.map_err(|error| ledger_status(&error))?;
        Ok(replies.iter().map(|reply| Reply::encode(reply).into()).collect())
    }

    /// Whether a worker may say this: it speaks of specs, suite nodes, and facts, and of those of
    /// its own cluster. What the ledger does not know is left to the ledger to refuse.
    fn may_report(&self, peer: Option<&Peer>, command: &Command) -> Result<(), Status> {
        let Command::Run {
            run,
            change: change @ (Change::Report(_) | Change::SuiteNode(_) | Change::Fact { .. }),
        } = command
        else {
            return Err(Status::permission_denied(
                "only spec reports, suite nodes, and session facts are taken here",
            ));
        };
        let (cluster, spec) = self.ledger.read(|ledger| {
            let record = ledger.run(run);
            let cluster = record.and_then(|record| cluster_of(record, change));
            // The names are in the run's spec, which never changes.
            let spec = record.filter(|_| !self.clusters.knows(run));
            (cluster, spec.map(|record| record.spec.clone()))
        });
        let Some(cluster) = cluster else { return Ok(()) };
        let name = self.clusters.name(run, cluster, spec.as_deref());
        match name.filter(|name| peer.is_some_and(|peer| peer.may_serve(name))) {
            Some(_) => Ok(()),
            None => Err(Status::permission_denied(format!(
                "this certificate may not report for the cluster of this session of run {run} (hint: each worker needs the certificate of its own cluster)"
            ))),
        }
    }

    fn find(&self, run: String) -> Result<RunRecord, Status> {
        let run = RunId(run);
        self.ledger.record(&run).ok_or_else(|| Status::not_found(format!("no run {run} is known")))
    }
}

#[tonic::async_trait]
impl Ledger for LedgerService {
    async fn propose(
        &self,
        request: Request<wire::ProposeRequest>,
    ) -> Result<Response<wire::ProposeResponse>, Status> {
        let replies = self.commit(request.into_inner().commands, |_| Ok(())).await?;
        Ok(Response::new(wire::ProposeResponse { replies }))
    }

    async fn report(
        &self,
        request: Request<wire::ReportRequest>,
    ) -> Result<Response<wire::ReportResponse>, Status> {
        let peer = request.extensions().get::<Peer>().cloned();
        let allowed = |command: &Command| self.may_report(peer.as_ref(), command);
        let replies = self.commit(request.into_inner().commands, allowed).await?;
        Ok(Response::new(wire::ReportResponse { replies }))
    }

    async fn read_run(
        &self,
        request: Request<wire::ReadRunRequest>,
    ) -> Result<Response<wire::ReadRunResponse>, Status> {
        let record = self.find(request.into_inner().run)?;
        Ok(Response::new(wire::ReadRunResponse { record: record.encode().into() }))
    }

    type ReadCatalogStream = futures::stream::BoxStream<'static, Result<wire::Chunk, Status>>;

    async fn read_catalog(
        &self,
        request: Request<wire::ReadCatalogRequest>,
    ) -> Result<Response<Self::ReadCatalogStream>, Status> {
        let request = request.into_inner();
        let record = self.find(request.run)?;
        let target = record.targets.get(&TargetId(request.target));
        let catalog = target.and_then(|target| target.catalog.as_ref());
        let at = catalog.map(|catalog| catalog.payload);
        let at = at.ok_or_else(|| Status::not_found("this target has no catalog"))?;
        let ledger = self.ledger.clone();
        let read = tokio::task::spawn_blocking(move || ledger.payload(at)).await;
        let payload = read.unwrap_or(Err(LedgerError::Stopped));
        let payload = payload.map_err(|error| ledger_status(&error))?;
        let chunks = multibeam_proto::chunks(payload.into()).map(|data| Ok(chunk(data)));
        Ok(Response::new(Box::pin(futures::stream::iter(chunks))))
    }

    async fn list_runs(
        &self,
        _: Request<wire::ListRunsRequest>,
    ) -> Result<Response<wire::ListRunsResponse>, Status> {
        let mut runs: Vec<_> =
            self.ledger.read(|ledger| ledger.runs().map(row).collect::<Vec<_>>());
        runs.sort_by_key(|run| run.created_ns);
        Ok(Response::new(wire::ListRunsResponse { runs }))
    }
}

fn row(record: &RunRecord) -> wire::RunRow {
    let line = record.line();
    let spec = serde_json::from_slice::<RunSpec>(&record.spec);
    let state = match (line.ended, line.cancelled) {
        (Some(_), _) => wire::RunState::Ended,
        (None, true) => wire::RunState::Cancelling,
        (None, false) => wire::RunState::Running,
    };
    let verdict = line.verdict.filter(|_| line.ended.is_some());
    wire::RunRow {
        run: line.run.0,
        name: spec.map(|spec| spec.name).unwrap_or_default(),
        created_ns: line.created.0,
        state: state.into(),
        verdict: verdict.map(|verdict| wire::Verdict::from(verdict).into()),
    }
}
