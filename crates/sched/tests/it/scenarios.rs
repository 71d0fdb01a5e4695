//! Small runs, told step by step. Each step compares all that the scheduler wants done.

use std::time::Duration;

use crate::rig::{Rig, parallel, serial};
use multibeam_model::command::Refusal;
use multibeam_model::link::{ProcessNews, SessionFact};
use multibeam_model::outcome::ProcessEnd;
use multibeam_model::{AttemptId, ClusterId, GroupId, SpecState, TargetId, WorkerId};
use multibeam_sched::{Input, RecoveredGroup, RecoveredTarget};

#[test]
fn one_cluster_to_the_end() {
    let mut rig = Rig::new(&[&[0]], 1);
    rig.worker("w", 0, 2);
    rig.plan(0, vec![parallel(0, 5), parallel(1, 9), parallel(2, 1), serial(3, 2)]);
    rig.wants(["open s1 t0 c0", "start s1p1 on w total 2 serial [3]", "start s1p2 on w total 2"]);
    rig.passed("s1p1");
    rig.wants([]);
    rig.ask("s1p2");
    rig.wants(["g1#1 to s1p2"]); // The longest goes first, whoever asks first.
    rig.ask("s1p1");
    rig.wants(["g0#1 to s1p1"]);
    rig.started("s1p1", "g0#1");
    rig.started("s1p2", "g1#1");
    rig.wants([]); // One group is left for two processes: nobody gets it ahead.
    rig.sealed("s1p1", "g0#1");
    rig.wants(["g2#1 to s1p1"]);
    rig.started("s1p1", "g2#1");
    rig.sealed("s1p1", "g2#1");
    rig.wants(["no more s1p1"]);
    rig.sealed("s1p2", "g1#1");
    rig.wants(["no more s1p2"]);
    rig.ended("s1p2");
    rig.wants(["g3#1 to s1p1", "serial s1p1 [g3#1]"]);
    rig.sealed("s1p1", "g3#1");
    rig.wants([]); // The target ends only after the after-suite.
    rig.ended("s1p1");
    rig.wants(["close s1", "end t0 passed", "end of run passed"]);
}

#[test]
fn no_more_processes_than_groups() {
    let mut rig = Rig::new(&[&[0, 1, 2]], 3);
    for (name, cluster) in [("a", 0), ("b", 1), ("c", 2)] {
        rig.worker(name, cluster, 4);
    }
    rig.plan(0, vec![parallel(0, 5), parallel(1, 5), serial(2, 2)]);
    rig.wants([
        "open s1 t0 c0",
        "start s1p1 on a total 2",
        "start s1p2 on a total 2",
        // The serial group need not wait for the others on a cluster of its own.
        "open s2 t0 c1",
        "start s2p1 on b total 2 serial [2]",
    ]);
}

#[test]
fn serial_groups_are_divided_over_the_clusters() {
    let mut rig = Rig::new(&[&[0, 1]], 2);
    rig.worker("a", 0, 1);
    rig.plan(0, vec![serial(0, 4), serial(1, 3), serial(2, 3), serial(3, 2)]);
    // The other cluster is expected and gets its part, also when it comes later.
    rig.wants(["open s1 t0 c0", "start s1p1 on a total 2 serial [0, 3]"]);
    rig.worker("b", 1, 1);
    rig.wants(["open s2 t0 c1", "start s2p1 on b total 2 serial [1, 2]"]);
}

#[test]
fn leftover_serial_groups_move_to_another_cluster() {
    let mut rig = Rig::new(&[&[0, 1]], 2);
    rig.worker("a", 0, 1);
    rig.worker("b", 1, 1);
    rig.plan(0, vec![serial(0, 4), serial(1, 4)]);
    rig.skip();
    rig.tell(Input::WorkerLost { worker: WorkerId::from("b") });
    rig.wants(["close s2 lost"]);
    rig.goes_serial("s1p1");
    rig.wants(["no more s1p1", "g0#1 to s1p1", "serial s1p1 [g0#1]"]);
    rig.sealed("s1p1", "g0#1");
    rig.ended("s1p1");
    rig.wants(["close s1", "open s3 t0 c0", "start s3p1 on a total 2 serial [1]"]);
}

#[test]
fn a_group_that_kills_its_process_twice_is_given_up() {
    let mut rig = Rig::new(&[&[0]], 1);
    rig.worker("w", 0, 2);
    rig.plan(0, vec![parallel(0, 9), parallel(1, 5)]);
    rig.passed("s1p1");
    rig.ask("s1p2");
    rig.started("s1p2", "g0#1");
    rig.ask("s1p1");
    rig.started("s1p1", "g1#1");
    rig.skip();
    rig.died("s1p2");
    rig.wants(["lose g0#1", "clean up s1p2"]); // Nothing else to do until that is done.
    rig.tell(Input::CleanedUp { process: crate::rig::process("s1p2") });
    rig.wants(["start s1p2.2 on w total 2"]);
    rig.ask("s1p2.2");
    rig.started("s1p2.2", "g0#2");
    rig.skip();
    rig.died("s1p2.2");
    rig.wants(["lose g0#2", "give up 0", "clean up s1p2.2"]);
    rig.sealed("s1p1", "g1#1");
    rig.wants(["no more s1p1", "serial s1p1 []"]);
    rig.ended("s1p1");
    rig.wants(["close s1", "end t0 incomplete", "end of run incomplete"]);
}

#[test]
fn the_third_attempt_runs_alone_on_its_worker() {
    let mut rig = Rig::new(&[&[0]], 1);
    let lost =
        |cause| RecoveredGroup { attempts: 2, losses: vec![cause; 2], ..RecoveredGroup::default() };
    let worker = || multibeam_model::LossCause::WorkerLost { worker: "gone".to_owned() };
    let mut past = RecoveredTarget::default();
    past.groups.insert(GroupId(0), lost(worker()));
    rig.recover(4, past);
    rig.worker("w", 0, 2);
    rig.plan(0, vec![parallel(0, 3), parallel(1, 9)]);
    rig.wants(["open s4 t0 c0", "start s4p1 on w total 2", "start s4p2 on w total 2"]);
    rig.passed("s4p1");
    rig.ask("s4p1");
    rig.wants([]); // The worker is kept for the group, and the other process is not there yet.
    rig.ask("s4p2");
    rig.wants(["g0#3 to s4p1"]);
    rig.started("s4p1", "g0#3");
    rig.wants([]);
    rig.sealed("s4p1", "g0#3");
    rig.wants(["g1#1 to s4p1", "no more s4p2"]);
}

#[test]
fn process_1_dies_after_its_before_suite() {
    let mut rig = Rig::new(&[&[0]], 1);
    rig.worker("w", 0, 2);
    rig.plan(0, vec![parallel(0, 9), parallel(1, 5), serial(2, 1)]);
    rig.passed("s1p1");
    rig.ask("s1p1");
    rig.started("s1p1", "g0#1");
    rig.ask("s1p2");
    rig.started("s1p2", "g1#1");
    rig.skip();
    rig.no_cleanup();
    rig.died("s1p1");
    rig.wants(["lose g0#1", "start s1p3 on w total 3"]); // A new one; number 1 has to wait.
    rig.sealed("s1p2", "g1#1");
    rig.wants(["g0#2 to s1p2"]);
    rig.ask("s1p3");
    rig.wants(["no more s1p3"]);
    rig.ended("s1p3");
    rig.started("s1p2", "g0#2");
    rig.sealed("s1p2", "g0#2");
    rig.wants(["no more s1p2"]);
    rig.ended("s1p2");
    rig.wants(["start s1p1.2 on w total 2 serial [2]"]);
}

#[test]
fn process_1_dies_before_its_before_suite() {
    let mut rig = Rig::new(&[&[0]], 1);
    rig.worker("w", 0, 2);
    rig.plan(0, vec![parallel(0, 9), parallel(1, 5)]);
    rig.skip();
    for session in 1..=2 {
        rig.died(&format!("s{session}p1"));
        rig.wants([&format!("stop s{session}p2 Kill")]);
        rig.died(&format!("s{session}p2"));
        let next = session + 1;
        rig.wants([
            &format!("close s{session} lost"),
            &format!("open s{next} t0 c0"),
            &format!("start s{next}p1 on w total 2"),
            &format!("start s{next}p2 on w total 2"),
        ]);
    }
    rig.died("s3p1");
    rig.skip();
    rig.died("s3p2");
    rig.wants([
        "close s3 lost",
        "end t0 incomplete (environment)",
        "end of run incomplete (environment)",
    ]);
}

#[test]
fn a_failed_before_suite_ends_the_target_on_that_cluster() {
    let mut rig = Rig::new(&[&[0]], 1);
    rig.worker("w", 0, 2);
    rig.plan(0, vec![parallel(0, 9), parallel(1, 5)]);
    rig.skip();
    let fact = SessionFact::BeforeSuite { state: SpecState::Failed, data: None };
    rig.news("s1p1", ProcessNews::Fact(fact));
    // Nothing is run, but its clean-up is: nobody is interrupted.
    rig.wants(["no more s1p1", "no more s1p2"]);
    rig.ended("s1p2");
    rig.wants(["serial s1p1 []"]);
    rig.ended("s1p1");
    rig.wants(["close s1", "end t0 incomplete", "end of run incomplete"]);
}

#[test]
fn two_targets_take_turns_on_one_cluster() {
    let mut rig = Rig::new(&[&[0], &[0]], 1);
    rig.worker("w", 0, 1);
    rig.plan(0, vec![parallel(0, 1)]);
    rig.wants(["open s1 t0 c0", "start s1p1 on w total 2"]);
    rig.plan(1, vec![serial(0, 1)]);
    rig.wants([]);
    rig.ask("s1p1");
    rig.started("s1p1", "g0#1");
    rig.sealed("s1p1", "g0#1");
    rig.skip();
    rig.ended("s1p1");
    rig.wants(["close s1", "open s2 t1 c0", "start s2p1 on w total 2 serial [0]", "end t0 passed"]);
}

/// Its only group runs and has a minute.
fn one_with_a_minute() -> Rig {
    let mut rig = Rig::new(&[&[0]], 1);
    rig.worker("w", 0, 1);
    let mut group = parallel(0, 5);
    group.limit = Some(Duration::from_secs(60));
    rig.plan(0, vec![group]);
    rig.ask("s1p1");
    rig.started("s1p1", "g0#1");
    rig
}

#[test]
fn a_hung_spec_is_stopped_and_not_tried_again() {
    let mut rig = one_with_a_minute();
    rig.skip();
    rig.wait(59);
    rig.wants([]);
    rig.wait(1);
    rig.wants(["stop s1p1 Hung", "serial s1p1 []"]);
    rig.died("s1p1");
    rig.wants([
        "lose g0#1",
        "give up 0",
        "clean up s1p1",
        "close s1",
        "end t0 incomplete",
        "end of run incomplete",
    ]);
}

#[test]
fn a_hung_spec_has_begun_whatever_its_process_reports() {
    let mut rig = one_with_a_minute();
    rig.wait(60);
    rig.skip();
    rig.news("s1p1", ProcessNews::NotRun { attempt: crate::rig::attempt("g0#1") });
    rig.wants(["lose g0#1", "give up 0"]);
}

#[test]
fn an_unready_cluster_gets_nothing_and_is_given_up() {
    let mut rig = Rig::new(&[&[0, 1]], 2);
    rig.worker("a", 0, 1);
    rig.plan(0, vec![parallel(0, 5), parallel(1, 5)]);
    rig.skip();
    let cluster = ClusterId(0);
    rig.tell(Input::ClusterReady { cluster, ready: false });
    rig.ask("s1p1");
    rig.wants([]);
    rig.worker("b", 1, 1);
    rig.wants(["open s2 t0 c1", "start s2p1 on b total 2"]);
    rig.wait(299);
    rig.wants([]);
    rig.wait(1);
    rig.wants(["given up c0", "stop s1p1 Kill"]);
    rig.died("s1p1");
    rig.wants(["close s1"]);
    rig.tell(Input::ClusterReady { cluster, ready: true });
    rig.wants([]);
}

#[test]
fn without_a_worker_the_target_ends() {
    let mut rig = Rig::new(&[&[0]], 1);
    rig.tell(Input::Tick);
    rig.wait(599);
    rig.wants([]);
    rig.wait(1);
    rig.wants(["end t0 incomplete (environment)", "end of run incomplete (environment)"]);
}

#[test]
fn cancel_interrupts_and_then_kills() {
    let mut rig = Rig::new(&[&[0]], 1);
    rig.worker("w", 0, 2);
    rig.plan(0, vec![parallel(0, 5), parallel(1, 5), parallel(2, 5), serial(3, 5)]);
    rig.ask("s1p1");
    rig.started("s1p1", "g0#1");
    rig.ask("s1p2");
    rig.started("s1p2", "g1#1");
    rig.skip();
    rig.tell(Input::Cancel { force: false });
    rig.wants(["stop s1p1 Interrupt", "stop s1p2 Interrupt"]);
    rig.sealed("s1p2", "g1#1"); // What still arrives counts.
    rig.wants([]);
    rig.ended("s1p2");
    rig.wants(["serial s1p1 []"]);
    rig.tell(Input::Cancel { force: true });
    rig.wants(["stop s1p1 Kill"]);
    rig.died("s1p1");
    rig.wants(["lose g0#1", "close s1", "end t0 incomplete", "end of run incomplete"]);
}

#[test]
fn a_spec_that_a_cancel_interrupts_has_not_failed() {
    let mut rig = Rig::new(&[&[0]], 1);
    rig.worker("w", 0, 1);
    rig.plan(0, vec![parallel(0, 5)]);
    rig.ask("s1p1");
    rig.started("s1p1", "g0#1");
    rig.tell(Input::Cancel { force: false });
    rig.skip();
    // Nothing is left undone, but it was cut short.
    let attempt = crate::rig::attempt("g0#1");
    rig.news("s1p1", ProcessNews::Sealed { attempt, failed: true });
    rig.skip();
    rig.ended("s1p1");
    rig.wants(["close s1", "end t0 incomplete", "end of run incomplete"]);
}

#[test]
fn what_ignores_an_interrupt_is_killed_in_time() {
    let mut rig = Rig::new(&[&[0]], 1);
    rig.worker("w", 0, 1);
    rig.plan(0, vec![parallel(0, 5)]);
    rig.ask("s1p1");
    rig.started("s1p1", "g0#1");
    rig.tell(Input::Cancel { force: false });
    rig.skip();
    rig.wait(89);
    rig.wants([]);
    rig.wait(1);
    rig.wants(["stop s1p1 Kill"]);
}

#[test]
fn fail_fast_hands_out_nothing_more() {
    let mut rig = Rig::new(&[&[0]], 1).fail_fast();
    rig.worker("w", 0, 1);
    rig.plan(0, vec![parallel(0, 5), parallel(1, 5), serial(2, 1)]);
    rig.ask("s1p1");
    rig.started("s1p1", "g0#1");
    rig.skip();
    let attempt = crate::rig::attempt("g0#1");
    rig.news("s1p1", ProcessNews::Sealed { attempt, failed: true });
    // Only an interrupt keeps process 1 from its serial share.
    rig.wants(["stop s1p1 Interrupt", "serial s1p1 []"]);
    rig.ended("s1p1");
    rig.wants(["close s1", "end t0 incomplete", "end of run incomplete"]);
}

#[test]
fn a_refused_hand_out_is_not_sent_and_made_again() {
    let mut rig = Rig::new(&[&[0]], 1);
    rig.worker("w", 0, 1);
    rig.plan(0, vec![parallel(0, 5)]);
    rig.skip();
    rig.ask("s1p1");
    rig.wants(["g0#1 to s1p1"]);
    let refusal = Refusal::WrongNumber { expected: 4 };
    rig.tell(Input::CommitRefused { refused: vec![(crate::rig::attempt("g0#1"), refusal)] });
    rig.wants(["g0#4 to s1p1"]);
}

#[test]
fn a_seal_that_came_first_voids_the_loss() {
    let mut rig = Rig::new(&[&[0]], 1);
    rig.worker("w", 0, 1);
    rig.plan(0, vec![parallel(0, 5)]);
    rig.ask("s1p1");
    rig.started("s1p1", "g0#1");
    rig.skip();
    rig.tell(Input::WorkerLost { worker: WorkerId::from("w") });
    rig.wants(["lose g0#1", "close s1"]);
    let attempt = AttemptId { target: TargetId(0), group: GroupId(0), number: 1 };
    rig.tell(Input::LossVoided { attempt, failed: false });
    rig.wants(["end t0 passed", "end of run passed"]);
}

#[test]
fn a_late_worker_joins_with_the_next_number() {
    let mut rig = Rig::new(&[&[0]], 1);
    rig.worker("a", 0, 2);
    rig.plan(0, (0..6).map(|id| parallel(id, 5)).collect());
    rig.skip();
    rig.worker("b", 0, 2);
    rig.wants(["start s1p3 on b total 3", "start s1p4 on b total 4"]);
}

#[test]
fn twin_texts_never_run_on_process_1() {
    let mut rig = Rig::new(&[&[0]], 1);
    rig.worker("w", 0, 1);
    let mut group = parallel(0, 5);
    group.avoid_first = true;
    rig.plan(0, vec![group]);
    rig.skip();
    rig.ask("s1p1");
    // With one slot the two take turns: process 1 only waits.
    rig.wants(["no more s1p1", "start s1p2 on w total 2"]);
    rig.ask("s1p2");
    rig.wants(["g0#1 to s1p2"]);
}

#[test]
fn a_gone_process_returns_what_it_had_not_begun() {
    let mut rig = Rig::new(&[&[0]], 1);
    rig.no_cleanup();
    rig.worker("w", 0, 1);
    rig.plan(0, vec![parallel(0, 5), parallel(1, 4), parallel(2, 3)]);
    rig.skip();
    rig.ask("s1p1");
    rig.wants(["g0#1 to s1p1"]);
    rig.started("s1p1", "g0#1");
    rig.wants(["g1#1 to s1p1"]); // One ahead.
    rig.news(
        "s1p1",
        ProcessNews::Ended {
            end: ProcessEnd::Exit(2),
            complete: false,
            last_output: String::new(),
        },
    );
    rig.wants(["lose g0#1", "return g1#1", "start s1p1.2 on w total 2"]);
}

/// The loss of an attempt turns out to be void while the next one is on its way into the ledger.
#[test]
fn a_process_that_was_promised_a_sealed_group_goes_on() {
    let mut rig = Rig::new(&[&[0]], 1);
    rig.no_cleanup();
    rig.worker("a", 0, 1);
    rig.worker("b", 0, 1);
    rig.plan(0, vec![parallel(0, 5), parallel(1, 5)]);
    rig.wants(["open s1 t0 c0", "start s1p1 on a total 2", "start s1p2 on b total 2"]);
    rig.ask("s1p1");
    rig.started("s1p1", "g0#1");
    rig.ask("s1p2");
    rig.started("s1p2", "g1#1");
    rig.skip();
    rig.tell(Input::WorkerLost { worker: WorkerId::from("b") });
    rig.wants(["lose g1#1"]);
    rig.sealed("s1p1", "g0#1");
    rig.wants(["g1#2 to s1p1"]);
    let attempt = |text| AttemptId { target: TargetId(0), ..crate::rig::attempt(text) };
    rig.tell(Input::LossVoided { attempt: attempt("g1#1"), failed: false });
    rig.wants([]);
    // The ledger has the seal, so it refuses the second attempt; nobody will ever report it.
    let refused = vec![(attempt("g1#2"), Refusal::GroupDone)];
    rig.tell(Input::CommitRefused { refused });
    rig.wants(["no more s1p1", "serial s1p1 []"]);
}
