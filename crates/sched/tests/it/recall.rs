//! Serial shares that are divided anew.

use crate::rig::{Rig, attempt, serial};
use multibeam_model::link::ProcessNews;

/// Six serial groups of 100 s on two clusters: the second one has run its three in no time, the first
/// runs its first one and has two before it.
fn one_is_slow(start_up: u64) -> Rig {
    let mut rig = Rig::new(&[&[0, 1]], 2);
    rig.worker("a", 0, 1);
    rig.worker("b", 1, 1);
    rig.plan(0, (0..6).map(|id| serial(id, 100)).collect());
    rig.wants([
        "open s1 t0 c0",
        "start s1p1 on a total 2 serial [0, 2, 4]",
        "open s2 t0 c1",
        "start s2p1 on b total 2 serial [1, 3, 5]",
    ]);
    rig.wait(start_up);
    rig.goes_serial("s1p1");
    rig.goes_serial("s2p1");
    rig.skip();
    rig.started("s1p1", "g0#1");
    for of in ["g1#1", "g3#1", "g5#1"] {
        rig.started("s2p1", of);
        rig.wait(1);
        rig.sealed("s2p1", of);
    }
    rig.wants([]);
    rig.ended("s2p1");
    rig
}

#[test]
fn what_has_not_begun_is_divided_anew() {
    let mut rig = one_is_slow(5);
    rig.wants(["close s2", "stop s1p1 Recall"]);
    rig.sealed("s1p1", "g0#1");
    rig.wants([]); // Its process holds, and passes over the rest.
    rig.news("s1p1", ProcessNews::NotRun { attempt: attempt("g2#1") });
    rig.news("s1p1", ProcessNews::NotRun { attempt: attempt("g4#1") });
    rig.skip();
    rig.ended("s1p1");
    rig.wants([
        "close s1",
        "open s3 t0 c0",
        "start s3p1 on a total 2 serial [2]",
        "open s4 t0 c1",
        "start s4p1 on b total 2 serial [4]",
    ]);
}

#[test]
fn not_when_a_start_up_takes_as_long() {
    let mut rig = one_is_slow(60);
    rig.wants(["close s2"]);
}
