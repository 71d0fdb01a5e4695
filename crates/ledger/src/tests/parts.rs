//! Payloads in parts.

use multibeam_model::command::{Change, Part, PartOf, Refusal, Reply};
use multibeam_model::record::PayloadRef;

use super::{Bench, attempt, node, process, refused};
use multibeam_model::SpecState;

fn part(bench: &mut Bench, of: PartOf, number: u32) -> Reply {
    bench.change(Change::Part(Part { of, number, payload: vec![number as u8] }))
}

#[test]
fn parts_belong_to_the_report_that_follows_them() {
    let mut bench = Bench::new();
    bench.hand_out(3, 1, 1);
    let of = PartOf::Report { attempt: attempt(3, 1), ordinal: 0 };
    let first = bench.index + 1;
    assert_eq!(part(&mut bench, of, 0), Reply::Done);
    assert_eq!(part(&mut bench, of, 0), Reply::Duplicate, "its answer was lost");
    assert_eq!(part(&mut bench, of, 2), refused(Refusal::Conflict), "one is missing");
    assert_eq!(part(&mut bench, of, 1), Reply::Done);
    let last = bench.index;
    assert_eq!(bench.ledger.payloads(..), [3, first, last], "the catalog, and the parts so far");
    assert_eq!(bench.report(3, 1, 0), Reply::Sealed);
    let report = bench.index;
    assert_eq!(bench.ledger.places(PayloadRef { index: report }), [first, last, report]);
    assert_eq!(bench.ledger.payloads(..), [3, first, last, report]);
    // All of it once more.
    assert_eq!(part(&mut bench, of, 0), Reply::Duplicate);
    assert_eq!(part(&mut bench, of, 1), Reply::Duplicate);
    assert_eq!(bench.report(3, 1, 0), Reply::Sealed);
    assert_eq!(bench.ledger.payloads(..), [3, first, last, report]);
}

#[test]
fn parts_of_a_lost_attempt_stay_with_its_late_report() {
    let mut bench = Bench::new();
    bench.hand_out(3, 1, 1);
    let of = PartOf::Report { attempt: attempt(3, 1), ordinal: 0 };
    assert_eq!(part(&mut bench, of, 0), Reply::Done);
    let index = bench.index;
    bench.lose(3, 1);
    assert_eq!(bench.report(3, 1, 0), refused(Refusal::AttemptLost));
    let late = PayloadRef { index: bench.index };
    assert_eq!(bench.ledger.places(late), [index, bench.index]);
}

#[test]
fn parts_of_what_nobody_knows_are_refused() {
    let mut bench = Bench::new();
    let of = PartOf::Report { attempt: attempt(9, 1), ordinal: 0 };
    assert_eq!(part(&mut bench, of, 0), refused(Refusal::Unknown));
    let of = PartOf::SuiteNode { process: process(7, 1), ordinal: 0 };
    assert_eq!(part(&mut bench, of, 0), refused(Refusal::Unknown));
    // A suite node may.
    let of = PartOf::SuiteNode { process: process(0, 1), ordinal: 0 };
    assert_eq!(part(&mut bench, of, 0), Reply::Done);
    assert_eq!(bench.change(node(process(0, 1), 0, SpecState::Passed)), Reply::Done);
    assert_eq!(bench.ledger.places(PayloadRef { index: bench.index }).len(), 2);
}
