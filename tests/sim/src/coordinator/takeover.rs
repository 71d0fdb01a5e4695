//! From one coordinator to the next: what the earlier ones have left running, and when it may be
//! counted as lost.

use std::collections::BTreeSet;
use std::sync::Arc;

use multibeam_model::command::{Change, Command, Decision, Refusal, Reply};
use multibeam_model::record::{AttemptState, RunRecord};
use multibeam_model::{LossCause, Moment, WorkerId};
use multibeam_sched::Recovered;

use super::{Office, Stage};
use crate::client::Purpose;
use crate::fault::Fault;
use crate::message::Ask;
use crate::rules::run_id;
use crate::scale;
use crate::world::{World, note};

/// What others may have left running.
#[derive(Clone, Debug)]
pub(crate) struct Takeover {
    /// Those who may have something.
    workers: BTreeSet<WorkerId>,
    /// There is something, and nobody knows where.
    anywhere: bool,
}

impl Takeover {
    /// What a record leaves open. The processes of an open session may be on workers that the
    /// ledger does not know: those that were given no group yet.
    fn of(record: &RunRecord) -> Self {
        let open = |session| record.sessions.get(session).is_some_and(|it| it.closed.is_none());
        let named = record.attempts().filter(|(_, attempt)| {
            attempt.state == AttemptState::Live || open(&attempt.process.session)
        });
        let named: Vec<_> = named.map(|(_, attempt)| attempt).collect();
        let sessions: BTreeSet<_> = named.iter().map(|attempt| attempt.process.session).collect();
        Self {
            anywhere: record.sessions.keys().any(|it| open(it) && !sessions.contains(it)),
            workers: named.into_iter().map(|attempt| attempt.worker.clone()).collect(),
        }
    }
}

impl Office {
    /// Since when nobody else can have renewed a lease. One whose office was taken by force may
    /// have gone on until it noticed.
    pub(super) fn sole_since(&self) -> Moment {
        match self.forced {
            true => self.since + scale::OFFICE,
            false => self.since,
        }
    }
}

impl World {
    /// Reads what there is of the run.
    pub(super) fn read_run(&mut self, n: usize) {
        let host = self.coordinator_host(n);
        let stale = self.fault == Some(Fault::StaleTakeover);
        self.call(host, Purpose::Read, if stale { Ask::ReadStale } else { Ask::Read });
    }

    pub(crate) fn was_read(&mut self, n: usize, record: Option<Arc<RunRecord>>) {
        let Some(office) = self.office(n) else { return };
        let Some(record) = record else { return self.create(n) };
        if record.ended.is_some() {
            office.stage = Stage::Over;
            return;
        }
        match &office.stage {
            Stage::Asking => {
                let takeover = Takeover::of(&record);
                note!(self, "coordinator{n} takes the run up: {takeover:?}");
                if let Some(office) = self.office(n) {
                    office.stage = Stage::Waiting(takeover);
                }
                self.settle_doubt(n);
            }
            Stage::Waiting(_) => self.lose_what_is_left(n, &record),
            Stage::Active(_) => self.seals_read(n, &record),
            Stage::Over => {}
        }
    }

    /// Goes on as soon as nothing from before can be alive.
    pub(super) fn settle_doubt(&mut self, n: usize) {
        let host = self.coordinator_host(n);
        let now = self.local(host);
        let patience = self.patience();
        let at_once = self.fault == Some(Fault::TakeoverWithoutWait);
        let Some(office) = self.office(n) else { return };
        let sole = office.sole_since();
        let Stage::Waiting(takeover) = &office.stage else { return };
        let dead = |renewed: Moment| now.since(renewed) > patience && now > renewed;
        let gone = |worker: &WorkerId| {
            let renewed = office.workers.last_renewal(worker, sole);
            renewed.is_none_or(dead)
        };
        let over = takeover.workers.iter().all(gone) && (!takeover.anywhere || dead(sole));
        if !over && !at_once {
            return;
        }
        // Meanwhile much may have happened.
        let asked = self.calls.values().any(|call| {
            call.host == host && matches!(call.purpose, Purpose::Read | Purpose::TakeOver)
        });
        if !asked {
            self.read_run(n);
        }
    }

    fn lose_what_is_left(&mut self, n: usize, record: &RunRecord) {
        let host = self.coordinator_host(n);
        let Some(office) = self.office(n) else { return };
        let epoch = office.epoch;
        if epoch == self.rules.state.epoch() {
            self.check_nothing_runs(record);
        }
        let decide =
            |decision| Command::Run { run: run_id(), change: Change::Decide { epoch, decision } };
        let lost = record.live().map(|(attempt, live)| {
            let worker = live.worker.0.clone();
            decide(Decision::Lose { attempt, cause: LossCause::WorkerLost { worker } })
        });
        let open = record.sessions.iter().filter(|(_, session)| session.closed.is_none());
        let closed = open
            .map(|(session, _)| decide(Decision::CloseSession { session: *session, lost: true }));
        let commands: Vec<Command> = lost.chain(closed).collect();
        if commands.is_empty() {
            return self.begin_run(n, Recovered::from_record(record), record);
        }
        self.seen.count("run taken over");
        for command in &commands {
            self.rules.proposes(command);
        }
        self.call(host, Purpose::TakeOver, Ask::Propose(commands));
    }

    /// What is counted as lost is dead. A process that was given no group yet may be on a worker that
    /// the ledger does not name: it is counted only.
    fn check_nothing_runs(&mut self, record: &RunRecord) {
        let open = |session| record.sessions.get(session).is_some_and(|it| it.closed.is_none());
        let alive = self
            .suites
            .iter()
            .filter(|((_, process), suite)| open(&process.session) && !suite.dead);
        for process in alive.map(|((_, process), _)| *process).collect::<Vec<_>>() {
            if record.attempts().any(|(_, attempt)| attempt.process == process) {
                self.rules.breaks(format!("{process} lives, but what it runs is taken to be lost"));
            } else {
                self.seen.count("idle process outlives its session");
            }
        }
    }

    pub(crate) fn taken_over(&mut self, n: usize, replies: &[Reply]) {
        for reply in replies {
            match reply {
                Reply::Refused(Refusal::OldEpoch { .. }) => return self.fenced(n),
                Reply::AlreadySealed => self.seen.count("sealed before the takeover's loss"),
                _ => {}
            }
        }
        // With the losses in it there is nothing left to lose.
        self.read_run(n);
    }

    /// The first coordinator makes the run.
    fn create(&mut self, n: usize) {
        let host = self.coordinator_host(n);
        let create = Command::CreateRun {
            run: run_id(),
            spec: b"{}".to_vec(),
            seed: 1,
            at: multibeam_model::Timestamp(1),
        };
        self.call(host, Purpose::Create, Ask::Propose(vec![create]));
    }

    pub(crate) fn created(&mut self, n: usize) {
        self.read_run(n);
    }
}
