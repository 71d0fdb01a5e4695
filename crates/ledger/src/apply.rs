//! The commands that are not about attempts: claims, runs, catalogs, sessions, facts, ends.

use std::collections::BTreeMap;
use std::sync::Arc;

use multibeam_model::command::{Change, Command, Decision, PartOf, Refusal, Reply, SuiteNode};
use multibeam_model::link::SessionFact;
use multibeam_model::outcome::Verdict;
use multibeam_model::record::{
    Cancelled, CatalogRecord, Cleaned, NodeRecord, PayloadRef, ProcessRecord, RunRecord,
    SessionRecord, TargetEnd,
};
use multibeam_model::{Epoch, ProcessId, RunId, SessionId, TargetId, Timestamp};

use crate::{Claim, Ledger, attempt, parts};

impl Ledger {
    /// Applies the command that stands at `index` in the log and answers it. The answer is the
    /// same on every replica.
    ///
    /// # Panics
    /// When `index` does not lie after the last one applied: the caller has mixed up its log, and
    /// going on would make this replica differ from the others. (Gaps are fine.)
    pub fn apply(&mut self, index: u64, command: &Command) -> Reply {
        assert!(
            index > self.applied,
            "command {index} applied after command {}: the log is out of order",
            self.applied
        );
        self.applied = index;
        match command {
            Command::Claim { coordinator, at, take_over: _ } => self.apply_claim(coordinator, *at),
            Command::CreateRun { run, spec, seed, at } => self.create(run, spec, *seed, *at),
            Command::Expire { runs } => self.expire(runs),
            // The nodes compare states; the state itself has no part in it.
            Command::Witness { .. } => Reply::Done,
            Command::Raise { format } => self.raise(*format),
            Command::Learn(lesson) => self.learn(lesson),
            Command::Plan { run, target, planned } => self.plan(run, *target, *planned),
            Command::Note { run, incident } => self.note(run, incident),
            Command::Run { run, change } => {
                let epoch = self.epoch();
                self.digests.forget(run);
                match self.runs.get_mut(run) {
                    Some(run) => {
                        apply_change(Arc::make_mut(run), epoch, PayloadRef { index }, change)
                    }
                    None => Reply::Refused(Refusal::NoSuchRun),
                }
            }
        }
    }

    fn apply_claim(&mut self, coordinator: &str, at: Timestamp) -> Reply {
        let repeated =
            self.claim.as_ref().filter(|last| last.coordinator == coordinator && last.at == at);
        if let Some(last) = repeated {
            return Reply::Claimed(last.epoch);
        }
        let epoch = Epoch(self.epoch().0 + 1);
        self.claim = Some(Claim { epoch, coordinator: coordinator.to_owned(), at });
        Reply::Claimed(epoch)
    }

    fn expire(&mut self, runs: &[RunId]) -> Reply {
        let known = || runs.iter().filter_map(|id| self.runs.get(id));
        if let Some(run) = known().find(|run| run.ended.is_none()) {
            return Reply::Refused(Refusal::UnderWay { run: run.run.clone() });
        }
        if known().next().is_none() {
            return Reply::Duplicate;
        }
        for run in runs {
            self.runs.remove(run);
            self.digests.forget(run);
            self.forget_plan(run);
        }
        Reply::Done
    }

    fn raise(&mut self, format: u8) -> Reply {
        if format <= self.format {
            return Reply::Duplicate;
        }
        self.format = format;
        Reply::Done
    }

    fn create(&mut self, id: &RunId, spec: &[u8], seed: i64, at: Timestamp) -> Reply {
        if let Some(run) = self.runs.get(id) {
            let same = run.spec == spec && run.seed == seed;
            return if same { Reply::Duplicate } else { Reply::Refused(Refusal::RunExists) };
        }
        let run = RunRecord {
            run: id.clone(),
            spec: spec.to_vec(),
            seed,
            created: at,
            cancelled: None,
            resumed: Vec::new(),
            ended: None,
            targets: BTreeMap::new(),
            sessions: BTreeMap::new(),
            cleaned: Vec::new(),
            parts: Default::default(),
        };
        self.runs.insert(id.clone(), Arc::new(run));
        Reply::Done
    }
}

fn apply_change(run: &mut RunRecord, newest: Epoch, here: PayloadRef, change: &Change) -> Reply {
    match change {
        Change::Decide { epoch, .. } if *epoch != newest => {
            Reply::Refused(Refusal::OldEpoch { newest })
        }
        Change::Decide { epoch, decision } => decide(run, *epoch, here, decision),
        Change::Report(report) => {
            let of = PartOf::Report { attempt: report.attempt, ordinal: report.ordinal };
            let reply = attempt::report(run, here, report);
            parts::join(run, of, here, &reply);
            reply
        }
        Change::SuiteNode(node) => {
            let of = PartOf::SuiteNode { process: node.process, ordinal: node.ordinal };
            let reply = suite_node(run, here, node);
            parts::join(run, of, here, &reply);
            reply
        }
        Change::Part(part) => parts::part(run, here, part),
        Change::Fact { session, fact } => state_fact(run, *session, fact),
        Change::Cancel { by, force, at } => cancel(run, by, *force, *at),
    }
}

fn decide(run: &mut RunRecord, epoch: Epoch, here: PayloadRef, decision: &Decision) -> Reply {
    match decision {
        Decision::AdmitCatalog { target, digest, catalog: _, at } => {
            let record = CatalogRecord { digest: digest.clone(), payload: here, at: *at };
            admit_catalog(run, *target, record)
        }
        Decision::OpenSession { session, target, cluster } => {
            let record = SessionRecord {
                target: *target,
                cluster: *cluster,
                closed: None,
                facts: Vec::new(),
                processes: BTreeMap::new(),
                nodes: BTreeMap::new(),
            };
            open_session(run, *session, record)
        }
        Decision::CloseSession { session, lost } => match run.sessions.get_mut(session) {
            None => Reply::Refused(Refusal::Unknown),
            Some(session) => set_once(&mut session.closed, *lost),
        },
        Decision::HandOut { attempt, process, worker, reports } => {
            attempt::hand_out(run, epoch, here, *attempt, *process, worker, *reports)
        }
        Decision::Lose { attempt, cause } => attempt::lose(run, *attempt, cause),
        Decision::Return { attempt } => attempt::give_back(run, *attempt),
        Decision::GiveUp { target, group, cause } => attempt::give_up(run, *target, *group, cause),
        Decision::Clean { cluster, removed } => {
            let cleaned = Cleaned { cluster: *cluster, removed: removed.clone() };
            // Lines name objects by generated names, so equal lists are the same clean-up told
            // twice.
            if run.cleaned.contains(&cleaned) {
                return Reply::Duplicate;
            }
            run.cleaned.push(cleaned);
            Reply::Done
        }
        Decision::EndTarget { target, verdict, cause, at } => {
            end_target(run, *target, TargetEnd { verdict: *verdict, cause: cause.clone(), at: *at })
        }
        Decision::EndRun { at } => {
            if run.ended.is_some() {
                return Reply::Duplicate;
            }
            run.ended = Some(*at);
            Reply::Done
        }
        Decision::Resume { at } => resume(run, *at),
        Decision::StartProcess { process, worker, total, share } => {
            let record = ProcessRecord {
                worker: worker.clone(),
                total: *total,
                share: share.clone(),
                ended: None,
            };
            start_process(run, *process, record)
        }
        Decision::EndProcess { process, complete } => {
            let session = run.sessions.get_mut(&process.session);
            match session.and_then(|session| session.processes.get_mut(process)) {
                None => Reply::Refused(Refusal::Unknown),
                Some(process) => set_once(&mut process.ended, *complete),
            }
        }
    }
}

/// Puts a value where none may be replaced.
fn set_once<T: PartialEq>(place: &mut Option<T>, value: T) -> Reply {
    match place {
        None => {
            *place = Some(value);
            Reply::Done
        }
        Some(old) if *old == value => Reply::Duplicate,
        Some(_) => Reply::Refused(Refusal::Conflict),
    }
}

fn admit_catalog(run: &mut RunRecord, target: TargetId, catalog: CatalogRecord) -> Reply {
    let target = run.targets.entry(target).or_default();
    match &target.catalog {
        None => {
            target.catalog = Some(catalog);
            Reply::Done
        }
        Some(first) if first.digest == catalog.digest => Reply::Duplicate,
        Some(_) => Reply::Refused(Refusal::OtherCatalog),
    }
}

fn open_session(run: &mut RunRecord, id: SessionId, session: SessionRecord) -> Reply {
    match run.sessions.get(&id) {
        None => {
            run.sessions.insert(id, session);
            Reply::Done
        }
        Some(old) if (old.target, old.cluster) == (session.target, session.cluster) => {
            Reply::Duplicate
        }
        Some(_) => Reply::Refused(Refusal::Conflict),
    }
}

fn start_process(run: &mut RunRecord, id: ProcessId, process: ProcessRecord) -> Reply {
    let Some(session) = run.sessions.get_mut(&id.session) else {
        return Reply::Refused(Refusal::Unknown);
    };
    match session.processes.get(&id) {
        Some(old) if ProcessRecord { ended: None, ..old.clone() } == process => Reply::Duplicate,
        Some(_) => Reply::Refused(Refusal::Conflict),
        None if session.closed.is_some() => Reply::Refused(Refusal::Unknown),
        None => {
            session.processes.insert(id, process);
            Reply::Done
        }
    }
}

fn suite_node(run: &mut RunRecord, here: PayloadRef, node: &SuiteNode) -> Reply {
    let Some(session) = run.sessions.get_mut(&node.process.session) else {
        return Reply::Refused(Refusal::Unknown);
    };
    let record = NodeRecord { state: node.state, payload: here, len: node.payload.len() as u64 };
    let nodes = session.nodes.entry(node.process).or_default();
    match nodes.get(&node.ordinal) {
        None => {
            nodes.insert(node.ordinal, record);
            Reply::Done
        }
        Some(old) if (old.state, old.len) == (record.state, record.len) => Reply::Duplicate,
        Some(_) => Reply::Refused(Refusal::Conflict),
    }
}

/// Takes a fact in. The first of each kind stays: a process 1 that is started again runs its
/// before-suite again, when nobody is left who could need another answer.
fn state_fact(run: &mut RunRecord, session: SessionId, fact: &SessionFact) -> Reply {
    let Some(session) = run.sessions.get_mut(&session) else {
        return Reply::Refused(Refusal::Unknown);
    };
    let same_kind = |old: &SessionFact| std::mem::discriminant(old) == std::mem::discriminant(fact);
    if session.facts.iter().any(same_kind) {
        return Reply::Duplicate;
    }
    session.facts.push(fact.clone());
    Reply::Done
}

fn cancel(run: &mut RunRecord, by: &str, force: bool, at: Timestamp) -> Reply {
    match &mut run.cancelled {
        Some(cancelled) if cancelled.force || !force => Reply::Duplicate,
        Some(cancelled) => {
            cancelled.force = true;
            Reply::Done
        }
        none => {
            *none = Some(Cancelled { by: by.to_owned(), force, at });
            Reply::Done
        }
    }
}

fn end_target(run: &mut RunRecord, target: TargetId, end: TargetEnd) -> Reply {
    // A target can end before it has a catalog: no worker ever came.
    let target = run.targets.entry(target).or_default();
    match &target.end {
        None => {
            target.end = Some(end);
            Reply::Done
        }
        Some(old) if (old.verdict, &old.cause) == (end.verdict, &end.cause) => Reply::Duplicate,
        Some(_) => Reply::Refused(Refusal::Conflict),
    }
}

/// Opens a run again: its incomplete targets, and in them the groups that were given up. How many
/// attempts these still get is the coordinator's policy; their losses stay on record.
fn resume(run: &mut RunRecord, at: Timestamp) -> Reply {
    if run.resumed.last() == Some(&at) {
        return Reply::Duplicate;
    }
    run.resumed.push(at);
    run.ended = None;
    run.cancelled = None;
    for target in run.targets.values_mut() {
        let incomplete = target
            .end
            .as_ref()
            .is_none_or(|end| matches!(end.verdict, Verdict::Incomplete | Verdict::Environment));
        if incomplete {
            target.end = None;
            for group in target.groups.values_mut() {
                group.given_up = None;
            }
        }
    }
    Reply::Done
}
