//! Epochs, runs, catalogs, sessions, facts, ends.

use multibeam_model::link::SessionFact;
use multibeam_model::outcome::Verdict;

use super::*;
use crate::SnapshotError;

fn cancel(force: bool) -> Change {
    Change::Cancel { by: "me".to_owned(), force, at: Timestamp(9) }
}

fn end_target(verdict: Verdict) -> Decision {
    Decision::EndTarget { target: TARGET, verdict, cause: None, at: Timestamp(8) }
}

#[test]
fn a_newer_claim_fences_the_older_coordinator() {
    let mut bench = Bench::new();
    assert_eq!(bench.apply(claim("b", 5)), Reply::Claimed(Epoch(2)));
    assert_eq!(bench.apply(claim("b", 5)), Reply::Claimed(Epoch(2)), "asked again");
    let old = Change::Decide { epoch: Epoch(1), decision: hand_out(0, 1, 1) };
    assert_eq!(bench.change(old), refused(Refusal::OldEpoch { newest: Epoch(2) }));
    let future = Change::Decide { epoch: Epoch(3), decision: hand_out(0, 1, 1) };
    assert_eq!(bench.change(future), refused(Refusal::OldEpoch { newest: Epoch(2) }));
    assert_eq!(bench.hand_out(0, 1, 1), Reply::Done);
    assert_eq!(bench.report(0, 1, 0), Reply::Sealed, "workers are not fenced");
    assert_eq!(bench.record().attempt(attempt(0, 1)).unwrap().epoch, Epoch(2));
}

#[test]
fn a_run_is_made_once() {
    let mut bench = Bench::new();
    assert_eq!(bench.apply(create("r", 7)), Reply::Duplicate);
    assert_eq!(bench.apply(create("r", 8)), refused(Refusal::RunExists));
    assert_eq!(bench.apply(create("s", 8)), Reply::Done);
    let change = Command::Run { run: RunId::from("nope"), change: cancel(false) };
    assert_eq!(bench.apply(change), refused(Refusal::NoSuchRun));
    let names: Vec<_> = bench.ledger.runs().map(|run| run.run.0.as_str()).collect();
    assert_eq!(names, ["r", "s"]);
}

#[test]
fn the_first_catalog_stays() {
    let mut bench = Bench::new();
    assert_eq!(bench.decide(catalog("d")), Reply::Duplicate);
    assert_eq!(bench.decide(catalog("e")), refused(Refusal::OtherCatalog));
    let catalog = bench.record().targets[&TARGET].catalog.clone().unwrap();
    assert_eq!((catalog.digest.as_str(), catalog.payload.index), ("d", 3));
}

#[test]
fn sessions_open_and_close_once() {
    let mut bench = Bench::new();
    let close = |lost| Decision::CloseSession { session: SessionId(0), lost };
    assert_eq!(bench.decide(open(0)), Reply::Duplicate);
    let other =
        Decision::OpenSession { session: SessionId(0), target: TARGET, cluster: ClusterId(1) };
    assert_eq!(bench.decide(other), refused(Refusal::Conflict));
    assert_eq!(bench.decide(close(true)), Reply::Done);
    assert_eq!(bench.decide(close(true)), Reply::Duplicate);
    assert_eq!(bench.decide(close(false)), refused(Refusal::Conflict));
    let unknown = Decision::CloseSession { session: SessionId(4), lost: true };
    assert_eq!(bench.decide(unknown), refused(Refusal::Unknown));
}

#[test]
fn every_process_of_a_session_is_on_record() {
    let mut bench = Bench::new();
    let process = |session| ProcessId {
        session: SessionId(session),
        number: ProcessNumber(1),
        incarnation: 1,
    };
    let start = |session, worker: &str| Decision::StartProcess {
        process: process(session),
        worker: worker.into(),
        total: 2,
        share: vec![GroupId(3)],
    };
    let end = |complete| Decision::EndProcess { process: process(0), complete };
    assert_eq!(bench.decide(end(true)), refused(Refusal::Unknown));
    assert_eq!(bench.decide(start(0, "w")), Reply::Done);
    assert_eq!(bench.decide(start(0, "w")), Reply::Duplicate);
    assert_eq!(bench.decide(start(0, "v")), refused(Refusal::Conflict));
    assert_eq!(bench.decide(start(4, "w")), refused(Refusal::Unknown));
    assert_eq!(bench.decide(end(true)), Reply::Done);
    assert_eq!(bench.decide(end(true)), Reply::Duplicate);
    assert_eq!(bench.decide(end(false)), refused(Refusal::Conflict));
    assert_eq!(bench.decide(start(0, "w")), Reply::Duplicate, "also after its end");
    let record = &bench.record().sessions[&SessionId(0)].processes[&process(0)];
    assert_eq!((record.share.as_slice(), record.ended), ([GroupId(3)].as_slice(), Some(true)));
    assert_eq!(
        bench.decide(Decision::CloseSession { session: SessionId(0), lost: false }),
        Reply::Done
    );
    let late = ProcessId { incarnation: 2, ..process(0) };
    let late =
        Decision::StartProcess { process: late, worker: "w".into(), total: 2, share: Vec::new() };
    assert_eq!(bench.decide(late), refused(Refusal::Unknown), "the session is over");
}

#[test]
fn the_first_fact_of_a_kind_stays() {
    let mut bench = Bench::new();
    let before = |data: &[u8]| Change::Fact {
        session: SessionId(0),
        fact: SessionFact::BeforeSuite { state: SpecState::Passed, data: Some(data.to_vec()) },
    };
    let report_before = Change::Fact {
        session: SessionId(0),
        fact: SessionFact::ReportBeforeSuite { state: SpecState::Passed },
    };
    assert_eq!(bench.change(before(b"x")), Reply::Done);
    assert_eq!(bench.change(report_before), Reply::Done);
    assert_eq!(bench.change(before(b"x")), Reply::Duplicate);
    assert_eq!(bench.change(before(b"y")), Reply::Duplicate);
    let facts = &bench.record().sessions[&SessionId(0)].facts;
    let data = Some(b"x".to_vec());
    assert_eq!(facts[0], SessionFact::BeforeSuite { state: SpecState::Passed, data });
    assert_eq!(facts.len(), 2);
}

#[test]
fn suite_nodes_are_told_apart_by_process_and_ordinal() {
    let mut bench = Bench::new();
    let passed = |number, ordinal| node(process(0, number), ordinal, SpecState::Passed);
    assert_eq!(bench.change(passed(1, 0)), Reply::Done);
    assert_eq!(bench.change(passed(1, 0)), Reply::Duplicate);
    assert_eq!(bench.change(passed(1, 1)), Reply::Done);
    assert_eq!(bench.change(passed(2, 0)), Reply::Done);
    let other = node(process(0, 2), 0, SpecState::Failed);
    assert_eq!(bench.change(other), refused(Refusal::Conflict));
    let unknown = node(process(5, 1), 0, SpecState::Passed);
    assert_eq!(bench.change(unknown), refused(Refusal::Unknown));
}

#[test]
fn nothing_is_handed_out_after_a_cancel_and_reports_still_count() {
    let mut bench = Bench::new();
    bench.hand_out(0, 1, 1);
    assert_eq!(bench.change(cancel(false)), Reply::Done);
    assert_eq!(bench.change(cancel(false)), Reply::Duplicate);
    assert_eq!(bench.change(cancel(true)), Reply::Done, "force comes on top");
    assert_eq!(bench.change(cancel(false)), Reply::Duplicate, "and stays");
    assert_eq!(bench.hand_out(1, 1, 1), refused(Refusal::RunOver));
    assert_eq!(bench.report(0, 1, 0), Reply::Sealed);
    assert!(bench.record().cancelled.as_ref().unwrap().force);
}

#[test]
fn ends_are_final_until_a_resume() {
    let mut bench = Bench::new();
    bench.hand_out(0, 1, 1);
    bench.lose(0, 1);
    bench.decide(Decision::GiveUp { target: TARGET, group: GroupId(0), cause: worker_lost() });
    assert_eq!(bench.decide(end_target(Verdict::Incomplete)), Reply::Done);
    assert_eq!(bench.decide(end_target(Verdict::Incomplete)), Reply::Duplicate);
    assert_eq!(bench.decide(end_target(Verdict::Passed)), refused(Refusal::Conflict));
    assert_eq!(bench.hand_out(1, 1, 1), refused(Refusal::RunOver));
    assert_eq!(bench.decide(Decision::EndRun { at: Timestamp(10) }), Reply::Done);
    assert_eq!(bench.decide(Decision::EndRun { at: Timestamp(11) }), Reply::Duplicate);
    assert_eq!(bench.record().line().verdict, Some(Verdict::Incomplete));
    bench.change(cancel(false));

    assert_eq!(bench.decide(Decision::Resume { at: Timestamp(12) }), Reply::Done);
    assert_eq!(bench.decide(Decision::Resume { at: Timestamp(12) }), Reply::Duplicate);
    assert_eq!(bench.hand_out(0, 2, 1), Reply::Done, "given up before, open again");
    assert_eq!(bench.record().ended, None);
    assert_eq!(bench.record().group(TARGET, GroupId(0)).unwrap().losses().count(), 1);
}

#[test]
fn a_resume_leaves_complete_targets_closed() {
    let mut bench = Bench::new();
    bench.decide(end_target(Verdict::Failed));
    bench.decide(Decision::EndRun { at: Timestamp(10) });
    bench.decide(Decision::Resume { at: Timestamp(12) });
    assert_eq!(bench.hand_out(0, 1, 1), refused(Refusal::RunOver));
}

#[test]
fn a_clean_up_told_twice_is_recorded_once() {
    let mut bench = Bench::new();
    let clean = |name: &str| Decision::Clean {
        cluster: ClusterId(0),
        removed: vec![format!("namespace {name}")],
    };
    assert_eq!(bench.decide(clean("a")), Reply::Done);
    assert_eq!(bench.decide(clean("a")), Reply::Duplicate);
    assert_eq!(bench.decide(clean("b")), Reply::Done);
    assert_eq!(bench.record().cleaned.len(), 2);
}

#[test]
#[should_panic(expected = "out of order")]
fn going_back_in_the_log_stops_the_replica() {
    let mut bench = Bench::new();
    bench.index -= 1;
    bench.apply(claim("b", 5));
}

#[test]
fn damaged_and_unknown_snapshots_are_told_apart() {
    let bench = Bench::new();
    let bytes = bench.ledger.snapshot();
    assert_eq!(Ledger::from_snapshot(&bytes).unwrap(), bench.ledger);
    let mut damaged = bytes.clone();
    *damaged.last_mut().unwrap() ^= 1;
    assert!(matches!(Ledger::from_snapshot(&damaged), Err(SnapshotError::Hash)));
    assert!(matches!(Ledger::from_snapshot(&bytes[..20]), Err(SnapshotError::Short { len: 20 })));
    assert!(matches!(Ledger::from_snapshot(&[]), Err(SnapshotError::Short { len: 0 })));
    let mut newer = bytes;
    newer[0] = 200;
    assert!(matches!(Ledger::from_snapshot(&newer), Err(SnapshotError::Format { found: 200 })));
}

#[test]
fn a_record_survives_the_wire() {
    let mut bench = Bench::new();
    bench.hand_out(0, 1, 2);
    bench.report(0, 1, 0);
    let record = bench.record();
    let read = multibeam_model::record::RunRecord::decode(&record.encode()).unwrap();
    assert_eq!(&read, record);
    assert_eq!(read.live().map(|(id, _)| id).collect::<Vec<_>>(), [attempt(0, 1)]);
}
