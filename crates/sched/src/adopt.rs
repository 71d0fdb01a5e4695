//! Taking over from an earlier coordinator: its sessions go on with the processes that their
//! workers still have.
//!
//! The ledger names every process that may be alive, with its worker, and every attempt that was
//! handed out. Such a process is a live one of its session from the beginning, *not heard of* until
//! its worker speaks: it keeps its number, its place on the worker, and its attempts, so nothing is
//! handed out twice, no session closes, and no process 1 is told that it is alone. Then
//! - what the worker names goes on as the worker says;
//! - what was handed out to a named process and is not known there never arrived: it goes back;
//! - a process that is not named never started; one that is unknown here is killed;
//! - a worker that does not come within the patience is lost with all that it had.

use multibeam_model::adopt::AdoptedProcess;
use multibeam_model::command::Decision;
use multibeam_model::event::{Phase, What};
use multibeam_model::link::{ProcessNews, ProcessOrder, StopHow};
use multibeam_model::outcome::ProcessEnd;
use multibeam_model::{Cause, LossCause, Moment, ProcessId, SessionId, TargetId, WorkerId};

use crate::group::Stand;
use crate::recover::{RecoveredSession, Takeover};
use crate::run::Run;
use crate::session::{Number, Process, Running, Session, Stop, Why};
use crate::target::Halt;
use crate::{Input, Output};

impl Run {
    /// Opens what was open.
    pub(crate) fn take_over(&mut self, takeover: Takeover) {
        self.patient_until = Some(self.now + takeover.patience);
        self.unbegun = takeover.queued;
        for ((target, cluster), session) in takeover.served {
            if let Some(target) = self.targets.get_mut(&target) {
                target.sessions.insert(cluster, session);
            }
            if let Some(cluster) = self.clusters.get_mut(&cluster) {
                cluster.served.insert(target, session);
            }
        }
        for (id, session) in takeover.sessions {
            self.reopen(id, session);
        }
        self.bounds_attempts = !takeover.resumed;
        if let Some(force) = takeover.cancelled {
            self.deferred.push_back(Input::Cancel { force });
        }
    }

    fn reopen(&mut self, id: SessionId, past: RecoveredSession) {
        let (target, cluster) = (past.target, past.cluster);
        let Some(place) = self.clusters.get_mut(&cluster) else {
            return;
        };
        place.session = Some(id);
        let first = |id: &ProcessId| id.number.is_first();
        let share = past.processes.iter().rfind(|(id, _)| first(id)).map(|(_, p)| &p.share);
        let share = share.into_iter().flatten().copied().collect();
        let mut session = Session::new(id, target, cluster, share);
        session.initial = past.processes.values().map(|p| p.total).min().unwrap_or_default();
        session.passed = past.passed;
        // In the order of their incarnations: the last one of each number may be alive.
        for (id, process) in past.processes {
            let number = Number {
                incarnations: id.incarnation,
                finished: process.ended.unwrap_or_default(),
            };
            session.numbers.insert(id.number, number);
            session.live.remove(&id.number);
            if process.ended.is_none() {
                let held = Some(Vec::new());
                let alive = Process { held, ..Process::new(id, process.worker, self.now) };
                session.live.insert(id.number, alive);
            }
        }
        let processes = u32::try_from(session.live.len()).unwrap_or(u32::MAX);
        let passed = session.passed;
        self.sessions.insert(id, session);
        self.say(What::SessionOpened { session: id, target, cluster, processes });
        for fact in past.facts {
            self.weigh(id, &fact);
            if let Some(session) = self.sessions.get_mut(&id) {
                session.facts.push(fact);
            }
        }
        if passed {
            self.passed(id);
        }
        if let Some(session) = self.sessions.get_mut(&id)
            && session.first().is_none()
        {
            session.lose_unless_begun();
        }
    }

    /// Whether it is not known yet what the targets that are under way consist of.
    pub(crate) fn lacks_plans(&self) -> bool {
        // Only a run that was taken over has sessions before it has plans.
        self.patient_until.is_some()
            && self.sessions.values().any(|session| {
                self.target(session.target).is_some_and(|target| {
                    !target.prepared && target.halt.is_none() && target.ended.is_none()
                })
            })
    }

    /// Takes an input in, after those that wait; or lets it wait, too.
    pub(crate) fn take_in_order(&mut self, input: Input) {
        match input {
            Input::Tick => {}
            Input::TargetPrepared(_) | Input::TargetRefused { .. } => self.take_in(input),
            other => self.deferred.push_back(other),
        }
        while !self.lacks_plans()
            && !self.fenced
            && let Some(input) = self.deferred.pop_front()
        {
            self.take_in(input);
        }
    }

    /// A target's plan is there: its live attempts are found on their processes.
    pub(crate) fn find_live(&mut self, id: TargetId) {
        let Some(target) = self.targets.get_mut(&id) else {
            return;
        };
        for session in self.sessions.values().filter(|session| session.target == id) {
            for group in &session.share {
                if let Some(group) = target.groups.get_mut(group) {
                    group.session = Some(session.id);
                }
            }
        }
        let failed = |stand: &Stand| matches!(stand, Stand::Sealed { failed: true });
        let failed = target.groups.values().any(|group| failed(&group.stand));
        let live: Vec<_> = target.groups.values().filter_map(|group| group.live(id)).collect();
        // A run that is merely taken up again goes on after a failure: somebody asked for that.
        if failed && self.fail_fast && self.patient_until.is_some() {
            target.stop(Halt::Drain, Cause::FailFast);
        }
        for (attempt, process) in live {
            match self.process_mut(process).and_then(|process| process.held.as_mut()) {
                Some(held) => held.push(attempt),
                None => {
                    let worker = format!("of {process}");
                    self.lose(attempt, LossCause::WorkerLost { worker });
                }
            }
        }
    }

    /// Gives up the groups of a target that have had all their attempts: the coordinator before died
    /// between the last loss and that decision.
    pub(crate) fn give_up_used_up(&mut self, id: TargetId) {
        let attempts = self.limits.attempts;
        let Some(target) = self.targets.get_mut(&id).filter(|_| self.bounds_attempts) else {
            return;
        };
        let used_up = target.groups.values().filter_map(|group| {
            let cause = group.overdue(attempts)?.clone();
            Some((group.plan.id, cause))
        });
        let mut decisions = Vec::new();
        for (id_of, cause) in used_up.collect::<Vec<_>>() {
            target.take(id_of);
            if let Some(group) = target.groups.get_mut(&id_of) {
                decisions.push(group.give_up(id, cause));
                target.open_groups -= 1;
            }
        }
        if !decisions.is_empty() {
            self.commit(decisions);
        }
    }

    /// A worker has told all about its processes.
    pub(crate) fn adopt(&mut self, worker: &WorkerId, processes: Vec<AdoptedProcess>) {
        for told in processes {
            let id = told.process;
            match self.process(id) {
                Some(known) if known.worker == *worker && known.held.is_some() => {
                    self.adopt_one(told);
                }
                // Told twice.
                Some(known) if known.worker == *worker => {}
                _ if told.has_ended() => {}
                _ => self.order(worker.clone(), id, ProcessOrder::Stop(StopHow::Kill)),
            }
        }
        let here = self.processes().filter(|(_, process)| process.worker == *worker);
        let unnamed = here.filter(|(_, process)| process.held.is_some());
        for id in unnamed.map(|(_, process)| process.id).collect::<Vec<_>>() {
            self.never_started(id);
        }
        for session in self.sessions.values() {
            if session.live.values().any(|process| process.worker == *worker) {
                for fact in &session.facts {
                    let (worker, fact) = (worker.clone(), fact.clone());
                    self.out.push(Output::SendFact { worker, session: session.id, fact });
                }
            }
        }
    }

    fn adopt_one(&mut self, told: AdoptedProcess) {
        let (id, now) = (told.process, self.now);
        let target = self.sessions.get(&id.session).map(|session| session.target);
        let Some(target) = target.and_then(|id| self.targets.get(&id)) else {
            return;
        };
        let plan = |group| target.groups.get(&group).map(|group| &group.plan);
        let running: Vec<Running> = told
            .running
            .iter()
            .map(|it| Running {
                attempt: it.attempt,
                since: Moment(now.0.saturating_sub(micros(it.elapsed))),
                sign: Moment(now.0.saturating_sub(micros(it.quiet))),
                expected: plan(it.attempt.group).map_or(Default::default(), |p| p.expected),
                limit: plan(it.attempt.group).and_then(|p| p.limit),
                timed_out: false,
            })
            .collect();
        let Some(process) = self.process_mut(id) else {
            return;
        };
        // Only what is live in the ledger: the rest has ended, and the process will hear of it.
        let held = process.held.take().unwrap_or_default();
        process.asked = told.asked;
        process.wants = told.wants;
        process.released = told.released;
        process.alone_told = told.alone_told;
        process.spoiled = told.spoiled;
        process.queued = told.queued.filter(|queued| held.contains(queued));
        process.running = running.into_iter().filter(|it| held.contains(&it.attempt)).collect();
        process.serial = told.serial.into_iter().filter(|it| held.contains(it)).collect();
        process.productive = told
            .told
            .iter()
            .any(|news| matches!(news, ProcessNews::Sealed { .. } | ProcessNews::Lost { .. }));
        process.stop = told.stop.map(|how| {
            let hung = process.running.first().filter(|_| how == StopHow::Hung);
            let why = match how {
                StopHow::Recall => Why::Recalled,
                _ => hung.map_or(Why::Halt, |running| Why::Hung(running.attempt)),
            };
            Stop { how, why, at: now }
        });
        let serial = process.alone_told && !process.is_empty();
        let released = process.released;
        if id.number.is_first() {
            if told.asked {
                self.passed(id.session);
            }
            if serial {
                self.set_phase(id.session, Phase::Serial);
            } else if released {
                self.set_phase(id.session, Phase::Draining);
            }
        }
        self.keep_alone(id);
        let (ends, news): (Vec<_>, Vec<_>) =
            told.told.into_iter().partition(|news| matches!(news, ProcessNews::Ended { .. }));
        for news in news {
            self.tell_again(id, news);
        }
        let known = self.process(id).map(Process::attempts).unwrap_or_default();
        for attempt in held.into_iter().filter(|attempt| !known.contains(attempt)) {
            self.give_back(attempt);
        }
        for end in ends {
            self.tell_again(id, end);
        }
    }

    /// Takes in what may have been heard and used before.
    fn tell_again(&mut self, id: ProcessId, news: ProcessNews) {
        if let ProcessNews::Sealed { attempt, .. } = news {
            let group = self.group(attempt.target, attempt.group);
            if group.is_some_and(|group| matches!(group.stand, Stand::Sealed { .. })) {
                return;
            }
        }
        self.take_in(Input::Process { process: id, news });
    }

    /// The last attempt of a group has its worker to itself, also after a takeover.
    fn keep_alone(&mut self, id: ProcessId) {
        let attempts = self.limits.attempts;
        let Some(process) = self.process(id) else {
            return;
        };
        let quiet = |attempt: &multibeam_model::AttemptId| {
            let group = self.group(attempt.target, attempt.group);
            group.is_some_and(|group| !group.plan.serial && group.wants_quiet(attempts))
        };
        let alone = process.attempts().into_iter().find(quiet);
        let worker = process.worker.clone();
        if let Some(worker) = self.workers.get_mut(&worker) {
            worker.alone = worker.alone.or(alone);
        }
    }

    /// The order to start it has never arrived.
    fn never_started(&mut self, id: ProcessId) {
        if let Some(process) = self.remove(id, ProcessEnd::NotStarted, false) {
            for attempt in process.attempts() {
                self.give_back(attempt);
            }
            self.commit(vec![Decision::EndProcess { process: id, complete: false }]);
        }
    }

    /// Workers that have not come back and should have processes.
    pub(crate) fn unheard_of(&self) -> impl Iterator<Item = &WorkerId> {
        let unheard = self.processes().filter(|(_, process)| process.held.is_some());
        let workers = unheard.map(|(_, process)| &process.worker);
        // One that is back will speak, or its coordinator tells when it is lost.
        workers.filter(|worker| !self.workers.contains_key(*worker))
    }

    /// Gives up the workers that have not come back in time.
    pub(crate) fn lose_the_unheard_of(&mut self) {
        if self.patient_until.is_some_and(|until| until <= self.now) {
            for worker in self.unheard_of().cloned().collect::<Vec<_>>() {
                self.worker_lost(&worker);
            }
        }
    }
}

fn micros(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
