//! Makes reports durable: sends them to the aggregator until it holds them.

use bytes::Bytes;
use multibeam_model::RunId;
use multibeam_model::command::{Change, Command, PART_BYTES, Part, PartOf, Reply};
use multibeam_proto::aggregator::v1::ReportRequest;
use multibeam_proto::aggregator::v1::ledger_client::LedgerClient;
use multibeam_rt::backoff::{Backoff, random, retry};
use multibeam_rt::endpoints::Endpoints;
use multibeam_rt::trace::Inject;

use crate::conduct::Shipment;
use crate::metrics::WorkerMetrics;

/// Fast and good enough: reports are text.
const COMPRESSION: i32 = 1;

/// Sends shipments of one run.
#[derive(Clone, Debug)]
pub(super) struct Shipper {
    client: LedgerClient<Inject<Endpoints>>,
    run: RunId,
    metrics: WorkerMetrics,
}

/// The aggregator will never take the shipment.
#[derive(Debug, thiserror::Error)]
pub(super) enum ShipError {
    /// It says that the request is wrong.
    #[error("the aggregator refuses reports of this worker: {0}")]
    Refused(String),
    /// Its answer makes no sense.
    #[error("the aggregator's answer cannot be read (hint: do the versions match?)")]
    Answer,
    /// The report cannot be compressed.
    #[error("cannot compress a report: {0}")]
    Compress(#[from] std::io::Error),
}

impl Shipper {
    pub(super) fn new(
        client: LedgerClient<Inject<Endpoints>>,
        run: RunId,
        metrics: WorkerMetrics,
    ) -> Self {
        Self { client, run, metrics }
    }

    /// Returns when the shipment is durable or refused for good; else tries for ever. Repeats are
    /// recognised by the ledger.
    pub(super) async fn ship(
        &self,
        shipment: Shipment,
        session: multibeam_model::SessionId,
    ) -> Result<Reply, ShipError> {
        let shipping = self.metrics.shipping();
        let change = match shipment {
            Shipment::Report(mut report) => {
                let of = PartOf::Report { attempt: report.attempt, ordinal: report.ordinal };
                let payload = compress(report.payload).await?;
                report.payload = self.ship_parts(of, payload).await?;
                Change::Report(report)
            }
            Shipment::SuiteNode(mut node) => {
                let of = PartOf::SuiteNode { process: node.process, ordinal: node.ordinal };
                let payload = compress(node.payload).await?;
                node.payload = self.ship_parts(of, payload).await?;
                Change::SuiteNode(node)
            }
            Shipment::Fact(fact) => Change::Fact { session, fact },
        };
        let reply = self.propose(change).await?;
        shipping.arrived();
        Ok(reply)
    }

    /// Ships all of a payload but what fits into one command, and gives that back.
    async fn ship_parts(&self, of: PartOf, mut payload: Vec<u8>) -> Result<Vec<u8>, ShipError> {
        for number in 0.. {
            if payload.len() <= PART_BYTES {
                break;
            }
            let rest = payload.split_off(PART_BYTES);
            // A refusal is told by the report that follows as well.
            self.propose(Change::Part(Part { of, number, payload })).await?;
            payload = rest;
        }
        Ok(payload)
    }

    async fn propose(&self, change: Change) -> Result<Reply, ShipError> {
        let command = Command::Run { run: self.run.clone(), change };
        let bytes = Bytes::from(command.encode());
        let response = retry(Backoff::SERVICE, random, || {
            let mut client = self.client.clone();
            let request = ReportRequest { commands: vec![bytes.clone()] };
            async move { client.report(request).await }
        });
        let response = response.await;
        let response =
            response.map_err(|status| ShipError::Refused(status.message().to_owned()))?;
        let reply = response.into_inner().replies.into_iter().next();
        reply.and_then(|bytes| Reply::decode(&bytes).ok()).ok_or(ShipError::Answer)
    }
}

/// Large reports are compressed off the executor.
async fn compress(payload: Vec<u8>) -> std::io::Result<Vec<u8>> {
    const LARGE: usize = 128 << 10;
    if payload.len() < LARGE {
        return zstd::bulk::compress(&payload, COMPRESSION);
    }
    tokio::task::spawn_blocking(move || zstd::bulk::compress(&payload, COMPRESSION))
        .await
        .map_err(std::io::Error::other)?
}
