//! What a run hears of decisions that the ledger did not take as they were meant.

use multibeam_model::command::{Report, SuiteNode};
use multibeam_model::lesson::{Lesson, Took};
use multibeam_model::outcome::Verdict;
use multibeam_model::{
    AttemptId, ClusterId, GroupId, LossCause, ProcessId, ProcessNumber, SessionId, SpecIndex,
    SpecState, TargetId, Timestamp,
};
use multibeam_rt::tasks::TaskGroup;
use tokio::task::JoinSet;

use super::*;
use crate::fake::FakeLedger;

const TARGET: TargetId = TargetId(0);
const EPOCH: Epoch = Epoch(1);
const PROCESS: ProcessId =
    ProcessId { session: SessionId(1), number: ProcessNumber(1), incarnation: 1 };

fn attempt(group: u32, number: u32) -> AttemptId {
    AttemptId { target: TARGET, group: GroupId(group), number }
}

fn hand_out(attempt: AttemptId) -> Decision {
    Decision::HandOut { attempt, process: PROCESS, worker: "w".into(), reports: 1 }
}

fn lose(attempt: AttemptId) -> Decision {
    Decision::Lose { attempt, cause: LossCause::WorkerLost { worker: "w".into() } }
}

fn report(attempt: AttemptId, state: SpecState) -> Change {
    Change::Report(Report {
        attempt,
        ordinal: 0,
        spec: SpecIndex(attempt.group.0),
        state,
        explained: false,
        cluster_lost: false,
        payload: vec![0],
    })
}

fn suite_node(state: SpecState) -> Change {
    Change::SuiteNode(SuiteNode { process: PROCESS, ordinal: 0, state, payload: vec![0] })
}

fn end_target(verdict: Verdict) -> Effect {
    let at = Timestamp(9);
    Effect {
        decisions: vec![Decision::EndTarget { target: TARGET, verdict, cause: None, at }],
        events: vec![What::TargetEnded { target: TARGET, verdict, cause: None }],
        ..Effect::default()
    }
}

fn end_run(verdict: Verdict) -> Effect {
    Effect {
        decisions: vec![Decision::EndRun { at: Timestamp(9) }],
        events: vec![What::RunEnded { verdict }],
        ..Effect::default()
    }
}

/// A run with an open session, whose committer waits for effects.
struct Bench {
    ledger: FakeLedger,
    effects: Effects,
    hub: mpsc::Receiver<ToHub>,
    _tasks: TaskGroup,
    _committers: JoinSet<()>,
}

impl Bench {
    fn new() -> Self {
        let tasks = TaskGroup::new();
        let ledger = FakeLedger::default();
        let client = ledger.serve(&tasks.spawner());
        let (to, received) = mpsc::unbounded_channel();
        let (inbox, hub) = mpsc::channel(8);
        let mut committers = JoinSet::new();
        let committer = committers.spawn(run(client, "r".into(), EPOCH, received, inbox));
        let effects = Effects::new(to, committer);
        let bench = Self { ledger, effects, hub, _tasks: tasks, _committers: committers };
        let (coordinator, at) = ("c".to_owned(), Timestamp(1));
        bench.ledger.apply(&Command::Claim { coordinator, at, take_over: false });
        let create = Command::CreateRun { run: "r".into(), spec: b"{}".to_vec(), seed: 1, at };
        assert_eq!(bench.ledger.apply(&create), Reply::Done);
        let (digest, catalog) = ("d".to_owned(), vec![0]);
        bench.decide(Decision::AdmitCatalog { target: TARGET, digest, catalog, at });
        let (session, cluster) = (SessionId(1), ClusterId(0));
        bench.decide(Decision::OpenSession { session, target: TARGET, cluster });
        bench
    }

    /// What happens without this coordinator's committer.
    fn change(&self, change: Change) -> Reply {
        self.ledger.apply(&Command::Run { run: "r".into(), change })
    }

    fn decide(&self, decision: Decision) {
        assert_eq!(self.change(Change::Decide { epoch: EPOCH, decision }), Reply::Done);
    }

    fn want(&self, decisions: Vec<Decision>) {
        self.effects.send(Effect { decisions, ..Effect::default() });
    }

    async fn performed(&mut self) -> Performed {
        match self.hub.recv().await {
            Some(ToHub::Performed { performed, .. }) => performed,
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_failure_that_nobody_heard_of_counts_when_its_loss_comes_too_late() {
    let mut bench = Bench::new();
    for (group, state) in [(0, SpecState::Failed), (1, SpecState::Passed)] {
        bench.decide(hand_out(attempt(group, 1)));
        assert_eq!(bench.change(report(attempt(group, 1), state)), Reply::Sealed);
    }
    bench.want(vec![lose(attempt(0, 1)), Decision::Return { attempt: attempt(1, 1) }]);
    let performed = bench.performed().await;
    let sealed = |group, failed| Input::LossVoided { attempt: attempt(group, 1), failed };
    assert_eq!(performed.not_taken, [sealed(0, true), sealed(1, false)]);
    assert!(performed.ended.is_empty());
}

#[tokio::test]
async fn a_seal_is_heard_before_the_hand_outs_that_it_kept_from_being_taken() {
    let mut bench = Bench::new();
    bench.decide(hand_out(attempt(0, 1)));
    bench.change(report(attempt(0, 1), SpecState::Failed));
    bench.want(vec![hand_out(attempt(0, 2))]);
    let refused = vec![(attempt(0, 2), Refusal::GroupDone)];
    assert_eq!(
        bench.performed().await.not_taken,
        [
            Input::LossVoided { attempt: attempt(0, 1), failed: true },
            Input::CommitRefused { refused },
        ]
    );
}

#[tokio::test]
async fn the_ledger_is_asked_only_when_it_knows_more() {
    let mut bench = Bench::new();
    bench.want(vec![hand_out(attempt(0, 1)), lose(attempt(0, 1)), hand_out(attempt(0, 7))]);
    let wrong = Refusal::WrongNumber { expected: 2 };
    let refused = vec![(attempt(0, 7), wrong)];
    assert_eq!(bench.performed().await.not_taken, [Input::CommitRefused { refused }]);
    assert_eq!(bench.ledger.reads(), 0);
}

#[tokio::test]
async fn a_verdict_is_no_better_than_what_the_ledger_has() {
    for (change, lost, expected) in [
        (report(attempt(0, 1), SpecState::Failed), false, Verdict::Failed),
        (report(attempt(0, 1), SpecState::Passed), false, Verdict::Passed),
        (suite_node(SpecState::Failed), false, Verdict::Failed),
        (suite_node(SpecState::Failed), true, Verdict::Passed),
    ] {
        let mut bench = Bench::new();
        bench.decide(hand_out(attempt(0, 1)));
        bench.change(change);
        // Whether the session was lost is known only with this in the ledger.
        bench.want(vec![Decision::CloseSession { session: SessionId(1), lost }]);
        bench.effects.send(end_target(Verdict::Passed));
        bench.effects.send(end_run(Verdict::Passed));
        let mut events = Vec::new();
        while events.len() < 2 {
            events.extend(bench.performed().await.events);
        }
        let (target, cause, verdict) = (TARGET, None, expected);
        let shown = [What::TargetEnded { target, verdict, cause }, What::RunEnded { verdict }];
        assert_eq!(events, shown);
        let record = bench.ledger.record(&"r".into());
        let end = record.targets[&TARGET].end.as_ref().map(|end| end.verdict);
        assert_eq!(end, Some(expected));
        assert_eq!(bench.ledger.reads(), 1, "both verdicts are of one reading");
    }
}

#[tokio::test]
async fn a_verdict_that_is_worse_already_stays() {
    let mut bench = Bench::new();
    bench.decide(hand_out(attempt(0, 1)));
    bench.change(report(attempt(0, 1), SpecState::Failed));
    bench.effects.send(end_target(Verdict::Incomplete));
    let verdict = Verdict::Incomplete;
    let ended = What::TargetEnded { target: TARGET, verdict, cause: None };
    assert_eq!(bench.performed().await.events, [ended]);
}

#[tokio::test]
async fn what_a_target_has_taught_is_told_before_its_end_and_holds_nothing_up() {
    for old in [false, true] {
        let mut bench = Bench::new();
        if old {
            bench.ledger.be_old();
        }
        let took = Took { spec: "a".to_owned(), millis: 5 };
        let lesson = Lesson { durations: vec![took], ..Lesson::default() };
        let records = vec![Command::Learn(lesson)];
        bench.effects.send(Effect { records, ..end_target(Verdict::Passed) });
        let ended = What::TargetEnded { target: TARGET, verdict: Verdict::Passed, cause: None };
        assert_eq!(bench.performed().await.events, [ended]);
        assert_eq!(bench.ledger.remembers(), usize::from(!old));
    }
}
