//! What each input changes. Nothing is decided here that `settle` can decide.

use std::collections::BTreeSet;

use multibeam_model::command::{Decision, Refusal};
use multibeam_model::event::{Phase, What};
use multibeam_model::link::{ProcessNews, SessionFact, StopHow};
use multibeam_model::outcome::{ProcessEnd, SpecState};
use multibeam_model::{AttemptId, Cause, LossCause, ProcessId, SessionId, WorkerId};

use crate::cluster::{Cleaning, Worker};
use crate::crowd::is_late;
use crate::group::Stand;
use crate::run::Run;
use crate::session::{Process, Running, Why};
use crate::target::{Halt, Out};
use crate::timers::CLEANUP_LIMIT;
use crate::{Input, Output};

/// So many processes in a row may end by themselves without having done anything, and so many
/// sessions of a target on a cluster; then no more are started. Processes that die with the lease of
/// their worker are not among them.
pub(crate) const MAX_FUTILE: u32 = 3;

impl Run {
    pub(crate) fn take_in(&mut self, input: Input) {
        match input {
            Input::WorkerJoined { worker, cluster, slots } => {
                if self.clusters.contains_key(&cluster) {
                    let now = self.now;
                    let entry = self.workers.entry(worker.clone());
                    let known = entry.or_insert_with(|| Worker::new(cluster, slots, now));
                    known.slots = slots;
                    if let Some(cluster) = self.clusters.get_mut(&known.cluster) {
                        cluster.workers.insert(worker);
                    }
                }
            }
            Input::WorkerPrepared { worker, target } => {
                if let Some(worker) = self.workers.get_mut(&worker) {
                    worker.prepared.insert(target);
                }
            }
            Input::WorkerLost { worker } => self.worker_lost(&worker),
            Input::Adopt { worker, processes } => self.adopt(&worker, processes),
            Input::TargetPrepared(plan) => {
                let id = plan.target;
                if let Some(target) = self.targets.get_mut(&id)
                    && !target.prepared
                    && target.ended.is_none()
                {
                    target.prepare(plan);
                    self.find_live(id);
                    self.give_up_used_up(id);
                }
            }
            Input::TargetRefused { target, cause, verdict } => {
                if let Some(target) = self.targets.get_mut(&target) {
                    target.stop(Halt::Interrupt, cause);
                    target.floor = target.floor.max(verdict);
                }
            }
            Input::ClusterReady { cluster, ready } => {
                let now = self.now;
                if let Some(cluster) = self.clusters.get_mut(&cluster) {
                    cluster.ready = ready;
                    let since = cluster.unready_since.unwrap_or(now);
                    cluster.unready_since = (!ready).then_some(since);
                }
            }
            Input::ClusterRefused { target, cluster, reason } => {
                if let Some(target) = self.targets.get_mut(&target) {
                    target.out.entry(cluster).or_insert(Out::Refused(reason));
                }
            }
            Input::Process { process, news } => self.news(process, news),
            Input::CommitRefused { refused } => self.refused(refused),
            Input::LossVoided { attempt, failed } => self.seal(attempt, failed),
            Input::CleanedUp { process } => {
                for cluster in self.clusters.values_mut() {
                    cluster.cleaning.remove(&process);
                }
            }
            Input::Cancel { force } => self.cancel(force),
            Input::Tick => {}
        }
    }

    fn cancel(&mut self, force: bool) {
        if self.cancelled && (self.forced || !force) {
            return;
        }
        self.cancelled = true;
        self.forced |= force;
        self.say(What::Cancelling { force });
        let how = if force { Halt::Kill } else { Halt::Interrupt };
        for target in self.targets.values_mut() {
            target.stop(how, Cause::Cancelled);
        }
    }

    fn news(&mut self, id: ProcessId, news: ProcessNews) {
        let Some(process) = self.process_mut(id).filter(|process| process.held.is_none()) else {
            // Late news of a process that has ended, or early ones of one that its worker has not
            // told all about yet: only a seal means something.
            if let ProcessNews::Sealed { attempt, failed } = news {
                self.seal(attempt, failed);
            }
            return;
        };
        match news {
            ProcessNews::Up | ProcessNews::OutputCut(_) => {}
            ProcessNews::SuiteNodeDone { node, state, .. } => {
                if state.is_failure() && node.ends_with("BeforeSuite") {
                    let reason = format!("the {node} of a suite process ended as {state}");
                    // It runs no spec: Ginkgo skips everything but the after-suite.
                    process.spoiled |= !process.asked;
                    if let Some(session) = self.sessions.get_mut(&id.session) {
                        session.before_suite.get_or_insert(reason);
                    }
                }
            }
            ProcessNews::Fact(fact) => self.fact(id.session, fact),
            ProcessNews::WantsGroup => {
                process.asked = true;
                process.wants = process.queued.is_none();
                if id.number.is_first() {
                    self.passed(id.session);
                }
            }
            ProcessNews::Started { attempt } => self.run_attempt(id, attempt),
            ProcessNews::SpecDone { attempt, state, message, .. } => {
                self.run_attempt(id, attempt);
                let now = self.now;
                if let Some(process) = self.process_mut(id) {
                    let mut running = process.running.iter_mut();
                    if let Some(running) = running.find(|r| r.attempt == attempt) {
                        running.sign = now;
                        running.timed_out |= is_late(state, &message);
                    }
                }
            }
            ProcessNews::Sealed { attempt, failed } => self.seal(attempt, failed),
            ProcessNews::Lost { attempt, cause } => self.lose(attempt, cause),
            ProcessNews::NotRun { attempt } => {
                process.spoiled = true;
                // One that was interrupted because it hung has begun, whatever it reports.
                let hung = process.stop.is_some_and(|stop| stop.why == Why::Hung(attempt));
                let running = process.running.iter().find(|running| running.attempt == attempt);
                match running.filter(|_| hung).map(hung_for) {
                    Some(cause) => self.lose(attempt, cause),
                    None => self.give_back(attempt),
                }
            }
            ProcessNews::GivenBack { attempt } => self.given_back(id, attempt),
            ProcessNews::Mismatch { message } => {
                self.stop_target(id.session, Cause::Refused(message));
            }
            ProcessNews::Aborted => self.stop_target(id.session, Cause::Aborted),
            ProcessNews::Ended { end, complete, last_output } => {
                self.process_ended(id, end, complete, &last_output)
            }
        }
    }

    fn stop_target(&mut self, session: SessionId, cause: Cause) {
        let target = self.sessions.get(&session).map(|session| session.target);
        if let Some(target) = target.and_then(|id| self.targets.get_mut(&id)) {
            target.stop(Halt::Interrupt, cause);
        }
    }

    /// Process 1 has got past its before-suite.
    pub(crate) fn passed(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        session.passed = true;
        let first = session.first().map(|first| self.now.since(first.since));
        session.start_up = session.start_up.or(first);
        if session.phase == Phase::Starting {
            session.phase = Phase::Parallel;
            self.say(What::PhaseBegan { session: id, phase: Phase::Parallel });
        }
    }

    fn fact(&mut self, id: SessionId, fact: SessionFact) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        let kind = std::mem::discriminant(&fact);
        let known = session.facts.iter().any(|f| std::mem::discriminant(f) == kind);
        if !known {
            session.facts.push(fact.clone());
            let first = session.first().map(|process| process.worker.clone());
            let mut others: Vec<WorkerId> =
                session.live.values().map(|p| p.worker.clone()).collect();
            others.sort();
            others.dedup();
            for worker in others.into_iter().filter(|w| Some(w) != first.as_ref()) {
                self.out.push(Output::SendFact { worker, session: id, fact: fact.clone() });
            }
        }
        self.weigh(id, &fact);
    }

    /// What a fact means for the session and its target.
    pub(crate) fn weigh(&mut self, id: SessionId, fact: &SessionFact) {
        let Some(session) = self.sessions.get(&id) else {
            return;
        };
        let (target, cluster) = (session.target, session.cluster);
        let (state, node) = match fact {
            SessionFact::ReportBeforeSuite { state } => (*state, "ReportBeforeSuite"),
            SessionFact::BeforeSuite { state, .. } => (*state, "BeforeSuite"),
        };
        // After Skip() in the before-suite no process runs any spec.
        let skips = matches!(fact, SessionFact::BeforeSuite { state: SpecState::Skipped, .. });
        if state.is_failure() || skips {
            let reason = format!("its {node} ended as {state}");
            if let Some(target) = self.targets.get_mut(&target)
                && target.halt.is_none()
            {
                target.out.entry(cluster).or_insert(Out::BeforeSuite(reason));
            }
        } else if matches!(fact, SessionFact::BeforeSuite { .. }) {
            self.passed(id);
        }
    }

    fn process_ended(&mut self, id: ProcessId, end: ProcessEnd, complete: bool, last_output: &str) {
        let cluster = self.sessions.get(&id.session).map(|session| session.cluster);
        let name = cluster.and_then(|c| self.clusters.get(&c)).map(|c| c.name.clone());
        let Some(process) = self.remove(id, end, complete) else {
            return;
        };
        let forced = process.stop.is_some_and(|stop| stop.how == StopHow::Kill);
        let mut lost = Vec::new();
        for running in &process.running {
            let attempt = running.attempt;
            let cause = match process.stop.map(|stop| stop.why) {
                Some(Why::Hung(hung)) if hung == attempt => hung_for(running),
                Some(Why::ClusterGivenUp) => {
                    LossCause::ClusterLost { cluster: name.clone().unwrap_or_default() }
                }
                Some(Why::Halt | Why::Useless) if forced => LossCause::Killed,
                _ if end == ProcessEnd::LeaseExpired => {
                    LossCause::WorkerLost { worker: process.worker.0.clone() }
                }
                _ => LossCause::ProcessDied { end, last_output: last_output.to_owned() },
            };
            self.lose(attempt, cause);
            lost.push(attempt);
        }
        self.hand_back(&process);
        self.commit(vec![Decision::EndProcess { process: id, complete }]);
        // That the worker was cut off from its coordinator says nothing about the suite.
        if end != ProcessEnd::LeaseExpired {
            self.judge(id, &process, complete, last_output);
        }
        if let Some(cluster) = cluster
            && !lost.is_empty()
        {
            self.clean_up(id, cluster, process.worker, &lost);
        }
    }

    /// Takes a process out of its session.
    pub(crate) fn remove(
        &mut self,
        id: ProcessId,
        end: ProcessEnd,
        complete: bool,
    ) -> Option<Process> {
        self.process(id)?;
        let session = self.sessions.get_mut(&id.session)?;
        let process = session.live.remove(&id.number)?;
        if let Some(number) = session.numbers.get_mut(&id.number) {
            number.finished = complete;
        }
        self.concerns_all |= !complete;
        if id.number.is_first() && !complete {
            session.lose_unless_begun();
        }
        self.say(What::ProcessEnded { process: id, end, complete });
        Some(process)
    }

    /// Returns what a gone process had not begun.
    pub(crate) fn hand_back(&mut self, process: &Process) {
        for attempt in process.queued.iter().chain(&process.serial) {
            self.give_back(*attempt);
        }
    }

    /// Whether an end speaks against starting more processes of this kind.
    fn judge(&mut self, id: ProcessId, process: &Process, complete: bool, last_output: &str) {
        let Some(session) = self.sessions.get_mut(&id.session) else {
            return;
        };
        let productive = process.productive || !process.running.is_empty();
        // One that never asked for a group came to grief in its before-suite.
        let useless = !complete || process.spoiled || !process.asked;
        if process.stop.is_none() && !productive && useless {
            session.bad_ends += 1;
            last_output.clone_into(&mut session.last_bad);
            session.closing |= session.bad_ends >= MAX_FUTILE;
        } else if productive {
            session.bad_ends = 0;
        }
    }

    fn clean_up(
        &mut self,
        process: ProcessId,
        cluster: multibeam_model::ClusterId,
        worker: WorkerId,
        lost: &[AttemptId],
    ) {
        let until = self.now + CLEANUP_LIMIT;
        let Some(cluster) = self.clusters.get_mut(&cluster) else {
            return;
        };
        if !self.limits.cleanup || cluster.given_up || self.forced {
            return;
        }
        let groups = lost.iter().map(|a| (a.target, a.group)).collect();
        let cleaning = Cleaning { worker: worker.clone(), groups, until };
        cluster.cleaning.insert(process, cleaning);
        self.out.push(Output::CleanUp { worker, process });
    }

    pub(crate) fn worker_lost(&mut self, id: &WorkerId) {
        self.workers.remove(id);
        for cluster in self.clusters.values_mut() {
            cluster.workers.remove(id);
            cluster.cleaning.retain(|_, cleaning| cleaning.worker != *id);
        }
        let here = self.processes().filter(|(_, process)| process.worker == *id);
        let gone: Vec<ProcessId> = here.map(|(_, process)| process.id).collect();
        for id in gone {
            let Some(process) = self.remove(id, ProcessEnd::LeaseExpired, false) else {
                continue;
            };
            let running = process.running.iter().map(|running| running.attempt);
            let held = process.held.iter().flatten().copied();
            let (unbegun, held): (Vec<_>, Vec<_>) =
                held.partition(|attempt| self.unbegun.contains(attempt));
            for attempt in running.chain(held) {
                let worker = process.worker.0.clone();
                self.lose(attempt, LossCause::WorkerLost { worker });
            }
            for attempt in unbegun {
                self.give_back(attempt);
            }
            self.hand_back(&process);
            self.commit(vec![Decision::EndProcess { process: id, complete: false }]);
        }
    }

    fn refused(&mut self, refused: Vec<(AttemptId, Refusal)>) {
        // Process 1 would run what it has in its share without an attempt: only another process 1
        // with another share can go on.
        let mut useless = BTreeSet::new();
        for (attempt, refusal) in refused {
            match refusal {
                Refusal::OldEpoch { .. } => {
                    self.fenced = true;
                    return;
                }
                // The ledger knows of a cancel that has not come here yet.
                Refusal::RunOver => self.cancel(false),
                _ => {}
            }
            // A void loss may have sealed the group meanwhile, and the process still has this one.
            let place = self.live_on(attempt).or_else(|| self.holder(attempt));
            match (&refusal, place) {
                (Refusal::GroupDone, _) => {
                    self.seal(attempt, false);
                    if let Some(process) = place {
                        self.detach(attempt, process, false);
                    }
                }
                (_, Some(process)) => self.put_back(attempt, process),
                (_, None) => {}
            }
            // The number was not used after all, or another one is next.
            if let Some(group) = self.group_mut(attempt.target, attempt.group)
                && group.stand == Stand::Waiting
            {
                group.next = match refusal {
                    Refusal::WrongNumber { expected } => expected,
                    _ => attempt.number.min(group.next),
                };
            }
            let Some(place) = place else { continue };
            let serial =
                self.group(attempt.target, attempt.group).is_some_and(|group| group.plan.serial);
            if serial {
                useless.insert(place);
            } else if let Some(process) = self.process_mut(place) {
                process.wants = process.queued.is_none();
            }
        }
        for place in useless {
            // Nothing was sent, so none of the others has begun either.
            let others = self.process(place).map(Process::attempts);
            for attempt in others.unwrap_or_default() {
                self.give_back(attempt);
            }
            self.stop(place, StopHow::Kill, Why::Useless);
        }
    }
}

/// The loss of an attempt that ran longer than its limit.
fn hung_for(running: &Running) -> LossCause {
    let limit = running.limit.unwrap_or_default().as_millis();
    LossCause::Hung { limit_ms: u64::try_from(limit).unwrap_or(u64::MAX) }
}
