//! What goes into a report, and in which order.

use multibeam_model::Cause;
use multibeam_model::outcome::Verdict;

use super::*;
use crate::merge::{Item, Merge, PlannedGroup, merge};

fn plan(groups: &[(u32, u32)]) -> Vec<PlannedGroup> {
    let group = |&(id, specs): &(u32, u32)| PlannedGroup {
        id: GroupId(id),
        selected: (0..specs).map(|ordinal| spec(id, ordinal)).collect(),
    };
    groups.iter().map(group).collect()
}

fn merged(bench: &Bench, groups: &[(u32, u32)]) -> Merge {
    merge(bench.record(), TARGET, &plan(groups))
}

/// Short words for items: `n1` a node of process 1, `s20` spec 20, `i20` interrupted, `x20` not
/// run.
fn words(merge: &Merge) -> Vec<String> {
    let word = |item: &Item| match item {
        Item::SuiteNode { process, .. } => format!("n{}", process.number),
        Item::Spec { spec, .. } => format!("s{spec}"),
        Item::Interrupted { spec, .. } => format!("i{spec}"),
        Item::NotRun { spec, .. } => format!("x{spec}"),
    };
    merge.items.iter().map(word).collect()
}

fn give(bench: &mut Bench, group: u32, session: u32, number: u32, reports: u32) {
    let decision = Decision::HandOut {
        attempt: attempt(group, 1),
        process: process(session, number),
        worker: WorkerId::from("w"),
        reports,
    };
    assert_eq!(bench.decide(decision), Reply::Done);
}

#[test]
fn reports_stand_by_session_and_process_in_the_order_in_which_processes_ended() {
    let mut bench = Bench::new();
    bench.decide(open(1));
    give(&mut bench, 0, 0, 3, 1);
    give(&mut bench, 1, 0, 2, 1);
    give(&mut bench, 2, 0, 1, 1);
    give(&mut bench, 3, 1, 1, 1);
    bench.report(3, 1, 0);
    for (session, number) in [(0, 1), (0, 3), (0, 2)] {
        bench.change(node(process(session, number), 0, SpecState::Passed));
    }
    bench.report(0, 1, 0);
    bench.report(1, 1, 0);
    bench.report(2, 1, 0);
    // Process 2 ends before process 3.
    bench.change(node(process(0, 2), 1, SpecState::Passed));
    bench.change(node(process(0, 3), 1, SpecState::Passed));
    let merge = merged(&bench, &[(0, 1), (1, 1), (2, 1), (3, 1)]);
    assert_eq!(words(&merge), ["n1", "s20", "n2", "s10", "n2", "n3", "s0", "n3", "s30"]);
    assert!(merge.succeeded());
    assert_eq!(merge.states[&SpecState::Passed], 4);
    assert!(merge.reasons.is_empty());
}

#[test]
fn nodes_of_lost_sessions_are_left_out_and_failed_ones_fail_the_suite() {
    let mut bench = Bench::new();
    bench.decide(open(1));
    bench.change(node(process(0, 1), 0, SpecState::Failed));
    bench.change(node(process(1, 1), 0, SpecState::Passed));
    assert!(!merged(&bench, &[]).succeeded());
    bench.decide(Decision::CloseSession { session: SessionId(0), lost: true });
    let merge = merged(&bench, &[]);
    assert_eq!(words(&merge), ["n1"]);
    assert!(merge.succeeded());
}

#[test]
fn a_lost_group_gives_its_last_reports_and_says_what_is_missing() {
    let mut bench = Bench::new();
    bench.hand_out(0, 1, 3);
    bench.report(0, 1, 0);
    bench.report(0, 1, 1);
    bench.lose(0, 1);
    bench.hand_out(0, 2, 3);
    bench.report(0, 2, 0);
    let skipped = report(0, 2, 1, SpecState::Skipped);
    bench.change(Change::Report(skipped));
    let cause = worker_lost();
    bench.decide(Decision::GiveUp { target: TARGET, group: GroupId(0), cause: cause.clone() });
    bench.report(0, 2, 2);
    let merge = merged(&bench, &[(0, 3)]);
    assert_eq!(words(&merge), ["s0", "i1", "i2"], "a bare skip and a late report are no results");
    let Item::Spec { attempt: id, .. } = &merge.items[0] else { panic!("a spec") };
    assert_eq!(*id, attempt(0, 2));
    let Item::Interrupted { cause: named, .. } = &merge.items[1] else { panic!("interrupted") };
    assert_eq!(*named, cause);
    assert!(!merge.succeeded());
    assert_eq!(merge.interrupted, 2);
    assert_eq!(merge.reasons, ["2 specs were lost for good before giving a result"]);
}

#[test]
fn what_was_not_run_says_why() {
    let mut bench = Bench::new();
    bench.hand_out(0, 1, 1);
    bench.decide(Decision::Return { attempt: attempt(0, 1) });
    let open = merged(&bench, &[(0, 1), (1, 2)]);
    assert_eq!(words(&open), ["x0", "x10", "x11"]);
    assert_eq!(open.reasons, ["3 specs were not run: the run did not get to it"]);
    let end = Decision::EndTarget {
        target: TARGET,
        verdict: Verdict::Incomplete,
        cause: Some(Cause::FailFast),
        at: Timestamp(9),
    };
    bench.decide(end);
    let ended = merged(&bench, &[(0, 1), (1, 2)]);
    assert_eq!(ended.reasons, ["3 specs were not run: a spec failed and failFast is set"]);
    assert_eq!(ended.not_run, 3);
    assert!(!ended.succeeded());
}

#[test]
fn a_group_that_waits_for_another_attempt_has_no_result_until_its_target_ends() {
    let mut bench = Bench::new();
    bench.hand_out(0, 1, 2);
    bench.report(0, 1, 0);
    assert_eq!(words(&merged(&bench, &[(0, 2)])), ["x0", "x1"]);
    bench.lose(0, 1);
    assert_eq!(words(&merged(&bench, &[(0, 2)])), ["x0", "x1"]);
    // Handed out again, gone back unstarted, and then the run was stopped.
    bench.hand_out(0, 2, 2);
    bench.decide(Decision::Return { attempt: attempt(0, 2) });
    bench.decide(Decision::EndTarget {
        target: TARGET,
        verdict: Verdict::Incomplete,
        cause: Some(Cause::Cancelled),
        at: Timestamp(9),
    });
    assert_eq!(words(&merged(&bench, &[(0, 2)])), ["s0", "i1"]);
}

#[test]
fn unselected_members_of_a_group_are_left_to_the_catalog() {
    let mut bench = Bench::new();
    bench.hand_out(0, 1, 2);
    bench.change(Change::Report(report(0, 1, 0, SpecState::Skipped)));
    bench.report(0, 1, 1);
    let only_second = [PlannedGroup { id: GroupId(0), selected: vec![spec(0, 1)] }];
    assert_eq!(words(&merge(bench.record(), TARGET, &only_second)), ["s1"]);
}
