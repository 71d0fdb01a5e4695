//! The gRPC services. They translate and check sizes; who may call what is decided by the layer in
//! front of them, from the caller's certificate.

mod clusters;
mod forward;
mod group;
mod ledger;
mod results;

use multibeam_ledger::node::members::MemberRefusal;
use multibeam_proto::aggregator::v1::Chunk;
use multibeam_proto::aggregator::v1::group_server::GroupServer;
use multibeam_proto::aggregator::v1::ledger_server::LedgerServer;
use multibeam_proto::aggregator::v1::results_server::ResultsServer;
use tonic::Status;

use crate::render::FileError;
use crate::{Handle, LedgerError};

pub use forward::{Connect, Forward, LEADER};
pub use group::GroupService;
pub use ledger::LedgerService;
pub use results::ResultsService;

/// Chunks of a stream that may wait for a slow reader.
const CHUNKS_AHEAD: usize = 4;

/// The ledger's service, ready to be added to a server. `forward` leads to the other members of
/// the group, if there are any.
#[must_use]
pub fn ledger_server(ledger: Handle, forward: Option<Forward>) -> LedgerServer<LedgerService> {
    LedgerServer::new(LedgerService::new(ledger, forward))
        .max_decoding_message_size(multibeam_proto::MAX_MESSAGE_BYTES)
        .max_encoding_message_size(multibeam_proto::MAX_MESSAGE_BYTES)
}

/// The group's service, ready to be added to a server.
#[must_use]
pub fn group_server(ledger: Handle, forward: Option<Forward>) -> GroupServer<GroupService> {
    GroupServer::new(GroupService::new(ledger, forward))
}

/// The results' service, ready to be added to a server.
#[must_use]
pub fn results_server(ledger: Handle) -> ResultsServer<ResultsService> {
    ResultsServer::new(ResultsService::new(ledger))
        .max_encoding_message_size(multibeam_proto::MAX_MESSAGE_BYTES)
}

fn chunk(data: bytes::Bytes) -> Chunk {
    Chunk { data }
}

/// What a caller learns of a failure: its kind. Paths and causes are for the log.
fn ledger_status(error: &LedgerError) -> Status {
    match error {
        LedgerError::Command(_) => Status::invalid_argument(
            "a command cannot be read (hint: use the same version of multibeam everywhere)",
        ),
        LedgerError::TooLarge { .. } => Status::invalid_argument(error.to_string()),
        LedgerError::Forbidden { .. } => Status::permission_denied(error.to_string()),
        LedgerError::Format { .. } => Status::failed_precondition(error.to_string()),
        LedgerError::NotLeader { leader } => {
            let mut status = Status::unavailable(error.to_string());
            if let Some(leader) = leader {
                forward::hint(status.metadata_mut(), leader);
            }
            status
        }
        LedgerError::Busy => Status::resource_exhausted(error.to_string()),
        LedgerError::Members(MemberRefusal::UnderWay | MemberRefusal::Leads(_)) => {
            Status::aborted(error.to_string())
        }
        LedgerError::Members(_) => Status::failed_precondition(error.to_string()),
        LedgerError::Stopped
        | LedgerError::Standstill { .. }
        | LedgerError::Removed
        | LedgerError::Disowned { .. } => Status::unavailable(error.to_string()),
        LedgerError::Store(_)
        | LedgerError::Node(_)
        | LedgerError::Entry { .. }
        | LedgerError::NoPayload { .. }
        | LedgerError::OtherMember { .. }
        | LedgerError::Thread(_) => {
            tracing::error!(?error, "the ledger cannot be read");
            Status::internal("the ledger cannot be read")
        }
    }
}

/// The same for files.
fn file_status(error: &FileError) -> Status {
    match error {
        FileError::NoRun { .. } | FileError::NoTarget { .. } => {
            Status::not_found(error.to_string())
        }
        FileError::NoFile { .. } => Status::invalid_argument(error.to_string()),
        FileError::NotDiscovered { .. } => Status::failed_precondition(error.to_string()),
        FileError::Payload(crate::render::PayloadError::Ledger(error)) => ledger_status(error),
        FileError::Spec(_)
        | FileError::Admission(_)
        | FileError::DryRun(_)
        | FileError::Summary(_)
        | FileError::Payload(_)
        | FileError::Render(_) => {
            tracing::error!(?error, "a file cannot be made");
            Status::internal("the file cannot be made")
        }
    }
}
