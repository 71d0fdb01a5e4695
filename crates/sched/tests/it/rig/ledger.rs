//! What the ledger would have: enough to take over from.

use std::collections::{BTreeMap, BTreeSet};

use multibeam_model::command::Decision;
use multibeam_model::link::ProcessNews;
use multibeam_model::record::ProcessRecord;
use multibeam_model::{AttemptId, ProcessId, SessionId};
use multibeam_sched::{
    Recovered, RecoveredGroup, RecoveredSession, RecoveredTarget, RunShape, Takeover,
};

#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    last_session: u32,
    /// Somebody has taken the run up again.
    pub(crate) resumed: bool,
    /// What cannot have begun, as the record would tell.
    pub(crate) queued: BTreeSet<AttemptId>,
    sessions: BTreeMap<SessionId, RecoveredSession>,
    pub(crate) targets: BTreeMap<multibeam_model::TargetId, RecoveredTarget>,
}

impl Ledger {
    pub(crate) fn decide(&mut self, decision: &Decision) {
        match decision {
            Decision::OpenSession { session, target, cluster } => {
                self.last_session = session.0;
                let opened = RecoveredSession {
                    target: *target,
                    cluster: *cluster,
                    facts: Vec::new(),
                    passed: false,
                    processes: BTreeMap::new(),
                };
                self.sessions.insert(*session, opened);
            }
            Decision::CloseSession { session, .. } => {
                self.sessions.remove(session);
            }
            Decision::StartProcess { process, worker, total, share } => {
                let (worker, share) = (worker.clone(), share.clone());
                let record = ProcessRecord { worker, total: *total, share, ended: None };
                self.session(*process).processes.insert(*process, record);
            }
            Decision::EndProcess { process, complete } => {
                let session = self.session(*process);
                session.processes.get_mut(process).expect("started").ended = Some(*complete);
            }
            Decision::HandOut { attempt, process, .. } => {
                self.session(*process).passed |= process.number.is_first();
                let group = self.group(*attempt);
                group.attempts = attempt.number;
                group.live = Some(*process);
            }
            Decision::Return { attempt } => self.group(*attempt).live = None,
            Decision::Lose { attempt, cause } => {
                let group = self.group(*attempt);
                group.live = None;
                group.losses.push(cause.clone());
            }
            Decision::GiveUp { target, group, cause } => {
                let attempt = AttemptId { target: *target, group: *group, number: 0 };
                self.group(attempt).given_up = Some(cause.clone());
            }
            _ => {}
        }
    }

    pub(crate) fn news(&mut self, session: SessionId, news: &ProcessNews) {
        match news {
            ProcessNews::Sealed { attempt, failed } => {
                let group = self.group(*attempt);
                group.live = None;
                group.sealed = Some(*failed);
            }
            ProcessNews::Fact(fact) => {
                if let Some(session) = self.sessions.get_mut(&session) {
                    session.facts.push(fact.clone());
                }
            }
            _ => {}
        }
    }

    pub(crate) fn is_on(&self, process: ProcessId, worker: &str) -> bool {
        let session = self.sessions.get(&process.session);
        session.is_some_and(|it| it.processes.get(&process).is_some_and(|p| p.worker.0 == worker))
    }

    pub(crate) fn recover(&self, shape: &RunShape, cancelled: Option<bool>) -> Recovered {
        let takeover = Takeover {
            patience: shape.limits.patience(),
            sessions: self.sessions.clone(),
            served: BTreeMap::new(),
            queued: self.queued.clone(),
            cancelled,
            resumed: self.resumed,
        };
        Recovered {
            next_session: self.last_session + 1,
            targets: self.targets.clone(),
            takeover: Some(takeover),
        }
    }

    fn session(&mut self, process: ProcessId) -> &mut RecoveredSession {
        self.sessions.get_mut(&process.session).expect("an open session")
    }

    fn group(&mut self, attempt: AttemptId) -> &mut RecoveredGroup {
        let target = self.targets.entry(attempt.target).or_default();
        target.groups.entry(attempt.group).or_default()
    }
}
