//! Between two looks at everything, as in runs with many processes.

use std::time::Duration;

use crate::rig::{Rig, attempt, parallel};
use multibeam_model::link::ProcessNews;
use multibeam_sched::Input;

/// The longest that somebody who has nothing to do waits for a look.
const SOON: Duration = Duration::from_millis(100);

/// Two clusters with a process each, and as many groups of 25 s; each process runs one.
fn two_clusters(groups: u32) -> Rig {
    let mut rig = Rig::new(&[&[0, 1]], 2);
    rig.look_seldom();
    rig.worker("a", 0, 1);
    rig.worker("b", 1, 1);
    rig.plan(0, (0..groups).map(|id| parallel(id, 25)).collect());
    rig.ask("s1p1");
    rig.ask("s2p1");
    rig.started("s1p1", "g0#1");
    rig.started("s2p1", "g1#1");
    rig
}

#[test]
fn an_old_horizon_keeps_nothing_from_a_process_that_is_free() {
    let mut rig = two_clusters(4);
    rig.wait(24);
    rig.tell(Input::Tick);
    rig.skip();
    // By the look at 24 s the other one should long have been free; it is not before now.
    rig.wait(12);
    rig.sealed("s1p1", "g0#1");
    rig.wants(["g2#1 to s1p1"]);
}

#[test]
fn what_comes_back_is_handed_out_soon() {
    let mut rig = Rig::new(&[&[0]], 1);
    rig.look_seldom();
    rig.worker("w", 0, 2);
    rig.plan(0, [20, 20, 5, 5, 5].into_iter().zip(0..).map(|(s, id)| parallel(id, s)).collect());
    rig.ask("s1p1");
    rig.ask("s1p2");
    rig.started("s1p1", "g0#1");
    rig.started("s1p2", "g1#1");
    rig.wait(20);
    rig.sealed("s1p2", "g1#1");
    for short in ["g3#1", "g4#1"] {
        rig.started("s1p2", short);
        rig.wait(5);
        rig.sealed("s1p2", short);
    }
    rig.skip();
    // Nothing is left for it, and g2 waits behind a late one.
    assert!(rig.wait_until_due() <= SOON);
    rig.wants(["g2#1 back from s1p1"]);
    rig.news("s1p1", ProcessNews::GivenBack { attempt: attempt("g2#1") });
    rig.wants(["return g2#1"]);
    assert!(rig.wait_until_due() <= SOON);
    rig.wants(["g2#2 to s1p2"]);
}
