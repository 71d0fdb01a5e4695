//! Groups that were handed out ahead, behind something that is late.

use crate::rig::{Rig, attempt, parallel, serial};
use multibeam_model::link::ProcessNews;
use multibeam_model::plan::GroupPlan;
use multibeam_sched::Input;

/// Process 1 runs g0 (20 s), with g2 behind it; process 2 runs g4 when that is late.
fn one_is_late() -> Rig {
    let mut rig = two_ask(&TWO_LONG_THREE_SHORT);
    rig.skip();
    rig.started("s1p1", "g0#1");
    rig.wants(["g2#1 to s1p1"]);
    rig.started("s1p2", "g1#1");
    rig.wants([]); // Two are left for two processes.
    rig.wait(20);
    rig.sealed("s1p2", "g1#1");
    rig.wants(["g3#1 to s1p2"]);
    rig.started("s1p2", "g3#1");
    rig.wants([]); // One that waits is as long.
    rig.wait(5);
    rig.sealed("s1p2", "g3#1");
    rig.wants(["g4#1 to s1p2", "g2#1 back from s1p1"]);
    rig.started("s1p2", "g4#1");
    rig
}

/// A cluster with two processes that have asked for groups which should take so long.
fn two_ask(secs: &[u64]) -> Rig {
    let mut rig = Rig::new(&[&[0]], 1);
    rig.worker("w", 0, 2);
    rig.plan(0, groups(secs));
    rig.ask("s1p1");
    rig.ask("s1p2");
    rig
}

/// Two clusters with a process each, and serial groups behind the parallel ones.
fn two_clusters_ask() -> Rig {
    let mut rig = Rig::new(&[&[0, 1]], 2);
    rig.worker("a", 0, 1);
    rig.worker("b", 1, 1);
    let serial = [serial(5, 2), serial(6, 2)];
    rig.plan(0, groups(&TWO_LONG_THREE_SHORT).into_iter().chain(serial).collect());
    rig.ask("s1p1");
    rig.ask("s2p1");
    rig.started("s1p1", "g0#1");
    rig
}

const TWO_LONG_THREE_SHORT: [u64; 5] = [20, 20, 5, 5, 5];

fn groups(secs: &[u64]) -> Vec<GroupPlan> {
    (0..).zip(secs).map(|(id, secs)| parallel(id, *secs)).collect()
}

#[test]
fn a_group_behind_a_late_one_goes_to_a_process_with_nothing_to_do() {
    let mut rig = one_is_late();
    rig.wants([]); // Asked once.
    rig.news("s1p1", ProcessNews::GivenBack { attempt: attempt("g2#1") });
    rig.wants(["return g2#1"]);
    rig.wait(5);
    rig.sealed("s1p2", "g4#1");
    rig.wants(["g2#2 to s1p2"]);
    rig.started("s1p2", "g2#2");
    rig.sealed("s1p1", "g0#1");
    rig.wants(["no more s1p1"]);
    rig.sealed("s1p2", "g2#2");
    rig.wants(["no more s1p2"]);
}

#[test]
fn one_that_has_begun_meanwhile_stays() {
    let mut rig = one_is_late();
    rig.sealed("s1p1", "g0#1");
    rig.started("s1p1", "g2#1");
    rig.wants([]);
    rig.sealed("s1p2", "g4#1");
    rig.wants(["no more s1p2"]);
    rig.sealed("s1p1", "g2#1");
    rig.wants(["no more s1p1"]);
}

#[test]
fn nothing_goes_ahead_behind_a_late_one() {
    let mut rig = two_ask(&[20, 20, 19, 5, 5, 5, 5, 5]);
    rig.skip();
    rig.started("s1p1", "g0#1");
    rig.wants(["g2#1 to s1p1"]);
    rig.started("s1p2", "g1#1");
    rig.wants(["g3#1 to s1p2"]);
    rig.wait(22);
    rig.tell(Input::Tick);
    rig.wants(["g2#1 back from s1p1"]); // It is longer than all that waits; g3 is not.
    rig.news("s1p1", ProcessNews::GivenBack { attempt: attempt("g2#1") });
    rig.wants(["return g2#1"]);
    rig.sealed("s1p1", "g0#1");
    rig.wants(["g2#2 to s1p1"]);
}

#[test]
fn alone_a_process_keeps_what_it_has() {
    let mut rig = Rig::new(&[&[0]], 1);
    rig.worker("w", 0, 1);
    rig.plan(0, groups(&[20, 19, 5, 5]));
    rig.ask("s1p1");
    rig.skip();
    rig.started("s1p1", "g0#1");
    rig.wants(["g1#1 to s1p1"]);
    rig.wait(60);
    rig.tell(Input::Tick);
    rig.wants([]); // Nobody else could begin it.
}

#[test]
fn a_process_that_dies_before_it_answers_gives_all_back() {
    let mut rig = one_is_late();
    rig.no_cleanup();
    rig.died("s1p1");
    rig.wants(["lose g0#1", "return g2#1", "start s1p3 on w total 3"]);
    rig.news("s1p1", ProcessNews::GivenBack { attempt: attempt("g2#1") });
    rig.wants([]); // It is late.
}

#[test]
fn a_cancel_comes_first() {
    let mut rig = one_is_late();
    rig.tell(Input::Cancel { force: false });
    rig.wants(["stop s1p1 Interrupt", "stop s1p2 Interrupt"]);
    rig.news("s1p1", ProcessNews::GivenBack { attempt: attempt("g2#1") });
    rig.wants(["return g2#1"]);
    rig.sealed("s1p2", "g4#1");
    rig.wants([]); // Nobody gets it.
}

#[test]
fn it_is_waited_for_as_long_as_it_may_come_back() {
    let mut rig = two_ask(&TWO_LONG_THREE_SHORT);
    rig.started("s1p1", "g0#1");
    rig.started("s1p2", "g1#1");
    // Process 2 is early, and process 1 should be done just now.
    for (of, secs) in [("g1#1", 7), ("g3#1", 5), ("g4#1", 5)] {
        rig.started("s1p2", of);
        rig.wait(secs);
        rig.sealed("s1p2", of);
    }
    let told = rig.take();
    assert_eq!(told.last().map(String::as_str), Some("g4#1 to s1p2"), "{told:?}");
    rig.wait(5);
    rig.wants(["g2#1 back from s1p1"]);
}

#[test]
fn another_cluster_takes_it_before_its_serial_part() {
    let mut rig = two_clusters_ask();
    rig.skip();
    rig.started("s2p1", "g1#1");
    for (of, secs) in [("g1#1", 20), ("g3#1", 5)] {
        rig.started("s2p1", of);
        rig.wait(secs);
        rig.sealed("s2p1", of);
    }
    rig.wants(["g3#1 to s2p1", "g4#1 to s2p1", "g2#1 back from s1p1"]);
    rig.started("s2p1", "g4#1");
    rig.wait(4);
    rig.sealed("s2p1", "g4#1");
    rig.wants([]); // It may come any moment.
    rig.news("s1p1", ProcessNews::GivenBack { attempt: attempt("g2#1") });
    rig.wants(["return g2#1", "g2#2 to s2p1"]);
}

#[test]
fn another_cluster_does_not_wait_long_for_an_answer() {
    let mut rig = two_clusters_ask();
    for (of, secs) in [("g1#1", 20), ("g3#1", 5), ("g4#1", 4)] {
        rig.started("s2p1", of);
        rig.wait(secs);
        rig.sealed("s2p1", of);
    }
    rig.skip();
    rig.wait(5);
    rig.wants(["no more s2p1", "g6#1 to s2p1", "serial s2p1 [g6#1]"]);
}

#[test]
fn a_new_coordinator_finds_it_given_back() {
    let mut rig = one_is_late();
    rig.cut();
    rig.news("s1p1", ProcessNews::GivenBack { attempt: attempt("g2#1") });
    rig.take_over(None);
    rig.plan(0, groups(&TWO_LONG_THREE_SHORT));
    rig.skip();
    rig.back("w", 0, 2);
    rig.wants([]);
    rig.sealed("s1p2", "g4#1");
    rig.wants(["g2#2 to s1p2"]);
}
