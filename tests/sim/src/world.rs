//! Virtual time, machines, and one queue of everything that will happen.

use std::collections::BTreeMap;
use std::time::Duration;

use multibeam_model::{Moment, ProcessId};

use crate::aggregator::Aggregator;
use crate::client::Call;
use crate::clock::Clock;
use crate::coordinator::Coordinator;
use crate::fault::Fault;
use crate::message::{Frame, Packet};
use crate::net::{FASTEST, Net};
use crate::rng::Rng;
use crate::rules::Rules;
use crate::seen::Seen;
use crate::setting::Setting;
use crate::stream::Stream;
use crate::suite::Suite;
use crate::transfer::Transfer;
use crate::trouble::Trouble;
use crate::worker::Worker;

/// A machine: nodes come first, then coordinators, then workers.
pub(crate) type Host = usize;

/// Something that will happen.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// A message arrives.
    Arrival { from: Host, to: Host, packet: Packet },
    /// A paused program reads what came meanwhile.
    Unread { to: Host, stream: u64, frame: Frame },
    /// A program's own timer; void in its next life.
    Timer { host: Host, life: u32, timer: Timer },
    /// A suite process does its next step; void unless its generation is this one.
    Suite { host: Host, process: ProcessId, generation: u64 },
    /// A worker's guards look whether the lease is over.
    Guard { host: Host, life: u32 },
    /// A state on its way from node to node goes on.
    Transfer(u64),
    /// Something goes wrong, or is mended.
    Trouble(Trouble),
}

/// What a program waits for.
#[derive(Clone, Debug)]
pub(crate) enum Timer {
    /// A node's election clock.
    Tick,
    /// A node's disk has done what it was asked.
    Disk,
    /// A call was not answered in time.
    Call {
        call: u64,
        attempt: u32,
    },
    /// A call is tried again.
    Retry {
        call: u64,
    },
    /// A coordinator looks at its office: it claims, attends, gives silent workers up.
    Claim,
    Attend,
    LeaseCheck,
    /// The scheduler wanted to be woken.
    Scheduler {
        generation: u64,
    },
    /// A worker connects, says that it lives.
    Connect,
    Heartbeat,
    /// A stream turns out to be broken.
    Broken {
        stream: u64,
    },
    /// A worker has discovered a target; has cleaned up after a process.
    Discovered {
        target: multibeam_model::TargetId,
    },
    Cleaned {
        process: ProcessId,
    },
    /// A worker hears of one of its suite processes.
    Heard {
        process: ProcessId,
        heard: crate::suite::Heard,
    },
}

/// One machine and the program on it.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) clock: Clock,
    pub(crate) up: bool,
    pub(crate) life: u32,
    pub(crate) paused: bool,
    /// The whole machine sleeps: what is sent to it is lost.
    pub(crate) asleep: bool,
    /// What came while it was paused.
    deferred: Vec<Event>,
}

/// Everything.
pub(crate) struct World {
    pub(crate) rng: Rng,
    pub(crate) setting: Setting,
    pub(crate) fault: Option<Fault>,
    pub(crate) now: Moment,
    pub(crate) machines: Vec<Machine>,
    pub(crate) net: Net,
    pub(crate) nodes: Vec<Aggregator>,
    pub(crate) coordinators: Vec<Coordinator>,
    pub(crate) workers: Vec<Worker>,
    pub(crate) suites: BTreeMap<(Host, ProcessId), Suite>,
    pub(crate) streams: BTreeMap<u64, Stream>,
    pub(crate) calls: BTreeMap<u64, Call>,
    pub(crate) transfers: BTreeMap<u64, Transfer>,
    pub(crate) unready: Vec<bool>,
    pub(crate) rules: Rules,
    pub(crate) seen: Seen,
    pub(crate) trace: Option<Vec<String>>,
    pub(crate) healed: bool,
    pub(crate) cancelled: bool,
    /// Since when the run is over and all is mended, and how long the log was then.
    pub(crate) over_since: Option<(Moment, u64)>,
    /// Numbers streams, calls, transfers, workers.
    pub(crate) numbers: u64,
    queue: BTreeMap<(Moment, u64), Event>,
    seq: u64,
}

/// Notes a line of the trace, if one is kept.
macro_rules! note {
    ($world:expr, $($arg:tt)*) => {
        if $world.trace.is_some() {
            let line = format!($($arg)*);
            $world.write_down(line);
        }
    };
}
pub(crate) use note;

impl World {
    pub(crate) fn new(seed: u64, fault: Option<Fault>, traced: bool) -> Self {
        let mut rng = Rng(seed);
        let setting = Setting::random(&mut rng, seed);
        let hosts = setting.nodes + setting.coordinators + setting.seats.len();
        let drift = setting.drift;
        let machines = (0..hosts).map(|_| Machine {
            clock: Clock::new(
                rng.range(1, 1_000_000_000),
                i64::try_from(rng.range(0, 2 * drift)).unwrap_or(0)
                    - i64::try_from(drift).unwrap_or(0),
            ),
            up: false,
            life: 0,
            paused: false,
            asleep: false,
            deferred: Vec::new(),
        });
        let machines = machines.collect();
        let net = Net::new(&setting);
        let mut world = Self {
            rules: Rules::new(&setting),
            unready: vec![false; setting.shape.clusters.len()],
            rng,
            fault,
            now: Moment(0),
            machines,
            net,
            nodes: Vec::new(),
            coordinators: Vec::new(),
            workers: Vec::new(),
            suites: BTreeMap::new(),
            streams: BTreeMap::new(),
            calls: BTreeMap::new(),
            transfers: BTreeMap::new(),
            seen: Seen::default(),
            trace: traced.then(Vec::new),
            healed: false,
            cancelled: false,
            over_since: None,
            numbers: 0,
            queue: BTreeMap::new(),
            seq: 0,
            setting,
        };
        world.found();
        world
    }

    /// Everything is set up and starts.
    fn found(&mut self) {
        self.found_nodes();
        for n in 0..self.setting.coordinators {
            self.coordinators.push(Coordinator::new(n));
            self.start_coordinator(n);
        }
        for n in 0..self.setting.seats.len() {
            self.workers.push(Worker::new(self.setting.seats[n]));
            self.start_worker(n);
        }
        self.plan_troubles();
    }

    /// Runs until the run has ended, or a rule is broken.
    pub(crate) fn run(&mut self) {
        let limit = Moment(0) + self.setting.heal + crate::scale::BOUND;
        while self.rules.broken.is_none() && !self.is_over() {
            let Some(((at, _), event)) = self.queue.pop_first() else {
                self.rules.breaks("nothing will ever happen any more".to_owned());
                return;
            };
            self.now = at;
            if at > limit {
                let why = self.describe();
                self.rules.breaks(format!("the run does not end after all is mended: {why}"));
                return;
            }
            self.step(event);
        }
        if self.rules.broken.is_none() {
            self.check_end();
        }
    }

    fn step(&mut self, event: Event) {
        let host = match &event {
            Event::Arrival { to, .. } | Event::Unread { to, .. } => Some(*to),
            Event::Timer { host, life, .. } => {
                let machine = &self.machines[*host];
                if !machine.up || machine.life != *life {
                    return;
                }
                Some(*host)
            }
            _ => None,
        };
        if let Some(host) = host
            && self.machines[host].paused
        {
            match event {
                // A stream that has lost something is broken.
                Event::Arrival { packet: Packet::Frame { stream, .. }, .. }
                    if self.machines[host].asleep =>
                {
                    self.break_stream(stream);
                }
                Event::Arrival { .. } if self.machines[host].asleep => {}
                // The system has it already, whatever becomes of the stream.
                Event::Arrival { from, to, packet: Packet::Frame { stream, frame } } => {
                    if self.stream_holds(from, to, stream) {
                        self.machines[host].deferred.push(Event::Unread { to, stream, frame });
                    }
                }
                event => self.machines[host].deferred.push(event),
            }
            return;
        }
        match event {
            Event::Arrival { from, to, packet } => self.arrive(from, to, packet),
            Event::Unread { to, stream, frame } => self.read_frame(to, stream, frame),
            Event::Timer { host, timer, .. } => self.timer(host, timer),
            Event::Suite { host, process, generation } => self.suite(host, process, generation),
            Event::Guard { host, life } => self.guard(host, life),
            Event::Transfer(id) => self.transfer(id),
            Event::Trouble(trouble) => self.trouble(trouble),
        }
    }

    // === time ===

    pub(crate) fn at(&mut self, after: Duration, event: Event) {
        self.seq += 1;
        self.queue.insert((self.now + after, self.seq), event);
    }

    /// What a machine's clock shows.
    pub(crate) fn local(&self, host: Host) -> Moment {
        self.machines[host].clock.at(self.now)
    }

    /// Sets a timer of the program on a machine, by that machine's clock.
    pub(crate) fn wake(&mut self, host: Host, after: Duration, timer: Timer) {
        let machine = &self.machines[host];
        let (life, real) = (machine.life, machine.clock.real(after));
        self.at(real, Event::Timer { host, life, timer });
    }

    /// So many milliseconds, from and to.
    pub(crate) fn some_ms(&mut self, low: u64, high: u64) -> Duration {
        Duration::from_millis(self.rng.range(low, high))
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    // === machines ===

    pub(crate) fn coordinator_host(&self, n: usize) -> Host {
        self.setting.nodes + n
    }

    pub(crate) fn worker_host(&self, n: usize) -> Host {
        self.setting.nodes + self.setting.coordinators + n
    }

    /// A name for the trace.
    pub(crate) fn name(&self, host: Host) -> String {
        let (nodes, coordinators) = (self.setting.nodes, self.setting.coordinators);
        if host < nodes {
            format!("node{}", host + 1)
        } else if host < nodes + coordinators {
            format!("coordinator{}", host - nodes)
        } else {
            format!("worker{}", host - nodes - coordinators)
        }
    }

    pub(crate) fn boot(&mut self, host: Host) {
        let machine = &mut self.machines[host];
        machine.up = true;
        machine.paused = false;
        machine.asleep = false;
        machine.life += 1;
        machine.deferred.clear();
    }

    /// The program on a machine is gone.
    pub(crate) fn halt(&mut self, host: Host) {
        let machine = &mut self.machines[host];
        machine.up = false;
        machine.paused = false;
        machine.asleep = false;
        machine.life += 1;
        machine.deferred.clear();
        self.calls.retain(|_, call| call.host != host);
        self.break_streams_of(host);
    }

    pub(crate) fn pause(&mut self, host: Host) {
        if self.machines[host].up {
            self.machines[host].paused = true;
        }
    }

    pub(crate) fn resume(&mut self, host: Host) {
        let machine = &mut self.machines[host];
        if !machine.paused {
            return;
        }
        machine.paused = false;
        machine.asleep = false;
        for event in std::mem::take(&mut machine.deferred) {
            self.at(Duration::ZERO, event);
        }
    }

    // === messages ===

    /// Sends a message that may be lost, doubled, and overtaken.
    pub(crate) fn send(&mut self, from: Host, to: Host, packet: Packet) {
        if !self.net.reaches(from, to) {
            self.seen.count("message cut off");
            return;
        }
        if self.rng.permille(self.net.loss) {
            self.seen.count("message lost");
            return;
        }
        if self.rng.permille(self.net.double) {
            self.seen.count("message doubled");
            let delay = self.delay() * 4;
            self.at(delay, Event::Arrival { from, to, packet: packet.clone() });
        }
        let delay = self.delay();
        self.at(delay, Event::Arrival { from, to, packet });
    }

    pub(crate) fn delay(&mut self) -> Duration {
        let most = self.net.slowest.max(FASTEST + 1);
        // Mostly quick, sometimes slow.
        let most = if self.rng.chance(80) { FASTEST + (most - FASTEST) / 8 } else { most };
        Duration::from_micros(self.rng.range(FASTEST, most))
    }

    fn arrive(&mut self, from: Host, to: Host, packet: Packet) {
        if !self.machines[to].up {
            return;
        }
        match packet {
            Packet::Raft(bytes) => self.raft_arrives(to, &bytes),
            Packet::Ask { call, attempt, ask } => self.asked(to, from, call, attempt, &ask),
            Packet::Answer { call, attempt, told } => self.answered(call, attempt, told),
            Packet::Connect { stream, hello } => self.connected(to, stream, hello),
            Packet::Frame { stream, frame } => self.frame_arrives(to, stream, frame),
            Packet::Close { stream, refused: true } => self.turned_away(to, stream),
            Packet::Close { stream, refused: false } => self.stream_ended(to, stream),
        }
    }

    fn timer(&mut self, host: Host, timer: Timer) {
        let nodes = self.setting.nodes;
        match timer {
            Timer::Tick => self.tick(host),
            Timer::Disk => self.disk_done(host),
            Timer::Call { call, attempt } => self.call_late(call, attempt),
            Timer::Retry { call } => self.ask_again(call),
            Timer::Claim => self.claim(host - nodes, false),
            Timer::Attend => self.attend(host - nodes),
            Timer::LeaseCheck => self.lease_check(host - nodes),
            Timer::Scheduler { generation } => self.scheduler_wakes(host - nodes, generation),
            Timer::Connect => self.connect(host),
            Timer::Heartbeat => self.heartbeat(host),
            Timer::Broken { stream } => self.stream_ended(host, stream),
            Timer::Discovered { target } => self.discovered(host, target),
            Timer::Cleaned { process } => self.cleaned(host, process),
            Timer::Heard { process, heard } => self.heard(host, process, heard),
        }
    }
}
