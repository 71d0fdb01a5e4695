//! A ledger that stores nothing: it answers every command with itself.

use std::pin::Pin;
use std::sync::{Arc, Mutex};

use multibeam_proto::aggregator::v1 as wire;
use multibeam_proto::aggregator::v1::ledger_server::{Ledger, LedgerServer};
use multibeam_proto::{MAX_MESSAGE_BYTES, chunks};
use multibeam_rt::access::{Peer, RequireRole};
use multibeam_rt::identity::Role;
use tokio_stream::{Stream, StreamExt};
use tonic::{Request, Response, Status};

pub(crate) const SERVICE: &str = "/multibeam.aggregator.v1.Ledger";

type Pieces = Pin<Box<dyn Stream<Item = Result<wire::Chunk, Status>> + Send>>;

#[derive(Clone, Default)]
pub(crate) struct Echo {
    /// Who called, in this order.
    pub(crate) callers: Arc<Mutex<Vec<Peer>>>,
}

impl Echo {
    pub(crate) fn server(&self) -> LedgerServer<Self> {
        LedgerServer::new(self.clone())
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES)
    }

    fn note<T>(&self, request: &Request<T>) {
        let peer = request.extensions().get::<Peer>();
        self.callers.lock().unwrap().push(peer.expect("the layer names the peer").clone());
    }
}

/// Who may call the service, as in the real one.
pub(crate) fn rules() -> RequireRole {
    RequireRole::new()
        .allow(SERVICE, &[Role::Coordinator, Role::User])
        .allow(format!("{SERVICE}/Propose"), &[Role::Coordinator])
        .allow(format!("{SERVICE}/Report"), &[Role::Worker])
}

#[tonic::async_trait]
impl Ledger for Echo {
    type ReadCatalogStream = Pieces;
    type ReadHistoryStream = Pieces;

    async fn propose(
        &self,
        request: Request<wire::ProposeRequest>,
    ) -> Result<Response<wire::ProposeResponse>, Status> {
        self.note(&request);
        let replies = request.into_inner().commands;
        Ok(Response::new(wire::ProposeResponse { replies }))
    }

    async fn report(
        &self,
        request: Request<wire::ReportRequest>,
    ) -> Result<Response<wire::ReportResponse>, Status> {
        self.note(&request);
        let replies = request.into_inner().commands;
        Ok(Response::new(wire::ReportResponse { replies }))
    }

    async fn read_run(
        &self,
        _: Request<wire::ReadRunRequest>,
    ) -> Result<Response<wire::ReadRunResponse>, Status> {
        Err(Status::not_found("nothing is stored"))
    }

    /// As many bytes as the target's number says.
    async fn read_catalog(
        &self,
        request: Request<wire::ReadCatalogRequest>,
    ) -> Result<Response<Pieces>, Status> {
        let data = vec![7_u8; request.into_inner().target as usize];
        let pieces = tokio_stream::iter(chunks(data.into()));
        Ok(Response::new(Box::pin(pieces.map(|data| Ok(wire::Chunk { data })))))
    }

    async fn read_history(
        &self,
        _: Request<wire::ReadHistoryRequest>,
    ) -> Result<Response<Pieces>, Status> {
        Ok(Response::new(Box::pin(tokio_stream::empty())))
    }

    async fn list_runs(
        &self,
        request: Request<wire::ListRunsRequest>,
    ) -> Result<Response<wire::ListRunsResponse>, Status> {
        self.note(&request);
        Ok(Response::new(wire::ListRunsResponse::default()))
    }

    async fn attend(
        &self,
        request: Request<wire::AttendRequest>,
    ) -> Result<Response<wire::AttendResponse>, Status> {
        self.note(&request);
        Ok(Response::new(wire::AttendResponse { newest: request.into_inner().epoch }))
    }
}
