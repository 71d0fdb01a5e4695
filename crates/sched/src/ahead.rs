//! Groups that were handed out ahead and are taken back.
//!
//! A busy process is given a group ahead where, by the estimates, nobody could begin it earlier
//! (`pool`). Where that turns out to be wrong it is asked back:
//! - for a process that has nothing to do, the one whose cluster would be done with it last;
//! - when what runs before it is overdue, it is longer than all that waits, and it is long beside what
//!   is left of the run: such groups are to begin early, and another process will be free.
//!
//! Its worker knows whether it has begun: an order that comes too late changes nothing, and what comes
//! back goes to the pool like anything that has not begun. Each attempt is asked for once.

use std::time::Duration;

use multibeam_model::link::ProcessOrder;
use multibeam_model::{AttemptId, ProcessId, TargetId};

use crate::balance::{Horizon, RECONSIDER};
use crate::run::Run;
use crate::session::{Process, Running, Session};

/// How much must be gained: more than the ways there and back and two commits take.
const WORTH: Duration = Duration::from_millis(500);

/// A group that takes this part of what is left of the run, or less, costs little where it is.
const SHORT: u32 = 20;

/// A group that waits behind another one.
struct Behind {
    holder: ProcessId,
    attempt: AttemptId,
    /// When the process should be done with what it runs and its session with its serial share.
    reach: Duration,
}

impl Run {
    /// Asks back what is behind an overdue group and is longer than anything in the pool, and for idle
    /// processes that have found nothing there whatever else waits.
    pub(crate) fn ask_back(&mut self, target: TargetId, horizon: &Horizon) {
        self.ask_back_overdue(target, horizon);
        let idle = self.processes_of(target).filter(|(_, process)| process.is_idle());
        let idle: Vec<ProcessId> = idle.map(|(_, process)| process.id).collect();
        if !idle.is_empty() {
            self.ask_back_for(target, &idle, horizon);
        }
        self.note_behind(target);
    }

    fn ask_back_overdue(&mut self, target: TargetId, horizon: &Horizon) {
        let state = self.target(target).filter(|state| state.is_open() && horizon.crew() > 1);
        let Some((longest, pace)) = state.map(|state| (state.longest_waiting(), state.pace()))
        else {
            return;
        };
        let late = |running: &Running| {
            self.is_overdue(running) && self.remaining(running).mul_f64(pace) > WORTH
        };
        let least = longest.max(horizon.level() / SHORT);
        let overdue: Vec<(ProcessId, AttemptId)> = self
            .processes_of(target)
            .filter(|(_, holder)| holder.running.iter().any(late))
            .filter_map(|(_, holder)| Some((holder.id, self.to_ask_back(holder)?)))
            .filter(|(_, attempt)| {
                let group = self.group(target, attempt.group);
                group.is_some_and(|group| group.plan.expected > least)
            })
            .collect();
        for (holder, attempt) in overdue {
            self.ask(holder, attempt);
        }
    }

    fn ask_back_for(&mut self, target: TargetId, idle: &[ProcessId], horizon: &Horizon) {
        let mut behind: Vec<Behind> = self
            .processes_of(target)
            .filter_map(|(session, holder)| {
                let attempt = self.to_ask_back(holder)?;
                let reach = horizon.reach(session.id, self.left(holder));
                Some(Behind { holder: holder.id, attempt, reach })
            })
            .collect();
        behind.sort_by_key(|it| it.reach);
        let coming = self.processes_of(target).filter(|(_, holder)| self.is_coming(holder)).count();
        for taker in idle.iter().skip(coming) {
            let Some(at) = self.place_for(target, *taker, &behind, horizon) else { continue };
            let Behind { holder, attempt, .. } = behind.remove(at);
            self.ask(holder, attempt);
        }
    }

    /// Notes where something may come back from, so that not every process has to look for it.
    fn note_behind(&mut self, target: TargetId) {
        let coming = self.processes_of(target).any(|(_, holder)| self.is_coming(holder));
        if let Some(state) = self.targets.get_mut(&target) {
            state.coming = coming;
        }
        for session in self.sessions.values_mut().filter(|session| session.target == target) {
            session.behind = session.live.values().any(|holder| holder.behind().is_some());
        }
    }

    /// What waits behind something on a process and was not asked for yet.
    fn to_ask_back(&self, holder: &Process) -> Option<AttemptId> {
        let attempt = holder.behind().filter(|_| holder.stop.is_none())?;
        holder.asked_back(attempt).is_none().then_some(attempt)
    }

    fn ask(&mut self, holder: ProcessId, attempt: AttemptId) {
        let now = self.now;
        let Some(process) = self.process_mut(holder) else {
            return;
        };
        process.asked_back = Some((attempt, now));
        let worker = process.worker.clone();
        self.order(worker, holder, ProcessOrder::TakeBack { attempt });
    }

    /// Which of these groups, in the order of their reach, an idle process would get if it came back,
    /// and so much earlier.
    fn place_for(
        &self,
        target: TargetId,
        taker: ProcessId,
        behind: &[Behind],
        horizon: &Horizon,
    ) -> Option<usize> {
        let (session, process) = (self.sessions.get(&taker.session)?, self.process(taker)?);
        let own = horizon.reach(session.id, Duration::ZERO);
        let pace = self.target(target)?.pace();
        let worth = |it: &Behind| it.reach.saturating_sub(own).mul_f64(pace) > WORTH;
        if !behind.last().is_some_and(worth)
            || horizon.is_better_elsewhere(session.id, Duration::ZERO, Duration::ZERO)
        {
            return None;
        }
        let crowd = self.takes(session, process)?;
        let candidates = behind.iter().enumerate().rev().take_while(|(_, it)| worth(it));
        let mut suiting =
            candidates.filter(|(_, it)| self.suits(session, process, &crowd, it.attempt.group));
        suiting.next().map(|(at, _)| at)
    }

    /// Whether something may yet come back for a process: from its own session, which has to wait for
    /// that anyway, or because it was asked for.
    pub(crate) fn may_come_back(&self, session: &Session, process: &Process) -> bool {
        let coming = self.target(session.target).is_some_and(|state| state.coming);
        if !process.id.number.is_first() || !(session.behind || coming) {
            return session.behind || coming;
        }
        // Process 1 may not run everything.
        self.processes_of(session.target).any(|(of, holder)| {
            let near = of.id == session.id || self.is_coming(holder);
            near && holder.behind().is_some_and(|it| self.may_run(session, process, it.group))
        })
    }

    /// Whether the answer to a question for the group that is queued on a process is still awaited.
    fn is_coming(&self, holder: &Process) -> bool {
        let asked = holder.queued.and_then(|attempt| holder.asked_back(attempt));
        asked.is_some_and(|at| self.now.since(at) < RECONSIDER)
    }

    /// The worker of a process has taken an attempt out of its queue.
    pub(crate) fn given_back(&mut self, id: ProcessId, attempt: AttemptId) {
        let Some(process) = self.process_mut(id).filter(|it| it.queued == Some(attempt)) else {
            return;
        };
        process.wants = true;
        self.give_back(attempt);
    }
}
