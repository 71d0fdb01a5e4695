//! Hand-outs, reports, seals, losses.

use super::*;

#[test]
fn the_last_report_seals_in_whatever_order_they_come() {
    let mut bench = Bench::new();
    assert_eq!(bench.hand_out(0, 1, 3), Reply::Done);
    assert_eq!(bench.report(0, 1, 2), Reply::Done);
    assert_eq!(bench.report(0, 1, 0), Reply::Done);
    assert_eq!(bench.report(0, 1, 0), Reply::Duplicate);
    assert_eq!(bench.report(0, 1, 1), Reply::Sealed);
    assert_eq!(bench.report(0, 1, 1), Reply::Sealed);
    assert_eq!(bench.report(0, 1, 3), refused(Refusal::Conflict));
}

#[test]
fn a_hand_out_needs_a_free_group_and_the_next_number() {
    let mut bench = Bench::new();
    assert_eq!(bench.hand_out(0, 2, 1), refused(Refusal::WrongNumber { expected: 1 }));
    assert_eq!(bench.hand_out(0, 1, 0), refused(Refusal::WrongNumber { expected: 1 }));
    assert_eq!(bench.hand_out(0, 1, 1), Reply::Done);
    assert_eq!(bench.hand_out(0, 1, 1), Reply::Duplicate);
    assert_eq!(bench.hand_out(0, 2, 1), refused(Refusal::LiveAttempt));
    // The same number for somebody else is no repetition.
    let other = Decision::HandOut {
        attempt: attempt(0, 1),
        process: process(0, 2),
        worker: WorkerId::from("w"),
        reports: 1,
    };
    assert_eq!(bench.decide(other), refused(Refusal::LiveAttempt));
    assert_eq!(bench.lose(0, 1), Reply::Done);
    assert_eq!(bench.hand_out(0, 3, 1), refused(Refusal::WrongNumber { expected: 2 }));
    assert_eq!(bench.hand_out(0, 2, 1), Reply::Done);
    assert_eq!(bench.report(0, 2, 0), Reply::Sealed);
    assert_eq!(bench.hand_out(0, 3, 1), refused(Refusal::GroupDone));
}

#[test]
fn a_hand_out_needs_a_catalog_and_an_open_session_of_the_target() {
    let mut bench = Bench::new();
    assert_eq!(
        bench.decide(Decision::CloseSession { session: SessionId(0), lost: false }),
        Reply::Done
    );
    assert_eq!(bench.hand_out(0, 1, 1), refused(Refusal::Unknown));
    let elsewhere =
        Decision::OpenSession { session: SessionId(1), target: TargetId(1), cluster: ClusterId(0) };
    assert_eq!(bench.decide(elsewhere), Reply::Done);
    let hand_out = |target| Decision::HandOut {
        attempt: AttemptId { target, ..attempt(0, 1) },
        process: process(1, 1),
        worker: WorkerId::from("w"),
        reports: 1,
    };
    assert_eq!(bench.decide(hand_out(TARGET)), refused(Refusal::Unknown), "another target's");
    assert_eq!(bench.decide(hand_out(TargetId(1))), refused(Refusal::Unknown), "no catalog");
}

#[test]
fn a_seal_voids_a_later_loss_and_a_loss_voids_later_reports() {
    let mut bench = Bench::new();
    bench.hand_out(0, 1, 1);
    assert_eq!(bench.report(0, 1, 0), Reply::Sealed);
    assert_eq!(bench.lose(0, 1), Reply::AlreadySealed);
    assert_eq!(bench.decide(Decision::Return { attempt: attempt(0, 1) }), Reply::AlreadySealed);

    bench.hand_out(1, 1, 2);
    assert_eq!(bench.report(1, 1, 0), Reply::Done);
    assert_eq!(bench.lose(1, 1), Reply::Done);
    assert_eq!(bench.lose(1, 1), Reply::Duplicate);
    assert_eq!(bench.report(1, 1, 1), refused(Refusal::AttemptLost));
    assert_eq!(bench.report(1, 1, 0), refused(Refusal::AttemptLost), "also one that came before");
    let lost = bench.record().attempt(attempt(1, 1)).unwrap();
    assert_eq!(lost.received.iter().map(|(ordinal, _)| ordinal).collect::<Vec<_>>(), [0]);
    assert_eq!(
        lost.late.iter().map(|(ordinal, _)| ordinal).collect::<Vec<_>>(),
        [1],
        "it stays on record"
    );
}

#[test]
fn a_returned_attempt_costs_its_number_and_no_loss() {
    let mut bench = Bench::new();
    bench.hand_out(0, 1, 1);
    assert_eq!(bench.decide(Decision::Return { attempt: attempt(0, 1) }), Reply::Done);
    assert_eq!(bench.report(0, 1, 0), refused(Refusal::AttemptLost));
    assert_eq!(bench.hand_out(0, 2, 1), Reply::Done);
    assert_eq!(bench.record().group(TARGET, GroupId(0)).unwrap().losses().count(), 0);
}

#[test]
fn losing_the_cluster_holds_the_seal_back_once_per_group() {
    let mut bench = Bench::new();
    let failed = |number| {
        let report = report(0, number, 0, SpecState::Failed);
        Change::Report(Report { cluster_lost: true, ..report })
    };
    bench.hand_out(0, 1, 1);
    assert_eq!(bench.change(failed(1)), Reply::Done, "complete and not sealed");
    let lose = Decision::Lose { attempt: attempt(0, 1), cause: cluster_lost() };
    assert_eq!(bench.decide(lose), Reply::Done);
    bench.hand_out(0, 2, 1);
    assert_eq!(bench.change(failed(2)), Reply::Sealed, "the second time it counts");
}

#[test]
fn another_report_under_a_known_ordinal_or_of_a_known_spec_is_refused() {
    let mut bench = Bench::new();
    bench.hand_out(0, 1, 3);
    assert_eq!(bench.report(0, 1, 0), Reply::Done);
    let other = report(0, 1, 0, SpecState::Failed);
    assert_eq!(bench.change(Change::Report(other)), refused(Refusal::Conflict));
    let again = Report { ordinal: 1, ..report(0, 1, 0, SpecState::Passed) };
    assert_eq!(bench.change(Change::Report(again)), refused(Refusal::Conflict));
    assert_eq!(bench.report(0, 1, 7), refused(Refusal::Conflict), "beyond the last one");
}

#[test]
fn unknown_attempts_are_refused() {
    let mut bench = Bench::new();
    assert_eq!(bench.report(0, 1, 0), refused(Refusal::Unknown));
    assert_eq!(bench.lose(0, 1), refused(Refusal::Unknown));
    bench.hand_out(0, 1, 1);
    assert_eq!(bench.report(0, 0, 0), refused(Refusal::Unknown));
    assert_eq!(bench.report(0, 2, 0), refused(Refusal::Unknown));
}

#[test]
fn giving_up_ends_a_live_attempt_and_the_group() {
    let mut bench = Bench::new();
    let give_up =
        |group| Decision::GiveUp { target: TARGET, group: GroupId(group), cause: worker_lost() };
    assert_eq!(bench.decide(give_up(0)), refused(Refusal::Unknown));
    bench.hand_out(0, 1, 2);
    bench.report(0, 1, 0);
    assert_eq!(bench.decide(give_up(0)), Reply::Done);
    assert_eq!(bench.decide(give_up(0)), Reply::Duplicate);
    assert_eq!(bench.report(0, 1, 1), refused(Refusal::AttemptLost));
    assert_eq!(bench.hand_out(0, 2, 2), refused(Refusal::GroupDone));

    bench.hand_out(1, 1, 1);
    bench.report(1, 1, 0);
    assert_eq!(bench.decide(give_up(1)), Reply::AlreadySealed);
}

/// Hands a group with `reports` specs to a process of the bench's session.
fn give(bench: &mut Bench, group: u32, to: u32, reports: u32) {
    let decision = Decision::HandOut {
        attempt: attempt(group, 1),
        process: process(0, to),
        worker: WorkerId::from("w"),
        reports,
    };
    assert_eq!(bench.decide(decision), Reply::Done);
}

fn queued(bench: &Bench) -> Vec<u32> {
    bench.record().queued().into_iter().map(|attempt| attempt.group.0).collect()
}

#[test]
fn what_is_handed_out_ahead_has_not_begun_while_the_one_before_is_not_done() {
    let mut bench = Bench::new();
    // In another order than that of the groups.
    give(&mut bench, 5, 1, 2);
    give(&mut bench, 2, 1, 1);
    give(&mut bench, 3, 2, 1);
    assert_eq!(queued(&bench), [2], "process 2 has only one");
    bench.report(5, 1, 0);
    assert_eq!(queued(&bench), [2]);
    bench.report(5, 1, 1);
    assert_eq!(queued(&bench), Vec::<u32>::new(), "the process may have gone on");
    give(&mut bench, 1, 1, 1);
    assert_eq!(queued(&bench), [1]);
}

#[test]
fn a_serial_share_is_run_in_the_order_of_its_hand_outs() {
    let mut bench = Bench::new();
    for group in 10..14 {
        give(&mut bench, group, 1, 1);
    }
    assert_eq!(queued(&bench), [11, 12, 13]);
    bench.report(10, 1, 0);
    assert_eq!(queued(&bench), [12, 13]);
}

#[test]
fn a_process_goes_on_after_a_group_that_was_lost_to_the_cluster() {
    let mut bench = Bench::new();
    give(&mut bench, 0, 1, 2);
    give(&mut bench, 1, 1, 1);
    let lost = Report { cluster_lost: true, ..report(0, 1, 0, SpecState::Failed) };
    assert_eq!(bench.change(Change::Report(lost)), Reply::Done);
    assert_eq!(queued(&bench), Vec::<u32>::new());
}
