//! The ledger over gRPC.

use std::sync::Arc;

use bytes::Bytes;
use multibeam_model::command::{Change, Command, Reply};
use multibeam_model::record::RunRecord;
use multibeam_model::run::RunSpec;
use multibeam_model::{Epoch, RunId, TargetId};
use multibeam_proto::aggregator::v1 as wire;
use multibeam_proto::aggregator::v1::ledger_server::Ledger;
use multibeam_rt::access::Peer;
use multibeam_rt::identity::{Identity, Role};
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Request, Response, Status};

use super::clusters::{Clusters, cluster_of};
use super::forward::{Forward, at_the_leader};
use super::{chunk, ledger_status};
use crate::{Handle, LedgerError};

/// Serves the ledger.
#[derive(Clone, Debug)]
pub struct LedgerService {
    ledger: Handle,
    forward: Option<Forward>,
    clusters: Clusters,
}

// === impl LedgerService ===

impl LedgerService {
    /// Serves this ledger; `forward` leads to the other members.
    #[must_use]
    pub fn new(ledger: Handle, forward: Option<Forward>) -> Self {
        Self { ledger, forward, clusters: Clusters::default() }
    }

    fn way(&self) -> (&Handle, Option<&Forward>) {
        (&self.ledger, self.forward.as_ref())
    }

    async fn commit(
        &self,
        commands: Vec<Bytes>,
        allowed: impl Fn(&Command) -> Result<(), LedgerError>,
    ) -> Result<Vec<Bytes>, LedgerError> {
        let decode = |bytes: Bytes| match Command::decode(&bytes) {
            Ok(command) => allowed(&command).map(|()| (command, bytes)),
            Err(error) => Err(LedgerError::Command(error)),
        };
        let entries = commands.into_iter().map(decode).collect::<Result<_, _>>()?;
        let replies = self.ledger.submit(entries).await?;
        Ok(replies.iter().map(|reply| Reply::encode(reply).into()).collect())
    }

    /// Makes sure that what is read next is not behind, unless that will do. Answers then say so.
    async fn fresh(&self, stale: bool) -> Result<(), Status> {
        if stale {
            return Ok(());
        }
        self.ledger.current().await.map_err(|error| ledger_status(&error))
    }

    /// Whether a worker may say this: it speaks of specs, suite nodes, and facts, and of those of
    /// its own cluster. What the ledger does not know is left to the ledger to refuse.
    fn may_report(&self, peer: Option<&Peer>, command: &Command) -> Result<(), LedgerError> {
        let Command::Run {
            run,
            change:
                change @ (Change::Report(_)
                | Change::SuiteNode(_)
                | Change::Fact { .. }
                | Change::Part(_)),
        } = command
        else {
            let reason = "only spec reports, suite nodes, and session facts are taken here";
            return Err(LedgerError::Forbidden { reason: reason.to_owned() });
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
            None => Err(LedgerError::Forbidden {
                reason: format!(
                    "this certificate may not report for the cluster of this session of run {run} (hint: each worker needs the certificate of its own cluster)"
                ),
            }),
        }
    }

    fn find(&self, run: String) -> Result<Arc<RunRecord>, Status> {
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
        let here = async |message: wire::ProposeRequest| {
            let replies = self.commit(message.commands, may_be_proposed).await?;
            Ok(wire::ProposeResponse { replies })
        };
        at_the_leader(self.way(), request, here, async |forward, leader, request| {
            forward.ledger(leader)?.propose(request).await
        })
        .await
    }

    async fn report(
        &self,
        request: Request<wire::ReportRequest>,
    ) -> Result<Response<wire::ReportResponse>, Status> {
        let peer = speaker(request.extensions().get::<Peer>(), request.metadata());
        let cluster = peer.as_ref().and_then(cluster_name);
        let here = async |message: wire::ReportRequest| {
            let allowed = |command: &Command| self.may_report(peer.as_ref(), command);
            let replies = self.commit(message.commands, allowed).await?;
            Ok(wire::ReportResponse { replies })
        };
        at_the_leader(self.way(), request, here, async |forward, leader, mut request| {
            if let Some(cluster) = &cluster {
                let cluster = MetadataValue::from_bytes(cluster.as_bytes());
                request.metadata_mut().insert_bin(CLUSTER, cluster);
            }
            forward.ledger(leader)?.report(request).await
        })
        .await
    }

    async fn attend(
        &self,
        request: Request<wire::AttendRequest>,
    ) -> Result<Response<wire::AttendResponse>, Status> {
        let here = async |message: wire::AttendRequest| {
            let epoch = Epoch(message.epoch);
            let newest = match message.leaves {
                false => self.ledger.attend(epoch).await?,
                true => self.ledger.leave(epoch).await?,
            };
            Ok(wire::AttendResponse { newest: newest.0 })
        };
        at_the_leader(self.way(), request, here, async |forward, leader, request| {
            forward.ledger(leader)?.attend(request).await
        })
        .await
    }

    async fn read_run(
        &self,
        request: Request<wire::ReadRunRequest>,
    ) -> Result<Response<wire::ReadRunResponse>, Status> {
        let wire::ReadRunRequest { run, stale } = request.into_inner();
        self.fresh(stale).await?;
        let record = self.find(run)?;
        let answer = wire::ReadRunResponse { record: record.encode().into() };
        Ok(marked(answer, stale))
    }

    type ReadCatalogStream = futures::stream::BoxStream<'static, Result<wire::Chunk, Status>>;

    async fn read_catalog(
        &self,
        request: Request<wire::ReadCatalogRequest>,
    ) -> Result<Response<Self::ReadCatalogStream>, Status> {
        let request = request.into_inner();
        self.fresh(false).await?;
        let record = self.find(request.run)?;
        let target = record.targets.get(&TargetId(request.target));
        let catalog = target.and_then(|target| target.catalog.as_ref());
        let at = catalog.map(|catalog| catalog.payload);
        let at = at.ok_or_else(|| Status::not_found("this target has no catalog"))?;
        let ledger = self.ledger.clone();
        let read = tokio::task::spawn_blocking(move || ledger.payload(at)).await;
        let payload = read.unwrap_or(Err(LedgerError::Stopped));
        let payload = payload.map_err(|error| ledger_status(&error))?;
        Ok(Response::new(in_chunks(payload)))
    }

    type ReadHistoryStream = futures::stream::BoxStream<'static, Result<wire::Chunk, Status>>;

    async fn read_history(
        &self,
        request: Request<wire::ReadHistoryRequest>,
    ) -> Result<Response<Self::ReadHistoryStream>, Status> {
        let stale = request.into_inner().stale;
        self.fresh(stale).await?;
        let history = self.ledger.read(|ledger| ledger.history().clone());
        let encoded = tokio::task::spawn_blocking(move || history.encode()).await;
        let encoded = encoded.map_err(|error| Status::internal(error.to_string()))?;
        Ok(marked(in_chunks(encoded), stale))
    }

    async fn list_runs(
        &self,
        request: Request<wire::ListRunsRequest>,
    ) -> Result<Response<wire::ListRunsResponse>, Status> {
        let stale = request.into_inner().stale;
        self.fresh(stale).await?;
        let mut runs: Vec<_> =
            self.ledger.read(|ledger| ledger.runs().map(row).collect::<Vec<_>>());
        runs.sort_by_key(|run| run.created_ns);
        Ok(marked(wire::ListRunsResponse { runs }, stale))
    }
}

/// Bytes as a stream.
fn in_chunks(bytes: Vec<u8>) -> futures::stream::BoxStream<'static, Result<wire::Chunk, Status>> {
    let chunks = multibeam_proto::chunks(bytes.into()).map(|data| Ok(chunk(data)));
    Box::pin(futures::stream::iter(chunks))
}

/// Marks an answer that may be behind.
fn marked<T>(answer: T, stale: bool) -> Response<T> {
    let mut response = Response::new(answer);
    if stale {
        response.metadata_mut().insert("multibeam-stale", MetadataValue::from_static("true"));
    }
    response
}

/// On a report that another member passes on: the cluster that the worker's certificate names.
const CLUSTER: &str = "multibeam-cluster-bin";

/// Who a report comes from: who calls, or the worker that another member speaks for.
fn speaker(peer: Option<&Peer>, metadata: &MetadataMap) -> Option<Peer> {
    match peer {
        Some(Peer::Certified(identity)) if identity.role == Role::Aggregator => {
            let cluster = metadata.get_bin(CLUSTER)?.to_bytes().ok()?;
            let name = String::from_utf8(cluster.to_vec()).ok()?;
            Some(Peer::Certified(Identity { role: Role::Worker, name }))
        }
        peer => peer.cloned(),
    }
}

/// The cluster that a worker's certificate names.
fn cluster_name(peer: &Peer) -> Option<String> {
    match peer {
        Peer::Certified(identity) if identity.role == Role::Worker => Some(identity.name.clone()),
        _ => None,
    }
}

/// What a coordinator may say. The rest is the leader's own.
fn may_be_proposed(command: &Command) -> Result<(), LedgerError> {
    match command {
        Command::Witness { .. } | Command::Raise { .. } | Command::Expire { .. } => {
            let reason = "this command is only for the aggregators among themselves".to_owned();
            Err(LedgerError::Forbidden { reason })
        }
        Command::Claim { .. }
        | Command::CreateRun { .. }
        | Command::Run { .. }
        | Command::Learn(_)
        | Command::Plan { .. }
        | Command::Note { .. } => Ok(()),
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
        waits_for: None,
    }
}
