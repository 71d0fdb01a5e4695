use std::collections::BTreeMap;

use multibeam_model::link::{CoordinatorMessage, Hello, ORDER_FORMAT, ProcessOrder, StartProcess};
use multibeam_model::record::{
    AttemptRecord, AttemptState, GroupRecord, ProcessRecord, SessionRecord,
};
use multibeam_model::{
    ClusterId, Epoch, GroupId, ProcessId, ProcessNumber, SessionId, TargetId, Timestamp,
};
use tokio::sync::mpsc;

use super::*;

const PATIENCE: Duration = Duration::from_secs(10);

fn at(secs: u64) -> Moment {
    Moment(secs * 1_000_000)
}

fn worker(name: &str) -> WorkerId {
    WorkerId(name.into())
}

fn process(session: u32) -> ProcessId {
    let number = ProcessNumber(1);
    ProcessId { session: SessionId(session), number, incarnation: 1 }
}

/// Another process of session 1, on this worker.
fn start(record: &mut RunRecord, number: u32, name: &str, ended: Option<bool>) {
    let id = ProcessId { number: ProcessNumber(number), ..process(1) };
    let process = ProcessRecord { worker: worker(name), total: 2, share: Vec::new(), ended };
    record.sessions.get_mut(&SessionId(1)).unwrap().processes.insert(id, process);
}

/// A run with these sessions (whether open) and attempts (session, worker, state).
fn record(sessions: &[(u32, bool)], attempts: &[(u32, &str, AttemptState)]) -> RunRecord {
    let session = |(id, open): &(u32, bool)| {
        let closed = (!open).then_some(false);
        let (target, cluster) = (TargetId(0), ClusterId(0));
        let (facts, nodes) = (Vec::new(), BTreeMap::new());
        let processes = BTreeMap::new();
        (SessionId(*id), SessionRecord { target, cluster, closed, facts, processes, nodes })
    };
    let group = |(id, (session, name, state)): (u32, &(u32, &str, AttemptState))| {
        let attempt = AttemptRecord {
            number: 1,
            process: process(*session),
            worker: worker(name),
            epoch: Epoch(1),
            handed_out: u64::from(id),
            reports: 1,
            state: state.clone(),
            received: Default::default(),
            late: Default::default(),
        };
        (GroupId(id), GroupRecord { attempts: vec![attempt], given_up: None })
    };
    let mut record = RunRecord {
        run: RunId("run".into()),
        spec: Vec::new(),
        seed: 0,
        created: Timestamp(0),
        cancelled: None,
        resumed: Vec::new(),
        ended: None,
        targets: BTreeMap::new(),
        sessions: sessions.iter().map(session).collect(),
        cleaned: Vec::new(),
        parts: Default::default(),
    };
    record.targets.entry(TargetId(0)).or_default().groups =
        (0..).zip(attempts).map(group).collect();
    record
}

fn hello(name: &str) -> Hello {
    Hello {
        worker: worker(name),
        cluster: "c".into(),
        slots: 1,
        epoch: Epoch(1),
        host: "h".into(),
        processes: Vec::new(),
        format: ORDER_FORMAT,
    }
}

fn connect(workers: &mut Workers, name: &str, now: Moment) {
    let (sender, _) = mpsc::channel(8);
    workers.connect(hello(name), 1, sender, Epoch(2), now).unwrap();
}

/// Whether what these workers may have left is over, as the hub would find.
fn over(record: &RunRecord, workers: &Workers, now: Moment) -> bool {
    let (reply, mut answer) = oneshot::channel();
    let mut doubts = Doubts::default();
    doubts.add(Doubt::of(record, PATIENCE), reply);
    doubts.resolve(now, workers);
    answer.try_recv().is_ok()
}

#[test]
fn nothing_open_is_no_doubt() {
    let left = record(&[(1, false)], &[(1, "a", AttemptState::Sealed)]);
    assert!(over(&left, &Workers::default(), at(0)));
}

#[test]
fn a_worker_that_does_not_come_keeps_what_it_has_until_its_lease_is_over() {
    let left = record(&[(1, true)], &[(1, "a", AttemptState::Live)]);
    let workers = Workers::default();
    assert!(!over(&left, &workers, at(0)));
    assert!(!over(&left, &workers, at(10)));
    assert!(over(&left, &workers, at(11)));
}

#[test]
fn a_worker_that_comes_back_is_waited_for_until_it_says_so() {
    let left = record(&[(1, true)], &[(1, "a", AttemptState::Live)]);
    let mut workers = Workers::default();
    connect(&mut workers, "a", at(2));
    workers.heard(&worker("a"), 0, 0, at(9));
    assert!(!over(&left, &workers, at(19)), "its lease was renewed");
    workers.standing(&worker("a"), &[]);
    assert!(over(&left, &workers, at(9)));
}

#[test]
fn a_worker_that_falls_silent_again_has_its_lease() {
    let left = record(&[(1, true)], &[(1, "a", AttemptState::Live)]);
    let mut workers = Workers::default();
    connect(&mut workers, "a", at(5));
    // Given up early, for the sake of another run.
    assert_eq!(workers.expire(Duration::from_secs(1), at(7)).len(), 1);
    assert!(!over(&left, &workers, at(15)));
    assert!(over(&left, &workers, at(16)));
}

#[test]
fn a_process_that_was_given_nothing_is_waited_for_as_well() {
    let mut left = record(&[(1, true)], &[(1, "a", AttemptState::Live)]);
    // It may be in its before-suite.
    start(&mut left, 2, "b", None);
    start(&mut left, 3, "c", Some(true));
    let mut workers = Workers::default();
    for name in ["a", "d"] {
        connect(&mut workers, name, at(1));
        workers.standing(&worker(name), &[]);
    }
    assert!(!over(&left, &workers, at(1)));
    connect(&mut workers, "b", at(2));
    workers.standing(&worker("b"), &[]);
    assert!(over(&left, &workers, at(2)), "c has told the end of what it had");
}

#[test]
fn a_process_whose_attempts_are_sealed_may_be_in_its_after_suite() {
    let mut left = record(&[(1, true)], &[(1, "a", AttemptState::Sealed)]);
    start(&mut left, 1, "a", None);
    assert!(!over(&left, &Workers::default(), at(10)));
    assert!(over(&left, &Workers::default(), at(11)));
    left.sessions.get_mut(&SessionId(1)).unwrap().closed = Some(false);
    assert!(over(&left, &Workers::default(), at(0)), "a session closes after its processes");
}

#[test]
fn what_this_coordinator_started_itself_counts_as_well() {
    let left = record(&[(1, true)], &[(1, "a", AttemptState::Live)]);
    let mut workers = Workers::default();
    connect(&mut workers, "a", at(0));
    workers.standing(&worker("a"), &[]);
    let start =
        StartProcess { target: TargetId(0), total: 2, serial_share: Vec::new(), facts: Vec::new() };
    let (run, order) = (RunId("run".into()), ProcessOrder::Start(start));
    let start = CoordinatorMessage::Process { run: run.clone(), process: process(1), order };
    workers.send(&worker("a"), start, Vec::new());
    assert!(!over(&left, &workers, at(1)));
    workers.ended(&worker("a"), &run, process(1));
    assert!(over(&left, &workers, at(1)));
}
