//! The whole state of a run, and the few ways in which attempts and processes change.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use multibeam_model::command::Decision;
use multibeam_model::event::What;
use multibeam_model::link::{ProcessOrder, StartProcess, StopHow};
use multibeam_model::outcome::Verdict;
use multibeam_model::run::Limits;
use multibeam_model::{
    AttemptId, Cause, ClusterId, GroupId, LossCause, Moment, ProcessId, ProcessNumber, SessionId,
    TargetId, WorkerId,
};

use crate::cluster::{Cluster, Worker};
use crate::group::{Group, Stand};
use crate::recover::{Recovered, Takeover};
use crate::routine::{Looks, routine};
use crate::session::{Process, Running, Session, Stop, Why};
use crate::target::{Halt, Target};
use crate::{Input, Order, Output, RunShape};

/// The state of a run.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) limits: Limits,
    pub(crate) fail_fast: bool,
    pub(crate) targets: BTreeMap<TargetId, Target>,
    pub(crate) clusters: BTreeMap<ClusterId, Cluster>,
    pub(crate) workers: BTreeMap<WorkerId, Worker>,
    /// Open sessions.
    pub(crate) sessions: BTreeMap<SessionId, Session>,
    pub(crate) next_session: u32,
    pub(crate) cancelled: bool,
    pub(crate) forced: bool,
    /// A newer coordinator is in office: nothing that this one says counts.
    pub(crate) fenced: bool,
    pub(crate) over: bool,
    pub(crate) now: Moment,
    /// What is to be done first, when this run was taken over.
    pub(crate) takeover: Option<Takeover>,
    /// Until when workers that have not come back are waited for.
    pub(crate) patient_until: Option<Moment>,
    /// It was taken over, and no group has had attempts beyond the limit by anybody's wish.
    pub(crate) bounds_attempts: bool,
    /// What a process that was not heard of cannot have begun.
    pub(crate) unbegun: BTreeSet<AttemptId>,
    /// What waits for the plans of the targets that were under way.
    pub(crate) deferred: VecDeque<Input>,
    /// A process waits although there are groups: whether they are done earlier elsewhere changes as
    /// time passes, so it is thought over again without any news.
    pub(crate) holds_back: bool,
    /// The widths of clusters stay as they are.
    pub(crate) keeps_widths: bool,
    /// Something changed without an output.
    pub(crate) changed: bool,
    /// What changed concerns more than the process that the news is from.
    pub(crate) concerns_all: bool,
    /// When everything was looked at.
    pub(crate) looks: Looks,
    /// The outputs of the input at hand.
    pub(crate) out: Vec<Output>,
}

impl Run {
    pub(crate) fn new(shape: RunShape, mut past: Recovered) -> Self {
        let targets = (0..).map(TargetId).zip(shape.targets);
        let clusters = (0..).map(ClusterId).zip(shape.clusters);
        Self {
            limits: shape.limits,
            fail_fast: shape.fail_fast,
            targets: targets
                .map(|(id, shape)| {
                    let past = past.targets.remove(&id).unwrap_or_default();
                    (id, Target::new(shape, past))
                })
                .collect(),
            clusters: clusters.map(|(id, name)| (id, Cluster::new(name))).collect(),
            workers: BTreeMap::new(),
            sessions: BTreeMap::new(),
            next_session: past.next_session.max(1),
            cancelled: false,
            forced: false,
            fenced: false,
            over: false,
            now: Moment::default(),
            takeover: past.takeover,
            patient_until: None,
            bounds_attempts: false,
            unbegun: BTreeSet::new(),
            deferred: VecDeque::new(),
            holds_back: false,
            keeps_widths: false,
            changed: false,
            concerns_all: false,
            looks: Looks::default(),
            out: Vec::new(),
        }
    }

    pub(crate) fn handle(&mut self, now: Moment, input: Input, out: &mut Vec<Output>) {
        self.now = self.now.max(now);
        if self.over || self.fenced {
            return;
        }
        if let Some(takeover) = self.takeover.take() {
            self.take_over(takeover);
        }
        let from = routine(&input);
        self.take_in_order(input);
        if self.fenced || self.lacks_plans() {
            self.looks.due = None;
        } else {
            self.look(from);
        }
        out.append(&mut self.out);
    }

    // === looking ===

    pub(crate) fn target(&self, id: TargetId) -> Option<&Target> {
        self.targets.get(&id)
    }

    pub(crate) fn group(&self, target: TargetId, group: GroupId) -> Option<&Group> {
        self.targets.get(&target)?.groups.get(&group)
    }

    pub(crate) fn group_mut(&mut self, target: TargetId, group: GroupId) -> Option<&mut Group> {
        self.targets.get_mut(&target)?.groups.get_mut(&group)
    }

    pub(crate) fn process(&self, id: ProcessId) -> Option<&Process> {
        let process = self.sessions.get(&id.session)?.live.get(&id.number)?;
        (process.id == id).then_some(process)
    }

    pub(crate) fn process_mut(&mut self, id: ProcessId) -> Option<&mut Process> {
        let session = self.sessions.get_mut(&id.session)?;
        let process = session.live.get_mut(&id.number)?;
        (process.id == id).then_some(process)
    }

    pub(crate) fn processes(&self) -> impl Iterator<Item = (&Session, &Process)> {
        self.sessions
            .values()
            .flat_map(|session| session.live.values().map(move |process| (session, process)))
    }

    /// The processes of one target, in order.
    pub(crate) fn processes_of(
        &self,
        target: TargetId,
    ) -> impl Iterator<Item = (&Session, &Process)> {
        self.processes().filter(move |(session, _)| session.target == target)
    }

    /// Whether a cluster may be given work of a target now.
    pub(crate) fn serves(&self, target: TargetId, cluster: ClusterId) -> bool {
        self.clusters.get(&cluster).is_some_and(Cluster::usable)
            && self.target(target).is_some_and(|t| t.is_open() && !t.out.contains_key(&cluster))
    }

    /// The serial groups of a session that are not done.
    pub(crate) fn open_share(&self, session: &Session) -> BTreeSet<GroupId> {
        let done =
            |id: &&GroupId| self.group(session.target, **id).is_some_and(|group| !group.is_done());
        session.share.iter().filter(done).copied().collect()
    }

    // === speaking ===

    pub(crate) fn say(&mut self, what: What) {
        self.out.push(Output::Event(what));
    }

    pub(crate) fn commit(&mut self, decisions: Vec<Decision>) {
        self.out.push(Output::Commit { decisions, then: Vec::new() });
    }

    pub(crate) fn order(&mut self, worker: WorkerId, process: ProcessId, order: ProcessOrder) {
        self.out.push(Output::Send(Order { worker, process, order }));
    }

    // === processes ===

    /// The decision and the order that start a process, which is a live one of its session from
    /// now on.
    pub(crate) fn start(
        &mut self,
        session: SessionId,
        number: ProcessNumber,
        worker: &WorkerId,
    ) -> Option<(Decision, Order)> {
        let (now, share) = (self.now, self.open_share(self.sessions.get(&session)?));
        let session = self.sessions.get_mut(&session)?;
        let entry = session.numbers.entry(number).or_default();
        entry.incarnations += 1;
        entry.finished = false;
        let id = ProcessId { session: session.id, number, incarnation: entry.incarnations };
        session.live.insert(number, Process::new(id, worker.clone(), now));
        let serial_share: Vec<GroupId> = if number.is_first() {
            session.share.clone_from(&share);
            share.into_iter().collect()
        } else {
            Vec::new()
        };
        let (total, share) =
            (StartProcess::total_for(session.initial, number), serial_share.clone());
        let decision = Decision::StartProcess { process: id, worker: worker.clone(), total, share };
        let start = StartProcess {
            target: session.target,
            total,
            serial_share,
            facts: session.facts.clone(),
        };
        let order = ProcessOrder::Start(start);
        Some((decision, Order { worker: worker.clone(), process: id, order }))
    }

    /// Orders a process to stop, unless it is being stopped at least as hard.
    pub(crate) fn stop(&mut self, id: ProcessId, how: StopHow, why: Why) {
        let at = self.now;
        let Some(process) = self.process_mut(id) else {
            return;
        };
        // One that was not heard of yet is stopped when it is.
        if process.held.is_some() || process.stop.is_some_and(|stop| stop.how >= how) {
            return;
        }
        // A harder stop of the same process keeps the reason for which it began.
        let why = match process.stop {
            Some(Stop { why: first @ Why::Hung(_), .. }) => first,
            _ => why,
        };
        process.stop = Some(Stop { how, why, at });
        let worker = process.worker.clone();
        self.order(worker, id, ProcessOrder::Stop(how));
    }

    // === attempts ===

    /// Hands a waiting group out to a process: the number is taken and the group out of the pool.
    pub(crate) fn begin(
        &mut self,
        id: ProcessId,
        target: TargetId,
        group: GroupId,
    ) -> Option<(AttemptId, Decision)> {
        let worker = self.process(id)?.worker.clone();
        let progress = self.sessions.get(&id.session)?.progress;
        let target_state = self.targets.get_mut(&target)?;
        target_state.take(group);
        let group = target_state.groups.get_mut(&group)?;
        let attempt = group.begin(target, id, progress);
        let decision =
            Decision::HandOut { attempt, process: id, worker, reports: group.plan.reports };
        Some((attempt, decision))
    }

    /// An attempt begins to run on the process that has it.
    pub(crate) fn run_attempt(&mut self, id: ProcessId, attempt: AttemptId) {
        let now = self.now;
        let Some(plan) = self.group(attempt.target, attempt.group).map(|g| g.plan.clone()) else {
            return;
        };
        let Some(process) = self.process_mut(id) else {
            return;
        };
        if process.running.iter().any(|r| r.attempt == attempt) || !process.drop_attempt(attempt) {
            return;
        }
        process.running.push(Running {
            attempt,
            since: now,
            sign: now,
            expected: plan.expected,
            limit: plan.limit,
            timed_out: false,
        });
    }

    /// The process that an attempt is on, if it is the live one of its group.
    pub(crate) fn live_on(&self, attempt: AttemptId) -> Option<ProcessId> {
        let (live, process) = self.group(attempt.target, attempt.group)?.live(attempt.target)?;
        (live == attempt).then_some(process)
    }

    /// The process that an attempt was handed to and has not come to its end on.
    pub(crate) fn holder(&self, attempt: AttemptId) -> Option<ProcessId> {
        let mut processes = self.processes();
        processes.find(|(_, p)| p.attempts().contains(&attempt)).map(|(_, process)| process.id)
    }

    fn note_pace(&mut self, attempt: AttemptId, id: ProcessId) {
        let Some(process) = self.process(id) else { return };
        let serial = process.alone_told;
        let hung = process.stop.is_some_and(|stop| stop.why == Why::Hung(attempt));
        let mut running = process.running.iter();
        let Some(mut running) = running.find(|it| it.attempt == attempt).copied() else { return };
        running.timed_out |= hung;
        let took = self.now.since(running.since);
        if let Some(target) = self.targets.get_mut(&attempt.target) {
            target.kept.note(took, running.expected);
        }
        let Some(session) = self.sessions.get_mut(&id.session) else { return };
        session.pace.note(serial, took, running.expected);
        if !serial {
            self.note_crowd(id.session, &running);
        }
    }

    /// Takes an attempt off its process; `done` when it came to an end there.
    pub(crate) fn detach(&mut self, attempt: AttemptId, id: ProcessId, done: bool) {
        let now = self.now;
        if done {
            self.note_pace(attempt, id);
            if let Some(session) = self.sessions.get_mut(&id.session) {
                session.progress += 1;
            }
        }
        if let Some(process) = self.process_mut(id) {
            process.drop_attempt(attempt);
            process.productive |= done;
            if process.running.is_empty()
                && let Some(stop) = process.stop.as_mut().filter(|s| s.how == StopHow::Recall)
            {
                // Only now has it nothing left but to end.
                stop.at = now;
            }
        }
        // Only what was lost before may run alone.
        if self.group(attempt.target, attempt.group).is_some_and(Group::was_lost) {
            for worker in self.workers.values_mut() {
                worker.alone.take_if(|alone| *alone == attempt);
            }
        }
    }

    /// The ledger has sealed an attempt: whatever was thought of the group, this counts.
    pub(crate) fn seal(&mut self, attempt: AttemptId, failed: bool) {
        if let Some(process) = self.live_on(attempt) {
            self.detach(attempt, process, true);
        }
        let fail_fast = self.fail_fast;
        let Some(target) = self.targets.get_mut(&attempt.target) else {
            return;
        };
        target.take(attempt.group);
        let Some(group) = target.groups.get_mut(&attempt.group) else {
            return;
        };
        if !group.is_done() {
            target.open_groups -= 1;
        }
        self.concerns_all |= target.open_groups == 0;
        // A failure that becomes known later counts as well.
        let known = group.stand == Stand::Sealed { failed: true };
        group.stand = Stand::Sealed { failed: failed || known };
        if failed && target.halt >= Some(Halt::Interrupt) {
            // As far as anybody can tell it was interrupted: its result says nothing about the spec.
            target.floor = target.floor.max(Verdict::Incomplete);
        }
        if failed && fail_fast {
            target.stop(Halt::Drain, Cause::FailFast);
            self.concerns_all = true;
        }
    }

    /// A live attempt is lost.
    pub(crate) fn lose(&mut self, attempt: AttemptId, cause: LossCause) {
        let Some(process) = self.live_on(attempt) else {
            return;
        };
        self.detach(attempt, process, true);
        self.concerns_all = true;
        let attempts = self.limits.attempts;
        let Some(target) = self.targets.get_mut(&attempt.target) else {
            return;
        };
        let halted = target.halt.is_some();
        let Some(group) = target.groups.get_mut(&attempt.group) else {
            return;
        };
        let mut decisions = vec![Decision::Lose { attempt, cause: cause.clone() }];
        // A target that stops leaves the group as it is: it may be taken up again later.
        let given_up = group.lose(cause.clone(), attempts) && !halted;
        if given_up {
            decisions.push(group.give_up(attempt.target, cause.clone()));
            target.open_groups -= 1;
        }
        target.wait(attempt.group);
        self.commit(decisions);
        self.out.push(Output::AttemptLost { attempt, cause, given_up });
    }

    /// A live attempt goes back without having begun.
    pub(crate) fn give_back(&mut self, attempt: AttemptId) {
        let Some(process) = self.live_on(attempt) else {
            return;
        };
        self.commit(vec![Decision::Return { attempt }]);
        self.put_back(attempt, process);
    }

    /// The part of [`Run::give_back`] that the ledger need not know.
    pub(crate) fn put_back(&mut self, attempt: AttemptId, process: ProcessId) {
        let asked = self.process(process).is_some_and(|it| it.asked_back(attempt).is_some());
        self.detach(attempt, process, false);
        // That it was asked back says nothing against the group; who waits for it is looked at soon.
        match asked {
            true => self.look_soon(),
            false => self.concerns_all = true,
        }
        let session = self.sessions.get(&process.session).filter(|_| !asked);
        let progress = session.map(|session| session.progress);
        let Some(target) = self.targets.get_mut(&attempt.target) else {
            return;
        };
        let Some(group) = target.groups.get_mut(&attempt.group) else {
            return;
        };
        let hopeless = group.give_back(progress).filter(|_| target.halt.is_none());
        let decision = hopeless.clone().map(|cause| group.give_up(attempt.target, cause));
        target.wait(attempt.group);
        if let Some(decision) = decision {
            target.open_groups -= 1;
            self.commit(vec![decision]);
        }
    }

    /// Whether `running` takes longer than was expected of it.
    pub(crate) fn is_overdue(&self, running: &Running) -> bool {
        let pace = self.target(running.attempt.target).map_or(1.0, Target::pace);
        self.now.since(running.since).div_f64(pace) > running.expected
    }

    /// How long `running` should still take, in the measure of the estimates: when those are all
    /// wrong by a common factor, the time that has passed counts as they count. One that is late is
    /// taken to need as long again as it is late.
    pub(crate) fn remaining(&self, running: &Running) -> Duration {
        self.remaining_at(running, self.now)
    }

    /// The same from a moment on at which nothing has been heard.
    pub(crate) fn remaining_at(&self, running: &Running, now: Moment) -> Duration {
        let elapsed = now.since(running.since);
        let pace = self.target(running.attempt.target).map_or(1.0, Target::pace);
        elapsed.div_f64(pace).abs_diff(running.expected)
    }
}
