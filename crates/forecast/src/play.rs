//! Virtual time: the scheduler's orders against modelled workers, until the run is over.
//!
//! Nothing goes wrong here but what the scene says (a cluster that is slow or dies): this is no
//! test of the scheduler's rules, and what it costs to run is what the scheduler itself costs.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use multibeam_model::command::Decision;
use multibeam_model::plan::GroupPlan;
use multibeam_model::{ClusterId, GroupId, Moment, ProcessId, SessionId, TargetId, WorkerId};
use multibeam_sched::{Input, Order, Output, Scheduler};

use crate::course::Course;
use crate::process::Process;
use crate::scene::Scene;

/// How long each group really takes, by target and group; a group that is not there takes what its
/// plan expects.
pub type Takes = BTreeMap<(TargetId, GroupId), Duration>;

/// Events for each group, and besides, after which a schedule counts as endless. A group gives some
/// ten.
const EVENTS_PER_GROUP: u64 = 100;
const EVENTS: u64 = 100_000;

/// Something that will happen.
#[derive(Clone, Debug)]
pub(crate) enum Event {
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
    Play::beginning(scene, takes).run()
}

/// Plays a run and gives all that the scheduler took in, with the times: the same inputs to another
/// scheduler give the same run.
#[must_use]
pub fn record(scene: &Scene, takes: &Takes) -> Option<Vec<(Moment, Input)>> {
    let mut play = Play::beginning(scene, takes);
    play.recorded = Some(Vec::new());
    play.go()?;
    play.recorded
}

pub(crate) struct Play<'a> {
    pub(crate) scene: &'a Scene,
    pub(crate) takes: &'a Takes,
    pub(crate) plans: BTreeMap<(TargetId, GroupId), &'a GroupPlan>,
    pub(crate) sched: Scheduler,
    pub(crate) now: Moment,
    pub(crate) queue: BTreeMap<(Moment, u64), Event>,
    pub(crate) events: u64,
    pub(crate) workers: BTreeMap<WorkerId, ClusterId>,
    pub(crate) processes: BTreeMap<ProcessId, Process>,
    /// Sessions whose before-suite is over, by the workers that know it.
    pub(crate) begun: BTreeSet<(SessionId, WorkerId)>,
    pub(crate) places: BTreeMap<SessionId, (TargetId, ClusterId)>,
    pub(crate) out: Vec<Output>,
    pub(crate) course: Course,
    pub(crate) recorded: Option<Vec<(Moment, Input)>>,
    /// After so many it is taken to be endless.
    pub(crate) most_events: u64,
}

// === impl Play ===

impl<'a> Play<'a> {
    /// A run from its beginning.
    fn beginning(scene: &'a Scene, takes: &'a Takes) -> Self {
        let mut play = Self::new(scene, takes, Scheduler::new(scene.shape(), None));
        play.set_up();
        play
    }

    /// A stage without anybody on it.
    pub(crate) fn new(scene: &'a Scene, takes: &'a Takes, sched: Scheduler) -> Self {
        let plans = scene.targets().flat_map(|(id, target)| {
            target.plan.groups.iter().map(move |group| ((id, group.id), group))
        });
        let plans: BTreeMap<_, _> = plans.collect();
        let most_events = EVENTS + EVENTS_PER_GROUP * plans.len() as u64;
        Self {
            scene,
            takes,
            plans,
            sched,
            now: Moment::default(),
            queue: BTreeMap::new(),
            events: 0,
            workers: BTreeMap::new(),
            processes: BTreeMap::new(),
            begun: BTreeSet::new(),
            places: BTreeMap::new(),
            out: Vec::new(),
            course: Course::default(),
            recorded: None,
            most_events,
        }
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
        self.go()?;
        Some(self.course)
    }

    /// Goes on until the run is over.
    pub(crate) fn go(&mut self) -> Option<()> {
        while !self.sched.is_over() {
            if self.course.inputs > self.most_events {
                return None;
            }
            self.next()?;
        }
        Some(())
    }

    /// Lets the next thing happen; `None` when nothing ever will.
    fn next(&mut self) -> Option<()> {
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
        Some(())
    }

    /// The scheduler as it stands at a moment, which must lie before the run's end.
    #[cfg(test)]
    pub(crate) fn scheduler_at(scene: &Scene, takes: &Takes, moment: Moment) -> Scheduler {
        let mut play = Play::beginning(scene, takes);
        while play.queue.first_key_value().is_some_and(|((at, _), _)| *at <= moment) {
            play.next().expect("the run is not over");
        }
        play.sched
    }

    pub(crate) fn after(&mut self, time: Duration, event: Event) {
        self.events += 1;
        self.queue.insert((self.now + time, self.events), event);
    }

    pub(crate) fn elapsed(&self) -> Duration {
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
        if let Some(recorded) = &mut self.recorded {
            recorded.push((self.now, input.clone()));
        }
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
                    if let Decision::OpenSession { session, target, cluster } = decision {
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
}
