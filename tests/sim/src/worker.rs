//! A worker: its conversation with whichever coordinator is in office, and its lease.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use multibeam_model::link::{ProcessNews, ProcessOrder, SessionFact};
use multibeam_model::outcome::ProcessEnd;
use multibeam_model::relay::{Inbox, Outbox};
use multibeam_model::{Epoch, Moment, ProcessId, SessionId, TargetId, WorkerId};

use crate::fault::Fault;
use crate::message::{Body, Frame, Hello, News, Order, Packet};
use crate::scale;
use crate::setting::Seat;
use crate::world::{Event, Host, Timer, World, note};

/// A worker's place, and the program there.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) seat: Seat,
    pub(crate) id: WorkerId,
    pub(crate) agent: Agent,
    /// It falls asleep after its next heartbeat, and is cut off for a while.
    pub(crate) nap: Option<(Duration, Duration)>,
}

/// What the program knows; nothing of it outlives the program.
#[derive(Debug, Default)]
pub(crate) struct Agent {
    epoch: Option<Epoch>,
    outbox: Outbox<News>,
    inbox: Inbox,
    stream: Option<u64>,
    welcomed: bool,
    /// Which coordinator is tried next.
    next: usize,
    /// The last sign of the coordinator.
    sign: Moment,
    /// When the last acknowledged heartbeat was sent.
    heard: Moment,
    /// Processes that still get orders.
    pub(crate) processes: BTreeSet<ProcessId>,
    /// Whether the before-suites that it knows of passed.
    pub(crate) facts: BTreeMap<SessionId, bool>,
    handover: Handover,
    ready: bool,
}

/// Which processes a new coordinator has to know the end of.
#[derive(Debug, Default)]
struct Handover {
    alive: BTreeSet<ProcessId>,
    before: BTreeSet<ProcessId>,
    owed: Option<Epoch>,
}

impl Worker {
    pub(crate) fn new(seat: Seat) -> Self {
        Self { seat, id: WorkerId(String::new()), agent: Agent::default(), nap: None }
    }
}

impl Agent {
    /// Whether a process is one that this program has started.
    pub(crate) fn knows(&self, process: ProcessId) -> bool {
        self.handover.alive.contains(&process)
    }
}

impl World {
    fn worker(&mut self, host: Host) -> &mut Worker {
        let n = host - self.setting.nodes - self.setting.coordinators;
        &mut self.workers[n]
    }

    pub(crate) fn agent(&mut self, host: Host) -> &mut Agent {
        &mut self.worker(host).agent
    }

    pub(crate) fn start_worker(&mut self, n: usize) {
        let host = self.worker_host(n);
        if self.machines[host].up {
            return;
        }
        self.boot(host);
        let number = self.number();
        let now = self.local(host);
        let next = self.rng.place(self.setting.coordinators);
        let worker = &mut self.workers[n];
        worker.id = WorkerId(format!("w{n}-{number}"));
        worker.agent = Agent { heard: now, sign: now, ready: true, next, ..Agent::default() };
        self.set_guard(host);
        let after = self.some_ms(0, 2_000);
        self.wake(host, after, Timer::Connect);
        self.wake(host, after, Timer::Heartbeat);
    }

    pub(crate) fn kill_worker(&mut self, n: usize) {
        let host = self.worker_host(n);
        if !self.machines[host].up {
            return;
        }
        self.seen.count("worker killed");
        note!(self, "worker{n} ({}) is killed", self.workers[n].id);
        self.halt(host);
        // Its guards see the end of their pipes.
        for process in self.suites_of(host) {
            self.kill(host, process, ProcessEnd::Signal(9), 60);
        }
        self.workers[n].agent = Agent::default();
    }

    // === the stream ===

    pub(crate) fn connect(&mut self, host: Host) {
        let now = self.local(host);
        if self.agent(host).stream.is_some() {
            return;
        }
        let to = self.coordinator_host(self.workers[host - self.worker_host(0)].agent.next);
        let stream = self.open_stream(host, to);
        let worker = self.worker(host);
        worker.agent.stream = Some(stream);
        worker.agent.welcomed = false;
        worker.agent.sign = now;
        let hello = Hello {
            worker: worker.id.clone(),
            cluster: worker.seat.cluster,
            slots: worker.seat.slots,
        };
        self.send_within(host, stream, Packet::Connect { stream, hello });
    }

    pub(crate) fn worker_lost_stream(&mut self, host: Host, stream: u64) {
        let coordinators = self.setting.coordinators;
        self.streams.remove(&stream);
        let agent = self.agent(host);
        if agent.stream != Some(stream) {
            return;
        }
        agent.stream = None;
        agent.welcomed = false;
        agent.next = (agent.next + 1) % coordinators;
        let pause = self.some_ms(50, 700);
        self.wake(host, pause, Timer::Connect);
    }

    /// The coordinator has given this worker up: it comes back as a new one.
    pub(crate) fn turned_away(&mut self, host: Host, stream: u64) {
        let n = host - self.worker_host(0);
        if self.agent(host).stream != Some(stream) {
            return;
        }
        self.seen.count("worker begins anew");
        note!(self, "worker{n} was given up and begins anew");
        self.halt(host);
        for process in self.suites_of(host) {
            self.kill(host, process, ProcessEnd::Signal(9), 60);
        }
        self.workers[n].agent = Agent::default();
        let after = self.some_ms(200, 2_000);
        self.at(after, Event::Trouble(crate::trouble::Trouble::StartWorker(n)));
    }

    pub(crate) fn order_arrives(&mut self, host: Host, stream: u64, frame: Frame) {
        let now = self.local(host);
        let twice = self.fault == Some(Fault::OrderTwice);
        let any_epoch = self.fault == Some(Fault::EpochsIgnored);
        let agent = self.agent(host);
        if agent.stream != Some(stream) {
            return;
        }
        agent.sign = now;
        agent.outbox.acknowledge(frame.acknowledged);
        let Body::Order(order) = frame.body else { return };
        if let Order::Welcome { epoch } = &order {
            let older = agent.epoch.is_some_and(|highest| *epoch < highest);
            if older && !any_epoch {
                self.seen.count("old coordinator ignored");
                return self.worker_lost_stream(host, stream);
            }
            if agent.epoch != Some(*epoch) {
                // Another coordinator numbers its messages anew.
                agent.inbox = Inbox::default();
            }
            agent.welcomed = true;
            if older {
                let why = format!("a worker obeys epoch {epoch} after a newer one");
                return self.rules.breaks(why);
            }
            let again: Vec<(u64, News)> = agent
                .outbox
                .unacknowledged()
                .map(|(number, news)| (number, news.clone()))
                .collect();
            let acknowledged = agent.inbox.last();
            for (number, news) in again {
                let frame = Frame { number, acknowledged, body: Body::News(news) };
                self.send_frame(host, stream, frame);
            }
        }
        let new = frame.number == 0 || self.agent(host).inbox.accept(frame.number);
        if !new {
            self.seen.count("order came twice");
        }
        if new || twice {
            self.obey(host, order);
        }
    }

    fn obey(&mut self, host: Host, order: Order) {
        match order {
            Order::Welcome { epoch } => self.welcomed(host, epoch),
            Order::HeartbeatAck { sent_at } => self.renew(host, sent_at),
            Order::Prepare { target } => {
                let after = self.some_ms(100, 2_500);
                self.wake(host, after, Timer::Discovered { target });
            }
            Order::Process { process, order: ProcessOrder::Start(start) } => {
                self.start_suite(host, process, start);
            }
            Order::Process { process, order } => {
                if self.agent(host).processes.contains(&process) {
                    self.order_suite(host, process, order);
                }
            }
            Order::Fact { session, fact } => self.learn_fact(host, session, &fact),
            Order::CleanUp { process } => {
                let after = self.some_ms(50, 3_000);
                self.wake(host, after, Timer::Cleaned { process });
            }
            Order::Forget => self.forget(host),
        }
    }

    fn welcomed(&mut self, host: Host, epoch: Epoch) {
        let early = self.fault == Some(Fault::SettledTooEarly);
        let agent = self.agent(host);
        if agent.epoch == Some(epoch) {
            return;
        }
        let newer = agent.epoch.is_none_or(|highest| epoch > highest);
        agent.epoch = Some(epoch);
        if !newer {
            return;
        }
        agent.handover.before = agent.handover.alive.clone();
        agent.handover.owed = Some(epoch);
        if !agent.handover.before.is_empty() {
            self.seen.count("processes of an old epoch ended");
            if early {
                self.say(host, News::Settled { epoch });
            }
        }
        self.forget(host);
        if !self.agent(host).ready {
            self.say(host, News::ClusterReady { ready: false });
        }
        self.tell_settled(host);
    }

    fn tell_settled(&mut self, host: Host) {
        let handover = &mut self.agent(host).handover;
        if handover.before.is_empty()
            && let Some(epoch) = handover.owed.take()
        {
            self.say(host, News::Settled { epoch });
        }
    }

    /// Ends what runs, without waiting for what is on its way to the ledger.
    fn forget(&mut self, host: Host) {
        let processes = std::mem::take(&mut self.agent(host).processes);
        for process in processes {
            // Mostly at once, but a tree that waits for its disk takes its time.
            let most = if self.rng.chance(6) { 3_000 } else { 60 };
            self.kill(host, process, ProcessEnd::Signal(9), most);
        }
    }

    pub(crate) fn begun(&mut self, host: Host, process: ProcessId) {
        let agent = self.agent(host);
        agent.processes.insert(process);
        agent.handover.alive.insert(process);
    }

    /// A process is gone with all its descendants.
    pub(crate) fn gone(&mut self, host: Host, process: ProcessId) {
        let agent = self.agent(host);
        agent.processes.remove(&process);
        agent.handover.alive.remove(&process);
        agent.handover.before.remove(&process);
        self.tell_settled(host);
    }

    // === what it says ===

    pub(crate) fn say(&mut self, host: Host, news: News) {
        let agent = self.agent(host);
        let number = match news {
            News::Heartbeat { .. } => 0,
            _ => agent.outbox.push(news.clone()),
        };
        let acknowledged = agent.inbox.last();
        if let Some(stream) = agent.stream.filter(|_| agent.welcomed) {
            let frame = Frame { number, acknowledged, body: Body::News(news) };
            self.send_frame(host, stream, frame);
        }
    }

    /// News of a process come in order, behind the report that is on its way to the ledger.
    pub(crate) fn tell(&mut self, host: Host, process: ProcessId, news: ProcessNews) {
        if let Some(suite) = self.suite_mut(host, process).filter(|it| it.shipping.is_some()) {
            return suite.unheard.push(news);
        }
        self.say(host, News::Process { process, news });
    }

    pub(crate) fn discovered(&mut self, host: Host, target: TargetId) {
        self.say(host, News::Prepared { target });
    }

    pub(crate) fn cleaned(&mut self, host: Host, process: ProcessId) {
        self.say(host, News::CleanedUp { process });
    }

    /// The worker's cluster begins or ceases to answer.
    pub(crate) fn ready(&mut self, host: Host, ready: bool) {
        if self.machines[host].up {
            self.agent(host).ready = ready;
            self.say(host, News::ClusterReady { ready });
        }
    }

    pub(crate) fn heartbeat(&mut self, host: Host) {
        let now = self.local(host);
        let every = self.setting.shape.limits.heartbeat;
        self.wake(host, every, Timer::Heartbeat);
        let agent = self.agent(host);
        match agent.stream {
            Some(stream) if now.since(agent.sign) > scale::STREAM => {
                self.seen.count("silent coordinator left");
                self.close_stream(host, stream, false);
                self.worker_lost_stream(host, stream);
            }
            Some(_) => {
                self.say(host, News::Heartbeat { sent_at: now });
                if let Some((asleep, apart)) = self.worker(host).nap.take().filter(|_| !self.healed)
                {
                    self.nap(host, asleep, apart);
                }
            }
            None => self.connect(host),
        }
    }

    // === the lease ===

    fn renew(&mut self, host: Host, sent_at: Moment) {
        let now = self.local(host);
        let from = if self.fault == Some(Fault::LeaseFromReceipt) { now } else { sent_at };
        let agent = self.agent(host);
        agent.heard = agent.heard.max(from);
        self.set_guard(host);
    }

    /// The guards are told when the lease ends.
    fn set_guard(&mut self, host: Host) {
        let now = self.local(host);
        let deadline = self.agent(host).heard + self.setting.shape.limits.lease;
        let machine = &self.machines[host];
        let (life, real) = (machine.life, machine.clock.real(deadline.since(now)));
        self.at(real, Event::Guard { host, life });
    }

    pub(crate) fn lease_is_over(&mut self, host: Host) -> bool {
        let lease = self.setting.shape.limits.lease;
        let now = self.local(host);
        now >= self.agent(host).heard + lease
    }

    /// The guards look at the clock; a paused worker cannot keep them from it.
    pub(crate) fn guard(&mut self, host: Host, life: u32) {
        let over = self.machines[host].life == life && self.lease_is_over(host);
        if !over || self.fault == Some(Fault::GuardSleeps) {
            return;
        }
        for process in self.suites_of(host) {
            self.seen.count("killed at the end of the lease");
            self.kill(host, process, ProcessEnd::LeaseExpired, 60);
        }
    }

    pub(crate) fn learn_fact(&mut self, host: Host, session: SessionId, fact: &SessionFact) {
        if let SessionFact::BeforeSuite { state, .. } = fact {
            let passed = !state.is_failure();
            self.agent(host).facts.entry(session).or_insert(passed);
            self.go_on_after_fact(host, session);
        }
    }
}
