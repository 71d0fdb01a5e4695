//! Tests of the state machine and of the merge.

mod attempts;
mod expectations;
mod incidents;
mod merging;
mod parts;
mod properties;
mod runs;

use multibeam_model::command::{Change, Command, Decision, Refusal, Reply, Report, SuiteNode};
use multibeam_model::{
    AttemptId, ClusterId, Epoch, GroupId, LossCause, ProcessId, ProcessNumber, RunId, SessionId,
    SpecIndex, SpecState, TargetId, Timestamp, WorkerId,
};

use crate::Ledger;

pub(crate) const TARGET: TargetId = TargetId(0);

/// A ledger with one run, one target, and session 0 open, under epoch 1.
pub(crate) struct Bench {
    pub(crate) ledger: Ledger,
    pub(crate) index: u64,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let mut bench = Self { ledger: Ledger::default(), index: 0 };
        assert_eq!(bench.apply(claim("a", 1)), Reply::Claimed(Epoch(1)));
        assert_eq!(bench.apply(create("r", 7)), Reply::Done);
        assert_eq!(bench.decide(catalog("d")), Reply::Done);
        assert_eq!(bench.decide(open(0)), Reply::Done);
        bench
    }

    pub(crate) fn apply(&mut self, command: Command) -> Reply {
        self.index += 1;
        self.ledger.apply(self.index, &command)
    }

    pub(crate) fn change(&mut self, change: Change) -> Reply {
        self.apply(Command::Run { run: run(), change })
    }

    pub(crate) fn decide(&mut self, decision: Decision) -> Reply {
        let epoch = self.ledger.epoch();
        self.change(Change::Decide { epoch, decision })
    }

    pub(crate) fn hand_out(&mut self, group: u32, number: u32, reports: u32) -> Reply {
        self.decide(hand_out(group, number, reports))
    }

    pub(crate) fn report(&mut self, group: u32, number: u32, ordinal: u32) -> Reply {
        self.change(Change::Report(report(group, number, ordinal, SpecState::Passed)))
    }

    pub(crate) fn lose(&mut self, group: u32, number: u32) -> Reply {
        self.decide(Decision::Lose { attempt: attempt(group, number), cause: worker_lost() })
    }

    pub(crate) fn record(&self) -> &multibeam_model::record::RunRecord {
        self.ledger.run(&run()).expect("the bench made it")
    }
}

pub(crate) fn run() -> RunId {
    RunId::from("r")
}

pub(crate) fn claim(who: &str, at: i64) -> Command {
    Command::Claim { coordinator: who.to_owned(), at: Timestamp(at), take_over: false }
}

pub(crate) fn create(id: &str, seed: i64) -> Command {
    Command::CreateRun { run: RunId::from(id), spec: b"{}".to_vec(), seed, at: Timestamp(2) }
}

pub(crate) fn catalog(digest: &str) -> Decision {
    Decision::AdmitCatalog {
        target: TARGET,
        digest: digest.to_owned(),
        catalog: vec![1, 2, 3],
        at: Timestamp(3),
    }
}

pub(crate) fn open(session: u32) -> Decision {
    Decision::OpenSession { session: SessionId(session), target: TARGET, cluster: ClusterId(0) }
}

pub(crate) fn process(session: u32, number: u32) -> ProcessId {
    ProcessId { session: SessionId(session), number: ProcessNumber(number), incarnation: 1 }
}

pub(crate) fn attempt(group: u32, number: u32) -> AttemptId {
    AttemptId { target: TARGET, group: GroupId(group), number }
}

pub(crate) fn hand_out(group: u32, number: u32, reports: u32) -> Decision {
    Decision::HandOut {
        attempt: attempt(group, number),
        process: process(0, 1),
        worker: WorkerId::from("w"),
        reports,
    }
}

/// The spec with this ordinal in its group; group `g` has the specs from `10 g` on.
pub(crate) fn spec(group: u32, ordinal: u32) -> SpecIndex {
    SpecIndex(group * 10 + ordinal)
}

pub(crate) fn report(group: u32, number: u32, ordinal: u32, state: SpecState) -> Report {
    Report {
        attempt: attempt(group, number),
        ordinal,
        spec: spec(group, ordinal),
        state,
        explained: false,
        cluster_lost: false,
        payload: vec![0; 3],
    }
}

pub(crate) fn node(process: ProcessId, ordinal: u32, state: SpecState) -> Change {
    Change::SuiteNode(SuiteNode { process, ordinal, state, payload: vec![9] })
}

pub(crate) fn worker_lost() -> LossCause {
    LossCause::WorkerLost { worker: "w".to_owned() }
}

pub(crate) fn cluster_lost() -> LossCause {
    LossCause::ClusterLost { cluster: "c".to_owned() }
}

pub(crate) fn refused(refusal: Refusal) -> Reply {
    Reply::Refused(refusal)
}
