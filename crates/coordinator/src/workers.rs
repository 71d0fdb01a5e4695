//! The workers that this coordinator knows, and the numbered delivery to each.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use multibeam_model::adopt::AdoptedProcess;
use multibeam_model::link::{CoordinatorMessage, Hello, ProcessOrder};
use multibeam_model::relay::{Inbox, Outbox};
use multibeam_model::{Epoch, Moment, ProcessId, RunId, WorkerId};
use multibeam_proto::coordinator::v1 as wire;
use tokio::sync::mpsc;
use tonic::Status;

use crate::clock::Clock;

/// Messages on their way into one stream. A worker that reads slower than this loses its stream
/// and gets everything again on the next one.
pub(crate) const STREAM_QUEUE: usize = 1024;

/// The sending half of a worker's stream.
pub(crate) type ToStream = mpsc::Sender<Result<wire::CoordinatorMessage, Status>>;

/// All workers.
#[derive(Debug, Default)]
pub(crate) struct Workers {
    known: BTreeMap<WorkerId, Worker>,
    /// Workers that were given up, and when they were last heard from; their attempts are lost, so
    /// they may not come back as they were.
    lost: BTreeMap<WorkerId, Moment>,
    /// Since when no earlier coordinator can have renewed a lease.
    sole_since: Moment,
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
    /// What its cluster answered last, while it does not answer as it should.
    unready: Option<String>,
    /// It has told how all its processes stand: what it says of them from now on is new.
    stands: bool,
    /// What it has, or was ordered to start, and has not told the end of.
    processes: BTreeSet<(RunId, ProcessId)>,
}

impl Workers {
    /// How many have a lease.
    pub(crate) fn count(&self) -> usize {
        self.known.len()
    }

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
        if self.lost.contains_key(&hello.worker) {
            return Err(Status::failed_precondition(
                "this worker was given up; it has to come back as a new one",
            ));
        }
        if hello.epoch > epoch {
            return Err(Status::unavailable("a newer coordinator is in office"));
        }
        let new = !self.known.contains_key(&hello.worker);
        let worker = self.known.entry(hello.worker.clone()).or_insert_with(|| Worker {
            hello: hello.clone(),
            outbox: Outbox::default(),
            inbox: Inbox::default(),
            stream: None,
            heard: now,
            unready: None,
            stands: false,
            processes: BTreeSet::new(),
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

    /// Sends something that has to arrive, if the worker understands it.
    pub(crate) fn send(
        &mut self,
        to: &WorkerId,
        message: CoordinatorMessage,
        contexts: Vec<String>,
    ) {
        if let Some(worker) = self.known.get_mut(to) {
            if let CoordinatorMessage::Process { run, process, order } = &message {
                if order.format() > worker.hello.format {
                    return;
                }
                if matches!(order, ProcessOrder::Start(_)) {
                    worker.processes.insert((run.clone(), *process));
                }
            }
            let number = worker.outbox.push((message.clone(), contexts.clone()));
            worker.put(message, contexts, number);
        }
    }

    /// A worker has told how all its processes stand.
    pub(crate) fn standing(&mut self, worker: &WorkerId, processes: &[(RunId, AdoptedProcess)]) {
        if let Some(worker) = self.known.get_mut(worker) {
            worker.stands = true;
            let alive = processes.iter().filter(|(_, process)| !process.has_ended());
            worker.processes.extend(alive.map(|(run, process)| (run.clone(), process.process)));
        }
    }

    /// Whether what a worker says of its processes is new to this coordinator.
    pub(crate) fn stands(&self, worker: &WorkerId) -> bool {
        self.known.get(worker).is_some_and(|worker| worker.stands)
    }

    /// A process is gone.
    pub(crate) fn ended(&mut self, worker: &WorkerId, run: &RunId, process: ProcessId) {
        if let Some(worker) = self.known.get_mut(worker) {
            worker.processes.remove(&(run.clone(), process));
        }
    }

    /// When the processes that a worker may still have of a run can have had their lease renewed
    /// last; `None` when it has none. Of a worker that never came nobody knows more than that no
    /// earlier coordinator has renewed it since this one took office.
    pub(crate) fn last_renewal(&self, worker: &WorkerId, run: &RunId) -> Option<Moment> {
        match self.known.get(worker) {
            Some(known) => {
                let any = known.processes.iter().any(|(of, _)| of == run);
                (any || !known.stands).then(|| known.renewed(self.sole_since))
            }
            None => Some(self.lost.get(worker).copied().unwrap_or(self.sole_since)),
        }
    }

    /// Sends something that is worth nothing later.
    pub(crate) fn send_now(&mut self, to: &WorkerId, message: CoordinatorMessage) {
        if let Some(worker) = self.known.get_mut(to) {
            worker.put(message, Vec::new(), 0);
        }
    }

    /// A worker's cluster began or ceased to answer. Runs that begin later have to know as well.
    pub(crate) fn cluster_ready(&mut self, worker: &WorkerId, ready: bool, detail: &str) {
        if let Some(worker) = self.known.get_mut(worker) {
            worker.unready = (!ready).then(|| detail.to_owned());
        }
    }

    /// The workers of a cluster, by the cluster's name, each with what the cluster answers to it
    /// while it is not ready.
    pub(crate) fn of_cluster<'a>(
        &'a self,
        name: &'a str,
    ) -> impl Iterator<Item = (&'a Hello, Option<&'a str>)> {
        let workers = self.known.values().filter(move |worker| worker.hello.cluster == name);
        workers.map(|worker| (&worker.hello, worker.unready.as_deref()))
    }

    /// An earlier coordinator may have renewed leases for so long after this one took office.
    pub(crate) fn expect_other_renewals(&mut self, after: Duration) {
        self.sole_since = Clock::OFFICE + after;
    }

    /// When a worker's lease can have been renewed last; `None` for one that is not here.
    pub(crate) fn renewed(&self, worker: &WorkerId) -> Option<Moment> {
        self.known.get(worker).map(|worker| worker.renewed(self.sole_since))
    }

    /// Takes out the workers that were silent for longer than this.
    pub(crate) fn expire(&mut self, patience: Duration, now: Moment) -> Vec<Hello> {
        let silent = |worker: &Worker| now.since(worker.renewed(self.sole_since)) > patience;
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
        let removed = self.known.remove(worker)?;
        self.lost.insert(worker.clone(), removed.renewed(self.sole_since));
        Some(removed.hello)
    }
}

impl Worker {
    /// When its lease can have been renewed last. One that has told how its processes stand obeys
    /// this coordinator and no earlier one; before, it may not even know that there is a new one.
    fn renewed(&self, sole_since: Moment) -> Moment {
        match self.stands {
            true => self.heard,
            false => self.heard.max(sole_since),
        }
    }

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
