//! How much runs on a cluster at once.

use crate::rig::{Rig, parallel, serial};
use multibeam_model::plan::GroupPlan;
use multibeam_model::run::{Concurrency, TagLimit};

fn tagged(id: u32, secs: u64) -> GroupPlan {
    GroupPlan { crowds: vec![0], ..parallel(id, secs) }
}

fn one_at_once() -> Concurrency {
    let rule = TagLimit { tag: "[Heavy]".to_owned(), at_once: 1 };
    Concurrency { by_tag: vec![rule], ..Concurrency::default() }
}

#[test]
fn groups_with_a_tag_wait_for_each_other_and_others_go_past_them() {
    let mut rig = Rig::new(&[&[0]], 1).at_once(one_at_once());
    rig.worker("w", 0, 2);
    rig.plan(0, vec![tagged(0, 9), tagged(1, 8), parallel(2, 1)]);
    rig.skip();
    rig.passed("s1p1");
    rig.ask("s1p1");
    rig.wants(["g0#1 to s1p1"]);
    rig.ask("s1p2");
    rig.wants(["g2#1 to s1p2"]);
    rig.started("s1p1", "g0#1");
    rig.started("s1p2", "g2#1");
    rig.sealed("s1p2", "g2#1");
    rig.wants([]); // Nothing else is left, and it is not released: g1 is still to come.
    rig.sealed("s1p1", "g0#1");
    rig.wants(["g1#1 to s1p1", "no more s1p2"]);
}

#[test]
fn groups_with_a_tag_never_go_ahead() {
    let mut rig = Rig::new(&[&[0]], 1).at_once(one_at_once());
    rig.worker("w", 0, 1);
    rig.plan(0, vec![parallel(0, 5), tagged(1, 4), tagged(2, 4)]);
    rig.skip();
    rig.passed("s1p1");
    rig.ask("s1p1");
    rig.wants(["g0#1 to s1p1"]);
    rig.started("s1p1", "g0#1");
    rig.wants([]);
    rig.sealed("s1p1", "g0#1");
    rig.wants(["g1#1 to s1p1"]);
}

#[test]
fn a_cluster_has_no_more_processes_than_it_may_have() {
    let two = Concurrency { per_cluster: Some(2), ..Concurrency::default() };
    let mut rig = Rig::new(&[&[0]], 1).at_once(two);
    rig.worker("a", 0, 2);
    rig.worker("b", 0, 2);
    rig.plan(0, vec![parallel(0, 5), parallel(1, 5), parallel(2, 5), parallel(3, 5), serial(4, 1)]);
    rig.wants(["open s1 t0 c0", "start s1p1 on a total 2 serial [4]", "start s1p2 on b total 2"]);
}

#[test]
fn a_cluster_whose_groups_are_late_gives_fewer_processes_work_and_more_when_they_keep_time() {
    let adaptive = Concurrency { adaptive: true, ..Concurrency::default() };
    let mut rig = Rig::new(&[&[0]], 1).at_once(adaptive);
    rig.worker("w", 0, 2);
    rig.plan(0, (0..20).map(|id| parallel(id, 10)).collect());
    rig.skip();
    rig.passed("s1p1");
    // Both at once, two groups each, which take thrice as long as expected.
    for id in ["s1p1", "s1p2"] {
        rig.ask(id);
    }
    rig.wants(["g0#1 to s1p1", "g1#1 to s1p2"]);
    rig.started("s1p1", "g0#1");
    rig.started("s1p2", "g1#1");
    rig.wants(["g2#1 to s1p1", "g3#1 to s1p2"]); // One ahead.
    rig.wait(30);
    rig.sealed("s1p1", "g0#1");
    rig.started("s1p1", "g2#1");
    rig.sealed("s1p2", "g1#1");
    rig.started("s1p2", "g3#1");
    rig.wants(["g4#1 to s1p1", "g5#1 to s1p2"]);
    rig.wait(30);
    rig.sealed("s1p1", "g2#1");
    rig.started("s1p1", "g4#1");
    rig.wants(["g6#1 to s1p1"]);
    rig.sealed("s1p2", "g3#1");
    // It has one group more, which begins; then it waits.
    rig.started("s1p2", "g5#1");
    rig.wants([]);
    rig.sealed("s1p2", "g5#1");
    rig.wants([]);
    // Alone the other one keeps time, and this one comes back.
    let (mut running, mut ahead) = ("g4#1".to_owned(), "g6#1".to_owned());
    for _ in 0..8 {
        rig.wait(10);
        rig.sealed("s1p1", &running);
        rig.started("s1p1", &ahead);
        let wanted = rig.take();
        if wanted.iter().any(|it| it.ends_with("to s1p2")) {
            return;
        }
        let next = wanted.iter().find_map(|it| it.strip_suffix(" to s1p1"));
        (running, ahead) = (ahead, next.expect("there are more groups").to_owned());
    }
    panic!("it never came back");
}
