//! A ledger in memory: the real state machine behind the real calls, without a log.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};

use multibeam_ledger::Ledger as State;
use multibeam_model::RunId;
use multibeam_model::command::{Command, Reply};
use multibeam_model::record::RunRecord;
use multibeam_proto::aggregator::v1 as wire;
use multibeam_proto::aggregator::v1::ledger_server::{Ledger as Service, LedgerServer};
use multibeam_rt::endpoints::Endpoints;
use multibeam_rt::memory;
use multibeam_rt::tasks::Spawner;
use tokio_stream::Stream;
use tonic::{Request, Response, Status};

use crate::ledger::Ledger;

/// A ledger and what was asked of it.
#[derive(Clone, Default)]
pub(crate) struct FakeLedger {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    state: State,
    /// How often a run was read.
    reads: u64,
    /// It takes nothing but the first format: not all of its members are upgraded.
    old: bool,
    /// The epochs whose office was given back.
    left: Vec<u64>,
}

impl FakeLedger {
    /// Serves it in the background; a client of it.
    pub(crate) fn serve(&self, spawner: &Spawner) -> Ledger {
        Ledger::new(self.serve_at(spawner))
    }

    /// Serves it in the background; the way to it.
    pub(crate) fn serve_at(&self, spawner: &Spawner) -> Endpoints {
        let (connector, incoming) = memory::duplex();
        let server = memory::server().add_service(LedgerServer::new(self.clone()));
        let served = server.serve_with_incoming_shutdown(incoming, spawner.drain().requested());
        spawner.spawn("ledger", async move { served.await.unwrap() });
        connector.channel().into()
    }

    /// Does what somebody else asks for.
    pub(crate) fn apply(&self, command: &Command) -> Reply {
        let state = &mut self.inner().state;
        state.apply(state.applied() + 1, command)
    }

    /// From now on it takes only what the first version knew.
    pub(crate) fn be_old(&self) {
        self.inner().old = true;
    }

    /// How many specs it remembers.
    pub(crate) fn remembers(&self) -> usize {
        self.inner().state.history().specs()
    }

    pub(crate) fn reads(&self) -> u64 {
        self.inner().reads
    }

    pub(crate) fn left(&self) -> Vec<u64> {
        self.inner().left.clone()
    }

    pub(crate) fn record(&self, run: &RunId) -> Arc<RunRecord> {
        self.inner().state.run(run).unwrap().clone()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }
}

#[tonic::async_trait]
impl Service for FakeLedger {
    type ReadCatalogStream = Pin<Box<dyn Stream<Item = Result<wire::Chunk, Status>> + Send>>;

    async fn propose(
        &self,
        request: Request<wire::ProposeRequest>,
    ) -> Result<Response<wire::ProposeResponse>, Status> {
        let commands = request.into_inner().commands;
        if self.inner().old && commands.iter().any(|bytes| bytes[0] > 1) {
            return Err(Status::failed_precondition("not taken yet"));
        }
        let commands = commands.iter().map(|bytes| Command::decode(bytes).unwrap());
        let replies = commands.map(|command| self.apply(&command).encode().into()).collect();
        Ok(Response::new(wire::ProposeResponse { replies }))
    }

    async fn report(
        &self,
        _: Request<wire::ReportRequest>,
    ) -> Result<Response<wire::ReportResponse>, Status> {
        Err(Status::unimplemented("workers report by `apply`"))
    }

    async fn read_run(
        &self,
        request: Request<wire::ReadRunRequest>,
    ) -> Result<Response<wire::ReadRunResponse>, Status> {
        let wire::ReadRunRequest { run, stale } = request.into_inner();
        assert!(!stale, "decisions need everything that was acknowledged");
        let mut inner = self.inner();
        inner.reads += 1;
        let record =
            inner.state.run(&RunId(run)).ok_or_else(|| Status::not_found("no such run"))?;
        Ok(Response::new(wire::ReadRunResponse { record: record.encode().into() }))
    }

    async fn read_catalog(
        &self,
        _: Request<wire::ReadCatalogRequest>,
    ) -> Result<Response<Self::ReadCatalogStream>, Status> {
        Err(Status::not_found("payloads are not kept"))
    }

    type ReadHistoryStream = Self::ReadCatalogStream;

    async fn read_history(
        &self,
        _: Request<wire::ReadHistoryRequest>,
    ) -> Result<Response<Self::ReadHistoryStream>, Status> {
        let data = self.inner().state.history().encode().into();
        Ok(Response::new(Box::pin(tokio_stream::iter([Ok(wire::Chunk { data })]))))
    }

    async fn list_runs(
        &self,
        _: Request<wire::ListRunsRequest>,
    ) -> Result<Response<wire::ListRunsResponse>, Status> {
        Ok(Response::new(wire::ListRunsResponse::default()))
    }

    async fn attend(
        &self,
        request: Request<wire::AttendRequest>,
    ) -> Result<Response<wire::AttendResponse>, Status> {
        let wire::AttendRequest { epoch, leaves } = request.into_inner();
        let mut inner = self.inner();
        if leaves {
            inner.left.push(epoch);
        }
        let newest = inner.state.epoch().0;
        Ok(Response::new(wire::AttendResponse { newest }))
    }
}
