//! Messages that come in.

use std::pin::pin;
use std::sync::Arc;

use multibeam_ledger::node::disk::NodeId;
use multibeam_proto::aggregator::v1 as wire;
use multibeam_rt::access::Peer;
use tokio::time::timeout;
use tonic::{Status, Streaming};

use super::check::{self, Refusal, at_most};
use super::config::{ENVELOPE_MESSAGES, NAME_BYTES};
use super::event::PeerEvent;
use super::shared::Shared;

/// Reads one stream to its end.
pub(super) async fn deliver(
    shared: &Arc<Shared>,
    peer: Option<&Peer>,
    mut stream: Streaming<wire::Envelope>,
) -> Result<wire::DeliverResponse, Status> {
    let first = timeout(shared.config.timing.stalled, stream.message()).await;
    let first = first.map_err(|_| Status::deadline_exceeded("no envelope came"))??;
    let first = first.ok_or_else(|| Status::invalid_argument("no envelope"))?;
    let mut reader = Reader { shared, peer, sender: None };
    let refused = |refusal: Refusal| refuse(shared, NodeId(first.from), refusal);
    let from = reader.check(&first).map_err(refused)?;
    let own = shared.config.acquaintances.own();
    if ![0, own].contains(&first.receiver_directory) {
        // What the sender has to say is for what this member was: raft would trip over it.
        let _ = shared.events.send(PeerEvent::Disowned { by: from }).await;
        return Err(stopping());
    }
    let met = meet(shared, from, first.directory).await;
    met.map_err(|refusal| refuse(shared, from, refusal))?;
    let mut newest = shared.begin(from).ok_or_else(|| {
        Status::resource_exhausted("too many members send (hint: how many are there?)")
    })?;
    let draining = pin!(shared.spawner.drain().requested());
    tokio::select! {
        end = reader.read(first, stream) => end,
        _ = &mut newest.superseded => Err(Status::aborted("a newer stream of the same sender")),
        () = draining => Err(stopping()),
    }
}

/// Whether a member comes with the directory that is known of it. It is written down before anything
/// else of the member is heard. One of a version without such numbers says nothing of it.
async fn meet(shared: &Arc<Shared>, from: NodeId, directory: u64) -> Result<(), Refusal> {
    if directory == 0 {
        return Ok(());
    }
    let acquaintances = Arc::clone(&shared.config.acquaintances);
    let met = tokio::task::spawn_blocking(move || acquaintances.meet(from, directory)).await;
    match met {
        Ok(Ok(true)) => Ok(()),
        Ok(Ok(false)) => Err(Refusal::Directory { from }),
        Ok(Err(error)) => Err(Refusal::Unwritten(error.to_string())),
        Err(error) => Err(Refusal::Unwritten(error.to_string())),
    }
}

pub(super) fn stopping() -> Status {
    Status::unavailable("this member stops")
}

/// Tells a refusal to the sender, and to the log if it is news.
pub(super) fn refuse(shared: &Shared, from: NodeId, refusal: Refusal) -> Status {
    if shared.is_news(from, refusal.code()) {
        tracing::warn!(peer = %from, %refusal, "refused what another aggregator sent");
    } else {
        tracing::debug!(peer = %from, %refusal, "refused what another aggregator sent");
    }
    refusal.into()
}

struct Reader<'a> {
    shared: &'a Shared,
    peer: Option<&'a Peer>,
    /// Who sends, the format that it reads, and the number of its directory.
    sender: Option<(NodeId, u8, u64)>,
}

// === impl Reader ===

impl Reader<'_> {
    async fn read(
        &mut self,
        first: wire::Envelope,
        mut stream: Streaming<wire::Envelope>,
    ) -> Result<wire::DeliverResponse, Status> {
        let mut next = Some(first);
        while let Some(envelope) = next {
            let from = NodeId(envelope.from);
            let refused = |refusal| refuse(self.shared, from, refusal);
            let events = self.events(envelope).map_err(refused)?;
            for event in events {
                self.shared.events.send(event).await.map_err(|_| stopping())?;
            }
            next = stream.message().await?;
        }
        Ok(wire::DeliverResponse {})
    }

    /// Checks all of an envelope but its messages.
    fn check(&self, envelope: &wire::Envelope) -> Result<NodeId, Refusal> {
        let config = &self.shared.config;
        let from = check::address(config, &envelope.group, envelope.from, envelope.to)?;
        check::caller(self.peer, from)?;
        at_most("bytes of an address", envelope.from_address.len(), NAME_BYTES)?;
        at_most("messages in an envelope", envelope.messages.len(), ENVELOPE_MESSAGES)?;
        format(envelope)?;
        Ok(from)
    }

    /// What follows from an envelope: all of it or nothing.
    fn events(&mut self, envelope: wire::Envelope) -> Result<Vec<PeerEvent>, Refusal> {
        let from = self.check(&envelope)?;
        let reads = format(&envelope)?;
        let mut events = Vec::with_capacity(envelope.messages.len() + 2);
        match self.sender {
            Some(sender) if sender != (from, reads, envelope.directory) => {
                return Err(Refusal::Mixed);
            }
            Some(_) => {}
            None => events.push(PeerEvent::Reads { node: from, format: reads }),
        }
        for bytes in &envelope.messages {
            let message = check::message(bytes, from, self.shared.config.node)?;
            if message.is_snapshot() {
                return Err(Refusal::Kind);
            }
            events.push(PeerEvent::Message(message));
        }
        if self.sender.is_none() && self.shared.learn(from, &envelope.from_address) {
            let address = envelope.from_address;
            // Before the message that may have to be answered there.
            events.insert(0, PeerEvent::Learned { node: from, address });
        }
        self.sender = Some((from, reads, envelope.directory));
        Ok(events)
    }
}

fn format(envelope: &wire::Envelope) -> Result<u8, Refusal> {
    let format = u8::try_from(envelope.reads).ok().filter(|format| *format > 0);
    format.ok_or(Refusal::Format { found: envelope.reads })
}
