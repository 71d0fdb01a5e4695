//! The parallel part of a process: `/counter` and the reports of the groups it gives.

use std::collections::VecDeque;
use std::sync::Arc;

use multibeam_ginkgo::protocol::Answer;
use multibeam_ginkgo::spec::SpecHeader;
use multibeam_model::AttemptId;

use super::reports::Placed;
use super::{SuiteMap, Ticket};

/// How `/counter` is answered.
#[derive(Debug)]
pub(super) enum Counter {
    /// At once; the attempt that starts, if one does.
    Answer(Answer, Option<AttemptId>),
    /// When a group comes. `wants` is set when the coordinator was not asked for one yet.
    Held { wants: bool },
}

/// A group that the process runs.
#[derive(Debug)]
struct Current {
    attempt: AttemptId,
    /// Reports so far.
    reported: u32,
    failed: bool,
    /// A selected spec was passed over, or the cluster was lost: the rest is ignored.
    void: bool,
}

/// The groups of one process.
#[derive(Debug)]
pub(super) struct Parallel {
    map: Arc<SuiteMap>,
    queue: VecDeque<AttemptId>,
    current: Option<Current>,
    held: Option<Ticket>,
    no_more: bool,
    asked: bool,
}

impl Parallel {
    pub(super) fn new(map: Arc<SuiteMap>) -> Self {
        Self {
            map,
            queue: VecDeque::new(),
            current: None,
            held: None,
            no_more: false,
            asked: false,
        }
    }

    /// Whether another group may be queued ahead.
    pub(super) fn has_room(&self) -> bool {
        self.queue.is_empty() && !self.no_more
    }

    pub(super) fn counter(&mut self, ticket: Ticket) -> Counter {
        if let Some(current) = &self.current
            && current.reported == 0
            && !current.void
        {
            // Go's client repeats a question whose connection broke.
            return Counter::Answer(Answer::counter(current.attempt.group.0), None);
        }
        match self.queue.pop_front() {
            Some(attempt) => {
                let (answer, attempt) = self.start(attempt);
                Counter::Answer(answer, Some(attempt))
            }
            None if self.no_more => {
                self.current = None;
                Counter::Answer(self.past_the_end(), None)
            }
            None => {
                self.held = Some(ticket);
                Counter::Held { wants: !std::mem::replace(&mut self.asked, true) }
            }
        }
    }

    /// Queues an attempt; gives it at once when the process waits for one.
    pub(super) fn hand_out(&mut self, attempt: AttemptId) -> Option<(Ticket, Answer, AttemptId)> {
        match self.held.take() {
            Some(ticket) => {
                let (answer, attempt) = self.start(attempt);
                Some((ticket, answer, attempt))
            }
            None => {
                self.queue.push_back(attempt);
                None
            }
        }
    }

    /// From now on the process is told that there is nothing more once its queue is empty.
    pub(super) fn no_more(&mut self) -> Option<(Ticket, Answer)> {
        self.no_more = true;
        let ticket = self.held.take()?;
        self.current = None;
        Some((ticket, self.past_the_end()))
    }

    /// Takes back an attempt; whether it had not started.
    pub(super) fn take_back(&mut self, attempt: AttemptId) -> bool {
        let before = self.queue.len();
        self.queue.retain(|queued| *queued != attempt);
        self.queue.len() < before
    }

    /// Takes back what has not started.
    pub(super) fn drop_queue(&mut self) -> Vec<AttemptId> {
        self.queue.drain(..).collect()
    }

    /// Finds the place of a spec report.
    pub(super) fn place(&mut self, header: &SpecHeader) -> Placed {
        let Some(current) = self.current.as_mut() else {
            // After "no more" an interrupted process may still step over its groups.
            return match header.was_passed_over() {
                true => Placed::Ignored,
                false => Placed::Mismatch(format!(
                    "{} was reported although no group was handed out",
                    header.key()
                )),
            };
        };
        let attempt = current.attempt;
        let group = self.map.parallel_group(attempt.group).unwrap_or_default();
        let Some(expected) = group.get(current.reported as usize) else {
            return Placed::Mismatch(format!(
                "group {} gave more reports than its {} specs: {}",
                attempt.group,
                group.len(),
                header.key()
            ));
        };
        if expected.key != header.key() {
            return Placed::Mismatch(format!(
                "group {} should have run {}, but {} was reported",
                attempt.group,
                expected.key,
                header.key()
            ));
        }
        let ordinal = current.reported;
        current.reported += 1;
        if current.void {
            return Placed::Ignored;
        }
        if expected.selected && header.was_passed_over() {
            current.void = true;
            return Placed::NotRun { first_of: Some(attempt) };
        }
        Placed::Report { attempt, ordinal, expected: expected.clone() }
    }

    /// Ignores what the running group still reports.
    pub(super) fn lose_current(&mut self, attempt: AttemptId) {
        if let Some(current) = self.current.as_mut().filter(|c| c.attempt == attempt) {
            current.void = true;
        }
    }

    pub(super) fn note_failure(&mut self, attempt: AttemptId) {
        if let Some(current) = self.current.as_mut().filter(|c| c.attempt == attempt) {
            current.failed = true;
        }
    }

    /// Whether a spec of the attempt has failed so far.
    pub(super) fn failed(&self, attempt: AttemptId) -> bool {
        self.current.as_ref().is_some_and(|c| c.attempt == attempt && c.failed)
    }

    fn start(&mut self, attempt: AttemptId) -> (Answer, AttemptId) {
        self.current = Some(Current { attempt, reported: 0, failed: false, void: false });
        self.asked = true;
        (Answer::counter(attempt.group.0), attempt)
    }

    fn past_the_end(&self) -> Answer {
        Answer::counter(self.map.past_the_end())
    }
}
