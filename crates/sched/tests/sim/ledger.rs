//! The part of the ledger that the schedule depends on.

use std::collections::{BTreeMap, BTreeSet};

use multibeam_model::command::{Decision, Refusal};
use multibeam_model::{AttemptId, GroupId, LossCause, ProcessId, SessionId, TargetId};
use multibeam_sched::{Recovered, RecoveredGroup, RecoveredTarget};

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum State {
    Live,
    Sealed {
        failed: bool,
    },
    Lost(LossCause),
    Returned,
    /// Somebody else took the number.
    Foreign,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) groups: BTreeMap<(TargetId, GroupId), Vec<State>>,
    pub(crate) given_up: BTreeMap<(TargetId, GroupId), LossCause>,
    pub(crate) cancelled: bool,
    pub(crate) open: BTreeSet<SessionId>,
    pub(crate) last_session: u32,
    /// Every hand-out, in order.
    pub(crate) handed_out: Vec<(AttemptId, ProcessId)>,
    /// Attempts with a report, and attempts after which their process goes on without a seal.
    pub(crate) reported: BTreeSet<AttemptId>,
    pub(crate) let_go: BTreeSet<AttemptId>,
}

impl Ledger {
    pub(crate) fn state(&mut self, id: AttemptId) -> Option<&mut State> {
        let attempts = self.groups.get_mut(&(id.target, id.group))?;
        attempts.get_mut(id.number as usize - 1)
    }

    pub(crate) fn losses(&self, target: TargetId, group: GroupId) -> usize {
        let attempts = self.groups.get(&(target, group)).into_iter().flatten();
        attempts.filter(|state| matches!(state, State::Lost(_))).count()
    }

    pub(crate) fn hand_out(&mut self, id: AttemptId, to: ProcessId) -> Result<(), Refusal> {
        let given_up = self.given_up.contains_key(&(id.target, id.group));
        assert!(!given_up, "{id} handed out after its group was given up");
        let attempts = self.groups.entry((id.target, id.group)).or_default();
        if attempts.iter().any(|state| matches!(state, State::Sealed { .. })) {
            return Err(Refusal::GroupDone);
        }
        assert!(!attempts.contains(&State::Live), "two live attempts: {id}");
        let expected = attempts.len() as u32 + 1;
        if id.number != expected {
            return Err(Refusal::WrongNumber { expected });
        }
        if self.cancelled {
            return Err(Refusal::RunOver);
        }
        attempts.push(State::Live);
        self.handed_out.push((id, to));
        Ok(())
    }

    /// Applies any other decision; the attempt whose loss is void, if so.
    pub(crate) fn decide(&mut self, decision: &Decision) -> Option<(AttemptId, bool)> {
        match decision {
            Decision::Lose { attempt, cause } => self.end(*attempt, State::Lost(cause.clone())),
            Decision::Return { attempt } => self.end(*attempt, State::Returned),
            Decision::GiveUp { target, group, cause } => {
                let before = self.given_up.insert((*target, *group), cause.clone());
                assert!(before.is_none(), "given up twice: {target} {group}");
                None
            }
            Decision::OpenSession { session, .. } => {
                assert!(session.0 > self.last_session, "session numbers grow");
                self.last_session = session.0;
                self.open.insert(*session);
                None
            }
            Decision::CloseSession { session, .. } => {
                assert!(self.open.remove(session), "only open sessions are closed");
                None
            }
            other => panic!("not the scheduler's decision: {other:?}"),
        }
    }

    fn end(&mut self, id: AttemptId, to: State) -> Option<(AttemptId, bool)> {
        // The hand-out was refused, and the scheduler does not know yet.
        let state = self.state(id)?;
        match state {
            State::Live => *state = to,
            State::Sealed { failed } => return Some((id, *failed)),
            // Its own hand-out was refused.
            State::Foreign => return None,
            other => panic!("{id} is ended twice: {other:?}"),
        }
        None
    }

    pub(crate) fn is_sealed(&self, target: TargetId, group: GroupId) -> Option<bool> {
        let attempts = self.groups.get(&(target, group))?;
        let mut sealed = attempts.iter().filter_map(|state| match state {
            State::Sealed { failed } => Some(*failed),
            _ => None,
        });
        let first = sealed.next();
        assert!(sealed.next().is_none(), "sealed twice");
        first
    }

    /// The live attempts that cannot have begun, by the same rule as the record's.
    pub(crate) fn queued(&mut self) -> BTreeSet<AttemptId> {
        let mut busy = BTreeSet::new();
        let mut queued = BTreeSet::new();
        for (id, process) in self.handed_out.clone() {
            if self.state(id) != Some(&mut State::Live) {
                continue;
            }
            if busy.contains(&process) && !self.reported.contains(&id) {
                queued.insert(id);
            }
            if !self.let_go.contains(&id) {
                busy.insert(process);
            }
        }
        queued
    }

    /// What a new coordinator finds, after the live attempts were lost, or returned when they cannot
    /// have begun.
    pub(crate) fn recover(
        &mut self,
        ended: &BTreeMap<TargetId, multibeam_model::outcome::Verdict>,
    ) -> Recovered {
        self.open.clear();
        for id in self.queued() {
            *self.state(id).expect("it is live") = State::Returned;
        }
        let mut targets: BTreeMap<TargetId, RecoveredTarget> = BTreeMap::new();
        for (&(target, group), attempts) in &mut self.groups {
            for state in attempts.iter_mut().filter(|state| **state == State::Live) {
                let worker = "gone".to_owned();
                *state = State::Lost(LossCause::WorkerLost { worker });
            }
            let losses = attempts.iter().filter_map(|state| match state {
                State::Lost(cause) => Some(cause.clone()),
                _ => None,
            });
            let recovered = RecoveredGroup {
                attempts: attempts.len() as u32,
                losses: losses.collect(),
                sealed: attempts.iter().find_map(|state| match state {
                    State::Sealed { failed } => Some(*failed),
                    _ => None,
                }),
                given_up: self.given_up.get(&(target, group)).cloned(),
            };
            targets.entry(target).or_default().groups.insert(group, recovered);
        }
        for (&target, &verdict) in ended {
            targets.entry(target).or_default().ended = Some(verdict);
        }
        Recovered { next_session: self.last_session + 1, targets }
    }
}
