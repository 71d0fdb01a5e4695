//! A coordinator dies, and the next one goes on with what its workers still run.

use crate::rig::{Rig, parallel, serial};
use multibeam_model::link::{ProcessNews, StopHow};
use multibeam_model::plan::GroupPlan;
use multibeam_model::{GroupId, LossCause};
use multibeam_sched::{Input, RecoveredGroup, RecoveredTarget};

fn groups() -> Vec<GroupPlan> {
    vec![parallel(0, 9), parallel(1, 8), parallel(2, 2), serial(3, 1)]
}

/// Process 1 runs group 0 and process 2, on another worker, group 1.
fn two_workers() -> Rig {
    let mut rig = Rig::new(&[&[0]], 1);
    rig.worker("a", 0, 1);
    rig.worker("b", 0, 1);
    rig.plan(0, groups());
    rig.wants(["open s1 t0 c0", "start s1p1 on a total 2 serial [3]", "start s1p2 on b total 2"]);
    rig.passed("s1p1");
    rig.ask("s1p1");
    rig.started("s1p1", "g0#1");
    rig.ask("s1p2");
    rig.started("s1p2", "g1#1");
    rig.skip();
    rig
}

#[test]
fn what_runs_goes_on_and_the_session_ends_as_if_nothing_had_been() {
    let mut rig = two_workers();
    rig.take_over(None);
    rig.plan(0, groups());
    rig.wants([]);
    rig.back("a", 0, 1);
    rig.back("b", 0, 1);
    rig.wants(["fact of s1 to a", "fact of s1 to b"]);
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
    rig.ended("s1p1");
    rig.wants(["close s1", "end t0 passed", "end of run passed"]);
}

#[test]
fn a_worker_that_does_not_come_back_is_lost_when_the_patience_is_over() {
    let mut rig = two_workers();
    rig.no_cleanup();
    rig.take_over(None);
    rig.plan(0, groups());
    rig.back("a", 0, 1);
    rig.wants(["fact of s1 to a"]);
    rig.sealed("s1p1", "g0#1");
    rig.wants(["g2#1 to s1p1"]);
    rig.started("s1p1", "g2#1");
    rig.sealed("s1p1", "g2#1");
    // Nothing is left, but group 1 runs on the other worker as far as anybody knows, so process 1
    // must not go serial.
    rig.wants(["no more s1p1"]);
    rig.wait(70);
    rig.wants([]);
    rig.wait(1);
    rig.wants(["lose g1#1", "start s1p2.2 on a total 2"]);
    // It comes after all. What it had should be dead, and is from now on.
    rig.back("b", 0, 1);
    rig.wants(["stop s1p2 Kill"]);
    rig.died("s1p2");
    rig.wants([]);
}

#[test]
fn what_a_lost_worker_cannot_have_begun_goes_back() {
    let mut rig = two_workers();
    rig.no_cleanup();
    rig.sealed("s1p1", "g0#1");
    rig.wants(["g2#1 to s1p1"]);
    rig.unbegun("g2#1");
    rig.take_over(None);
    rig.plan(0, groups());
    rig.back("b", 0, 1);
    rig.wants(["fact of s1 to b"]);
    rig.wait(71);
    rig.wants(["return g2#1"]);
}

/// A takeover after a last loss whose consequence the coordinator has not decided any more.
fn used_up(losses: Vec<LossCause>) -> Rig {
    let lost = RecoveredGroup { attempts: 3, losses, ..Default::default() };
    let past = RecoveredTarget { groups: [(GroupId(0), lost)].into(), ..Default::default() };
    let mut rig = Rig::new(&[&[0]], 1);
    rig.recover(4, past);
    rig
}

#[test]
fn a_takeover_gives_no_attempt_beyond_the_last() {
    let worker = || LossCause::WorkerLost { worker: "gone".to_owned() };
    let died = || LossCause::ProcessDied {
        end: multibeam_model::outcome::ProcessEnd::Signal(9),
        last_output: String::new(),
    };
    for losses in [vec![worker(); 3], vec![died(); 2], vec![LossCause::Hung { limit_ms: 1 }]] {
        let mut rig = used_up(losses);
        rig.take_over(None);
        rig.worker("w", 0, 1);
        rig.plan(0, vec![parallel(0, 9)]);
        rig.wants(["give up 0", "end t0 incomplete", "end of run incomplete"]);
    }
    // With one loss less there is another one.
    let mut rig = used_up(vec![worker(); 2]);
    rig.take_over(None);
    rig.worker("w", 0, 1);
    rig.plan(0, vec![parallel(0, 9)]);
    rig.wants(["open s1 t0 c0", "start s1p1 on w total 2"]);
}

#[test]
fn the_attempt_that_a_resume_has_given_outlives_the_coordinator() {
    let mut rig = used_up(vec![LossCause::WorkerLost { worker: "gone".to_owned() }; 3]);
    rig.resumed();
    rig.take_over(None);
    rig.worker("w", 0, 1);
    rig.plan(0, vec![parallel(0, 9)]);
    rig.wants(["open s1 t0 c0", "start s1p1 on w total 2"]);
}

#[test]
fn what_was_decided_and_not_sent_goes_back() {
    let mut rig = two_workers();
    rig.cut();
    rig.sealed("s1p2", "g1#1");
    rig.wants(["g2#1 to s1p2"]); // The order is lost with its coordinator.
    rig.take_over(None);
    rig.plan(0, groups());
    rig.back("b", 0, 1);
    rig.wants(["return g2#1", "fact of s1 to b", "g2#2 to s1p2"]);
}

#[test]
fn a_process_whose_start_never_arrived_is_started_again() {
    let mut rig = Rig::new(&[&[0]], 1);
    rig.worker("a", 0, 1);
    rig.plan(0, vec![parallel(0, 9), parallel(1, 8), parallel(2, 7)]);
    rig.passed("s1p1");
    rig.cut();
    rig.worker("b", 0, 1);
    rig.skip();
    rig.take_over(None);
    rig.plan(0, vec![parallel(0, 9), parallel(1, 8), parallel(2, 7)]);
    rig.back("a", 0, 1);
    rig.wants(["fact of s1 to a"]);
    rig.back("b", 0, 1);
    rig.wants(["start s1p2.2 on b total 2"]);
}

#[test]
fn a_session_whose_process_1_never_started_is_lost() {
    let mut rig = Rig::new(&[&[0]], 1);
    rig.cut();
    rig.worker("w", 0, 2);
    rig.plan(0, groups());
    rig.wants(["open s1 t0 c0", "start s1p1 on w total 2 serial [3]", "start s1p2 on w total 2"]);
    rig.take_over(None);
    rig.plan(0, groups());
    rig.back("w", 0, 2);
    rig.wants([
        "close s1 lost",
        "open s2 t0 c0",
        "start s2p1 on w total 2 serial [3]",
        "start s2p2 on w total 2",
    ]);
}

#[test]
fn a_process_1_that_may_be_at_its_serial_groups_gets_no_company() {
    let mut rig = Rig::new(&[&[0]], 1);
    rig.worker("a", 0, 1);
    rig.plan(0, vec![serial(0, 9)]);
    rig.goes_serial("s1p1");
    rig.skip();
    rig.take_over(None);
    rig.plan(0, vec![parallel(1, 5), serial(0, 9)]); // Work came back.
    rig.worker("b", 0, 1);
    rig.wants([]);
    rig.back("a", 0, 1);
    rig.wants(["fact of s1 to a"]);
    rig.sealed("s1p1", "g0#1");
    rig.ended("s1p1");
    rig.wants(["close s1", "open s2 t0 c0", "start s2p1 on a total 2"]);
}

#[test]
fn the_end_of_a_process_while_nobody_listened_is_told() {
    let mut rig = two_workers();
    rig.no_cleanup();
    rig.take_over(None);
    rig.died("s1p2");
    rig.plan(0, groups());
    rig.back("a", 0, 1);
    rig.skip();
    rig.back("b", 0, 1);
    rig.wants(["lose g1#1", "start s1p2.2 on b total 2"]);
}

#[test]
fn a_cancel_reaches_what_comes_back() {
    let mut rig = two_workers();
    rig.take_over(Some(false));
    rig.plan(0, groups());
    rig.wants([]); // Nobody is there to be told.
    rig.back("b", 0, 1);
    rig.wants(["fact of s1 to b", "stop s1p2 Interrupt"]);
    rig.ended("s1p2");
    rig.skip();
    rig.back("a", 0, 1);
    rig.wants(["fact of s1 to a", "stop s1p1 Interrupt", "serial s1p1 []"]);
    rig.tell(Input::Cancel { force: true });
    rig.wants(["stop s1p1 Kill"]);
}

#[test]
fn a_stop_is_not_begun_anew() {
    let mut rig = two_workers();
    rig.tell(Input::Cancel { force: true });
    rig.skip();
    rig.take_over(Some(true));
    rig.plan(0, groups());
    rig.back("b", 0, 1);
    rig.wants(["fact of s1 to b"]);
    rig.died("s1p2");
    rig.wants(["lose g1#1"]);
}

#[test]
fn the_last_attempt_stays_alone_on_its_worker() {
    let groups = || vec![parallel(0, 9), parallel(1, 8)];
    let worker = || LossCause::WorkerLost { worker: "gone".to_owned() };
    let mut rig = Rig::new(&[&[0]], 1);
    let lost = RecoveredGroup { attempts: 2, losses: vec![worker(); 2], ..Default::default() };
    let past = RecoveredTarget { groups: [(GroupId(0), lost)].into(), ..Default::default() };
    rig.recover(4, past);
    rig.worker("w", 0, 2);
    rig.plan(0, groups());
    rig.passed("s4p1");
    rig.ask("s4p1");
    rig.ask("s4p2");
    rig.started("s4p1", "g0#3");
    rig.skip();
    rig.take_over(None);
    rig.plan(0, groups());
    rig.back("w", 0, 2);
    rig.wants(["fact of s4 to w"]); // Process 2 asks, and still gets nothing.
    rig.sealed("s4p1", "g0#3");
    rig.wants(["g1#1 to s4p1", "no more s4p2"]);
}

#[test]
fn a_failure_before_the_takeover_still_ends_a_fail_fast_run() {
    let mut rig = Rig::new(&[&[0]], 1).fail_fast();
    rig.worker("w", 0, 1);
    rig.plan(0, vec![parallel(0, 5), parallel(1, 5)]);
    rig.ask("s1p1");
    rig.started("s1p1", "g0#1");
    let attempt = crate::rig::attempt("g0#1");
    rig.cut();
    rig.news("s1p1", ProcessNews::Sealed { attempt, failed: true });
    rig.take_over(None);
    rig.plan(0, vec![parallel(0, 5), parallel(1, 5)]);
    rig.back("w", 0, 1);
    rig.wants(["no more s1p1", "serial s1p1 []"]);
    rig.ended("s1p1");
    rig.wants(["close s1", "end t0 incomplete", "end of run incomplete"]);
}

#[test]
fn a_process_that_nobody_knows_is_killed() {
    let mut rig = two_workers();
    rig.take_over(None);
    rig.plan(0, groups());
    rig.back("a", 0, 1);
    rig.skip();
    let mut stranger = multibeam_model::adopt::AdoptedProcess::new(crate::rig::process("s7p1"));
    let tell = |stranger: &multibeam_model::adopt::AdoptedProcess| Input::Adopt {
        worker: "a".into(),
        processes: vec![stranger.clone()],
    };
    rig.tell(tell(&stranger));
    rig.wants(["stop s7p1 Kill", "fact of s1 to a"]);
    stranger.stop = Some(StopHow::Kill);
    stranger.told.push(ProcessNews::Ended {
        end: multibeam_model::outcome::ProcessEnd::Signal(9),
        complete: false,
        last_output: String::new(),
    });
    rig.tell(tell(&stranger));
    rig.wants(["fact of s1 to a"]);
}

#[test]
fn a_coordinator_that_waits_for_plans_wants_no_tick() {
    let mut rig = two_workers();
    rig.take_over(None);
    rig.back("a", 0, 1);
    rig.wait(100);
    rig.wants([]);
    rig.plan(0, groups());
    rig.wants(["fact of s1 to a", "lose g1#1", "g1#2 to s1p1"]);
}
