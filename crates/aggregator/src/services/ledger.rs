//! The ledger over gRPC.

use bytes::Bytes;
use multibeam_model::command::{Change, Command, Reply};
use multibeam_model::record::RunRecord;
use multibeam_model::run::RunSpec;
use multibeam_model::{Epoch, RunId, TargetId};
use multibeam_proto::aggregator::v1 as wire;
use multibeam_proto::aggregator::v1::ledger_server::Ledger;
use tonic::metadata::MetadataValue;
use tonic::{Request, Response, Status};

use super::forward::{Forward, at_the_leader};
use super::{chunk, ledger_status};
use crate::{Handle, LedgerError};

/// Serves the ledger.
#[derive(Clone, Debug)]
pub struct LedgerService {
    ledger: Handle,
    forward: Option<Forward>,
}

// === impl LedgerService ===

impl LedgerService {
    /// Serves this ledger; `forward` leads to the other members.
    #[must_use]
    pub fn new(ledger: Handle, forward: Option<Forward>) -> Self {
        Self { ledger, forward }
    }

    async fn commit(
        &self,
        commands: Vec<Bytes>,
        allowed: fn(&Command) -> bool,
    ) -> Result<Vec<Bytes>, LedgerError> {
        let decode = |bytes: Bytes| match Command::decode(&bytes) {
            Ok(command) if allowed(&command) => Ok((command, bytes)),
            Ok(_) => Err(LedgerError::Forbidden),
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
        let here = async |message: wire::ProposeRequest| {
            let replies = self.commit(message.commands, may_be_proposed).await?;
            Ok(wire::ProposeResponse { replies })
        };
        at_the_leader(self.forward.as_ref(), request, here, async |forward, leader, request| {
            forward.ledger(leader)?.propose(request).await
        })
        .await
    }

    async fn report(
        &self,
        request: Request<wire::ReportRequest>,
    ) -> Result<Response<wire::ReportResponse>, Status> {
        let here = async |message: wire::ReportRequest| {
            let replies = self.commit(message.commands, is_report).await?;
            Ok(wire::ReportResponse { replies })
        };
        at_the_leader(self.forward.as_ref(), request, here, async |forward, leader, request| {
            forward.ledger(leader)?.report(request).await
        })
        .await
    }

    async fn attend(
        &self,
        request: Request<wire::AttendRequest>,
    ) -> Result<Response<wire::AttendResponse>, Status> {
        let here = async |message: wire::AttendRequest| {
            let newest = self.ledger.attend(Epoch(message.epoch)).await?;
            Ok(wire::AttendResponse { newest: newest.0 })
        };
        at_the_leader(self.forward.as_ref(), request, here, async |forward, leader, request| {
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
        let chunks = multibeam_proto::chunks(payload.into()).map(|data| Ok(chunk(data)));
        Ok(Response::new(Box::pin(futures::stream::iter(chunks))))
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

/// Marks an answer that may be behind.
fn marked<T>(answer: T, stale: bool) -> Response<T> {
    let mut response = Response::new(answer);
    if stale {
        response.metadata_mut().insert("multibeam-stale", MetadataValue::from_static("true"));
    }
    response
}

/// What a coordinator may say. The rest is the leader's own.
fn may_be_proposed(command: &Command) -> bool {
    !matches!(command, Command::Witness { .. } | Command::Raise { .. } | Command::Expire { .. })
}

/// What a worker may say.
fn is_report(command: &Command) -> bool {
    matches!(
        command,
        Command::Run { change: Change::Report(_) | Change::SuiteNode(_) | Change::Fact { .. }, .. }
    )
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
