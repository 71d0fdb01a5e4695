//! Durations of earlier runs, where they are: beside the results, or at a standing coordinator.

mod import;
mod local;

use std::path::Path;

use multibeam_history::History;
use multibeam_proto::coordinator::v1::coordinator_client::CoordinatorClient;
use multibeam_proto::coordinator::v1::{LearnRequest, ReadHistoryRequest};
use multibeam_rt::endpoints::Endpoints;

use crate::args::Place;
use crate::commands::{fail, fail_status};
use crate::connect;
use crate::exit::Exit;

pub(crate) use import::{Imported, import};
pub(crate) use local::LocalHistory;

/// Where durations are remembered.
pub(crate) enum Memory {
    /// In a file beside the results.
    Here(LocalHistory),
    /// By a standing coordinator.
    There(Box<CoordinatorClient<Endpoints>>),
}

// === impl Memory ===

impl Memory {
    /// Where a place has it; `results` is the results directory that counts there.
    ///
    /// # Errors
    /// When the coordinator cannot be reached; that has been said.
    pub(crate) async fn at(place: &Place, results: &Path) -> Result<Self, Exit> {
        let Some(urls) = &place.endpoint else {
            return Ok(Self::Here(LocalHistory::of(results)));
        };
        let limit = multibeam_proto::MAX_MESSAGE_BYTES;
        let client = CoordinatorClient::new(connect::coordinators(urls, &place.tls).await?)
            .max_decoding_message_size(limit)
            .max_encoding_message_size(limit);
        Ok(Self::There(Box::new(client)))
    }

    /// What is remembered there. A file that is damaged counts as far as it can be meant.
    ///
    /// # Errors
    /// When the coordinator does not tell; that has been said.
    pub(crate) async fn recall(&mut self) -> Result<History, Exit> {
        let client = match self {
            Self::Here(local) => return Ok(local.recall()),
            Self::There(client) => client,
        };
        let mut bytes = Vec::new();
        let chunks = client.read_history(ReadHistoryRequest {}).await;
        let mut chunks = chunks.map_err(|status| fail_status(&status))?.into_inner();
        while let Some(chunk) = chunks.message().await.map_err(|status| fail_status(&status))? {
            bytes.extend_from_slice(&chunk.data);
        }
        History::decode(&bytes).map_err(|error| fail(Exit::INPUT, &error))
    }

    /// Adds what is new.
    ///
    /// # Errors
    /// When it cannot be kept; that has been said.
    pub(crate) async fn learn(&mut self, new: &History) -> Result<(), Exit> {
        match self {
            Self::Here(local) => {
                local.learn(&new.lessons()).map_err(|error| fail(Exit::ENVIRONMENT, &error))
            }
            Self::There(client) => {
                let request = LearnRequest { history: new.encode().into() };
                client.learn(request).await.map_err(|status| fail_status(&status))?;
                Ok(())
            }
        }
    }
}

/// The same as [`Memory::recall`], for a command that needs nothing else of a runtime.
///
/// # Errors
/// As there.
pub(crate) fn recall(place: &Place, results: &Path) -> Result<History, Exit> {
    if place.endpoint.is_none() {
        return Ok(LocalHistory::of(results).recall());
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| fail(Exit::ENVIRONMENT, &error))?;
    runtime.block_on(async { Memory::at(place, results).await?.recall().await })
}
