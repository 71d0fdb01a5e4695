//! A suite process, and how its worker leads it: what Ginkgo's protocol lets it do, and no more.

use std::collections::VecDeque;
use std::time::Duration;

use multibeam_model::link::{ProcessNews, SessionFact, StartProcess, StopHow};
use multibeam_model::outcome::ProcessEnd;
use multibeam_model::{AttemptId, ClusterId, LossCause, ProcessId, SessionId, SpecState};

use crate::rules::Activity;
use crate::setting::Nature;
use crate::world::{Event, Host, Timer, World, note};

/// Where a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Booting,
    BeforeSuite,
    /// It waits for its worker: for the end of a shipment, or for somebody else's before-suite.
    Waiting,
    WaitingForFact,
    Asking,
    Running {
        attempt: AttemptId,
        ordinal: u32,
    },
    /// Its cluster does not answer.
    Held,
    AwaitingOthers,
    AfterSuite,
    Dying(ProcessEnd),
}

/// A suite process.
#[derive(Clone, Debug)]
pub(crate) struct Suite {
    pub(crate) cluster: ClusterId,
    pub(crate) stage: Stage,
    generation: u64,
    pub(crate) queue: VecDeque<AttemptId>,
    asked: bool,
    pub(crate) no_more: bool,
    pub(crate) serial: Option<VecDeque<AttemptId>>,
    pub(crate) stop: Option<StopHow>,
    /// It passes over what it is given.
    pub(crate) skipping: bool,
    /// A spec of the group that runs has failed.
    pub(crate) failed: bool,
    /// What is on its way to the ledger.
    pub(crate) shipping: Option<crate::shipping::Shipping>,
    /// A report that waits for it.
    pub(crate) next_report: Option<(AttemptId, u32)>,
    /// What its worker tells when that is in the ledger.
    pub(crate) unheard: Vec<ProcessNews>,
    /// It is gone, and its worker does not know yet.
    pub(crate) dead: bool,
    /// It is gone, but its last shipment is not.
    pub(crate) ended: Option<(ProcessEnd, bool)>,
}

/// What a worker hears from one of its processes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Heard {
    Up,
    BeforeSuite,
    Spec { attempt: AttemptId, ordinal: u32 },
    Ended { end: ProcessEnd, complete: bool },
}

impl World {
    pub(crate) fn suites_of(&self, host: Host) -> Vec<ProcessId> {
        let of = self.suites.keys().filter(|(on, _)| *on == host);
        of.map(|(_, process)| *process).collect()
    }

    pub(crate) fn start_suite(&mut self, host: Host, process: ProcessId, start: StartProcess) {
        let n = host - self.worker_host(0);
        let cluster = ClusterId(self.workers[n].seat.cluster);
        if self.suites.contains_key(&(host, process)) {
            return;
        }
        for fact in &start.facts {
            self.learn_fact(host, process.session, fact);
        }
        let suite = Suite {
            cluster,
            stage: Stage::Booting,
            generation: 0,
            queue: VecDeque::new(),
            asked: false,
            no_more: false,
            serial: None,
            stop: None,
            skipping: false,
            failed: false,
            shipping: None,
            next_report: None,
            unheard: Vec::new(),
            dead: false,
            ended: None,
        };
        self.suites.insert((host, process), suite);
        self.begun(host, process);
        if self.lease_is_over(host) && self.fault != Some(crate::fault::Fault::GuardSleeps) {
            self.seen.count("started after the end of the lease");
            return self.kill(host, process, ProcessEnd::LeaseExpired, 60);
        }
        let time = self.some_ms(100, 900);
        self.step_after(host, process, Stage::Booting, time);
    }

    pub(crate) fn suite_mut(&mut self, host: Host, process: ProcessId) -> Option<&mut Suite> {
        self.suites.get_mut(&(host, process))
    }

    /// The process is in a stage, which ends after a while.
    pub(crate) fn step_after(
        &mut self,
        host: Host,
        process: ProcessId,
        stage: Stage,
        time: Duration,
    ) {
        let Some(suite) = self.suite_mut(host, process) else { return };
        if matches!(suite.stage, Stage::Dying(_)) {
            return;
        }
        suite.stage = stage;
        suite.generation += 1;
        let generation = suite.generation;
        self.at(time, Event::Suite { host, process, generation });
    }

    /// The process waits for somebody.
    pub(crate) fn rest(&mut self, host: Host, process: ProcessId, stage: Stage) {
        let Some(suite) = self.suite_mut(host, process) else { return };
        if !matches!(suite.stage, Stage::Dying(_)) {
            suite.stage = stage;
            suite.generation += 1;
        }
    }

    /// Kills a process; it is dead after at most so many milliseconds.
    pub(crate) fn kill(&mut self, host: Host, process: ProcessId, end: ProcessEnd, most: u64) {
        let time = self.some_ms(1, most);
        if self.suite_mut(host, process).is_some() {
            self.step_after(host, process, Stage::Dying(end), time);
        }
    }

    // === the process ===

    pub(crate) fn suite(&mut self, host: Host, process: ProcessId, generation: u64) {
        let Some(suite) = self.suite_mut(host, process) else { return };
        if suite.generation != generation {
            return;
        }
        let stage = suite.stage;
        match stage {
            Stage::Booting => {
                self.rest(host, process, Stage::Waiting);
                self.reaches_worker(host, process, Heard::Up);
            }
            Stage::BeforeSuite => {
                self.rules.ends(host, process);
                self.rest(host, process, Stage::Waiting);
                self.reaches_worker(host, process, Heard::BeforeSuite);
            }
            Stage::Running { attempt, ordinal } => self.spec_ends(host, process, attempt, ordinal),
            Stage::AfterSuite => self.dies(host, process, ProcessEnd::Exit(0), true),
            Stage::Dying(end) => self.dies(host, process, end, false),
            _ => {}
        }
    }

    /// What a process says waits while its worker does.
    fn reaches_worker(&mut self, host: Host, process: ProcessId, heard: Heard) {
        self.wake(host, Duration::from_micros(200), Timer::Heard { process, heard });
    }

    fn dies(&mut self, host: Host, process: ProcessId, end: ProcessEnd, complete: bool) {
        self.rules.ends(host, process);
        note!(self, "{process} on {} ends: {end}, complete: {complete}", self.name(host));
        if let Some(suite) = self.suite_mut(host, process) {
            suite.generation += 1;
            suite.stage = Stage::Dying(end);
            suite.dead = true;
        }
        if self.machines[host].up && self.agent(host).knows(process) {
            self.reaches_worker(host, process, Heard::Ended { end, complete });
        } else {
            self.suites.remove(&(host, process));
        }
    }

    fn spec_ends(&mut self, host: Host, process: ProcessId, attempt: AttemptId, ordinal: u32) {
        let nature = self.setting.groups[&attempt.target][&attempt.group].nature;
        let stopped = self.suites[&(host, process)].stop.is_some();
        let dies =
            !stopped && (nature == Nature::Poison || self.rng.permille(self.setting.spec_death));
        if dies {
            self.seen.count("spec killed its process");
            return self.dies(host, process, ProcessEnd::Signal(11), false);
        }
        let last = ordinal + 1 == self.reports(attempt);
        if last {
            self.rules.ends(host, process);
        }
        self.rest(host, process, Stage::Waiting);
        self.reaches_worker(host, process, Heard::Spec { attempt, ordinal });
    }

    pub(crate) fn reports(&self, attempt: AttemptId) -> u32 {
        self.setting.groups[&attempt.target][&attempt.group].plan.reports
    }

    // === its worker ===

    pub(crate) fn heard(&mut self, host: Host, process: ProcessId, heard: Heard) {
        let Some(suite) = self.suite_mut(host, process) else { return };
        match heard {
            Heard::Ended { end, complete } => {
                let keeps = suite.shipping.is_some();
                if keeps && self.agent(host).processes.contains(&process) {
                    if let Some(suite) = self.suite_mut(host, process) {
                        suite.ended = Some((end, complete));
                    }
                } else {
                    self.drop_shipping(host, process);
                    self.tell_end(host, process, end, complete);
                }
            }
            _ if matches!(suite.stage, Stage::Dying(_)) => {}
            Heard::Up => {
                self.tell(host, process, ProcessNews::Up);
                if process.number.is_first() {
                    let cluster = self.suites[&(host, process)].cluster;
                    self.rules.begins(host, process, cluster, Activity::SuiteNode);
                    let time = self.some_ms(50, 1_500);
                    self.step_after(host, process, Stage::BeforeSuite, time);
                } else {
                    self.rest(host, process, Stage::WaitingForFact);
                    self.go_on_after_fact(host, process.session);
                }
            }
            Heard::BeforeSuite => self.ship_before_suite(host, process),
            Heard::Spec { attempt, ordinal } => self.spec_done(host, process, attempt, ordinal),
        }
    }

    pub(crate) fn tell_end(
        &mut self,
        host: Host,
        process: ProcessId,
        end: ProcessEnd,
        complete: bool,
    ) {
        let suite = self.suites.remove(&(host, process));
        for news in suite.into_iter().flat_map(|suite| suite.unheard) {
            self.tell(host, process, news);
        }
        let last_output = String::new();
        self.tell(host, process, ProcessNews::Ended { end, complete, last_output });
        self.gone(host, process);
    }

    pub(crate) fn go_on_after_fact(&mut self, host: Host, session: SessionId) {
        let waiting = self.suites.iter().filter(|((on, process), suite)| {
            *on == host && process.session == session && suite.stage == Stage::WaitingForFact
        });
        let waiting: Vec<ProcessId> = waiting.map(|((_, process), _)| *process).collect();
        if !self.agent(host).facts.contains_key(&session) {
            return;
        }
        for process in waiting {
            self.ask(host, process);
        }
    }

    /// The process asks for its next group.
    pub(crate) fn ask(&mut self, host: Host, process: ProcessId) {
        let Some(suite) = self.suite_mut(host, process) else { return };
        if matches!(suite.stage, Stage::Dying(_)) {
            return;
        }
        if suite.serial.is_some() {
            return self.next_serial(host, process);
        }
        if let Some(attempt) = suite.queue.pop_front() {
            return self.begin_group(host, process, attempt);
        }
        if suite.no_more || suite.stop.is_some() || suite.skipping {
            self.rest(host, process, Stage::AwaitingOthers);
            return if process.number.is_first() {
                self.next_serial(host, process);
            } else {
                self.after_suite(host, process);
            };
        }
        let first = !std::mem::replace(&mut suite.asked, true);
        self.rest(host, process, Stage::Asking);
        if first {
            self.tell(host, process, ProcessNews::WantsGroup);
        }
    }

    pub(crate) fn begin_group(&mut self, host: Host, process: ProcessId, attempt: AttemptId) {
        let Some(suite) = self.suite_mut(host, process) else { return };
        suite.asked = true;
        suite.failed = false;
        let room = suite.queue.is_empty() && !suite.no_more && suite.stop.is_none();
        let parallel = suite.serial.is_none();
        self.tell(host, process, ProcessNews::Started { attempt });
        if room && parallel {
            self.tell(host, process, ProcessNews::WantsGroup);
        }
        let group = self.setting.groups[&attempt.target][&attempt.group].clone();
        let cluster = self.suites[&(host, process)].cluster;
        let what = Activity::Group { attempt, serial: group.plan.serial };
        note!(self, "{process} on {} begins {attempt}", self.name(host));
        self.rules.begins(host, process, cluster, what);
        self.begin_spec(host, process, attempt, 0);
    }

    pub(crate) fn begin_spec(
        &mut self,
        host: Host,
        process: ProcessId,
        attempt: AttemptId,
        ordinal: u32,
    ) {
        let time = self.setting.groups[&attempt.target][&attempt.group].spec;
        self.step_after(host, process, Stage::Running { attempt, ordinal }, time);
    }

    /// Process 1 walks through its share once the others are gone.
    pub(crate) fn next_serial(&mut self, host: Host, process: ProcessId) {
        loop {
            let Some(suite) = self.suite_mut(host, process) else { return };
            let skipping = suite.skipping || suite.stop.is_some();
            let Some(share) = &mut suite.serial else { return };
            match share.pop_front() {
                Some(attempt) if skipping => {
                    self.tell(host, process, ProcessNews::NotRun { attempt });
                }
                Some(attempt) => return self.begin_group(host, process, attempt),
                None => return self.after_suite(host, process),
            }
        }
    }

    fn after_suite(&mut self, host: Host, process: ProcessId) {
        let cluster = self.suites[&(host, process)].cluster;
        self.rules.begins(host, process, cluster, Activity::SuiteNode);
        let time = self.some_ms(20, 900);
        self.step_after(host, process, Stage::AfterSuite, time);
    }

    /// The state in which a spec ends.
    pub(crate) fn state_of(&self, suite: &Suite, attempt: AttemptId) -> SpecState {
        match self.setting.groups[&attempt.target][&attempt.group].nature {
            _ if suite.stop.is_some() => SpecState::Interrupted,
            Nature::Fail => SpecState::Failed,
            _ => SpecState::Passed,
        }
    }

    /// A cluster answers again: processes that were held go on.
    pub(crate) fn let_go(&mut self, cluster: ClusterId) {
        let held = self
            .suites
            .iter()
            .filter(|(_, suite)| suite.cluster == cluster && suite.stage == Stage::Held);
        let held: Vec<(Host, ProcessId)> = held.map(|(key, _)| *key).collect();
        for (host, process) in held {
            self.ask(host, process);
        }
    }

    pub(crate) fn cluster_lost(&self, cluster: ClusterId) -> LossCause {
        LossCause::ClusterLost { cluster: format!("c{cluster}") }
    }

    pub(crate) fn passed_fact() -> SessionFact {
        SessionFact::BeforeSuite { state: SpecState::Passed, data: None }
    }
}
