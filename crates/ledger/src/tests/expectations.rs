//! The history of durations, and what was expected of targets.

use std::time::Duration;

use multibeam_model::lesson::{Lesson, Took};
use multibeam_model::plan::Planned;

use super::*;
use crate::SnapshotError;

fn learn(source: &str, at: i64, millis: u32) -> Command {
    Command::Learn(Lesson {
        source: source.to_owned(),
        at: Timestamp(at),
        durations: vec![Took { spec: "a  spec".to_owned(), millis }],
        ..Lesson::default()
    })
}

fn plan(run: RunId, secs: u64) -> Command {
    let expected = Duration::from_secs(secs);
    Command::Plan { run, target: TARGET, planned: Planned { expected, ..Planned::default() } }
}

/// How long the spec took, the newest first.
fn seen(ledger: &Ledger) -> Vec<u128> {
    let seen = ledger.history().rows().flat_map(|row| row.seen);
    seen.map(|seen| seen.took.as_millis()).collect()
}

fn expire(bench: &mut Bench) -> Reply {
    assert_eq!(bench.decide(Decision::EndRun { at: Timestamp(9) }), Reply::Done);
    bench.apply(Command::Expire { runs: vec![run()] })
}

#[test]
fn a_lesson_told_twice_counts_once_and_outlives_its_run() {
    let mut bench = Bench::new();
    assert_eq!(bench.apply(learn("r/t", 1, 10)), Reply::Done);
    assert_eq!(bench.apply(learn("r/t", 1, 10)), Reply::Duplicate);
    assert_eq!(bench.apply(learn("s/t", 2, 20)), Reply::Done);
    assert_eq!(seen(&bench.ledger), [20, 10]);
    assert_eq!(expire(&mut bench), Reply::Done);
    assert_eq!(seen(&bench.ledger), [20, 10]);
}

#[test]
fn the_first_plan_of_a_target_stays_as_long_as_its_run() {
    let mut bench = Bench::new();
    assert_eq!(bench.apply(plan(RunId::from("nope"), 1)), Reply::Refused(Refusal::NoSuchRun));
    assert_eq!(bench.apply(plan(run(), 300)), Reply::Done);
    assert_eq!(bench.apply(plan(run(), 20)), Reply::Duplicate);
    let planned = bench.ledger.planned(&run(), TARGET).map(|it| it.expected.as_secs());
    assert_eq!(planned, Some(300));
    assert_eq!(expire(&mut bench), Reply::Done);
    assert_eq!(bench.ledger.planned(&run(), TARGET), None);
}

#[test]
fn a_copy_of_the_state_stays_as_it_was() {
    let changes: [fn(&mut Bench) -> Reply; 5] = [
        |bench| bench.hand_out(0, 1, 1),
        |bench| bench.report(0, 1, 0),
        |bench| bench.apply(learn("r/t", 1, 10)),
        |bench| bench.apply(plan(run(), 300)),
        expire,
    ];
    let mut bench = Bench::new();
    for change in changes {
        // Hashes that are kept go with the copy, and are forgotten in one of both.
        bench.ledger.hash_and_keep();
        let (copy, before) = (bench.ledger.clone(), bench.ledger.snapshot());
        assert!(matches!(change(&mut bench), Reply::Done | Reply::Sealed));
        assert_ne!(bench.ledger.hash_and_keep(), copy.hash());
        assert_eq!(copy.snapshot(), before);
        assert_eq!(copy.hash(), Ledger::from_snapshot(&before).unwrap().hash());
    }
}

#[test]
fn an_earlier_version_reads_the_state_until_there_is_something_new() {
    let mut bench = Bench::new();
    assert_eq!(bench.ledger.snapshot()[0], 2);
    let bytes = bench.ledger.snapshot();
    assert_eq!(Ledger::from_snapshot(&bytes).unwrap(), bench.ledger);
    bench.apply(learn("r/t", 1, 10));
    bench.apply(plan(run(), 300));
    let bytes = bench.ledger.snapshot();
    assert_eq!(bytes[0], 3);
    let read = Ledger::from_snapshot(&bytes).unwrap();
    assert_eq!(read, bench.ledger);
    assert_eq!((read.hash(), seen(&read)), (bench.ledger.hash(), vec![10]));
    let mut later = bytes.clone();
    later[0] = 4;
    let refused = Ledger::from_snapshot(&later);
    assert!(matches!(refused, Err(SnapshotError::Format { found: 4 })));
}

#[test]
fn the_hash_tells_histories_and_plans_apart_also_when_it_is_kept() {
    let of = |commands: &[Command]| {
        let mut bench = Bench::new();
        for command in commands {
            bench.ledger.hash_and_keep();
            bench.apply(command.clone());
        }
        // Indices are part of the state.
        bench.ledger.applied = 0;
        let kept = bench.ledger.hash_and_keep();
        bench.ledger.digests = Default::default();
        assert_eq!(bench.ledger.hash(), kept);
        kept
    };
    let hashes = [
        of(&[]),
        of(&[learn("r/t", 1, 10)]),
        of(&[learn("r/t", 1, 11)]),
        of(&[plan(run(), 300)]),
        of(&[plan(run(), 301)]),
    ];
    for (place, hash) in hashes.iter().enumerate() {
        assert_eq!(hashes.iter().position(|other| other == hash), Some(place));
    }
    assert_eq!(of(&[learn("r/t", 1, 10), learn("r/t", 1, 10)]), hashes[1]);
}
