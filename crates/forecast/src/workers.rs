//! The workers' side of a played run: what processes do with the orders they get.

use std::time::Duration;

use multibeam_model::link::{ProcessNews, ProcessOrder, SessionFact, StopHow};
use multibeam_model::outcome::ProcessEnd;
use multibeam_model::run::Limits;
use multibeam_model::{AttemptId, ClusterId, Moment, ProcessId, SessionId, SpecState, WorkerId};
use multibeam_sched::{Input, Order};

use crate::course::{Bar, Life};
use crate::play::{Event, Play};
use crate::process::{Process, Stage};

impl Play<'_> {
    pub(crate) fn say(&mut self, process: ProcessId, news: ProcessNews) {
        let Some(worker) = self.processes.get(&process).map(|p| p.worker.clone()) else {
            return;
        };
        let news = Event::News(worker, Input::Process { process, news });
        self.after(self.scene.costs.latency, news);
    }

    pub(crate) fn obey(&mut self, order: Order) {
        let Order { worker, process: id, order } = order;
        if !self.workers.contains_key(&worker) {
            return;
        }
        if let ProcessOrder::Start(start) = &order {
            let Some(&(target, cluster)) = self.places.get(&id.session) else {
                return;
            };
            if !start.facts.is_empty() {
                self.begun.insert((id.session, worker.clone()));
            }
            let process = Process {
                id,
                worker,
                target,
                cluster,
                since: self.now,
                began: self.now,
                stage: Stage::Booting,
                stages: 0,
                queued: None,
                told_want: false,
                no_more: false,
                serial: None,
                stopped: false,
            };
            self.processes.insert(id, process);
            return self.enter(id, Stage::Booting, self.scene.costs.boot);
        }
        let Some(process) = self.processes.get_mut(&id) else {
            return;
        };
        match order {
            ProcessOrder::Start(_) => {}
            ProcessOrder::HandOut { attempt } => {
                process.queued = Some(attempt);
                process.told_want = false;
            }
            ProcessOrder::TakeBack { attempt } => {
                if process.queued.take_if(|queued| *queued == attempt).is_some() {
                    process.told_want = true;
                    self.say(id, ProcessNews::GivenBack { attempt });
                }
                // What it runs goes on.
                return;
            }
            ProcessOrder::NoMoreGroups => process.no_more = true,
            ProcessOrder::SerialPhase { attempts } => process.serial = Some(attempts.into()),
            ProcessOrder::Stop(StopHow::Kill) => return self.end(id, false),
            ProcessOrder::Stop(_) => {
                process.stopped = true;
                process.no_more = true;
            }
        }
        self.go_on(id);
    }

    pub(crate) fn learn(&mut self, worker: WorkerId, session: SessionId) {
        let here = self.processes.values().filter(|p| p.id.session == session);
        let here: Vec<_> = here.filter(|p| p.worker == worker).map(|p| p.id).collect();
        self.begun.insert((session, worker));
        for id in here {
            self.go_on(id);
        }
    }

    pub(crate) fn die(&mut self, cluster: ClusterId) {
        let lost: Vec<_> =
            self.workers.iter().filter(|(_, c)| **c == cluster).map(|(w, _)| w.clone()).collect();
        let patience = Limits::default().patience();
        for worker in lost {
            self.workers.remove(&worker);
            let here = self.processes.values().filter(|p| p.worker == worker);
            for id in here.map(|p| p.id).collect::<Vec<_>>() {
                self.remove(id);
            }
            self.after(patience, Event::Tell(Input::WorkerLost { worker }));
        }
    }

    /// Begins a stage that takes so long.
    fn enter(&mut self, id: ProcessId, stage: Stage, time: Duration) {
        let Some(process) = self.processes.get_mut(&id) else {
            return;
        };
        process.stage = stage;
        process.stages += 1;
        let (stages, cluster) = (process.stages, process.cluster);
        let pace = self.scene.clusters.get(cluster.0 as usize).map_or(100, |c| c.pace);
        self.after(time * pace / 100, Event::Timer(id, stages));
    }

    pub(crate) fn stage_over(&mut self, id: ProcessId) {
        let Some(process) = self.processes.get_mut(&id) else {
            return;
        };
        match process.stage {
            Stage::Booting if process.is_first() => {
                self.enter(id, Stage::BeforeSuite, self.scene.costs.before_suite);
            }
            Stage::Booting => {
                process.stage = Stage::Waiting;
                self.go_on(id);
            }
            Stage::BeforeSuite => {
                process.stage = Stage::Asking;
                let worker = process.worker.clone();
                let fact = SessionFact::BeforeSuite { state: SpecState::Passed, data: None };
                self.say(id, ProcessNews::Fact(fact));
                self.learn(worker, id.session);
            }
            Stage::Running(attempt) => {
                let serial = process.serial.is_some();
                process.stage = if serial { Stage::Serial } else { Stage::Asking };
                self.mark(id, attempt, true);
                self.say(id, ProcessNews::Sealed { attempt, failed: false });
                self.go_on(id);
            }
            Stage::AfterSuite => self.end(id, true),
            Stage::Waiting | Stage::Asking | Stage::Serial => {}
        }
    }

    /// Does what a process can do now.
    pub(crate) fn go_on(&mut self, id: ProcessId) {
        let Some(process) = self.processes.get_mut(&id) else {
            return;
        };
        match process.stage {
            Stage::Waiting if self.begun.contains(&(id.session, process.worker.clone())) => {
                process.stage = Stage::Asking;
                self.go_on(id);
            }
            Stage::Asking => self.ask(id),
            Stage::Serial => self.serial(id),
            _ => {}
        }
    }

    fn ask(&mut self, id: ProcessId) {
        let Some(process) = self.processes.get_mut(&id) else {
            return;
        };
        if let Some(attempt) = process.queued.take() {
            if process.stopped {
                return self.say(id, ProcessNews::NotRun { attempt });
            }
            process.told_want = !process.no_more;
            let wants = process.told_want;
            self.say(id, ProcessNews::Started { attempt });
            if wants {
                self.say(id, ProcessNews::WantsGroup);
            }
            self.begin(id, attempt);
        } else if process.no_more && process.is_first() {
            process.stage = Stage::Serial;
            self.serial(id);
        } else if process.no_more {
            self.enter(id, Stage::AfterSuite, self.scene.costs.after_suite);
        } else if !process.told_want {
            process.told_want = true;
            self.say(id, ProcessNews::WantsGroup);
        }
    }

    fn serial(&mut self, id: ProcessId) {
        let Some(process) = self.processes.get_mut(&id) else {
            return;
        };
        let stopped = process.stopped;
        let Some(serial) = &mut process.serial else {
            return;
        };
        match serial.pop_front() {
            Some(attempt) if stopped => {
                self.say(id, ProcessNews::NotRun { attempt });
                self.serial(id);
            }
            Some(attempt) => {
                self.say(id, ProcessNews::Started { attempt });
                self.begin(id, attempt);
            }
            None => self.enter(id, Stage::AfterSuite, self.scene.costs.after_suite),
        }
    }

    fn begin(&mut self, id: ProcessId, attempt: AttemptId) {
        let key = (attempt.target, attempt.group);
        let takes = self.takes.get(&key).copied();
        let takes = takes.or_else(|| self.plans.get(&key).map(|plan| plan.expected));
        if let Some(process) = self.processes.get_mut(&id) {
            process.began = self.now;
        }
        self.enter(id, Stage::Running(attempt), takes.unwrap_or_default());
    }

    fn end(&mut self, id: ProcessId, complete: bool) {
        let end = if complete { ProcessEnd::Exit(0) } else { ProcessEnd::Signal(9) };
        self.say(id, ProcessNews::Ended { end, complete, last_output: String::new() });
        self.remove(id);
    }

    fn remove(&mut self, id: ProcessId) {
        if let Some(process) = self.processes.get(&id)
            && let Stage::Running(attempt) = process.stage
        {
            self.mark(id, attempt, false);
        }
        if let Some(process) = self.processes.remove(&id) {
            let from = process.since.since(Moment::default());
            let (target, cluster) = (process.target, process.cluster);
            let to = self.elapsed();
            self.course.lives.push(Life { target, cluster, process: id, from, to });
        }
    }

    /// Writes down an execution that has just ended.
    fn mark(&mut self, id: ProcessId, attempt: AttemptId, sealed: bool) {
        let Some(process) = self.processes.get(&id) else {
            return;
        };
        self.course.bars.push(Bar {
            target: attempt.target,
            cluster: process.cluster,
            process: id,
            group: attempt.group,
            serial: process.serial.is_some(),
            sealed,
            from: process.began.since(Moment::default()),
            to: self.elapsed(),
        });
    }
}
