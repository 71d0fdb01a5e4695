//! Virtual time, messages, faults, and the rules that are checked.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use multibeam_model::adopt::Roster;
use multibeam_model::link::{ProcessNews, ProcessOrder};
use multibeam_model::outcome::Verdict;
use multibeam_model::{
    AttemptId, Cause, ClusterId, Moment, ProcessId, RunId, SessionId, TargetId, WorkerId,
};
use multibeam_sched::{Input, Order, Recovered, Scheduler};

use super::Rng;
use super::ledger::Ledger;
use super::plan::Setting;
use super::process::SimProcess;

/// Something that will happen.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// The scheduler is told.
    Tell(Input),
    /// A worker's message to the coordinator of an epoch arrives, if the worker is still known.
    News(u64, WorkerId, Input),
    /// An order of the coordinator of an epoch arrives.
    Order(u64, Order),
    Fact(u64, WorkerId, SessionId, bool),
    /// A process's timer; void unless its generation is this one.
    Timer(ProcessId, u64),
    Join(ClusterId, u32),
    LoseWorker(WorkerId),
    Unready(ClusterId, bool),
    Cancel(bool),
    Restart,
    /// The coordinator dies; another one takes over after this time.
    Die(Duration),
    /// A coordinator takes office and reads the ledger.
    Office(u64),
    /// It begins to serve with what it has read.
    Serve(u64, Box<Recovered>),
    /// A worker comes to the coordinator of an epoch.
    Connect(u64, WorkerId),
    /// A worker has lost its lease, unless it has come to a coordinator after this epoch.
    LeaseOver(u64, WorkerId),
}

pub(crate) struct SimWorker {
    pub(crate) cluster: ClusterId,
    pub(crate) slots: u32,
    /// Sessions whose before-suite state it knows: whether it passed.
    pub(crate) facts: BTreeMap<SessionId, bool>,
    /// The coordinator that it speaks with, or spoke with last.
    pub(crate) epoch: u64,
    pub(crate) roster: Roster,
    to: Moment,
    from: Moment,
}

pub(crate) struct World {
    pub(crate) rng: Rng,
    pub(crate) setting: Setting,
    pub(crate) now: Moment,
    pub(crate) sched: Scheduler,
    /// After so many routine news everything is looked at; by size when absent.
    pub(crate) seldom: Option<usize>,
    pub(crate) ledger: Ledger,
    pub(crate) workers: BTreeMap<WorkerId, SimWorker>,
    pub(crate) processes: BTreeMap<ProcessId, SimProcess>,
    pub(crate) unready: BTreeSet<ClusterId>,
    pub(crate) seen: BTreeMap<&'static str, u32>,
    pub(crate) ended: BTreeMap<TargetId, (Verdict, Option<Cause>)>,
    pub(crate) over: Option<Verdict>,
    pub(crate) trace: Vec<String>,
    pub(crate) queue: BTreeMap<(Moment, u64), Event>,
    /// Counts the coordinators.
    pub(crate) epoch: u64,
    /// No coordinator serves.
    pub(crate) down: bool,
    /// So many decisions will be durable before the coordinator dies, and how long nobody follows.
    pub(crate) doomed: Option<(u64, Duration)>,
    /// What a worker told is being taken in.
    pub(crate) adopting: bool,
    seq: u64,
    joined: u32,
    /// Specs that run, by process.
    pub(crate) running: BTreeMap<ProcessId, AttemptId>,
    /// Attempts that ever began.
    pub(crate) begun: BTreeSet<AttemptId>,
    pub(crate) cancelled: bool,
    pub(crate) sessions: BTreeMap<SessionId, (TargetId, ClusterId)>,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = Rng(seed);
        let setting = Setting::random(&mut rng);
        let mut world = Self::with(setting, rng);
        // Half of the worlds go the way of those with many processes.
        world.seldom = (seed % 2 == 1).then_some(seed as usize / 2 % 12);
        world.begin_scheduler(None);
        world
    }

    /// A new scheduler, of this run.
    pub(super) fn begin_scheduler(&mut self, past: Option<Recovered>) {
        self.sched = Scheduler::new(self.setting.shape.clone(), past);
        if let Some(news) = self.seldom {
            self.sched.look_seldom(news, Duration::from_millis(400) * news as u32);
        }
    }

    pub(crate) fn with(setting: Setting, rng: Rng) -> Self {
        let sched = Scheduler::new(setting.shape.clone(), None);
        let mut world = Self {
            rng,
            now: Moment(1),
            sched,
            seldom: None,
            ledger: Ledger::default(),
            workers: BTreeMap::new(),
            processes: BTreeMap::new(),
            unready: BTreeSet::new(),
            seen: BTreeMap::new(),
            ended: BTreeMap::new(),
            begun: BTreeSet::new(),
            over: None,
            trace: Vec::new(),
            queue: BTreeMap::new(),
            epoch: 1,
            down: false,
            doomed: None,
            adopting: false,
            seq: 0,
            joined: 0,
            running: BTreeMap::new(),
            cancelled: false,
            sessions: BTreeMap::new(),
            setting,
        };
        world.schedule();
        world
    }

    fn schedule(&mut self) {
        let s = self.setting.clone();
        for (cluster, slots, at) in s.workers {
            self.at(at, Event::Join(cluster, slots));
        }
        for target in s.groups.keys() {
            let after = Duration::from_millis(self.rng.range(0, 5_000));
            self.at(after, Event::Tell(Input::TargetPrepared(self.setting.plan(*target))));
        }
        for (cluster, from, to) in s.unready {
            self.at(from, Event::Unready(cluster, false));
            if let Some(to) = to {
                self.at(to, Event::Unready(cluster, true));
            }
        }
        for (at, event) in [
            (s.cancel, Event::Cancel(false)),
            (s.force, Event::Cancel(true)),
            (s.restart, Event::Restart),
        ] {
            if let Some(at) = at {
                self.at(at, event);
            }
        }
        if let Some((target, cluster, at)) = s.refuse_cluster {
            let reason = "wrong version".to_owned();
            let input = Input::ClusterRefused { target, cluster, reason };
            self.at(at, Event::Tell(input));
        }
        for (at, gap) in s.takeovers {
            self.at(at, Event::Die(gap));
        }
        self.at(Duration::ZERO, Event::Tell(Input::Tick));
    }

    pub(crate) fn at(&mut self, after: Duration, event: Event) {
        self.at_moment(self.now + after, event);
    }

    fn at_moment(&mut self, at: Moment, event: Event) {
        self.seq += 1;
        self.queue.insert((at, self.seq), event);
    }

    pub(crate) fn latency(&mut self) -> Duration {
        let (low, high) = self.setting.latency;
        Duration::from_micros(self.rng.range(low, high))
    }

    pub(crate) fn saw(&mut self, what: &'static str) {
        *self.seen.entry(what).or_default() += 1;
    }

    /// Runs to the end of the run.
    pub(crate) fn run(&mut self) {
        let mut steps = 0u64;
        while self.over.is_none() {
            steps += 1;
            assert!(steps < 200_000, "the run does not end");
            assert!(self.now < Moment(400_000_000_000), "the run takes too long");
            let next = self.queue.keys().next().map(|(at, _)| *at);
            let deadline = self.sched.next_deadline().filter(|_| !self.down);
            match (next, deadline) {
                (Some(next), Some(deadline)) if deadline < next => self.tick(deadline),
                (None, Some(deadline)) => self.tick(deadline),
                (None, None) => panic!("stuck: nothing will ever happen\n{:#?}", self.sched),
                (Some(_), _) => {
                    let ((at, _), event) = self.queue.pop_first().expect("looked at before");
                    self.now = self.now.max(at);
                    self.step(event);
                }
            }
        }
        self.check_end();
    }

    fn tick(&mut self, at: Moment) {
        self.now = self.now.max(at);
        self.tell(Input::Tick);
    }

    fn step(&mut self, event: Event) {
        match event {
            Event::Tell(input) => self.tell(input),
            Event::News(epoch, worker, input) => {
                if epoch == self.epoch && self.workers.contains_key(&worker) {
                    self.tell(input);
                }
            }
            Event::Order(epoch, order) => {
                if self.speaks_with(&order.worker, epoch) {
                    self.order(order);
                }
            }
            Event::Fact(epoch, id, session, passed) => {
                if self.speaks_with(&id, epoch)
                    && let Some(worker) = self.workers.get_mut(&id)
                {
                    worker.facts.entry(session).or_insert(passed);
                    self.poke_session(session);
                }
            }
            Event::Timer(process, generation) => self.timer(process, generation),
            Event::Join(cluster, slots) => self.join(cluster, slots),
            Event::LoseWorker(worker) => self.lose_worker(&worker),
            Event::Unready(cluster, ready) => {
                self.saw("unready");
                if ready {
                    self.unready.remove(&cluster);
                } else {
                    self.unready.insert(cluster);
                }
                self.tell(Input::ClusterReady { cluster, ready });
            }
            Event::Cancel(force) => {
                self.saw(if force { "forced" } else { "cancelled" });
                self.ledger.cancelled = self.ledger.cancelled.max(Some(force));
                // The command is in the ledger before the scheduler hears of it.
                let input = Input::Cancel { force };
                let after = self.latency();
                self.at(after, Event::Tell(input));
            }
            Event::Restart => self.restart(),
            Event::Die(gap) => self.doom(gap),
            Event::Office(epoch) => self.take_office(epoch),
            Event::Serve(epoch, recovered) => self.serve(epoch, *recovered),
            Event::Connect(epoch, worker) => self.come_to(epoch, &worker),
            Event::LeaseOver(epoch, worker) => self.lease_over(epoch, &worker),
        }
    }

    pub(crate) fn join(&mut self, cluster: ClusterId, slots: u32) {
        self.joined += 1;
        let worker = WorkerId(format!("w{:03}", self.joined));
        let sim = SimWorker {
            cluster,
            slots,
            facts: BTreeMap::new(),
            epoch: if self.down { 0 } else { self.epoch },
            roster: Roster::default(),
            to: self.now,
            from: self.now,
        };
        self.workers.insert(worker.clone(), sim);
        let input = Input::WorkerJoined { worker: worker.clone(), cluster, slots };
        self.tell(input);
        self.prepare(&worker, 0);
        if self.rng.chance(self.setting.faults.worker_loss) && self.joined < 12 {
            let after = Duration::from_millis(self.rng.range(100, 400_000));
            self.at(after, Event::LoseWorker(worker));
        }
    }

    /// The worker and its processes are gone at once; the scheduler is told after the lease.
    pub(crate) fn lose_worker(&mut self, id: &WorkerId) {
        let Some(worker) = self.workers.remove(id) else { return };
        let known = worker.epoch == self.epoch && !self.down;
        let gone: Vec<_> =
            self.processes.values().filter(|p| p.worker == *id).map(|p| p.id).collect();
        for process in gone {
            self.processes.remove(&process);
            self.running.remove(&process);
        }
        let lease = Duration::from_secs(if self.rng.chance(30) { 0 } else { 71 });
        if known {
            self.at(lease, Event::Tell(Input::WorkerLost { worker: id.clone() }));
        }
        if self.rng.chance(60) {
            let after = Duration::from_millis(self.rng.range(0, 100_000));
            self.at(after, Event::Join(worker.cluster, worker.slots));
        }
    }

    // === messages ===

    /// A worker's message: they arrive in order.
    pub(crate) fn news(&mut self, process: ProcessId, worker: &WorkerId, news: ProcessNews) {
        let now = self.now;
        if let Some(worker) = self.workers.get_mut(worker) {
            worker.roster.told(&RunId::from("r"), process, &news, now);
        }
        self.hear(worker, Input::Process { process, news });
    }

    pub(crate) fn hear(&mut self, id: &WorkerId, input: Input) {
        let at = self.now + self.latency();
        let Some(worker) = self.workers.get_mut(id) else { return };
        worker.from = worker.from.max(at);
        let (at, epoch) = (worker.from, worker.epoch);
        self.at_moment(at, Event::News(epoch, id.clone(), input));
    }

    pub(crate) fn reach(&mut self, id: &WorkerId, event: Event) {
        let at = self.now + self.latency();
        let Some(worker) = self.workers.get_mut(id) else { return };
        worker.to = worker.to.max(at);
        let at = worker.to;
        self.at_moment(at, event);
    }

    pub(crate) fn tell(&mut self, input: Input) {
        if self.down {
            return;
        }
        if matches!(input, Input::Cancel { .. }) {
            self.cancelled = true;
        }
        self.adopting = matches!(input, Input::Adopt { .. });
        let mut out = Vec::new();
        self.sched.handle(self.now, input, &mut out);
        if self.sched.puts_off() {
            self.saw("a look put off");
        }
        for output in out {
            if self.dies_now() {
                return;
            }
            self.trace.push(format!("{} {output:?}", self.now.0));
            self.perform(output);
        }
    }

    fn order(&mut self, order: Order) {
        let Some(worker) = self.workers.get_mut(&order.worker) else { return };
        worker.roster.ordered(&RunId::from("r"), order.process, &order.order);
        if let ProcessOrder::Start(start) = &order.order {
            assert!(order.process.number.0 <= start.total && start.total >= 2);
            if order.process.incarnation > 1 {
                self.saw(if order.process.number.is_first() {
                    "process 1 again"
                } else {
                    "process again"
                });
            }
            if start.total == order.process.number.0 && start.total > 2 && !start.facts.is_empty() {
                self.saw("late process");
            }
            let spawned = SimProcess::new(order.process, order.worker.clone(), start);
            if let Some(fact) = start.facts.iter().find_map(SimProcess::fact_of) {
                let worker = self.workers.get_mut(&order.worker).expect("looked at before");
                worker.facts.entry(order.process.session).or_insert(fact);
            }
            assert!(self.processes.insert(order.process, spawned).is_none());
        }
        self.obey(order.process, order.order);
    }
}
