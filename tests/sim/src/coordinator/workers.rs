//! The workers that the coordinator in office knows, and the numbered delivery to each.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use multibeam_model::link::{ProcessNews, ProcessOrder};
use multibeam_model::relay::{Inbox, Outbox};
use multibeam_model::{Moment, ProcessId, WorkerId};

use super::Stage;
use crate::fault::Fault;
use crate::message::{Body, Frame, Hello, News, Order, Packet};
use crate::world::{Host, World, note};

/// All workers.
#[derive(Debug, Default)]
pub(crate) struct Workers {
    known: BTreeMap<WorkerId, Known>,
    /// Those given up, and when they were last heard from; they may not come back as they were.
    lost: BTreeMap<WorkerId, Moment>,
}

/// One worker.
#[derive(Debug)]
struct Known {
    hello: Hello,
    outbox: Outbox<Order>,
    inbox: Inbox,
    stream: Option<u64>,
    heard: Moment,
    unready: bool,
    /// Nothing that an earlier coordinator had it start lives any more.
    settled: bool,
    /// What this coordinator had it start and has not heard the end of.
    processes: BTreeSet<ProcessId>,
}

impl Workers {
    /// When the processes that a worker may still have can have had their lease renewed last;
    /// `None` when it has none. `sole` is since when nobody else can have renewed anything.
    pub(super) fn last_renewal(&self, worker: &WorkerId, sole: Moment) -> Option<Moment> {
        match self.known.get(worker) {
            Some(known) => {
                (!known.processes.is_empty() || !known.settled).then(|| known.renewed(sole))
            }
            None => Some(self.lost.get(worker).copied().unwrap_or(sole)),
        }
    }

    pub(super) fn all(&self) -> Vec<(Hello, bool)> {
        self.known.values().map(|known| (known.hello.clone(), known.unready)).collect()
    }
}

impl Known {
    /// When its lease can have been renewed last. Before it settles it may not even know that there
    /// is a new coordinator.
    fn renewed(&self, sole: Moment) -> Moment {
        match self.settled {
            true => self.heard,
            false => self.heard.max(sole),
        }
    }
}

impl World {
    pub(crate) fn connected(&mut self, host: Host, stream: u64, hello: Hello) {
        let Some(from) = self.streams.get(&stream).map(|stream| stream.worker) else { return };
        if !self.stream_holds(from, host, stream) || !self.is_coordinator(host) {
            return;
        }
        let n = host - self.setting.nodes;
        let now = self.local(host);
        let fresh = self.is_fresh(n) || self.fault == Some(Fault::AcksOutOfOffice);
        let Some(office) = self.office(n).filter(|_| fresh) else {
            return self.close_stream(host, stream, false);
        };
        if office.workers.lost.contains_key(&hello.worker) {
            self.seen.count("worker turned away");
            return self.close_stream(host, stream, true);
        }
        let epoch = office.epoch;
        let new = !office.workers.known.contains_key(&hello.worker);
        let known = office.workers.known.entry(hello.worker.clone()).or_insert_with(|| Known {
            hello: hello.clone(),
            outbox: Outbox::default(),
            inbox: Inbox::default(),
            stream: None,
            heard: now,
            unready: false,
            settled: false,
            processes: BTreeSet::new(),
        });
        known.heard = now;
        let old = known.stream.replace(stream);
        let again: Vec<(u64, Order)> =
            known.outbox.unacknowledged().map(|(number, order)| (number, order.clone())).collect();
        let acknowledged = known.inbox.last();
        if !new {
            self.seen.count("worker came back");
        }
        if let Some(old) = old {
            self.streams.remove(&old);
        }
        let mut frames = vec![(0, Order::Welcome { epoch })];
        frames.extend(again);
        for (number, order) in frames {
            let frame = Frame { number, acknowledged, body: Body::Order(order) };
            self.send_frame(host, stream, frame);
        }
        if new {
            note!(self, "coordinator{n} welcomes {}", hello.worker);
            self.worker_joins(n, &hello, false);
        }
    }

    pub(crate) fn news_arrive(&mut self, host: Host, stream: u64, frame: Frame) {
        let n = host - self.setting.nodes;
        let now = self.local(host);
        let Some(office) = self.office(n) else { return };
        let found = office.workers.known.iter_mut().find(|(_, known)| known.stream == Some(stream));
        let Some((worker, known)) = found else { return };
        let worker = worker.clone();
        known.heard = now;
        known.outbox.acknowledge(frame.acknowledged);
        let new = frame.number == 0 || known.inbox.accept(frame.number);
        let Body::News(news) = frame.body else { return };
        if !new {
            // The welcome tells what has arrived, so this is rare.
            return;
        }
        self.said(n, &worker, news);
    }

    fn said(&mut self, n: usize, worker: &WorkerId, news: News) {
        match news {
            News::Heartbeat { sent_at } => {
                if self.is_fresh(n) || self.fault == Some(Fault::AcksOutOfOffice) {
                    self.send_now(n, worker, Order::HeartbeatAck { sent_at });
                }
            }
            News::Prepared { target } => self.prepared(n, worker, target),
            News::Process { process, news } => {
                if matches!(news, ProcessNews::Ended { .. })
                    && let Some(known) = self.known(n, worker)
                {
                    known.processes.remove(&process);
                    self.settle_doubt(n);
                }
                self.process_news(n, process, news);
            }
            News::ClusterReady { ready } => {
                if let Some(known) = self.known(n, worker) {
                    known.unready = !ready;
                }
                self.cluster_ready(n, worker, ready);
            }
            News::CleanedUp { process } => self.cleaned_up(n, process),
            News::Settled { epoch } => {
                let Some(office) = self.office(n).filter(|office| office.epoch == epoch) else {
                    return;
                };
                if let Some(known) = office.workers.known.get_mut(worker) {
                    known.settled = true;
                }
                self.settle_doubt(n);
            }
        }
    }

    fn known(&mut self, n: usize, worker: &WorkerId) -> Option<&mut Known> {
        self.office(n)?.workers.known.get_mut(worker)
    }

    pub(crate) fn coordinator_lost_stream(&mut self, host: Host, stream: u64) {
        let n = host - self.setting.nodes;
        self.streams.remove(&stream);
        let Some(office) = self.office(n) else { return };
        for known in office.workers.known.values_mut() {
            known.stream.take_if(|open| *open == stream);
        }
    }

    pub(super) fn close_streams(&mut self, n: usize) {
        let host = self.coordinator_host(n);
        let Some(office) = self.office(n) else { return };
        let open = office.workers.known.values_mut().filter_map(|known| known.stream.take());
        for stream in open.collect::<Vec<_>>() {
            self.close_stream(host, stream, false);
        }
    }

    /// Sends something that has to arrive.
    pub(super) fn send_order(&mut self, n: usize, worker: &WorkerId, order: Order) {
        let host = self.coordinator_host(n);
        let Some(known) = self.known(n, worker) else { return };
        if let Order::Process { process, order: ProcessOrder::Start(_) } = &order {
            known.processes.insert(*process);
        }
        let number = known.outbox.push(order.clone());
        let acknowledged = known.inbox.last();
        if let Some(stream) = known.stream {
            let frame = Frame { number, acknowledged, body: Body::Order(order) };
            self.send_frame(host, stream, frame);
        }
    }

    /// Sends something that is worth nothing later.
    fn send_now(&mut self, n: usize, worker: &WorkerId, order: Order) {
        let host = self.coordinator_host(n);
        let Some(known) = self.known(n, worker) else { return };
        let acknowledged = known.inbox.last();
        if let Some(stream) = known.stream {
            let frame = Frame { number: 0, acknowledged, body: Body::Order(order) };
            self.send_within(host, stream, Packet::Frame { stream, frame });
        }
    }

    /// Gives up the workers that were silent for longer than their lease and its margin.
    pub(super) fn expire_workers(&mut self, n: usize) {
        let now = self.local(self.coordinator_host(n));
        let patience = self.patience();
        let Some(office) = self.office(n) else { return };
        let sole = office.sole_since();
        let silent = |known: &Known| now.since(known.renewed(sole)) > patience;
        let known = office.workers.known.iter();
        let gone: Vec<WorkerId> =
            known.filter(|(_, known)| silent(known)).map(|(id, _)| id.clone()).collect();
        for worker in gone {
            if let Some(known) =
                self.office(n).and_then(|office| office.workers.known.remove(&worker))
            {
                if let Some(office) = self.office(n) {
                    office.workers.lost.insert(worker.clone(), known.renewed(sole));
                }
                self.seen.count("worker given up");
                self.check_nothing_lives(n, &worker);
                note!(self, "coordinator{n} gives {worker} up");
                self.worker_lost(n, &worker);
            }
        }
    }

    /// The point of leases and margins: what is given up is dead.
    fn check_nothing_lives(&mut self, n: usize, worker: &WorkerId) {
        let newest = self.rules.state.epoch();
        if self.office(n).is_none_or(|office| office.epoch != newest) {
            // Nobody will listen.
            return;
        }
        let here = self.workers.iter().position(|it| it.id == *worker);
        let Some(host) = here.map(|n| self.worker_host(n)) else { return };
        let lives = self.suites.iter().find(|((on, _), suite)| *on == host && !suite.dead);
        if let Some(((_, process), _)) = lives {
            self.rules.breaks(format!("{worker} is given up, but its process {process} lives"));
        }
    }

    pub(super) fn patience(&self) -> Duration {
        let limits = &self.setting.shape.limits;
        if self.fault == Some(Fault::NoMargin) { limits.lease } else { limits.patience() }
    }

    /// The run is over, or not this coordinator's any more.
    pub(super) fn release_workers(&mut self, n: usize) {
        let Some(office) = self.office(n) else { return };
        let Stage::Active(run) = &mut office.stage else { return };
        let workers: Vec<WorkerId> = std::mem::take(&mut run.workers).into_keys().collect();
        for worker in workers {
            self.send_order(n, &worker, Order::Forget);
        }
    }
}
