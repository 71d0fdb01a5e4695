//! Virtual time: the scheduler's orders against modelled workers, until the run is over.
//!
//! Nothing goes wrong here but what the scene says (a cluster that is slow or dies): this is no
//! test of the scheduler's rules, and what it costs to run is what the scheduler itself costs.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use multibeam_model::link::{ProcessNews, ProcessOrder, SessionFact, StopHow};
use multibeam_model::outcome::ProcessEnd;
use multibeam_model::plan::GroupPlan;
use multibeam_model::run::Limits;
use multibeam_model::{
    AttemptId, ClusterId, GroupId, Moment, ProcessId, SessionId, SpecState, TargetId, WorkerId,
};
use multibeam_sched::{Input, Order, Output, RunShape, Scheduler, TargetShape};

use crate::course::{Bar, Course, Life};
use crate::process::{Process, Stage};
use crate::scene::Scene;

/// How long each group really takes, by target and group; a group that is not there takes what its
/// plan expects.
pub type Takes = BTreeMap<(TargetId, GroupId), Duration>;

/// Something that will happen.
#[derive(Clone, Debug)]
enum Event {
    /// The scheduler hears of it.
    Tell(Input),
    /// The scheduler hears of it from a worker, if that lives.
    News(WorkerId, Input),
    /// A worker hears of it.
    Order(Order),
    /// A worker hears that a before-suite is over.
    Fact(WorkerId, SessionId),
    /// A stage of a process is over.
    Timer(ProcessId, u64),
    /// The workers of a cluster die.
    Die(ClusterId),
}

/// Plays a run. `None` when nothing would ever happen any more, which the scheduler's own limits
/// should make impossible.
#[must_use]
pub fn play(scene: &Scene, takes: &Takes) -> Option<Course> {
    Play::new(scene, takes).run()
}

struct Play<'a> {
    scene: &'a Scene,
    takes: &'a Takes,
    plans: BTreeMap<(TargetId, GroupId), &'a GroupPlan>,
    sched: Scheduler,
    now: Moment,
    queue: BTreeMap<(Moment, u64), Event>,
    events: u64,
    workers: BTreeMap<WorkerId, ClusterId>,
    processes: BTreeMap<ProcessId, Process>,
    /// Sessions whose before-suite is over, by the workers that know it.
    begun: BTreeSet<(SessionId, WorkerId)>,
    places: BTreeMap<SessionId, (TargetId, ClusterId)>,
    out: Vec<Output>,
    course: Course,
}

// === impl Play ===

impl<'a> Play<'a> {
    fn new(scene: &'a Scene, takes: &'a Takes) -> Self {
        let shape = RunShape {
            targets: scene
                .targets
                .iter()
                .map(|target| TargetShape {
                    name: target.name.clone(),
                    clusters: target.clusters.clone(),
                })
                .collect(),
            clusters: scene.clusters.iter().map(|cluster| cluster.name.clone()).collect(),
            limits: Limits::default(),
            fail_fast: false,
        };
        let plans = scene.targets().flat_map(|(id, target)| {
            target.plan.groups.iter().map(move |group| ((id, group.id), group))
        });
        let mut play = Self {
            scene,
            takes,
            plans: plans.collect(),
            sched: Scheduler::new(shape, None),
            now: Moment::default(),
            queue: BTreeMap::new(),
            events: 0,
            workers: BTreeMap::new(),
            processes: BTreeMap::new(),
            begun: BTreeSet::new(),
            places: BTreeMap::new(),
            out: Vec::new(),
            course: Course::default(),
        };
        play.set_up();
        play
    }

    /// All workers are there from the beginning, and every target is prepared.
    fn set_up(&mut self) {
        for (cluster, it) in self.scene.clusters() {
            for (n, &slots) in it.workers.iter().enumerate() {
                let worker = WorkerId(format!("{}-{n:04}", it.name));
                self.workers.insert(worker.clone(), cluster);
                let joined = Input::WorkerJoined { worker: worker.clone(), cluster, slots };
                self.after(Duration::ZERO, Event::Tell(joined));
                for (target, it) in self.scene.targets() {
                    if it.clusters.contains(&cluster) {
                        let worker = worker.clone();
                        let prepared = Input::WorkerPrepared { worker, target };
                        self.after(Duration::ZERO, Event::Tell(prepared));
                    }
                }
            }
            if let Some(at) = it.dies {
                self.after(at, Event::Die(cluster));
            }
        }
        for (_, target) in self.scene.targets() {
            let prepared = Input::TargetPrepared(target.plan.clone());
            self.after(Duration::ZERO, Event::Tell(prepared));
        }
        self.after(Duration::ZERO, Event::Tell(Input::Tick));
    }

    fn run(mut self) -> Option<Course> {
        while !self.sched.is_over() {
            let next = self.queue.first_key_value().map(|((at, _), _)| *at);
            let due = self.sched.next_deadline();
            match (next, due) {
                (next, Some(due)) if next.is_none_or(|next| due < next) => {
                    self.now = self.now.max(due);
                    self.tell(Input::Tick);
                }
                _ => {
                    let ((at, _), event) = self.queue.pop_first()?;
                    self.now = self.now.max(at);
                    self.step(event);
                }
            }
        }
        Some(self.course)
    }

    fn after(&mut self, time: Duration, event: Event) {
        self.events += 1;
        self.queue.insert((self.now + time, self.events), event);
    }

    fn elapsed(&self) -> Duration {
        self.now.since(Moment::default())
    }

    fn step(&mut self, event: Event) {
        match event {
            Event::Tell(input) => self.tell(input),
            Event::News(worker, input) => {
                if self.workers.contains_key(&worker) {
                    self.tell(input);
                }
            }
            Event::Order(order) => self.obey(order),
            Event::Fact(worker, session) => self.learn(worker, session),
            Event::Timer(process, stages) => {
                if self.processes.get(&process).is_some_and(|p| p.stages == stages) {
                    self.stage_over(process);
                }
            }
            Event::Die(cluster) => self.die(cluster),
        }
    }

    // === the scheduler's side ===

    fn tell(&mut self, input: Input) {
        self.course.inputs += 1;
        let mut out = std::mem::take(&mut self.out);
        self.sched.handle(self.now, input, &mut out);
        for output in out.drain(..) {
            self.perform(output);
        }
        self.out = out;
    }

    fn perform(&mut self, output: Output) {
        let latency = self.scene.costs.latency;
        match output {
            Output::Commit { decisions, then } => {
                for decision in decisions {
                    if let multibeam_model::command::Decision::OpenSession {
                        session,
                        target,
                        cluster,
                    } = decision
                    {
                        self.places.insert(session, (target, cluster));
                    }
                }
                for order in then {
                    self.after(latency, Event::Order(order));
                }
            }
            Output::Send(order) => self.after(latency, Event::Order(order)),
            Output::SendFact { worker, session, .. } => {
                self.after(latency, Event::Fact(worker, session));
            }
            Output::CleanUp { process, .. } => {
                self.after(latency * 2, Event::Tell(Input::CleanedUp { process }));
            }
            Output::TargetEnded { target, verdict, .. } => {
                self.course.ends.insert(target, self.elapsed());
                self.course.verdicts.insert(target, verdict);
            }
            Output::Event(_) | Output::AttemptLost { .. } | Output::RunEnded { .. } => {}
        }
    }

    // === the workers' side ===

    fn say(&mut self, process: ProcessId, news: ProcessNews) {
        let Some(worker) = self.processes.get(&process).map(|p| p.worker.clone()) else {
            return;
        };
        let news = Event::News(worker, Input::Process { process, news });
        self.after(self.scene.costs.latency, news);
    }

    fn obey(&mut self, order: Order) {
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

    fn learn(&mut self, worker: WorkerId, session: SessionId) {
        let here = self.processes.values().filter(|p| p.id.session == session);
        let here: Vec<_> = here.filter(|p| p.worker == worker).map(|p| p.id).collect();
        self.begun.insert((session, worker));
        for id in here {
            self.go_on(id);
        }
    }

    fn die(&mut self, cluster: ClusterId) {
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

    fn stage_over(&mut self, id: ProcessId) {
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
    fn go_on(&mut self, id: ProcessId) {
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
