//! Users know one address, the coordinator's; the files are made by the aggregator. This service
//! passes their requests on.

use std::pin::Pin;

use multibeam_proto::aggregator::v1::results_client::ResultsClient;
use multibeam_proto::aggregator::v1::results_server::Results;
use multibeam_proto::aggregator::v1::{Chunk, FetchRequest, FollowRequest, FollowResponse};
use multibeam_rt::backoff::{Recover as _, Recovery};
use multibeam_rt::endpoints::Endpoints;
use multibeam_rt::tasks::Spawner;
use tokio::sync::mpsc;
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use crate::service::ending;

/// Forwards requests for files to the aggregator.
#[derive(Clone, Debug)]
pub struct ResultsProxy {
    client: ResultsClient<Endpoints>,
    spawner: Spawner,
}

impl ResultsProxy {
    /// Forwards to the aggregator behind this channel, until the spawner's group drains.
    #[must_use]
    pub fn new(aggregator: Endpoints, spawner: Spawner) -> Self {
        let limit = multibeam_proto::MAX_MESSAGE_BYTES;
        let client = ResultsClient::new(aggregator).max_decoding_message_size(limit);
        Self { client, spawner }
    }
}

/// So many aggregators are asked in turn: as many as the largest group has.
const MEMBERS_ASKED: usize = 5;

/// Asks until one answers. Any member may be gone; the next call goes to another one then.
async fn anywhere<T, F>(mut ask: impl FnMut() -> F) -> Result<Response<T>, Status>
where
    F: Future<Output = Result<Response<T>, Status>>,
{
    for _ in 1..MEMBERS_ASKED {
        match ask().await {
            Err(status) if status.recovery() == Recovery::Retry => {}
            answer => return answer,
        }
    }
    ask().await
}

/// Messages of a followed log that may wait for a slow reader.
const AHEAD: usize = 4;

type BoxStream<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl Results for ResultsProxy {
    type FetchStream = BoxStream<Chunk>;
    type FollowStream = BoxStream<FollowResponse>;

    async fn fetch(
        &self,
        request: Request<FetchRequest>,
    ) -> Result<Response<Self::FetchStream>, Status> {
        let request = request.into_inner();
        let asked = anywhere(|| {
            let (mut client, request) = (self.client.clone(), request.clone());
            async move { client.fetch(request).await }
        });
        let stream = asked.await?.into_inner();
        Ok(Response::new(Box::pin(stream)))
    }

    async fn follow(
        &self,
        request: Request<FollowRequest>,
    ) -> Result<Response<Self::FollowStream>, Status> {
        if self.spawner.drain().is_requested() {
            return Err(ending());
        }
        let request = request.into_inner();
        let asked = anywhere(|| {
            let (mut client, request) = (self.client.clone(), request.clone());
            async move { client.follow(request).await }
        });
        let mut lines = asked.await?.into_inner();
        let (sender, stream) = mpsc::channel(AHEAD);
        let drained = self.spawner.drain().requested();
        // A log may grow for hours: the reader finds the rest elsewhere.
        self.spawner.spawn("follower", async move {
            tokio::pin!(drained);
            loop {
                let next = tokio::select! {
                    next = lines.message() => next.transpose(),
                    () = sender.closed() => return,
                    () = &mut drained => Some(Err(ending())),
                };
                let Some(next) = next else { return };
                let last = next.is_err();
                let sent = tokio::select! {
                    sent = sender.send(next) => sent.is_ok(),
                    // Whoever reads so slowly finds that the stream has ended.
                    () = &mut drained, if !last => false,
                };
                if last || !sent {
                    return;
                }
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(stream))))
    }
}
