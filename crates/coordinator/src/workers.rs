//! The workers that this coordinator knows, and the numbered delivery to each.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use multibeam_model::link::{CoordinatorMessage, Hello};
use multibeam_model::relay::{Inbox, Outbox};
use multibeam_model::{Epoch, Moment, WorkerId};
use multibeam_proto::coordinator::v1 as wire;
use tokio::sync::mpsc;
use tonic::Status;

/// Messages on their way into one stream. A worker that reads slower than this loses its stream
/// and gets everything again on the next one.
pub(crate) const STREAM_QUEUE: usize = 1024;

/// The sending half of a worker's stream.
pub(crate) type ToStream = mpsc::Sender<Result<wire::CoordinatorMessage, Status>>;

/// All workers.
#[derive(Debug, Default)]
pub(crate) struct Workers {
    known: BTreeMap<WorkerId, Worker>,
    /// Workers that were given up; their attempts are lost, so they may not come back as they were.
    lost: BTreeSet<WorkerId>,
}

/// One worker.
#[derive(Debug)]
pub(crate) struct Worker {
    /// What it said of itself.
    pub(crate) hello: Hello,
    /// Messages and the trace contexts that go with them.
    outbox: Outbox<(CoordinatorMessage, Vec<String>)>,
    inbox: Inbox,
    stream: Option<(u64, ToStream)>,
    heard: Moment,
}

impl Workers {
    /// A worker opened a stream.
    ///
    /// # Errors
    /// The answer for a worker that was given up.
    pub(crate) fn connect(
        &mut self,
        hello: Hello,
        stream: u64,
        sender: ToStream,
        epoch: Epoch,
        now: Moment,
    ) -> Result<bool, Status> {
        if self.lost.contains(&hello.worker) {
            return Err(Status::failed_precondition(
                "this worker was given up; it has to come back as a new one",
            ));
        }
        let new = !self.known.contains_key(&hello.worker);
        let worker = self.known.entry(hello.worker.clone()).or_insert_with(|| Worker {
            hello: hello.clone(),
            outbox: Outbox::default(),
            inbox: Inbox::default(),
            stream: None,
            heard: now,
        });
        worker.hello = hello;
        worker.heard = now;
        worker.stream = Some((stream, sender));
        worker.put(CoordinatorMessage::Welcome { epoch }, Vec::new(), 0);
        let again: Vec<_> =
            worker.outbox.unacknowledged().map(|(number, m)| (number, m.clone())).collect();
        for (number, (message, contexts)) in again {
            worker.put(message, contexts, number);
        }
        Ok(new)
    }

    /// A stream ended. The worker may come back until its lease is over.
    pub(crate) fn disconnect(&mut self, worker: &WorkerId, stream: u64) {
        if let Some(worker) = self.known.get_mut(worker)
            && worker.stream.as_ref().is_some_and(|(number, _)| *number == stream)
        {
            worker.stream = None;
        }
    }

    /// A message came; whether it is new.
    pub(crate) fn heard(
        &mut self,
        worker: &WorkerId,
        number: u64,
        acknowledged: u64,
        now: Moment,
    ) -> bool {
        let Some(worker) = self.known.get_mut(worker) else { return false };
        worker.heard = now;
        worker.outbox.acknowledge(acknowledged);
        number == 0 || worker.inbox.accept(number)
    }

    /// Sends something that has to arrive.
    pub(crate) fn send(
        &mut self,
        to: &WorkerId,
        message: CoordinatorMessage,
        contexts: Vec<String>,
    ) {
        if let Some(worker) = self.known.get_mut(to) {
            let number = worker.outbox.push((message.clone(), contexts.clone()));
            worker.put(message, contexts, number);
        }
    }

    /// Sends something that is worth nothing later.
    pub(crate) fn send_now(&mut self, to: &WorkerId, message: CoordinatorMessage) {
        if let Some(worker) = self.known.get_mut(to) {
            worker.put(message, Vec::new(), 0);
        }
    }

    /// The workers of a cluster, by the cluster's name.
    pub(crate) fn of_cluster<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Hello> {
        self.known.values().map(|worker| &worker.hello).filter(move |hello| hello.cluster == name)
    }

    /// Takes out the workers that were silent for longer than this.
    pub(crate) fn expire(&mut self, patience: Duration, now: Moment) -> Vec<Hello> {
        let silent = |worker: &Worker| now.since(worker.heard) > patience;
        let gone: Vec<WorkerId> = self
            .known
            .iter()
            .filter(|(_, worker)| silent(worker))
            .map(|(id, _)| id.clone())
            .collect();
        gone.iter().filter_map(|id| self.remove(id)).collect()
    }

    /// Gives a worker up.
    pub(crate) fn remove(&mut self, worker: &WorkerId) -> Option<Hello> {
        self.lost.insert(worker.clone());
        self.known.remove(worker).map(|worker| worker.hello)
    }
}

impl Worker {
    fn put(&mut self, message: CoordinatorMessage, traceparents: Vec<String>, number: u64) {
        let Some((_, stream)) = &self.stream else { return };
        let acknowledged = self.inbox.last();
        let frame =
            wire::CoordinatorMessage { number, acknowledged, traceparents, ..message.into() };
        if stream.try_send(Ok(frame)).is_err() {
            self.stream = None;
        }
    }
}
