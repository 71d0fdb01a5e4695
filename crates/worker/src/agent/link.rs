//! The stream to the coordinator, kept alive: it is opened again when it breaks, and what the other
//! side has not acknowledged is sent again. Of several coordinators one is in office; when it falls
//! silent, or says that it is not, the next one is asked.

use std::time::Duration;

use super::AgentError;
use multibeam_model::link::{CoordinatorMessage, Hello, WorkerMessage};
use multibeam_model::relay::{Inbox, Outbox};
use multibeam_proto::coordinator::v1 as wire;
use multibeam_proto::coordinator::v1::coordinator_client::CoordinatorClient;
use multibeam_rt::endpoints::Endpoints;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming};

/// Messages on their way into the stream.
const STREAM_QUEUE: usize = 64;

/// The pause between two tries to connect doubles from the first to the second.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// For how long after a start a missing coordinator is nothing to worry about: longer than a new one
/// takes to come into office.
const START: Duration = Duration::from_secs(30);

/// What the link tells its agent.
#[derive(Debug)]
pub(super) enum Received {
    /// The coordinator says something; repeats are left out.
    Message {
        /// What it says.
        message: CoordinatorMessage,
        /// The trace contexts that go with it.
        contexts: Vec<String>,
    },
    /// The coordinator turns this worker away for good.
    Refused(AgentError),
}

/// Both ends of the stream, across reconnects.
#[derive(Debug)]
pub(super) struct Link {
    coordinators: Endpoints,
    client: CoordinatorClient<Endpoints>,
    hello: watch::Receiver<Hello>,
    /// For how long the coordinator may say nothing.
    silence: watch::Receiver<Duration>,
    outgoing: mpsc::Receiver<WorkerMessage>,
    received: mpsc::Sender<Received>,
    outbox: Outbox<WorkerMessage>,
    inbox: Inbox,
    epoch: Option<u64>,
}

/// Why one stream ended.
enum Broken {
    /// The agent is gone.
    Agent,
    /// The coordinator refuses this worker.
    Refused(AgentError),
    /// Anything else: try again.
    Stream(Status),
}

impl Link {
    pub(super) fn new(
        coordinators: Endpoints,
        hello: watch::Receiver<Hello>,
        silence: watch::Receiver<Duration>,
        outgoing: mpsc::Receiver<WorkerMessage>,
        received: mpsc::Sender<Received>,
    ) -> Self {
        let limit = multibeam_proto::MAX_MESSAGE_BYTES;
        let client = CoordinatorClient::new(coordinators.clone())
            .max_decoding_message_size(limit)
            .max_encoding_message_size(limit);
        let (outbox, inbox) = (Outbox::default(), Inbox::default());
        let epoch = None;
        Self { coordinators, client, hello, silence, outgoing, received, outbox, inbox, epoch }
    }

    /// Runs until the agent is gone or the coordinator refuses the worker.
    pub(super) async fn run(mut self) {
        let mut pause = PAUSES.0;
        let begun = Instant::now();
        loop {
            let broken = match self.connect().await {
                Ok((stream, sender)) => {
                    pause = PAUSES.0;
                    let broken = self.relay(stream, sender).await;
                    // A stream ends without a word about where to go next.
                    self.coordinators.next();
                    broken
                }
                Err(broken) => broken,
            };
            match broken {
                Broken::Agent => return,
                Broken::Refused(reason) => {
                    let _ = self.received.send(Received::Refused(reason)).await;
                    return;
                }
                Broken::Stream(status) => {
                    let (code, message) = (status.code(), status.message());
                    // Services start in any order.
                    if self.epoch.is_none() && begun.elapsed() < START {
                        tracing::info!(?code, message, "no coordinator yet, trying again");
                    } else {
                        tracing::warn!(?code, message, "no coordinator, trying again");
                    }
                }
            }
            if self.collect_for(pause).await.is_err() {
                return;
            }
            pause = (pause * 2).min(PAUSES.1);
        }
    }

    async fn connect(
        &mut self,
    ) -> Result<(Streaming<wire::CoordinatorMessage>, mpsc::Sender<wire::WorkerMessage>), Broken>
    {
        let (sender, stream) = mpsc::channel(STREAM_QUEUE);
        let hello = WorkerMessage::Hello(self.hello.borrow().clone());
        sender.send(hello.into()).await.expect("the receiver is in this function");
        let patience = *self.silence.borrow();
        let stream = self.client.work(ReceiverStream::new(stream));
        match tokio::time::timeout(patience, stream).await {
            Ok(stream) => Ok((stream.map_err(broken)?.into_inner(), sender)),
            Err(_) => {
                self.coordinators.next();
                Err(Broken::Stream(Status::deadline_exceeded("no answer")))
            }
        }
    }

    /// Moves messages until the stream breaks.
    async fn relay(
        &mut self,
        mut stream: Streaming<wire::CoordinatorMessage>,
        sender: mpsc::Sender<wire::WorkerMessage>,
    ) -> Broken {
        let mut welcomed = false;
        let mut heard = Instant::now();
        loop {
            let silent = heard + *self.silence.borrow();
            tokio::select! {
                // What is here is read first: a worker that was stopped has not waited.
                biased;
                message = stream.message() => match message {
                    Ok(Some(message)) => match self.take(message, &sender).await {
                        Ok(welcome) => {
                            welcomed |= welcome;
                            heard = Instant::now();
                        }
                        Err(broken) => return broken,
                    },
                    Ok(None) => return Broken::Stream(Status::unavailable("the stream ended")),
                    Err(status) => return broken(status),
                },
                // Nothing is sent before the welcome: it tells which numbers the other side knows.
                message = self.outgoing.recv(), if welcomed => match message {
                    Some(message) => {
                        let frame = self.frame(message);
                        if sender.send(frame).await.is_err() {
                            return Broken::Stream(Status::unavailable("the stream ended"));
                        }
                    }
                    None => return Broken::Agent,
                },
                () = tokio::time::sleep_until(silent) => {
                    return Broken::Stream(Status::deadline_exceeded("it says nothing any more"));
                }
            }
        }
    }

    /// Takes one message in; true for the welcome.
    async fn take(
        &mut self,
        mut frame: wire::CoordinatorMessage,
        sender: &mpsc::Sender<wire::WorkerMessage>,
    ) -> Result<bool, Broken> {
        self.outbox.acknowledge(frame.acknowledged);
        let number = frame.number;
        let contexts = std::mem::take(&mut frame.traceparents);
        let message = CoordinatorMessage::try_from(frame)
            .map_err(|error| Broken::Stream(Status::invalid_argument(error.to_string())))?;
        let welcome = match &message {
            CoordinatorMessage::Welcome { epoch } => {
                if self.epoch.is_some_and(|highest| epoch.0 < highest) {
                    return Err(Broken::Stream(Status::aborted("an older coordinator answered")));
                }
                if self.epoch.replace(epoch.0) != Some(epoch.0) {
                    tracing::info!(%epoch, "worker ready: a coordinator knows it");
                    // Another coordinator numbers its messages anew.
                    self.inbox = Inbox::default();
                }
                for (number, message) in self.outbox.unacknowledged() {
                    let frame = numbered(message.clone(), number, self.inbox.last());
                    if sender.send(frame).await.is_err() {
                        return Err(Broken::Stream(Status::unavailable("the stream ended")));
                    }
                }
                true
            }
            _ => false,
        };
        if number == 0 || self.inbox.accept(number) {
            let received = self.received.send(Received::Message { message, contexts }).await;
            received.map_err(|_| Broken::Agent)?;
        }
        Ok(welcome)
    }

    /// A heartbeat is worth nothing later, so it is not kept.
    fn frame(&mut self, message: WorkerMessage) -> wire::WorkerMessage {
        let number = match message {
            WorkerMessage::Heartbeat { .. } => 0,
            _ => self.outbox.push(message.clone()),
        };
        numbered(message, number, self.inbox.last())
    }

    /// Waits, and keeps what the agent wants to say meanwhile.
    async fn collect_for(&mut self, pause: Duration) -> Result<(), ()> {
        let end = tokio::time::sleep(pause);
        tokio::pin!(end);
        loop {
            tokio::select! {
                () = &mut end => return Ok(()),
                message = self.outgoing.recv() => match message {
                    Some(WorkerMessage::Heartbeat { .. }) => {}
                    Some(message) => {
                        self.outbox.push(message);
                    }
                    None => return Err(()),
                },
            }
        }
    }
}

fn numbered(message: WorkerMessage, number: u64, acknowledged: u64) -> wire::WorkerMessage {
    wire::WorkerMessage { number, acknowledged, ..message.into() }
}

fn broken(status: Status) -> Broken {
    match status.code() {
        Code::FailedPrecondition => {
            Broken::Refused(AgentError::GivenUp(status.message().to_owned()))
        }
        Code::PermissionDenied | Code::Unauthenticated => {
            Broken::Refused(AgentError::Refused(status.message().to_owned()))
        }
        _ => Broken::Stream(status),
    }
}
