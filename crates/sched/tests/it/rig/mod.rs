//! The words in which the scenarios are told. Ids are written as they print: `s1p2.3` is the third
//! copy of process 2 of session 1, `g4#2` the second attempt of group 4 (of the process's target).

mod ledger;

use std::collections::BTreeMap;
use std::time::Duration;

use ledger::Ledger;
use multibeam_model::adopt::Roster;
use multibeam_model::command::Decision;
use multibeam_model::event::What;
use multibeam_model::link::{ProcessNews, ProcessOrder, SessionFact};
use multibeam_model::outcome::ProcessEnd;
use multibeam_model::plan::{GroupPlan, TargetPlan};
use multibeam_model::run::{Concurrency, Limits};
use multibeam_model::{
    AttemptId, ClusterId, GroupId, Moment, ProcessId, ProcessNumber, RunId, SessionId, SpecState,
    TargetId, WorkerId,
};
use multibeam_sched::{
    Input, Order, Output, Recovered, RecoveredTarget, RunShape, Scheduler, TargetShape,
};

pub(crate) struct Rig {
    shape: RunShape,
    sched: Scheduler,
    now: Moment,
    out: Vec<String>,
    sessions: BTreeMap<SessionId, TargetId>,
    ledger: Ledger,
    roster: Roster,
    /// What is sent does not arrive any more.
    cut: bool,
}

pub(crate) fn parallel(id: u32, secs: u64) -> GroupPlan {
    GroupPlan {
        id: GroupId(id),
        serial: false,
        reports: 1,
        expected: Duration::from_secs(secs),
        twin: None,
        avoid_first: false,
        limit: None,
        crowds: Vec::new(),
    }
}

pub(crate) fn serial(id: u32, secs: u64) -> GroupPlan {
    GroupPlan { serial: true, ..parallel(id, secs) }
}

pub(crate) fn process(text: &str) -> ProcessId {
    let (text, incarnation) = text.split_once('.').unwrap_or((text, "1"));
    let (session, number) = text[1..].split_once('p').expect("s1p1");
    ProcessId {
        session: SessionId(session.parse().expect("a number")),
        number: ProcessNumber(number.parse().expect("a number")),
        incarnation: incarnation.parse().expect("a number"),
    }
}

/// An attempt of target 0.
pub(crate) fn attempt(text: &str) -> AttemptId {
    let (group, number) = text[1..].split_once('#').expect("g1#1");
    AttemptId {
        target: TargetId(0),
        group: GroupId(group.parse().expect("a number")),
        number: number.parse().expect("a number"),
    }
}

impl Rig {
    pub(crate) fn new(targets: &[&[u32]], clusters: u32) -> Self {
        let target = |(n, serves): (usize, &&[u32])| TargetShape {
            name: format!("t{n}"),
            clusters: serves.iter().copied().map(ClusterId).collect(),
        };
        let shape = RunShape {
            targets: targets.iter().enumerate().map(target).collect(),
            clusters: (0..clusters).map(|n| format!("c{n}")).collect(),
            limits: Limits::default(),
            fail_fast: false,
        };
        Self::with(shape, None)
    }

    fn with(shape: RunShape, past: Option<Recovered>) -> Self {
        Self {
            sched: Scheduler::new(shape.clone(), past),
            shape,
            now: Moment(0),
            out: Vec::new(),
            sessions: BTreeMap::new(),
            ledger: Ledger::default(),
            roster: Roster::default(),
            cut: false,
        }
    }

    pub(crate) fn fail_fast(mut self) -> Self {
        self.shape.fail_fast = true;
        Self::with(self.shape, None)
    }

    pub(crate) fn at_once(mut self, concurrency: Concurrency) -> Self {
        self.shape.limits.concurrency = concurrency;
        Self::with(self.shape, None)
    }

    pub(crate) fn recover(&mut self, next_session: u32, target: RecoveredTarget) {
        let targets = BTreeMap::from([(TargetId(0), target)]);
        let past = Recovered { next_session, targets, takeover: None };
        let known = past.targets.clone();
        *self = Self::with(self.shape.clone(), Some(past));
        self.ledger.targets = known;
    }

    /// Everything is looked at after a minute, or when it has to be before.
    pub(crate) fn look_seldom(&mut self) {
        self.sched.look_seldom(1_000, Duration::from_secs(60));
    }

    /// Waits until something is due, and says how long that was.
    pub(crate) fn wait_until_due(&mut self) -> Duration {
        let due = self.sched.next_deadline().expect("something is due");
        let waited = due.since(self.now);
        self.now = due;
        self.tell(Input::Tick);
        waited
    }

    /// The record shows that an attempt cannot have begun.
    pub(crate) fn unbegun(&mut self, of: &str) {
        self.ledger.queued.insert(attempt(of));
    }

    /// The record shows that somebody has taken the run up again.
    pub(crate) fn resumed(&mut self) {
        self.ledger.resumed = true;
    }

    /// From now on the coordinator's orders do not arrive.
    pub(crate) fn cut(&mut self) {
        self.cut = true;
    }

    /// The coordinator dies, and another one takes over.
    pub(crate) fn take_over(&mut self, cancelled: Option<bool>) {
        let past = self.ledger.recover(&self.shape, cancelled);
        self.sched = Scheduler::new(self.shape.clone(), Some(past));
        self.cut = false;
        self.out.clear();
    }

    /// A worker comes to the new coordinator. All workers are told apart by where their processes
    /// were started.
    pub(crate) fn back(&mut self, name: &str, cluster: u32, slots: u32) {
        self.worker(name, cluster, slots);
        let mine = |process: &ProcessId| self.ledger.is_on(*process, name);
        let standing = self.roster.standing(self.now).into_iter().map(|(_, process)| process);
        let processes = standing.filter(|it| mine(&it.process)).collect();
        self.tell(Input::Adopt { worker: WorkerId::from(name), processes });
    }

    /// Every clean-up asked for from now on is done at once, and not shown.
    pub(crate) fn no_cleanup(&mut self) {
        self.shape.limits.cleanup = false;
    }

    pub(crate) fn worker(&mut self, name: &str, cluster: u32, slots: u32) {
        let worker = WorkerId::from(name);
        let cluster = ClusterId(cluster);
        self.tell(Input::WorkerJoined { worker: worker.clone(), cluster, slots });
        for target in 0..self.shape.targets.len() as u32 {
            let target = TargetId(target);
            self.tell(Input::WorkerPrepared { worker: worker.clone(), target });
        }
    }

    pub(crate) fn plan(&mut self, target: u32, groups: Vec<GroupPlan>) {
        let target = TargetId(target);
        self.tell(Input::TargetPrepared(TargetPlan { target, groups }));
    }

    pub(crate) fn news(&mut self, id: &str, news: ProcessNews) {
        self.ledger.news(process(id).session, &news);
        self.roster.told(&RunId::from("r"), process(id), &news, self.now);
        self.tell(Input::Process { process: process(id), news });
    }

    pub(crate) fn passed(&mut self, id: &str) {
        let state = SpecState::Passed;
        self.news(id, ProcessNews::Fact(SessionFact::BeforeSuite { state, data: None }));
    }

    pub(crate) fn ask(&mut self, id: &str) {
        self.news(id, ProcessNews::WantsGroup);
    }

    /// Process 1 has nothing to do but its serial share.
    pub(crate) fn goes_serial(&mut self, id: &str) {
        self.passed(id);
        self.ask(id);
    }

    pub(crate) fn started(&mut self, id: &str, of: &str) {
        self.news(id, ProcessNews::Started { attempt: self.attempt(id, of) });
        self.ask(id);
    }

    pub(crate) fn sealed(&mut self, id: &str, of: &str) {
        let attempt = self.attempt(id, of);
        self.news(id, ProcessNews::Sealed { attempt, failed: false });
    }

    fn attempt(&self, id: &str, of: &str) -> AttemptId {
        let target = self.sessions[&process(id).session];
        AttemptId { target, ..attempt(of) }
    }

    pub(crate) fn ended(&mut self, id: &str) {
        let end = ProcessEnd::Exit(0);
        self.news(id, ProcessNews::Ended { end, complete: true, last_output: String::new() });
    }

    pub(crate) fn died(&mut self, id: &str) {
        self.ends(id, ProcessEnd::Signal(9));
    }

    pub(crate) fn ends(&mut self, id: &str, end: ProcessEnd) {
        self.news(id, ProcessNews::Ended { end, complete: false, last_output: String::new() });
    }

    /// Lets seconds pass; a tick comes only if the scheduler asked for one.
    pub(crate) fn wait(&mut self, secs: u64) {
        self.now = self.now + Duration::from_secs(secs);
        if self.sched.next_deadline().is_some_and(|at| at <= self.now) {
            self.tell(Input::Tick);
        }
    }

    pub(crate) fn tell(&mut self, input: Input) {
        let mut out = Vec::new();
        self.sched.handle(self.now, input, &mut out);
        for output in out {
            self.note(output);
        }
    }

    /// Forgets what was wanted so far.
    pub(crate) fn skip(&mut self) {
        self.out.clear();
    }

    /// What was wanted since the last look.
    pub(crate) fn take(&mut self) -> Vec<String> {
        std::mem::take(&mut self.out)
    }

    #[track_caller]
    pub(crate) fn wants<const N: usize>(&mut self, expected: [&str; N]) {
        let expected: Vec<String> = expected.map(str::to_owned).into();
        assert_eq!(self.take(), expected);
    }

    fn note(&mut self, output: Output) {
        match output {
            Output::Commit { decisions, then } => {
                decisions.iter().for_each(|decision| self.note_decision(decision));
                then.iter().for_each(|order| self.note_order(order));
            }
            Output::Send(order) => self.note_order(&order),
            Output::SendFact { worker, session, .. } => {
                self.out.push(format!("fact of s{session} to {worker}"))
            }
            Output::CleanUp { process, .. } if self.shape.limits.cleanup => {
                self.out.push(format!("clean up {process}"));
            }
            Output::CleanUp { process, .. } => self.tell(Input::CleanedUp { process }),
            Output::Event(What::ClusterGivenUp { cluster, .. }) => {
                self.out.push(format!("given up c{cluster}"))
            }
            Output::Event(_) | Output::AttemptLost { .. } => {}
            Output::TargetEnded { target, verdict, .. } => {
                self.out.push(format!("end t{target} {verdict}"))
            }
            Output::RunEnded { verdict } => self.out.push(format!("end of run {verdict}")),
        }
    }

    fn note_decision(&mut self, decision: &Decision) {
        self.ledger.decide(decision);
        let short = |id: &AttemptId| format!("g{}#{}", id.group, id.number);
        let text = match decision {
            Decision::OpenSession { session, target, cluster } => {
                self.sessions.insert(*session, *target);
                format!("open s{session} t{target} c{cluster}")
            }
            Decision::CloseSession { session, lost: true } => format!("close s{session} lost"),
            Decision::CloseSession { session, .. } => format!("close s{session}"),
            Decision::HandOut { attempt, process, .. } => {
                format!("{} to {process}", short(attempt))
            }
            // Said by its order, and by what became of the session.
            Decision::StartProcess { .. } | Decision::EndProcess { .. } => return,
            Decision::Lose { attempt, .. } => format!("lose {}", short(attempt)),
            Decision::Return { attempt } => format!("return {}", short(attempt)),
            Decision::GiveUp { group, .. } => format!("give up {group}"),
            other => panic!("not the scheduler's decision: {other:?}"),
        };
        self.out.push(text);
    }

    fn note_order(&mut self, order: &Order) {
        let Order { worker, process, order } = order;
        if !self.cut {
            self.roster.ordered(&RunId::from("r"), *process, order);
        }
        let text = match order {
            ProcessOrder::Start(start) => {
                let total = start.total;
                let share: Vec<u32> = start.serial_share.iter().map(|id| id.0).collect();
                let serial =
                    if share.is_empty() { String::new() } else { format!(" serial {share:?}") };
                format!("start {process} on {worker} total {total}{serial}")
            }
            // Said by its decision.
            ProcessOrder::HandOut { .. } => return,
            ProcessOrder::TakeBack { attempt } => {
                format!("g{}#{} back from {process}", attempt.group, attempt.number)
            }
            ProcessOrder::NoMoreGroups => format!("no more {process}"),
            ProcessOrder::SerialPhase { attempts } => {
                let list: Vec<_> =
                    attempts.iter().map(|id| format!("g{}#{}", id.group, id.number)).collect();
                format!("serial {process} [{}]", list.join(", "))
            }
            ProcessOrder::Stop(how) => format!("stop {process} {how:?}"),
        };
        self.out.push(text);
    }
}
