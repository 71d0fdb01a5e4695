//! What goes wrong, when, and for how long. After the last moment everything is mended.

use std::time::Duration;

use multibeam_model::ClusterId;
use multibeam_model::outcome::ProcessEnd;

use crate::world::{Event, Host, World, note};

/// Something that goes wrong, or its end.
#[derive(Clone, Debug)]
pub(crate) enum Trouble {
    CrashNode(usize),
    CrashLeader(Duration),
    StartNode(usize),
    Pause(Host, Duration),
    PauseInOffice(Duration),
    /// The host of the coordinator in office and of the leader sleeps.
    PauseBoth(Duration),
    Resume(Host),
    SlowDisk(usize, bool),
    FullDisk(usize, bool),
    /// Cuts links for a while.
    Cut(Vec<(Host, Host)>, Duration),
    Mend(u64),
    /// Cuts the coordinator in office off from the nodes, or from its workers.
    CutOffice {
        from_nodes: bool,
        time: Duration,
    },
    /// Cuts the leader off from the other nodes.
    CutLeader(Duration),
    /// A worker sleeps over an acknowledgement, and is cut off when it wakes up.
    Nap {
        worker: usize,
        asleep: Duration,
        apart: Duration,
    },
    SlowNet(bool),
    /// All streams of workers break at once.
    ResetStreams,
    CrashCoordinator(usize),
    CrashInOffice(Duration),
    StartCoordinator(usize),
    KillWorker(usize),
    StartWorker(usize),
    KillSuite(usize),
    Unready(u32, bool),
    /// An operator has a standby take office.
    TakeOver(usize),
    Cancel(bool),
    Heal,
}

impl World {
    pub(crate) fn plan_troubles(&mut self) {
        let heal = self.setting.heal;
        let last = u64::try_from(heal.as_millis()).unwrap_or(1) - 1_000;
        for _ in 0..self.setting.troubles {
            let at = self.some_ms(500, last);
            self.plan_trouble(at);
        }
        self.at(heal, Event::Trouble(Trouble::Heal));
    }

    fn plan_trouble(&mut self, at: Duration) {
        let n = self.rng.place(self.setting.nodes);
        let c = self.rng.place(self.setting.coordinators);
        let w = self.rng.place(self.setting.seats.len());
        let hosts = self.machines.len();
        let short = self.some_ms(200, 6_000);
        let long = self.some_ms(3_000, 30_000);
        let time = if self.rng.chance(50) { short } else { long };
        let cluster = self.setting.seats[w].cluster;
        match self.rng.range(0, 41) {
            0 | 1 => {
                self.plan(at, Trouble::CrashNode(n));
                self.plan(at + time, Trouble::StartNode(n));
            }
            2 | 3 => self.plan(at, Trouble::CrashLeader(time)),
            4 => self.plan(at, Trouble::Pause(n, time)),
            5 => {
                // The power of the whole room.
                for n in 0..self.setting.nodes {
                    let apart = self.some_ms(0, 30);
                    self.plan(at + apart, Trouble::CrashNode(n));
                    self.plan(at + time + apart, Trouble::StartNode(n));
                }
            }
            6 => {
                self.plan(at, Trouble::SlowDisk(n, true));
                self.plan(at + long, Trouble::SlowDisk(n, false));
            }
            7 => {
                self.plan(at, Trouble::FullDisk(n, true));
                self.plan(at + time, Trouble::FullDisk(n, false));
            }
            8 | 9 => {
                let links = self.split(hosts);
                self.plan(at, Trouble::Cut(links, time));
            }
            10 => {
                let links = self.split(hosts).into_iter().step_by(2).collect();
                self.plan(at, Trouble::Cut(links, time));
            }
            11 => {
                // It comes and goes.
                let links = self.split(hosts);
                let mut when = at;
                for _ in 0..6 {
                    let down = self.some_ms(100, 2_500);
                    self.plan(when, Trouble::Cut(links.clone(), down));
                    when += down + self.some_ms(50, 2_500);
                }
            }
            12 => {
                let alone = self.alone(n, self.setting.nodes);
                self.plan(at, Trouble::Cut(alone, time));
            }
            13 => {
                self.plan(at, Trouble::SlowNet(true));
                self.plan(at + time, Trouble::SlowNet(false));
            }
            14..=16 => self.plan(at, Trouble::PauseInOffice(long)),
            17 | 18 => self.plan(at, Trouble::CrashInOffice(time)),
            19 => {
                self.plan(at, Trouble::CrashCoordinator(c));
                self.plan(at + time, Trouble::StartCoordinator(c));
            }
            20 | 21 => {
                let time = long + Duration::from_secs(15);
                self.plan(at, Trouble::CutOffice { from_nodes: true, time });
            }
            22 => self.plan(at, Trouble::CutOffice { from_nodes: false, time: long }),
            23 => {
                self.plan(at, Trouble::KillWorker(w));
                self.plan(at + time, Trouble::StartWorker(w));
            }
            24 => {
                let host = self.worker_host(w);
                self.plan(at, Trouble::Pause(host, time));
            }
            25 => {
                let host = self.worker_host(w);
                let alone = self.alone(host, self.setting.nodes + self.setting.coordinators);
                self.plan(at, Trouble::Cut(alone, long));
            }
            26 => self.plan(at, Trouble::KillSuite(w)),
            27 => {
                self.plan(at, Trouble::Unready(cluster, true));
                let back = if self.rng.chance(20) { Duration::from_secs(80) } else { time };
                self.plan(at + back, Trouble::Unready(cluster, false));
            }
            28 => self.plan(at, Trouble::TakeOver(c)),
            29 | 30 => self.plan(at, Trouble::PauseBoth(long)),
            31 | 32 => {
                // A node falls behind, and a new coordinator may ask just that one.
                let alone = self.alone(n, self.setting.nodes);
                self.plan(at, Trouble::Cut(alone, Duration::from_secs(40)));
                self.plan(at + short, Trouble::CrashInOffice(Duration::from_secs(30)));
            }
            33 => self.plan(at, Trouble::ResetStreams),
            34 | 35 => {
                // An operator helps while the one in office is cut off, and workers waver.
                self.plan(at, Trouble::CutOffice { from_nodes: true, time: long });
                for c in 0..self.setting.coordinators {
                    self.plan(at + Duration::from_millis(200), Trouble::TakeOver(c));
                }
                for n in 1..5 {
                    let when = at + Duration::from_millis(900 * n);
                    self.plan(when, Trouble::ResetStreams);
                }
            }
            36 | 37 => {
                let (asleep, apart) = (self.some_ms(3_000, 9_000), long + Duration::from_secs(15));
                self.plan(at, Trouble::Nap { worker: w, asleep, apart });
            }
            39 | 40 => {
                let time = self.some_ms(1_500, 5_000);
                self.plan(at, Trouble::CutLeader(time));
            }
            38 => {
                // The host of a coordinator and a node sleeps.
                let host = self.coordinator_host(c);
                self.plan(at, Trouble::Pause(host, long));
                self.plan(at, Trouble::Pause(n, long));
            }
            _ => {
                if self.rng.chance(25) {
                    let force = self.rng.chance(40);
                    self.plan(at, Trouble::Cancel(force));
                }
            }
        }
    }

    fn plan(&mut self, at: Duration, trouble: Trouble) {
        self.at(at, Event::Trouble(trouble));
    }

    /// The links between two random halves, both directions of each in turn.
    fn split(&mut self, hosts: usize) -> Vec<(Host, Host)> {
        let sides: Vec<bool> = (0..hosts).map(|_| self.rng.chance(50)).collect();
        let pairs = (0..hosts).flat_map(|a| (a + 1..hosts).map(move |b| (a, b)));
        let apart = pairs.filter(|(a, b)| sides[*a] != sides[*b]);
        apart.flat_map(|(a, b)| [(a, b), (b, a)]).collect()
    }

    /// The links of one host with the first so many others.
    fn alone(&self, host: Host, others: usize) -> Vec<(Host, Host)> {
        let others = (0..others).filter(|other| *other != host);
        others.flat_map(|other| [(host, other), (other, host)]).collect()
    }

    pub(crate) fn trouble(&mut self, trouble: Trouble) {
        if self.healed && !matches!(trouble, Trouble::StartWorker(_) | Trouble::Unready(_, false)) {
            return;
        }
        note!(self, "! {trouble:?}");
        match trouble {
            Trouble::CrashNode(n) => self.crash_node(n),
            Trouble::CrashLeader(time) => {
                if let Some(n) = (0..self.nodes.len()).find(|n| self.nodes[*n].led) {
                    self.seen.count("leader crashed");
                    self.crash_node(n);
                    self.at(time, Event::Trouble(Trouble::StartNode(n)));
                }
            }
            Trouble::StartNode(n) => self.start_node(n),
            Trouble::Pause(host, time) => {
                self.seen.count(match self.name(host).as_bytes()[0] {
                    b'n' => "node paused",
                    b'c' => "coordinator paused",
                    _ => "worker paused",
                });
                self.pause(host);
                self.at(time, Event::Trouble(Trouble::Resume(host)));
            }
            Trouble::PauseInOffice(time) => {
                if let Some(n) = self.acting() {
                    self.seen.count("coordinator in office paused");
                    let host = self.coordinator_host(n);
                    self.pause(host);
                    self.at(time, Event::Trouble(Trouble::Resume(host)));
                }
            }
            Trouble::PauseBoth(time) => {
                let leader = (0..self.nodes.len()).find(|n| self.nodes[*n].led);
                let office = self.acting().map(|n| self.coordinator_host(n));
                if let (Some(leader), Some(office)) = (leader, office) {
                    self.seen.count("leader and coordinator in office paused");
                    for host in [leader, office] {
                        self.pause(host);
                        self.machines[host].asleep = true;
                        self.at(time, Event::Trouble(Trouble::Resume(host)));
                    }
                }
            }
            Trouble::Resume(host) => self.resume(host),
            Trouble::SlowDisk(n, slow) => {
                self.seen.count("slow disk");
                self.nodes[n].slow = slow;
            }
            Trouble::FullDisk(n, full) => {
                self.nodes[n].full = full;
                if full && self.rng.chance(50) && self.machines[n].up {
                    // It notices that little is left, and lets another one lead.
                    self.tell_node(n, multibeam_ledger::node::io::Input::Abdicate);
                }
                if !full {
                    self.start_node(n);
                }
            }
            Trouble::Cut(links, time) => {
                self.seen.count("partition");
                let id = self.net.cut(links);
                self.at(time, Event::Trouble(Trouble::Mend(id)));
            }
            Trouble::Mend(id) => self.net.mend(id),
            Trouble::CutOffice { from_nodes, time } => self.cut_office(from_nodes, time),
            Trouble::CutLeader(time) => {
                if let Some(n) = (0..self.nodes.len()).find(|n| self.nodes[*n].led) {
                    self.seen.count("leader cut off");
                    let id = self.net.cut(self.alone(n, self.setting.nodes));
                    self.at(time, Event::Trouble(Trouble::Mend(id)));
                }
            }
            Trouble::Nap { worker, asleep, apart } => {
                self.workers[worker].nap = Some((asleep, apart));
            }
            Trouble::SlowNet(slow) => {
                self.seen.count("slow network");
                self.net.slowest = if slow { 3_000_000 } else { self.setting.slowest };
            }
            Trouble::ResetStreams => {
                self.seen.count("streams reset");
                self.reset_streams();
            }
            Trouble::CrashCoordinator(n) => self.crash_coordinator(n),
            Trouble::CrashInOffice(time) => {
                if let Some(n) = self.acting() {
                    self.crash_coordinator(n);
                    self.at(time, Event::Trouble(Trouble::StartCoordinator(n)));
                }
            }
            Trouble::StartCoordinator(n) => self.start_coordinator(n),
            Trouble::KillWorker(n) => self.kill_worker(n),
            Trouble::StartWorker(n) => self.start_worker(n),
            Trouble::KillSuite(n) => {
                let host = self.worker_host(n);
                let processes = self.suites_of(host);
                if !processes.is_empty() {
                    self.seen.count("suite process killed");
                    let process = processes[self.rng.place(processes.len())];
                    self.kill(host, process, ProcessEnd::Signal(9), 5);
                }
            }
            Trouble::Unready(cluster, unready) => self.set_unready(cluster, unready),
            Trouble::TakeOver(n) => {
                if self.machines[self.coordinator_host(n)].up {
                    self.seen.count("operator asks for a takeover");
                    self.claim(n, true);
                }
            }
            Trouble::Cancel(force) => {
                if let Some(n) = self.acting() {
                    self.cancel(n, force);
                }
            }
            Trouble::Heal => self.heal(),
        }
    }

    /// The coordinator in office and everybody else's side of the network.
    fn cut_office(&mut self, from_nodes: bool, time: Duration) {
        let Some(n) = self.acting() else { return };
        let host = self.coordinator_host(n);
        self.seen.count("coordinator in office cut off");
        let nodes = self.setting.nodes;
        let others: Vec<Host> = if from_nodes {
            (0..nodes).collect()
        } else {
            (self.worker_host(0)..self.machines.len()).collect()
        };
        // Sometimes a node, perhaps the leader, is on its side.
        let ally = self.rng.place(nodes * 2);
        let mut links: Vec<(Host, Host)> = others
            .iter()
            .filter(|other| !from_nodes || **other != ally)
            .flat_map(|other| [(host, *other), (*other, host)])
            .collect();
        if from_nodes && ally < nodes {
            links.extend(self.alone(ally, nodes));
        }
        let id = self.net.cut(links);
        self.at(time, Event::Trouble(Trouble::Mend(id)));
    }

    /// A worker has just said that it lives.
    pub(crate) fn nap(&mut self, host: Host, asleep: Duration, apart: Duration) {
        self.seen.count("worker sleeps over an acknowledgement");
        self.pause(host);
        self.at(asleep, Event::Trouble(Trouble::Resume(host)));
        let alone = self.alone(host, self.setting.nodes + self.setting.coordinators);
        self.at(Duration::from_millis(900), Event::Trouble(Trouble::Cut(alone, apart)));
    }

    fn set_unready(&mut self, cluster: u32, unready: bool) {
        let place = cluster as usize;
        if self.unready[place] == unready {
            return;
        }
        self.seen.count(if unready { "cluster not ready" } else { "cluster ready again" });
        self.unready[place] = unready;
        for n in 0..self.workers.len() {
            if self.workers[n].seat.cluster == cluster {
                let host = self.worker_host(n);
                self.ready(host, !unready);
            }
        }
        if !unready {
            self.let_go(ClusterId(cluster));
        }
    }

    fn heal(&mut self) {
        self.healed = true;
        self.net.mend_all();
        self.net.slowest = self.setting.slowest;
        self.net.loss = 0;
        self.net.double = 0;
        for host in 0..self.machines.len() {
            self.resume(host);
        }
        for n in 0..self.nodes.len() {
            self.nodes[n].full = false;
            self.nodes[n].slow = false;
            self.start_node(n);
        }
        for n in 0..self.coordinators.len() {
            self.start_coordinator(n);
        }
        for n in 0..self.workers.len() {
            self.start_worker(n);
        }
        for cluster in 0..self.unready.len() {
            self.set_unready(u32::try_from(cluster).unwrap_or(0), false);
        }
    }
}
