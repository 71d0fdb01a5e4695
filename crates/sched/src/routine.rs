//! Large runs: most news of a process concerns nobody else.
//!
//! `settle` looks at everything, which takes longer the more processes there are. So where there
//! are many, after routine news only the process that it came from is looked at: whether it gets a
//! group, is released, or what its session does next. A look at everything follows
//! - at once when the news turns out to concern others ([`Run::concerns_all`]): a group is lost, a
//!   session closes, a target stops or has nothing left;
//! - after half as many routine news as there are processes, so that the cost of each does not grow
//!   with their number;
//! - after [`EACH`] for each process, [`MOST`] at most; after [`SOON`] where somebody waits for it;
//!   and whenever something is due by time.
//!
//! What was put off is late by that much at most, and never forgotten. What a single process is
//! measured by meanwhile is the horizon of the last look, and the time since. While everything is
//! looked at nobody else is served, so the looks have to be rare enough that of a hundred requests
//! not one meets them.

use std::sync::Arc;
use std::time::Duration;

use multibeam_model::link::ProcessNews;
use multibeam_model::{Moment, ProcessId};

use crate::Input;
use crate::run::Run;
use crate::session::Session;
use crate::timers::hung_at;

/// Up to so many processes everything is looked at each time.
const FEW: usize = 256;

/// Of so many processes one has to bring news before everything is looked at again. A look costs about
/// as much as a sixteenth of them by themselves, which makes an eighth more for each piece of news.
const PROCESSES: usize = 2;

/// How long a look at everything is put off for each process, which costs it 1 us, ...
const EACH: Duration = Duration::from_micros(512);

/// ... how long at most, ...
const MOST: Duration = Duration::from_secs(1);

/// ... and where a process has nothing to do, or a group came back for one.
const SOON: Duration = Duration::from_millis(100);

/// When everything was looked at last, and what has come since.
#[derive(Clone, Debug, Default)]
pub(crate) struct Looks {
    at: Moment,
    /// Routine news since.
    news: usize,
    /// How many may come before the next look, ...
    most: usize,
    /// ... and how much later that is at most.
    later: Duration,
    /// Both, where they were asked for instead of those by the number of processes.
    fixed: Option<(usize, Duration)>,
    /// When something is due at the latest.
    pub(crate) due: Option<Moment>,
}

// === impl Looks ===

impl Looks {
    /// Whether one more piece of routine news may be taken in without a look at everything.
    fn may_wait(&self, now: Moment) -> bool {
        let is_recent = now < self.at + self.later;
        self.news < self.most && is_recent && self.due.is_none_or(|due| now < due)
    }

    pub(crate) fn puts_off(&self) -> bool {
        self.news > 0
    }

    pub(crate) fn every(&mut self, news: usize, later: Duration) {
        self.fixed = Some((news, later));
    }
}

/// The process that routine news is from.
pub(crate) fn routine(input: &Input) -> Option<ProcessId> {
    let Input::Process { process, news } = input else {
        return None;
    };
    let routine = match news {
        ProcessNews::Up
        | ProcessNews::OutputCut(_)
        | ProcessNews::WantsGroup
        | ProcessNews::Started { .. }
        | ProcessNews::GivenBack { .. }
        | ProcessNews::SpecDone { .. }
        | ProcessNews::Sealed { .. } => true,
        ProcessNews::SuiteNodeDone { state, .. } => !state.is_failure(),
        ProcessNews::Ended { complete, .. } => *complete,
        ProcessNews::Fact(_)
        | ProcessNews::Lost { .. }
        | ProcessNews::NotRun { .. }
        | ProcessNews::Mismatch { .. }
        | ProcessNews::Aborted => false,
    };
    routine.then_some(*process)
}

/// How many routine news may come between two looks with so many processes, and how much time.
fn put_off(processes: usize) -> (usize, Duration) {
    let news = if processes > FEW { processes / PROCESSES } else { 0 };
    let processes = u32::try_from(processes).unwrap_or(u32::MAX);
    (news, EACH.saturating_mul(processes).min(MOST))
}

impl Run {
    /// Does what is due after an input: everywhere, or where the input came from.
    pub(crate) fn look(&mut self, from: Option<ProcessId>) {
        match from.filter(|_| self.looks.may_wait(self.now) && !self.concerns_all) {
            Some(process) => self.look_at(process),
            None => self.concerns_all = true,
        }
        if self.concerns_all {
            self.settle();
            self.concerns_all = false;
            let lives = self.sessions.values().map(|session| session.live.len());
            let processes: usize = lives.sum();
            let (at, fixed) = (self.now, self.looks.fixed);
            let (most, later) = fixed.unwrap_or_else(|| put_off(processes));
            let due = if self.over { None } else { self.next_due() };
            self.looks = Looks { at, news: 0, most, later, fixed, due };
        }
    }

    /// The same steps as in `settle`, for one process.
    fn look_at(&mut self, id: ProcessId) {
        self.looks.news += 1;
        loop {
            let before = self.out.len();
            self.changed = false;
            self.begin_next(id);
            // When the others end, process 1 goes on, or is not to.
            let first = self.sessions.get(&id.session).and_then(Session::first);
            for over in [Some(id), first.map(|first| first.id)].into_iter().flatten() {
                self.stop_if_over(over);
            }
            self.go_on(id.session);
            self.serve(id);
            if self.concerns_all || self.out.len() == before && !self.changed {
                break;
            }
        }
        let own = self.process(id).and_then(hung_at).map(|(at, _)| at);
        let later = self.looks.at + self.looks.later;
        self.looks.due = own.into_iter().chain(self.looks.due).chain([later]).min();
        let Some(process) = self.process(id) else { return };
        let (idle, behind) = (process.is_idle(), process.behind().is_some());
        if let Some(session) = self.sessions.get_mut(&id.session) {
            session.behind |= behind;
        }
        if idle {
            self.look_soon();
        }
    }

    /// Somebody waits for what only a look at everything brings.
    pub(crate) fn look_soon(&mut self) {
        let soon = self.now + SOON;
        self.looks.due = Some(self.looks.due.map_or(soon, |due| due.min(soon)));
    }

    /// Gives a process a group, or releases it when there is none for anybody.
    fn serve(&mut self, id: ProcessId) {
        let Some(target) = self.sessions.get(&id.session).map(|session| session.target) else {
            return;
        };
        let Some(state) = self.target(target) else {
            return;
        };
        let (horizon, none_left) = (Arc::clone(&state.horizon), state.pool.is_empty());
        if none_left {
            self.release_if_done(target, id, &horizon);
        } else if let Some(group) = self.choose(target, id, &horizon) {
            self.give(target, id, group);
        }
    }
}
