//! What is due in the state at hand. Each step does what it finds to do and says whether that
//! was anything; the steps repeat until none does.
//!
//! 1. time: limits and deadlines that have passed;
//! 2. stops: processes of targets and clusters that are over;
//! 3. sessions: process 1 goes serial or is started again, empty sessions close;
//! 4. openings: free clusters get a session, open sessions another process;
//! 5. serial groups that are taken back for free clusters (`recall`);
//! 6. hand-outs and releases (`pool`);
//! 7. ends: targets, then the run.

use multibeam_model::command::Decision;
use multibeam_model::event::{Phase, What};
use multibeam_model::link::{ProcessOrder, StopHow};
use multibeam_model::outcome::Verdict;
use multibeam_model::{Cause, ProcessId, ProcessNumber, SessionId};

use crate::Output;
use crate::handle::MAX_FUTILE;
use crate::run::Run;
use crate::session::{Process, Session, Why};
use crate::target::{Halt, Out, Target};

impl Run {
    pub(crate) fn settle(&mut self) {
        loop {
            let before = self.out.len();
            self.changed = false;
            self.next_serial();
            self.expire();
            self.stop_what_is_over();
            let ids: Vec<SessionId> = self.sessions.keys().copied().collect();
            for id in ids {
                self.go_on(id);
            }
            self.return_to_pool();
            self.open_sessions();
            self.add_processes();
            self.recall();
            self.hand_out();
            self.end_targets();
            if self.out.len() == before && !self.changed {
                break;
            }
        }
        if !self.over && self.targets.values().all(|target| target.ended.is_some()) {
            self.over = true;
            let verdicts = self.targets.values().filter_map(|target| target.ended);
            let verdict = verdicts.max().unwrap_or(Verdict::Passed);
            self.out.push(Output::RunEnded { verdict });
        }
    }

    /// Why a target cannot run anywhere any more, if so.
    pub(crate) fn nowhere(&self, target: &Target) -> Option<Cause> {
        let mut before_suite = Vec::new();
        let mut others = Vec::new();
        for id in &target.clusters {
            let cluster = self.clusters.get(id)?;
            match target.out.get(id) {
                Some(Out::BeforeSuite(reason)) => {
                    before_suite.push(format!("{}: {reason}", cluster.name));
                }
                Some(Out::Refused(reason)) => others.push(format!("{}: {reason}", cluster.name)),
                None if cluster.given_up => {
                    others.push(format!("{}: its API server did not answer", cluster.name));
                }
                None => return None,
            }
        }
        if others.is_empty() && !before_suite.is_empty() {
            return Some(Cause::BeforeSuiteFailed(before_suite.join("; ")));
        }
        others.extend(before_suite);
        Some(Cause::NoCluster(others.join("; ")))
    }

    // === stops ===

    fn stop_what_is_over(&mut self) {
        let over = self.sessions.values().filter(|session| self.may_be_over(session));
        let processes = over.flat_map(|session| session.live.values());
        for id in processes.map(|process| process.id).collect::<Vec<_>>() {
            self.stop_if_over(id);
        }
    }

    pub(crate) fn stop_if_over(&mut self, id: ProcessId) {
        let session = self.sessions.get(&id.session);
        let due = session.zip(self.process(id)).and_then(|(of, it)| self.due_stop(of, it));
        if let Some((how, why)) = due {
            self.stop(id, how, why);
        }
    }

    /// Whether any of a session's processes may have to stop.
    fn may_be_over(&self, session: &Session) -> bool {
        let target = self.target(session.target);
        let given_up = self.clusters.get(&session.cluster).is_none_or(|c| c.given_up);
        let out = |it: &Target| it.halt.is_some() || it.out.contains_key(&session.cluster);
        session.lost || given_up || target.is_none_or(out)
    }

    /// How a process is to be stopped, if it is. One that is released ends by itself.
    fn due_stop(&self, session: &Session, process: &Process) -> Option<(StopHow, Why)> {
        let target = self.target(session.target)?;
        let cluster = self.clusters.get(&session.cluster)?;
        if cluster.given_up {
            return Some((StopHow::Kill, Why::ClusterGivenUp));
        }
        if session.lost {
            return Some((StopHow::Kill, Why::Useless));
        }
        match target.out.get(&session.cluster) {
            // The suite itself skips everything after a failed before-suite, and its clean-up is
            // to run undisturbed.
            Some(Out::BeforeSuite(_)) if target.halt <= Some(Halt::Drain) => return None,
            Some(Out::Refused(_)) if target.halt <= Some(Halt::Interrupt) => {
                return Some((StopHow::Interrupt, Why::Useless));
            }
            _ => {}
        }
        match target.halt {
            Some(Halt::Kill) => Some((StopHow::Kill, Why::Halt)),
            Some(Halt::Interrupt) => Some((StopHow::Interrupt, Why::Halt)),
            // Other processes end when they are told that there are no more groups, but process 1
            // would go on to its serial share. Within the share only an interrupt stops it.
            Some(Halt::Drain) if process.id.number.is_first() && !session.share.is_empty() => {
                let between = process.is_empty() && (process.asked || process.released);
                let serial = session.phase == Phase::Serial;
                (between || serial).then_some((StopHow::Interrupt, Why::Halt))
            }
            _ => None,
        }
    }

    // === sessions ===

    pub(crate) fn go_on(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get_mut(&id) else {
            return;
        };
        if session.only_first() {
            if !session.was_only_first {
                session.was_only_first = true;
                session.alone_since = self.now;
            }
        } else {
            session.was_only_first = false;
        }
        if session.live.is_empty() {
            self.restart_or_close(id);
        } else if session.only_first() {
            self.begin_serial(id);
        }
    }

    /// Process 1 is the last one: once it has no groups to wait for, it is told so.
    fn begin_serial(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get(&id) else {
            return;
        };
        let killed = |first: &Process| first.stop.is_some_and(|stop| stop.how == StopHow::Kill);
        let first = session.first().filter(|first| !first.alone_told && !killed(first));
        let Some(first) = first else {
            return;
        };
        let (process, worker) = (first.id, first.worker.clone());
        let stopped = first.stop.is_some();
        let (target, cluster) = (session.target, session.cluster);
        let skips =
            self.target(target).is_none_or(|t| t.halt.is_some() || t.out.contains_key(&cluster));
        if !(stopped || first.released && first.is_empty()) {
            return;
        }
        // Groups that process 1 may not run want another process before that.
        if !stopped && self.addition(id).is_some() {
            return;
        }
        let share = self.open_share(session);
        let mut decisions = Vec::new();
        let mut attempts = Vec::new();
        if !stopped && !skips && !first.spoiled {
            let blocked = |c: &crate::cluster::Cluster| share.iter().any(|g| c.blocks(target, *g));
            let waits =
                |c: &crate::cluster::Cluster| !share.is_empty() && (!c.usable() || blocked(c));
            if self.clusters.get(&cluster).is_none_or(waits) {
                return;
            }
            for group in share {
                if let Some((attempt, decision)) = self.begin(process, target, group) {
                    attempts.push(attempt);
                    decisions.push(decision);
                }
            }
        }
        let order = ProcessOrder::SerialPhase { attempts: attempts.clone() };
        if let Some(first) = self.process_mut(process) {
            first.alone_told = true;
            first.serial = attempts.into();
        }
        if decisions.is_empty() {
            self.order(worker, process, order);
        } else {
            let then = vec![crate::Order { worker, process, order }];
            self.out.push(Output::Commit { decisions, then });
            self.set_phase(id, Phase::Serial);
        }
    }

    /// In the serial phase the next attempt begins when the one before it has come to its end.
    fn next_serial(&mut self) {
        let firsts = self.sessions.values().filter_map(Session::first);
        for process in firsts.map(|first| first.id).collect::<Vec<_>>() {
            self.begin_next(process);
        }
    }

    pub(crate) fn begin_next(&mut self, id: ProcessId) {
        let next = self.process(id).filter(|it| it.running.is_empty() && !it.is_recalled());
        if let Some(attempt) = next.and_then(|process| process.serial.front().copied()) {
            self.run_attempt(id, attempt);
        }
    }

    pub(crate) fn set_phase(&mut self, id: SessionId, phase: Phase) {
        if let Some(session) = self.sessions.get_mut(&id)
            && session.phase != phase
        {
            session.phase = phase;
            self.say(What::PhaseBegan { session: id, phase });
        }
    }

    /// A session without processes: a new process 1 does what is left of it, or it closes.
    fn restart_or_close(&mut self, id: SessionId) {
        let Some(session) = self.sessions.get(&id) else {
            return;
        };
        let (target, cluster) = (session.target, session.cluster);
        let first = session.numbers.get(&ProcessNumber::FIRST).copied().unwrap_or_default();
        let share = self.open_share(session);
        let work = !share.is_empty() || self.unclaimed(target, cluster) > 0;
        let open =
            self.target(target).is_some_and(|t| t.is_open() && !t.out.contains_key(&cluster));
        let state = self.clusters.get(&cluster);
        let given_up = state.is_none_or(|c| c.given_up);
        if session.passed
            && !first.finished
            && !session.lost
            && !session.closing
            && work
            && open
            && !given_up
        {
            let worker = self.roomiest(target, cluster);
            let waits =
                state.is_some_and(|c| !c.ready || share.iter().any(|g| c.blocks(target, *g)));
            if worker.is_some() && waits {
                return;
            }
            if let Some(worker) = worker
                && let Some((decision, order)) = self.start(id, ProcessNumber::FIRST, &worker)
            {
                self.commit_start(decision, order);
                self.set_phase(id, Phase::Parallel);
                return;
            }
        }
        self.close(id);
    }

    fn close(&mut self, id: SessionId) {
        let Some(session) = self.sessions.remove(&id) else {
            return;
        };
        self.concerns_all = true;
        if let Some(cluster) = self.clusters.get_mut(&session.cluster) {
            cluster.session.take_if(|open| *open == id);
        }
        if let Some(target) = self.targets.get_mut(&session.target) {
            for group in session.share.iter() {
                if let Some(group) = target.groups.get_mut(group) {
                    group.session.take_if(|owner| *owner == id);
                }
            }
            let futile = target.futile.entry(session.cluster).or_default();
            if session.progress > 0 {
                *futile = 0;
            } else if session.bad_ends > 0 {
                *futile += 1;
            }
            if let Some(reason) = session.before_suite.filter(|_| session.progress == 0) {
                target.out.entry(session.cluster).or_insert(Out::BeforeSuite(reason));
            } else if *futile >= MAX_FUTILE {
                let last = match session.last_bad.trim() {
                    "" => String::new(),
                    text => format!("; last output: {text}"),
                };
                let reason = format!(
                    "its suite processes ended {MAX_FUTILE} times before they ran anything{last}"
                );
                let out = Out::Refused(reason);
                target.out.entry(session.cluster).or_insert(out);
            }
        }
        self.commit(vec![Decision::CloseSession { session: id, lost: session.lost }]);
        self.say(What::SessionClosed { session: id, lost: session.lost });
    }

    // === ends ===

    fn end_targets(&mut self) {
        let busy: Vec<_> = self.sessions.values().map(|session| session.target).collect();
        for (&id, target) in &mut self.targets {
            let done = target.halt.is_some() || (target.prepared && target.open_groups == 0);
            if target.ended.is_none() && done && !busy.contains(&id) {
                let (verdict, cause) = target.sum_up();
                target.ended = Some(verdict);
                self.out.push(Output::TargetEnded { target: id, verdict, cause });
            }
        }
    }

    /// Whether process 1 of a session is starting anew: its before-suite may tidy up what others
    /// use, so nothing else is started meanwhile.
    pub(crate) fn first_restarts(session: &Session) -> bool {
        let first: Option<&Process> = session.first();
        first.is_some_and(|first| first.id.incarnation > 1 && !first.asked)
    }
}
