//! The part of the ledger that the schedule depends on.

use std::collections::{BTreeMap, BTreeSet};

use multibeam_model::command::{Decision, Refusal};
use multibeam_model::link::SessionFact;
use multibeam_model::record::{
    AttemptRecord, AttemptState, Cancelled, GroupRecord, PayloadRef, ProcessRecord, ReportRecord,
    Reports, RunRecord, SessionRecord, TargetEnd,
};
use multibeam_model::{
    AttemptId, ClusterId, Epoch, GroupId, LossCause, ProcessId, ProcessNumber, RunId, SessionId,
    SpecIndex, SpecState, TargetId, Timestamp, WorkerId,
};
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
    /// Set when the run is cancelled: whether by force.
    pub(crate) cancelled: Option<bool>,
    pub(crate) open: BTreeSet<SessionId>,
    pub(crate) last_session: u32,
    /// Where attempts were handed to.
    places: BTreeMap<AttemptId, (ProcessId, WorkerId)>,
    sessions: BTreeMap<SessionId, (TargetId, ClusterId)>,
    facts: BTreeMap<SessionId, Vec<SessionFact>>,
    processes: BTreeMap<ProcessId, ProcessRecord>,
    /// Somebody has taken the run up again, which may give groups another attempt.
    pub(crate) resumed: bool,
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

    pub(crate) fn hand_out(
        &mut self,
        id: AttemptId,
        process: ProcessId,
        worker: &WorkerId,
    ) -> Result<(), Refusal> {
        assert!(self.open.contains(&process.session), "{id} handed out in a closed session");
        let started = self.processes.get(&process).is_some_and(|p| p.ended.is_none());
        assert!(started, "{id} handed out to {process}, which the ledger does not know");
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
        if self.cancelled.is_some() {
            return Err(Refusal::RunOver);
        }
        attempts.push(State::Live);
        self.places.insert(id, (process, worker.clone()));
        self.handed_out.push((id, process));
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
            Decision::OpenSession { session, target, cluster } => {
                assert!(session.0 > self.last_session, "session numbers grow");
                self.sessions.insert(*session, (*target, *cluster));
                self.last_session = session.0;
                self.open.insert(*session);
                None
            }
            Decision::CloseSession { session, .. } => {
                assert!(self.open.remove(session), "only open sessions are closed");
                let mut here = self.processes.iter().filter(|(id, _)| id.session == *session);
                assert!(here.all(|(_, p)| p.ended.is_some()), "{session} closes with a process");
                None
            }
            Decision::StartProcess { process, worker, total, share } => {
                assert!(self.open.contains(&process.session), "{process} starts after its session");
                let (worker, share) = (worker.clone(), share.clone());
                let record = ProcessRecord { worker, total: *total, share, ended: None };
                let before = self.processes.insert(*process, record);
                assert!(before.is_none(), "{process} starts twice");
                None
            }
            Decision::EndProcess { process, complete } => {
                let live = |(id, state): (&AttemptId, &State)| {
                    *state == State::Live && self.places[id].0 == *process
                };
                assert!(
                    !self.attempts().any(|(id, state)| live((&id, state))),
                    "{process} ends early"
                );
                let record = self.processes.get_mut(process).expect("only started ones end");
                assert!(record.ended.replace(*complete).is_none(), "{process} ends twice");
                None
            }
            other => panic!("not the scheduler's decision: {other:?}"),
        }
    }

    fn attempts(&self) -> impl Iterator<Item = (AttemptId, &State)> {
        self.groups.iter().flat_map(|(&(target, group), states)| {
            (1..)
                .zip(states)
                .map(move |(number, state)| (AttemptId { target, group, number }, state))
        })
    }

    pub(crate) fn state_fact(&mut self, session: SessionId, fact: SessionFact) {
        let facts = self.facts.entry(session).or_default();
        let kind = std::mem::discriminant(&fact);
        if !facts.iter().any(|known| std::mem::discriminant(known) == kind) {
            facts.push(fact);
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
        self.resumed = true;
        self.open.clear();
        for process in self.processes.values_mut() {
            process.ended.get_or_insert(false);
        }
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
                live: None,
                given_up: self.given_up.get(&(target, group)).cloned(),
            };
            targets.entry(target).or_default().groups.insert(group, recovered);
        }
        for (&target, &verdict) in ended {
            targets.entry(target).or_default().ended = Some(verdict);
        }
        Recovered { next_session: self.last_session + 1, targets, takeover: None }
    }

    /// What a coordinator that takes over finds.
    pub(crate) fn record(
        &self,
        ended: &BTreeMap<TargetId, multibeam_model::outcome::Verdict>,
    ) -> RunRecord {
        let mut record = RunRecord {
            run: RunId::from("r"),
            spec: Vec::new(),
            seed: 1,
            created: Timestamp(0),
            cancelled: self.cancelled.map(|force| Cancelled {
                by: String::new(),
                force,
                at: Timestamp(0),
            }),
            resumed: self.resumed.then_some(Timestamp(0)).into_iter().collect(),
            ended: None,
            targets: BTreeMap::new(),
            sessions: BTreeMap::new(),
            cleaned: Vec::new(),
            parts: Default::default(),
        };
        for (&(target, group), states) in &self.groups {
            let ids = (1..).map(|number| AttemptId { target, group, number });
            let attempts = ids.zip(states).map(|(id, state)| self.attempt_record(id, state));
            let given_up = self.given_up.get(&(target, group)).cloned();
            let group_record = GroupRecord { attempts: attempts.collect(), given_up };
            record.targets.entry(target).or_default().groups.insert(group, group_record);
        }
        for (&target, &verdict) in ended {
            let end = TargetEnd { verdict, cause: None, at: Timestamp(0) };
            record.targets.entry(target).or_default().end = Some(end);
        }
        for (&session, &(target, cluster)) in &self.sessions {
            let here = self.processes.iter().filter(|(id, _)| id.session == session);
            let session_record = SessionRecord {
                target,
                cluster,
                closed: (!self.open.contains(&session)).then_some(false),
                facts: self.facts.get(&session).cloned().unwrap_or_default(),
                processes: here.map(|(id, process)| (*id, process.clone())).collect(),
                nodes: BTreeMap::new(),
            };
            record.sessions.insert(session, session_record);
        }
        record
    }

    fn attempt_record(&self, id: AttemptId, state: &State) -> AttemptRecord {
        let nobody = || {
            let (session, number) = (SessionId(0), ProcessNumber(2));
            (ProcessId { session, number, incarnation: 1 }, WorkerId::from("nobody"))
        };
        let (process, worker) = self.places.get(&id).cloned().unwrap_or_else(nobody);
        let report = |failed: bool| ReportRecord {
            spec: SpecIndex(0),
            state: if failed { SpecState::Failed } else { SpecState::Passed },
            explained: false,
            cluster_lost: self.let_go.contains(&id),
            payload: PayloadRef { index: 1 },
            len: 1,
        };
        let received = match state {
            State::Sealed { failed } => Reports::from_iter([(0, report(*failed))]),
            _ if self.reported.contains(&id) || self.let_go.contains(&id) => {
                Reports::from_iter([(0, report(false))])
            }
            _ => Reports::default(),
        };
        AttemptRecord {
            number: id.number,
            process,
            worker,
            epoch: Epoch(1),
            handed_out: self.handed_out.iter().position(|(of, _)| *of == id).unwrap_or(0) as u64,
            reports: 2,
            state: match state {
                State::Live => AttemptState::Live,
                State::Sealed { .. } => AttemptState::Sealed,
                State::Lost(cause) => AttemptState::Lost(cause.clone()),
                State::Returned | State::Foreign => AttemptState::Returned,
            },
            received,
            late: Reports::default(),
        }
    }
}
