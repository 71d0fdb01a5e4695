//! A suite process as the scheduler sees it through its worker.

use std::collections::VecDeque;
use std::time::Duration;

use multibeam_model::link::{ProcessNews, ProcessOrder, SessionFact, StartProcess, StopHow};
use multibeam_model::outcome::ProcessEnd;
use multibeam_model::{
    AttemptId, GroupId, LossCause, ProcessId, SessionId, SpecIndex, SpecState, TargetId, WorkerId,
};

use super::ledger::State;
use super::plan::Nature;
use super::world::{Event, World};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Stage {
    Booting,
    BeforeSuite,
    WaitFact,
    Asking,
    Running { attempt: AttemptId, left: u32 },
    AwaitOthers,
    AfterSuite,
}

#[derive(Clone, Debug)]
pub(crate) struct SimProcess {
    pub(crate) id: ProcessId,
    pub(crate) worker: WorkerId,
    target: TargetId,
    share: Vec<GroupId>,
    stage: Stage,
    generation: u64,
    queue: Option<AttemptId>,
    told_want: bool,
    no_more: bool,
    serial: Option<VecDeque<AttemptId>>,
    stop: Option<StopHow>,
    /// It begins nothing more.
    recalled: bool,
    /// It runs nothing any more and reports what it gets as not run.
    skipping: bool,
}

impl SimProcess {
    pub(crate) fn new(id: ProcessId, worker: WorkerId, start: &StartProcess) -> Self {
        Self {
            id,
            worker,
            target: start.target,
            share: start.serial_share.clone(),
            stage: Stage::Booting,
            generation: 0,
            queue: None,
            told_want: false,
            no_more: false,
            serial: None,
            stop: None,
            recalled: false,
            skipping: false,
        }
    }

    pub(crate) fn fact_of(fact: &SessionFact) -> Option<bool> {
        match fact {
            SessionFact::BeforeSuite { state, .. } => Some(!state.is_failure()),
            SessionFact::ReportBeforeSuite { .. } => None,
        }
    }
}

impl World {
    fn p(&mut self, id: ProcessId) -> &mut SimProcess {
        self.processes.get_mut(&id).expect("the caller has looked")
    }

    fn say(&mut self, id: ProcessId, news: ProcessNews) {
        let worker = self.p(id).worker.clone();
        self.news(id, &worker, news);
    }

    fn wait(&mut self, id: ProcessId, stage: Stage, time: Duration) {
        let process = self.p(id);
        process.stage = stage;
        process.generation += 1;
        let generation = process.generation;
        self.at(time, Event::Timer(id, generation));
    }

    fn startup(&mut self) -> Duration {
        let (low, high) = self.setting.startup;
        Duration::from_millis(self.rng.range(low, high))
    }

    pub(crate) fn obey(&mut self, id: ProcessId, order: ProcessOrder) {
        if !self.processes.contains_key(&id) {
            return;
        }
        match order {
            ProcessOrder::Start(_) => {
                if self.setting.startup.1 > 0 && self.rng.chance(self.setting.faults.boot_death) {
                    let end = if self.rng.chance(50) {
                        ProcessEnd::NotStarted
                    } else {
                        ProcessEnd::Exit(2)
                    };
                    return self.die(id, end, false);
                }
                let time = self.startup();
                self.wait(id, Stage::Booting, time);
            }
            ProcessOrder::HandOut { attempt } => {
                let process = self.p(id);
                assert!(process.queue.is_none(), "one ahead, not two");
                process.queue = Some(attempt);
                process.told_want = false;
                self.poke(id);
            }
            ProcessOrder::TakeBack { attempt } => {
                let process = self.p(id);
                if process.queue.take_if(|queued| *queued == attempt).is_some() {
                    process.told_want = true;
                    self.saw("taken back");
                    self.say(id, ProcessNews::GivenBack { attempt });
                } else {
                    self.saw("taken back too late");
                }
            }
            ProcessOrder::NoMoreGroups => {
                self.p(id).no_more = true;
                self.poke(id);
            }
            ProcessOrder::SerialPhase { attempts } => {
                assert!(id.number.is_first());
                let others = self.processes.keys().filter(|p| p.session == id.session).count();
                assert_eq!(others, 1, "the serial phase begins when the others are gone");
                let (target, share) = (self.p(id).target, self.p(id).share.clone());
                for attempt in &attempts {
                    assert!(attempt.target == target && share.contains(&attempt.group));
                }
                let process = self.p(id);
                if attempts.len() < share.len() && process.stop.is_none() && !process.skipping {
                    let given: Vec<_> = attempts.iter().map(|a| a.group).collect();
                    // It would run the rest of its share, too.
                    let all = share
                        .iter()
                        .all(|g| given.contains(g) || self.ledger.is_sealed(target, *g).is_some());
                    assert!(all, "process 1 runs serial groups without an attempt");
                }
                self.p(id).serial = Some(attempts.into());
                self.poke(id);
            }
            ProcessOrder::Stop(how) => self.stop(id, how),
        }
    }

    fn stop(&mut self, id: ProcessId, how: StopHow) {
        if how == StopHow::Recall {
            self.saw("recalled");
            let process = self.p(id);
            // The ledger may have refused the groups that it was to begin with: then it waits for them,
            // and is killed as soon as the scheduler hears of that.
            let serial = process.serial.is_some() || process.no_more && id.number.is_first();
            assert!(serial, "only a process 1 at its serial groups is recalled");
            process.recalled = true;
            return;
        }
        let process = self.p(id);
        process.stop = process.stop.max(Some(how));
        if how == StopHow::Kill {
            return self.die(id, ProcessEnd::Signal(9), false);
        }
        process.skipping = true;
        match process.stage {
            Stage::Running { attempt, .. } => {
                let nature = self.nature(attempt);
                if nature != Nature::HardHang {
                    let time = Duration::from_millis(self.rng.range(1, 9_000));
                    self.wait(id, Stage::Running { attempt, left: 0 }, time);
                } else if how == StopHow::Hung {
                    let grace = self.setting.shape.limits.grace;
                    self.wait(id, Stage::Running { attempt, left: 0 }, grace);
                }
            }
            Stage::AfterSuite => {}
            Stage::AwaitOthers => self.poke(id),
            _ => {
                self.p(id).stage = Stage::Asking;
                self.poke(id);
            }
        }
    }

    fn nature(&self, attempt: AttemptId) -> Nature {
        self.setting.groups[&attempt.target][&attempt.group].nature
    }

    pub(crate) fn poke_session(&mut self, session: SessionId) {
        let ids: Vec<_> = self.processes.keys().filter(|p| p.session == session).copied().collect();
        for id in ids {
            self.poke(id);
        }
    }

    fn poke(&mut self, id: ProcessId) {
        let Some(process) = self.processes.get(&id) else { return };
        match process.stage {
            Stage::WaitFact => {
                if let Some(passed) = self.workers[&process.worker].facts.get(&id.session).copied()
                {
                    let process = self.p(id);
                    process.skipping |= !passed;
                    process.stage = Stage::Asking;
                    self.poke(id);
                }
            }
            Stage::Asking => self.ask(id),
            Stage::AwaitOthers => self.serial(id),
            _ => {}
        }
    }

    fn ask(&mut self, id: ProcessId) {
        let process = self.p(id);
        if let Some(attempt) = process.queue.take() {
            let skipping = process.skipping;
            process.told_want = !process.no_more;
            let tell = process.told_want;
            self.say(
                id,
                if skipping {
                    ProcessNews::NotRun { attempt }
                } else {
                    ProcessNews::Started { attempt }
                },
            );
            if tell {
                self.say(id, ProcessNews::WantsGroup);
            }
            if !skipping {
                self.begin(id, attempt);
            }
        } else if process.no_more || process.stop.is_some() {
            if id.number.is_first() {
                process.stage = Stage::AwaitOthers;
                self.poke(id);
            } else {
                let time = self.startup();
                self.wait(id, Stage::AfterSuite, time);
            }
        } else if !process.told_want {
            process.told_want = true;
            self.say(id, ProcessNews::WantsGroup);
        }
    }

    fn serial(&mut self, id: ProcessId) {
        let process = self.p(id);
        let skipping = process.skipping || process.recalled;
        let Some(list) = process.serial.as_mut() else { return };
        match list.pop_front() {
            Some(attempt) if skipping => {
                self.say(id, ProcessNews::NotRun { attempt });
                self.serial(id);
            }
            Some(attempt) => self.begin(id, attempt),
            None => {
                let time = self.startup();
                self.wait(id, Stage::AfterSuite, time);
            }
        }
    }

    fn begin(&mut self, id: ProcessId, attempt: AttemptId) {
        self.began(id, attempt);
        let group = self.setting.groups[&attempt.target][&attempt.group].clone();
        let reports = group.plan.reports;
        let stage = Stage::Running { attempt, left: reports };
        if matches!(group.nature, Nature::Hang | Nature::HardHang) {
            let process = self.p(id);
            process.stage = stage;
            process.generation += 1;
        } else {
            self.wait(id, stage, group.takes / reports);
        }
    }

    pub(crate) fn timer(&mut self, id: ProcessId, generation: u64) {
        let Some(process) = self.processes.get(&id) else { return };
        if process.generation != generation {
            return;
        }
        match process.stage {
            Stage::Booting => {
                self.say(id, ProcessNews::Up);
                if id.number.is_first() {
                    let time = self.startup();
                    self.wait(id, Stage::BeforeSuite, time);
                } else {
                    self.p(id).stage = Stage::WaitFact;
                    self.poke(id);
                }
            }
            Stage::BeforeSuite => self.before_suite(id),
            Stage::Running { attempt, left } => self.spec_ends(id, attempt, left),
            Stage::AfterSuite => self.die(id, ProcessEnd::Exit(0), true),
            _ => {}
        }
    }

    fn before_suite(&mut self, id: ProcessId) {
        if self.rng.chance(self.setting.faults.before_suite_death) {
            return self.die(id, ProcessEnd::Exit(2), false);
        }
        let (_, cluster) = self.place(id.session);
        let failed = self.setting.bad_before_suite.contains(&cluster);
        if failed {
            self.saw("before-suite failed");
        }
        let state = if failed { SpecState::Failed } else { SpecState::Passed };
        let fact = SessionFact::BeforeSuite { state, data: None };
        self.ledger.state_fact(id.session, fact.clone());
        self.say(id, ProcessNews::Fact(fact));
        let worker = self.p(id).worker.clone();
        if let Some(worker) = self.workers.get_mut(&worker) {
            worker.facts.entry(id.session).or_insert(!failed);
        }
        let process = self.p(id);
        process.skipping |= failed;
        process.stage = Stage::Asking;
        self.poke_session(id.session);
    }

    fn spec_ends(&mut self, id: ProcessId, attempt: AttemptId, left: u32) {
        let group = self.setting.groups[&attempt.target][&attempt.group].clone();
        let stopped = self.p(id).stop;
        if group.nature == Nature::HardHang || group.nature == Nature::Poison && stopped.is_none() {
            let end = if stopped.is_some() { ProcessEnd::Signal(9) } else { ProcessEnd::Exit(1) };
            return self.die(id, end, false);
        }
        if stopped.is_none() && self.rng.chance(self.setting.faults.spec_death) {
            return self.die(id, ProcessEnd::Signal(11), false);
        }
        match group.nature {
            Nature::Mismatch if stopped.is_none() => {
                self.say(id, ProcessNews::Mismatch { message: "another spec".to_owned() });
            }
            Nature::Abort if stopped.is_none() => self.say(id, ProcessNews::Aborted),
            _ => {}
        }
        if left > 1 {
            self.ledger.reported.insert(attempt);
            let state = SpecState::Passed;
            let spec = SpecIndex(0);
            self.say(
                id,
                ProcessNews::SpecDone {
                    attempt,
                    spec,
                    state,
                    run_time_us: 1,
                    message: String::new(),
                },
            );
            return self.wait(
                id,
                Stage::Running { attempt, left: left - 1 },
                group.takes / group.plan.reports,
            );
        }
        self.ended_spec(id);
        let (_, cluster) = self.place(id.session);
        let not_run = (stopped.is_some() && self.rng.chance(30))
            || self.rng.chance(self.setting.faults.not_run);
        if not_run {
            self.p(id).skipping = true;
            self.ledger.let_go.insert(attempt);
            self.say(id, ProcessNews::NotRun { attempt });
        } else if self.unready.contains(&cluster) {
            let cause = LossCause::ClusterLost { cluster: "c".to_owned() };
            self.ledger.reported.insert(attempt);
            self.ledger.let_go.insert(attempt);
            self.say(id, ProcessNews::Lost { attempt, cause });
        } else {
            let failed = group.nature != Nature::Pass || stopped.is_some();
            let state = self.ledger.state(attempt).expect("handed out");
            assert_eq!(*state, State::Live, "{attempt} runs although it is over");
            *state = State::Sealed { failed };
            self.say(id, ProcessNews::Sealed { attempt, failed });
            // The ledger has it, but the news may be lost together with the worker.
            if self.rng.chance(self.setting.faults.worker_loss / 20) {
                let worker = self.p(id).worker.clone();
                self.at(Duration::ZERO, Event::LoseWorker(worker));
            }
        }
        let process = self.p(id);
        process.stage = if process.serial.is_some() { Stage::AwaitOthers } else { Stage::Asking };
        self.poke(id);
    }

    pub(crate) fn die(&mut self, id: ProcessId, end: ProcessEnd, complete: bool) {
        let last_output = if complete { String::new() } else { "boom".to_owned() };
        self.say(id, ProcessNews::Ended { end, complete, last_output });
        self.ended_spec(id);
        self.processes.remove(&id);
    }
}
