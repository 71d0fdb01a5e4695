//! The way from a member that does not lead to the one that does.
//!
//! A client may call any member. One that does not lead passes the call on, once, and says with
//! its answer where the leader is, so that the client can go there next time.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use multibeam_proto::aggregator::v1::group_client::GroupClient;
use multibeam_proto::aggregator::v1::ledger_client::LedgerClient;
use multibeam_rt::backoff::{Recover as _, Recovery};
use tonic::metadata::{Ascii, MetadataMap, MetadataValue};
use tonic::transport::Channel;
use tonic::{Request, Response, Status};

use super::ledger_status;
use crate::{Handle, Leader, LedgerError};

/// Set by a member on a call that it passes on: it is not passed on again.
const FORWARDED: &str = "multibeam-forwarded";

/// In answers: the address of the member that leads.
pub const LEADER: &str = "multibeam-leader";

/// Opens the way to a member by its address. It need not be connected yet.
pub type Connect = Arc<dyn Fn(&str) -> Result<Channel, Status> + Send + Sync>;

/// How often it is looked whether who is to answer a call still leads.
const LEADER_LOOK: Duration = Duration::from_millis(250);

/// Passes calls on.
#[derive(Clone)]
pub struct Forward {
    connect: Connect,
    channels: Arc<Mutex<BTreeMap<String, Channel>>>,
}

// === impl Forward ===

impl Forward {
    /// Passes calls on over these ways.
    #[must_use]
    pub fn new(connect: Connect) -> Self {
        Self { connect, channels: Arc::default() }
    }

    fn channel(&self, address: &str) -> Result<Channel, Status> {
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(channel) = channels.get(address) {
            return Ok(channel.clone());
        }
        let channel = (self.connect)(address)?;
        channels.insert(address.to_owned(), channel.clone());
        Ok(channel)
    }

    pub(super) fn ledger(&self, leader: &Leader) -> Result<LedgerClient<Channel>, Status> {
        Ok(LedgerClient::new(self.channel(&leader.address)?)
            .max_decoding_message_size(multibeam_proto::MAX_MESSAGE_BYTES)
            .max_encoding_message_size(multibeam_proto::MAX_MESSAGE_BYTES))
    }

    pub(super) fn group(&self, leader: &Leader) -> Result<GroupClient<Channel>, Status> {
        Ok(GroupClient::new(self.channel(&leader.address)?))
    }
}

impl fmt::Debug for Forward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Forward").finish_non_exhaustive()
    }
}

/// Answers a call here if this member leads, else has the leader answer it. A call that came from
/// another member goes no further: two that take each other for the leader would play ball. A leader
/// that was replaced is not waited for: one that was cut off answers no more, and the connection to it
/// breaks only later. Asking again is safe.
pub(super) async fn at_the_leader<T: Clone, R>(
    (ledger, forward): (&Handle, Option<&Forward>),
    request: Request<T>,
    here: impl AsyncFnOnce(T) -> Result<R, LedgerError>,
    there: impl AsyncFnOnce(&Forward, &Leader, Request<T>) -> Result<Response<R>, Status>,
) -> Result<Response<R>, Status> {
    let (metadata, _, message) = request.into_parts();
    let error = match here(message.clone()).await {
        Ok(answer) => return Ok(Response::new(answer)),
        Err(error) => error,
    };
    match (&error, forward) {
        (LedgerError::NotLeader { leader: Some(leader) }, Some(forward))
            if !metadata.contains_key(FORWARDED) =>
        {
            let answer = there(forward, leader, onward(&metadata, message));
            let mut answer = tokio::select! {
                answer = answer => answer.map_err(passed_on)?,
                () = end_of(|| ledger.is_led_by(leader.id)) => {
                    return Err(ledger_status(&ledger.not_leader()));
                }
            };
            hint(answer.metadata_mut(), leader);
            Ok(answer)
        }
        _ => Err(ledger_status(&error)),
    }
}

/// A failure on the way to the leader, as the caller can use it. What the transport says carries its
/// cause, by which a client knows that asking again may help; causes do not travel, so the code has to
/// say it.
fn passed_on(status: Status) -> Status {
    match (status.source(), status.recovery()) {
        (Some(_), Recovery::Retry) => {
            Status::unavailable(format!("the way to the leader failed: {}", status.message()))
        }
        _ => status,
    }
}

/// Returns when a member is no longer taken for the leader.
async fn end_of(leads: impl Fn() -> bool) {
    while leads() {
        tokio::time::sleep(LEADER_LOOK).await;
    }
}

/// The call as it goes on: with the marks that came with it, and one more.
fn onward<T>(metadata: &MetadataMap, message: T) -> Request<T> {
    let mut request = Request::new(message);
    for key in ["traceparent", "tracestate"] {
        if let Some(value) = metadata.get(key) {
            request.metadata_mut().insert(key, value.clone());
        }
    }
    request.metadata_mut().insert(FORWARDED, MetadataValue::from_static("1"));
    request
}

/// Says in an answer where the leader is.
pub(super) fn hint(metadata: &mut MetadataMap, leader: &Leader) {
    if let Ok(address) = leader.address.parse::<MetadataValue<Ascii>>() {
        metadata.insert(LEADER, address);
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use multibeam_ledger::node::disk::NodeId;
    use tonic::Code;

    use super::*;
    use crate::Aggregator;
    use crate::store::MemoryDisk;

    #[tokio::test]
    async fn who_no_longer_leads_is_not_waited_for() {
        let ledger = Aggregator::alone(MemoryDisk::default()).unwrap();
        let forward = Forward::new(Arc::new(|_: &str| Err(Status::internal("nobody is there"))));
        let before = Leader { id: NodeId(7), address: "https://seven".to_owned() };
        let here = async move |()| Err::<(), _>(LedgerError::NotLeader { leader: Some(before) });
        let silent = async |_: &Forward, _: &Leader, _| pending().await;
        let asked = at_the_leader((&ledger, Some(&forward)), Request::new(()), here, silent);
        assert_eq!(asked.await.unwrap_err().code(), Code::Unavailable);
    }

    #[test]
    fn a_leader_that_dies_meanwhile_is_no_last_word() {
        let broken = Status::from_error(Box::new(std::io::Error::other("reset by peer")));
        assert_eq!(broken.code(), Code::Unknown);
        let told = passed_on(broken);
        assert_eq!((told.code(), told.recovery()), (Code::Unavailable, Recovery::Retry));
        // What the leader itself says stays as it is.
        for said in [Status::unknown("a bug"), Status::invalid_argument("no")] {
            assert_eq!(passed_on(said.clone()).code(), said.code());
        }
    }
}
