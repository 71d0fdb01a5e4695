//! What a worker tells a new coordinator of its suite processes, so that it adopts what still runs.
//!
//! A worker keeps a [`Roster`]: for each process what a coordinator knows that has given all its
//! orders and heard all its news. Told as a whole ([`Roster::standing`]) it replaces every news of
//! the time before, whether or not an earlier coordinator has heard or used it: nothing is lost and
//! nothing counts twice, because what is told again is in the ledger or is not.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::ids::{AttemptId, ProcessId, RunId};
use crate::link::{ProcessNews, ProcessOrder, StopHow};
use crate::time::Moment;

/// A suite process as its worker knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdoptedProcess {
    /// The process.
    pub process: ProcessId,
    /// It has asked for a group: its before-suite is over.
    pub asked: bool,
    /// It has room for a group and waits for one.
    pub wants: bool,
    /// Handed out and not begun.
    pub queued: Option<AttemptId>,
    /// What it runs.
    pub running: Vec<AdoptedAttempt>,
    /// Serial attempts that have not begun, in suite order.
    pub serial: Vec<AttemptId>,
    /// It was told that there are no more groups.
    pub released: bool,
    /// Process 1 was told that the others have finished.
    pub alone_told: bool,
    /// How it is being stopped, if it is.
    pub stop: Option<StopHow>,
    /// It will run no group: a spec was reported as not run, or its before-suite failed.
    pub spoiled: bool,
    /// Its news that matter later on, in order: facts, failed suite nodes, and the ends of attempts,
    /// of the suite, and of itself.
    pub told: Vec<ProcessNews>,
}

/// An attempt that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdoptedAttempt {
    /// The attempt.
    pub attempt: AttemptId,
    /// For how long it has run.
    pub elapsed: Duration,
    /// For how long there has been no sign of it.
    pub quiet: Duration,
}

/// All processes of a worker, those that have ended included, until their runs are forgotten.
#[derive(Clone, Debug, Default)]
pub struct Roster {
    processes: BTreeMap<(RunId, ProcessId), Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    state: AdoptedProcess,
    /// What runs, when it began, and its last sign.
    running: Vec<(AttemptId, Moment, Moment)>,
}

// === impl AdoptedProcess ===

impl AdoptedProcess {
    /// One that was ordered to start just now.
    #[must_use]
    pub fn new(process: ProcessId) -> Self {
        Self {
            process,
            asked: false,
            wants: false,
            queued: None,
            running: Vec::new(),
            serial: Vec::new(),
            released: false,
            alone_told: false,
            stop: None,
            spoiled: false,
            told: Vec::new(),
        }
    }

    /// Whether it is gone.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        matches!(self.told.last(), Some(ProcessNews::Ended { .. }))
    }
}

// === impl Roster ===

impl Roster {
    /// An order for a process came, that to start it first.
    pub fn ordered(&mut self, run: &RunId, process: ProcessId, order: &ProcessOrder) {
        let key = (run.clone(), process);
        if let ProcessOrder::Start(_) = order {
            let entry = || Entry { state: AdoptedProcess::new(process), running: Vec::new() };
            self.processes.entry(key).or_insert_with(entry);
        } else if let Some(entry) = self.processes.get_mut(&key) {
            entry.ordered(order);
        }
    }

    /// A process has news.
    pub fn told(&mut self, run: &RunId, process: ProcessId, news: &ProcessNews, now: Moment) {
        if let Some(entry) = self.processes.get_mut(&(run.clone(), process)) {
            entry.told(news, now);
        }
    }

    /// A run is over.
    pub fn forget(&mut self, run: &RunId) {
        self.processes.retain(|(of, _), _| of != run);
    }

    /// How all its processes stand, by run.
    #[must_use]
    pub fn standing(&self, now: Moment) -> Vec<(RunId, AdoptedProcess)> {
        let entries = self.processes.iter();
        entries.map(|((run, _), entry)| (run.clone(), entry.at(now))).collect()
    }
}

impl Entry {
    fn ordered(&mut self, order: &ProcessOrder) {
        let state = &mut self.state;
        match order {
            // What comes of taking back is news.
            ProcessOrder::Start(_) | ProcessOrder::TakeBack { .. } => {}
            ProcessOrder::HandOut { attempt } => {
                state.queued = Some(*attempt);
                state.wants = false;
            }
            ProcessOrder::NoMoreGroups => state.released = true,
            ProcessOrder::SerialPhase { attempts } => {
                state.alone_told = true;
                state.serial.clone_from(attempts);
            }
            ProcessOrder::Stop(how) => state.stop = state.stop.max(Some(*how)),
        }
    }

    fn told(&mut self, news: &ProcessNews, now: Moment) {
        match news {
            ProcessNews::Up => return,
            ProcessNews::WantsGroup => {
                self.state.asked = true;
                self.state.wants = self.state.queued.is_none();
                return;
            }
            ProcessNews::Started { attempt } => {
                self.begin(*attempt, now);
                return;
            }
            ProcessNews::GivenBack { attempt } => {
                self.end(*attempt);
                self.state.wants = true;
                return;
            }
            ProcessNews::SpecDone { attempt, .. } => {
                self.begin(*attempt, now);
                for (running, _, sign) in &mut self.running {
                    if running == attempt {
                        *sign = now;
                    }
                }
                return;
            }
            ProcessNews::SuiteNodeDone { node, state, .. } => {
                if !state.is_failure() {
                    return;
                }
                self.state.spoiled |= node.ends_with("BeforeSuite") && !self.state.asked;
            }
            ProcessNews::Sealed { attempt, .. } | ProcessNews::Lost { attempt, .. } => {
                self.end(*attempt);
            }
            ProcessNews::NotRun { attempt } => {
                self.state.spoiled = true;
                self.end(*attempt);
            }
            ProcessNews::OutputCut(_) => {
                self.state.told.retain(|told| !matches!(told, ProcessNews::OutputCut(_)));
            }
            ProcessNews::Fact(_)
            | ProcessNews::Mismatch { .. }
            | ProcessNews::Aborted
            | ProcessNews::Ended { .. } => {}
        }
        self.state.told.push(news.clone());
    }

    fn begin(&mut self, attempt: AttemptId, now: Moment) {
        let known = self.state.queued == Some(attempt) || self.state.serial.contains(&attempt);
        if known {
            self.end(attempt);
            self.running.push((attempt, now, now));
        }
    }

    fn end(&mut self, attempt: AttemptId) {
        self.state.queued.take_if(|queued| *queued == attempt);
        self.state.serial.retain(|serial| *serial != attempt);
        self.running.retain(|(running, ..)| *running != attempt);
    }

    fn at(&self, now: Moment) -> AdoptedProcess {
        let running = self.running.iter().map(|&(attempt, since, sign)| AdoptedAttempt {
            attempt,
            elapsed: now.since(since),
            quiet: now.since(sign),
        });
        AdoptedProcess { running: running.collect(), ..self.state.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{GroupId, ProcessNumber, SessionId, SpecIndex, TargetId};
    use crate::link::StartProcess;
    use crate::outcome::{ProcessEnd, SpecState};

    fn start() -> ProcessOrder {
        let (target, share) = (TargetId(0), Vec::new());
        ProcessOrder::Start(StartProcess { target, total: 2, serial_share: share, facts: vec![] })
    }

    #[test]
    fn a_process_stands_where_orders_and_news_have_brought_it() {
        let run = RunId::from("r");
        let (session, number) = (SessionId(1), ProcessNumber(1));
        let process = ProcessId { session, number, incarnation: 1 };
        let attempt = |group| AttemptId { target: TargetId(0), group: GroupId(group), number: 1 };
        let mut roster = Roster::default();
        let at = |secs: u64| Moment(secs * 1_000_000);
        roster.told(&run, process, &ProcessNews::WantsGroup, at(0));
        assert_eq!(roster.standing(at(0)), [], "nobody has started it");

        roster.ordered(&run, process, &start());
        roster.told(&run, process, &ProcessNews::Up, at(1));
        roster.told(&run, process, &ProcessNews::WantsGroup, at(2));
        roster.ordered(&run, process, &ProcessOrder::HandOut { attempt: attempt(3) });
        let state = roster.standing(at(3)).remove(0).1;
        assert_eq!((state.asked, state.wants, state.queued), (true, false, Some(attempt(3))));

        roster.told(&run, process, &ProcessNews::Started { attempt: attempt(3) }, at(4));
        roster.told(&run, process, &ProcessNews::WantsGroup, at(4));
        roster.ordered(&run, process, &ProcessOrder::HandOut { attempt: attempt(5) });
        roster.ordered(&run, process, &ProcessOrder::TakeBack { attempt: attempt(5) });
        let state = roster.standing(at(4)).remove(0).1;
        assert_eq!((state.wants, state.queued), (false, Some(attempt(5))), "it may have begun");
        roster.told(&run, process, &ProcessNews::GivenBack { attempt: attempt(5) }, at(4));
        let done = ProcessNews::SpecDone {
            attempt: attempt(3),
            spec: SpecIndex(0),
            state: SpecState::Passed,
            run_time_us: 1,
            message: String::new(),
        };
        roster.told(&run, process, &done, at(7));
        let state = roster.standing(at(9)).remove(0).1;
        let secs = Duration::from_secs;
        let running = AdoptedAttempt { attempt: attempt(3), elapsed: secs(5), quiet: secs(2) };
        assert_eq!((state.wants, state.queued, state.running), (true, None, vec![running]));

        let sealed = ProcessNews::Sealed { attempt: attempt(3), failed: false };
        roster.told(&run, process, &sealed, at(10));
        roster.ordered(&run, process, &ProcessOrder::NoMoreGroups);
        let attempts = vec![attempt(7), attempt(8)];
        roster.ordered(&run, process, &ProcessOrder::SerialPhase { attempts });
        roster.told(&run, process, &ProcessNews::Started { attempt: attempt(7) }, at(11));
        roster.ordered(&run, process, &ProcessOrder::Stop(StopHow::Interrupt));
        roster.told(&run, process, &ProcessNews::NotRun { attempt: attempt(7) }, at(12));
        let ended = ProcessNews::Ended {
            end: ProcessEnd::Exit(1),
            complete: true,
            last_output: String::new(),
        };
        roster.told(&run, process, &ended, at(13));
        let state = roster.standing(at(14)).remove(0).1;
        assert!(state.released && state.alone_told && state.spoiled && state.has_ended());
        assert_eq!((state.running.len(), state.serial), (0, vec![attempt(8)]));
        assert_eq!(state.told, [sealed, ProcessNews::NotRun { attempt: attempt(7) }, ended]);

        roster.forget(&run);
        assert_eq!(roster.standing(at(15)), []);
    }
}
