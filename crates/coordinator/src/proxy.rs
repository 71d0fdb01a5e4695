//! Users know one address, the coordinator's; the files are made by the aggregator. This service
//! passes their requests on.

use std::pin::Pin;

use multibeam_proto::aggregator::v1::results_client::ResultsClient;
use multibeam_proto::aggregator::v1::results_server::Results;
use multibeam_proto::aggregator::v1::{Chunk, FetchRequest, FollowRequest, FollowResponse};
use multibeam_rt::endpoints::Endpoints;
use tokio_stream::Stream;
use tonic::{Request, Response, Status};

/// Forwards requests for files to the aggregator.
#[derive(Clone, Debug)]
pub struct ResultsProxy {
    client: ResultsClient<Endpoints>,
}

impl ResultsProxy {
    /// Forwards to the aggregator behind this channel.
    #[must_use]
    pub fn new(aggregator: Endpoints) -> Self {
        let limit = multibeam_proto::MAX_MESSAGE_BYTES;
        Self { client: ResultsClient::new(aggregator).max_decoding_message_size(limit) }
    }
}

type BoxStream<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl Results for ResultsProxy {
    type FetchStream = BoxStream<Chunk>;
    type FollowStream = BoxStream<FollowResponse>;

    async fn fetch(
        &self,
        request: Request<FetchRequest>,
    ) -> Result<Response<Self::FetchStream>, Status> {
        let stream = self.client.clone().fetch(request.into_inner()).await?.into_inner();
        Ok(Response::new(Box::pin(stream)))
    }

    async fn follow(
        &self,
        request: Request<FollowRequest>,
    ) -> Result<Response<Self::FollowStream>, Status> {
        let stream = self.client.clone().follow(request.into_inner()).await?.into_inner();
        Ok(Response::new(Box::pin(stream)))
    }
}
