//! The task that keeps one member supplied with messages.

use std::error::Error;
use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use multibeam_ledger::node::disk::NodeId;
use multibeam_proto::aggregator::v1 as wire;
use multibeam_proto::aggregator::v1::raft_client::RaftClient;
use multibeam_rt::backoff;
use multibeam_rt::tasks::Task;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;

use super::config::{MESSAGE_BYTES, WIRE_BYTES};
use super::connect::ConnectError;
use super::event::PeerEvent;
use super::queue::{Pushed, Queue};
use super::shared::Shared;

/// One member, as this one sends to it.
pub(super) struct Link {
    pub(super) address: String,
    to: NodeId,
    queue: Arc<Queue>,
    task: Task,
}

/// Why an attempt to reach a member has ended.
enum End {
    /// Nothing more is to be sent.
    Closed,
    Failed(ConnectError),
}

// === impl Link ===

impl Link {
    pub(super) fn start(shared: &Arc<Shared>, to: NodeId, address: String) -> Self {
        let queue = Arc::new(Queue::new(shared.config.limits));
        let running = Running {
            shared: Arc::clone(shared),
            to,
            address: address.clone(),
            queue: Arc::clone(&queue),
        };
        let task = shared.spawn(format!("peer {to}"), running.run());
        Self { address, to, queue, task }
    }

    pub(super) fn send(&self, shared: &Shared, message: Bytes) {
        if message.len() > MESSAGE_BYTES {
            // It would end the connection, again and again. No entry is as large as that.
            let (bytes, most) = (message.len(), MESSAGE_BYTES);
            tracing::error!(peer = %self.to, bytes, most, "a message is too large to be sent");
            return;
        }
        if self.queue.push(message) == Pushed::FirstDropped {
            tracing::debug!(peer = %self.to, "too much waits for a member: dropped a message");
            // Whoever sends may be the one who reads the events, so it must not wait. Raft asks
            // the member again by itself when it is not told.
            let _ = shared.events.try_send(PeerEvent::Unreachable(self.to));
        }
    }

    /// What waits may still leave, for a short time.
    pub(super) fn close(&self) {
        self.queue.close();
    }

    pub(super) fn abort(&self) {
        self.task.abort();
    }
}

struct Running {
    shared: Arc<Shared>,
    to: NodeId,
    address: String,
    queue: Arc<Queue>,
}

// === impl Running ===

impl Running {
    async fn run(self) {
        tokio::select! {
            () = self.keep_sending() => {}
            () = self.parting() => {}
        }
    }

    /// Ends a while after the queue was closed. What was sent last may matter: that another one
    /// shall lead, or that the member is no longer one.
    async fn parting(&self) {
        tokio::select! {
            () = self.queue.closed() => {}
            () = self.shared.spawner.drain().requested() => self.queue.close(),
        }
        tokio::time::sleep(self.shared.config.timing.farewell).await;
    }

    async fn keep_sending(&self) {
        let timing = self.shared.config.timing;
        let mut failures = 0;
        let mut told = String::new();
        loop {
            let begun = Instant::now();
            let error = match self.attempt().await {
                End::Closed => return,
                End::Failed(error) => error,
            };
            if is_disowned(&*error) {
                let by = self.to;
                if self.shared.events.send(PeerEvent::Disowned { by }).await.is_err() {
                    return;
                }
            }
            // Messages that waited for a connection are old news when there is one again.
            self.queue.clear();
            if self.shared.events.send(PeerEvent::Unreachable(self.to)).await.is_err() {
                return;
            }
            if begun.elapsed() >= timing.settled {
                failures = 0;
                told.clear();
            }
            self.log(&*error, &mut told);
            let delay = timing.backoff.delay(failures, backoff::random());
            failures = failures.saturating_add(1);
            tokio::select! {
                () = tokio::time::sleep(delay) => {}
                () = self.queue.closed() => return,
            }
        }
    }

    /// The same failure is told once, however often it comes again.
    fn log(&self, error: &(dyn Error + Send + Sync), told: &mut String) {
        let text = chain(error);
        let (peer, address) = (self.to, &self.address);
        if *told == text {
            tracing::debug!(%peer, address, error = %text, "still cannot reach a member");
        } else {
            tracing::warn!(%peer, address, error = %text, "cannot reach a member");
            *told = text;
        }
    }

    /// Connects, and sends until the connection ends.
    async fn attempt(&self) -> End {
        let channel = match self.shared.connect(&self.address).await {
            Ok(channel) => channel,
            Err(error) => return End::Failed(error),
        };
        let mut client: RaftClient<Channel> =
            RaftClient::new(channel).max_encoding_message_size(WIRE_BYTES);
        let (envelopes, outgoing) = mpsc::channel(1);
        let mut call = pin!(client.deliver(ReceiverStream::new(outgoing)));
        // The first envelope says who is here, even when there is nothing else to say.
        let mut next = Some(Vec::new());
        while let Some(messages) = next {
            tokio::select! {
                end = &mut call => return ended(end),
                sent = envelopes.send(self.envelope(messages)) => if sent.is_err() {
                    return ended(call.await);
                }
            }
            next = tokio::select! {
                end = &mut call => return ended(end),
                messages = self.queue.take() => messages,
            };
        }
        drop(envelopes);
        // Whether it arrives is no longer of interest to anybody.
        let _ = call.await;
        End::Closed
    }

    fn envelope(&self, messages: Vec<Bytes>) -> wire::Envelope {
        let config = &self.shared.config;
        wire::Envelope {
            group: config.group.clone(),
            from: config.node.0,
            to: self.to.0,
            from_address: config.address.clone(),
            reads: config.reads.into(),
            messages,
            directory: config.acquaintances.own(),
            receiver_directory: config.acquaintances.of(self.to).unwrap_or_default(),
        }
    }
}

fn ended(end: Result<tonic::Response<wire::DeliverResponse>, tonic::Status>) -> End {
    End::Failed(match end {
        Ok(_) => "the member ended the stream".into(),
        Err(status) => status.into(),
    })
}

/// Whether a member says that this one is not the one that it knows.
fn is_disowned(error: &(dyn Error + Send + Sync + 'static)) -> bool {
    let status = error.downcast_ref::<tonic::Status>();
    status.is_some_and(|status| status.metadata().contains_key(multibeam_proto::DISOWNED))
}

/// An error with its causes, in one line.
pub(super) fn chain(error: &(dyn Error + Send + Sync)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
