//! The coordinator's way to the ledger.

use bytes::Bytes;
use multibeam_history::History;
use multibeam_model::command::{Command, Refusal, Reply};
use multibeam_model::record::RunRecord;
use multibeam_model::{Epoch, RunId, TargetId};
use multibeam_proto::aggregator::v1::ledger_client::LedgerClient;
use multibeam_proto::aggregator::v1::{
    AttendRequest, Chunk, ListRunsRequest, ProposeRequest, ReadCatalogRequest, ReadHistoryRequest,
    ReadRunRequest, RunRow,
};
use multibeam_rt::backoff::{Backoff, random, retry};
use multibeam_rt::endpoints::Endpoints;
use multibeam_rt::trace::Inject;
use tonic::{Status, Streaming};

use crate::clock::wall;

/// A client of the ledger that tries until it has an answer.
#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    client: LedgerClient<Inject<Endpoints>>,
}

impl Ledger {
    pub(crate) fn new(channel: Endpoints) -> Self {
        let limit = multibeam_proto::MAX_MESSAGE_BYTES;
        let client = LedgerClient::new(Inject::new(channel))
            .max_decoding_message_size(limit)
            .max_encoding_message_size(limit);
        Self { client }
    }

    /// Has commands applied, in order. Repeats are recognised by the ledger, so a lost answer costs
    /// nothing.
    ///
    /// # Errors
    /// When the aggregator will never take them.
    pub(crate) async fn propose(&self, commands: &[Command]) -> Result<Vec<Reply>, Status> {
        let encoded: Vec<Bytes> = commands.iter().map(|command| command.encode().into()).collect();
        let replies = retry(Backoff::SERVICE, random, || {
            let mut client = self.client.clone();
            let request = ProposeRequest { commands: encoded.clone() };
            async move { client.propose(request).await }
        });
        let replies = replies.await?.into_inner().replies;
        let replies: Result<Vec<Reply>, _> =
            replies.iter().map(|bytes| Reply::decode(bytes)).collect();
        match replies {
            Ok(replies) if replies.len() == commands.len() => Ok(replies),
            _ => Err(Status::internal("the aggregator's answer cannot be read")),
        }
    }

    /// Asks for office; `take_over` also when another one is in office and may be alive. The error
    /// of the inner result names the one that is.
    pub(crate) async fn claim(
        &self,
        coordinator: &str,
        take_over: bool,
    ) -> Result<Result<Epoch, String>, Status> {
        let claim = Command::Claim { coordinator: coordinator.to_owned(), at: wall(), take_over };
        match self.propose(&[claim]).await?.pop() {
            Some(Reply::Claimed(epoch)) => Ok(Ok(epoch)),
            Some(Reply::Refused(Refusal::InOffice { coordinator })) => Ok(Err(coordinator)),
            other => {
                Err(Status::internal(format!("the aggregator answers a claim with {other:?}")))
            }
        }
    }

    /// Says that the coordinator of this epoch is alive; the newest epoch comes back.
    pub(crate) async fn attend(&self, epoch: Epoch) -> Result<Epoch, Status> {
        let request = AttendRequest { epoch: epoch.0, leaves: false };
        let attended = self.client.clone().attend(request).await?;
        Ok(Epoch(attended.into_inner().newest))
    }

    /// Gives the office of this epoch back. Whoever calls this decides nothing more and grants no
    /// lease, whether or not the call succeeds.
    pub(crate) async fn leave(&self, epoch: Epoch) -> Result<(), Status> {
        let request = AttendRequest { epoch: epoch.0, leaves: true };
        self.client.clone().attend(request).await.map(drop)
    }

    /// What the ledger knows of a run, everything included that was acknowledged before the call.
    pub(crate) async fn record(&self, run: &RunId) -> Result<RunRecord, Status> {
        let request = ReadRunRequest { run: run.0.clone(), stale: false };
        let bytes = self.client.clone().read_run(request).await?.into_inner().record;
        RunRecord::decode(&bytes).map_err(|error| Status::internal(error.to_string()))
    }

    /// The catalog of a target, as it was admitted.
    pub(crate) async fn catalog(&self, run: &RunId, target: TargetId) -> Result<Vec<u8>, Status> {
        let request = ReadCatalogRequest { run: run.0.clone(), target: target.0 };
        collect(self.client.clone().read_catalog(request).await?.into_inner()).await
    }

    /// How long specs took in earlier runs.
    pub(crate) async fn history(&self) -> Result<History, Status> {
        let bytes = self.history_encoded().await?;
        History::decode(&bytes).map_err(|error| Status::internal(error.to_string()))
    }

    /// The same as it is sent.
    pub(crate) async fn history_encoded(&self) -> Result<Vec<u8>, Status> {
        let request = ReadHistoryRequest { stale: false };
        collect(self.client.clone().read_history(request).await?.into_inner()).await
    }

    /// All runs.
    pub(crate) async fn runs(&self) -> Result<Vec<RunRow>, Status> {
        Ok(self.client.clone().list_runs(ListRunsRequest { stale: false }).await?.into_inner().runs)
    }
}

/// All bytes of a stream.
async fn collect(mut chunks: Streaming<Chunk>) -> Result<Vec<u8>, Status> {
    let mut bytes = Vec::new();
    while let Some(chunk) = chunks.message().await? {
        bytes.extend_from_slice(&chunk.data);
    }
    Ok(bytes)
}
