//! States between members, and what becomes of them when something fails.

use std::sync::Arc;

use multibeam_aggregator::peers::PeerEvent;
use multibeam_ledger::node::disk::NodeId;

use crate::proxy::{Mode, Proxy};
use crate::rig::member;
use crate::source::{Came, Made, sent, state, take_state};

#[tokio::test(flavor = "multi_thread")]
async fn a_state_arrives_without_what_the_receiver_has() {
    let (mut a, mut b) = (member(1), member(2));
    a.knows(&[(2, &b.address)]);
    let log = Arc::new(Made::new(40_000));
    for has in [0, 60, 101, 500] {
        a.send_state(state(1, 2, 101), &log);
        let entries = 101_u64.saturating_sub(has);
        assert_eq!(take_state(&mut b, has, &log).await, Came::Whole { entries, index: 101 });
        assert!(sent(&mut a).await);
    }
    // Messages go their own way at the same time.
    a.send_state(state(1, 2, 101), &log);
    let asked = loop {
        if let PeerEvent::SnapshotHas { reply } = b.next().await {
            break reply;
        }
    };
    a.send(2, 3);
    assert_eq!(b.next_number().await, 3);
    asked.send(0).unwrap();
    assert!(matches!(take_state(&mut b, 0, &log).await, Came::Whole { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_in_the_middle_is_told_on_both_sides_and_the_next_try_works() {
    let (mut a, mut b) = (member(1), member(2));
    let proxy = Proxy::before(&b.address).await;
    a.knows(&[(2, &proxy.address)]);
    let log = Arc::new(Made::new(100_000));
    for after in [100 << 10, 4 << 20, 16 << 20] {
        proxy.set(Mode::Pass);
        proxy.cut_after(after);
        a.send_state(state(1, 2, 200), &log);
        let came = take_state(&mut b, 0, &log).await;
        assert!(matches!(came, Came::Aborted { entries } if entries < 200), "{came:?}");
        assert!(!sent(&mut a).await);
    }
    proxy.set(Mode::Pass);
    a.send_state(state(1, 2, 200), &log);
    let whole = Came::Whole { entries: 200, index: 200 };
    assert_eq!(take_state(&mut b, 0, &log).await, whole);
    assert!(sent(&mut a).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ends_a_state_early_is_told_on_both_sides() {
    let (mut a, mut b) = (member(1), member(2));
    a.knows(&[(2, &b.address)]);
    let log = Arc::new(Made::new(50_000));
    log.missing.lock().unwrap().insert(150);
    a.send_state(state(1, 2, 200), &log);
    assert!(matches!(take_state(&mut b, 0, &log).await, Came::Aborted { .. }));
    assert!(!sent(&mut a).await);
    log.missing.lock().unwrap().clear();

    // It cannot even be made.
    a.peers.snapshot(NodeId(2), || panic!("no such state"), log.clone());
    assert!(!sent(&mut a).await);

    // The receiver's disk is full.
    a.send_state(state(1, 2, 200), &log);
    loop {
        match b.next().await {
            PeerEvent::SnapshotHas { reply } => reply.send(0).unwrap(),
            PeerEvent::Stage { reply, .. } => reply.send(Err("no space".into())).unwrap(),
            PeerEvent::StageAborted => break,
            other => panic!("{other:?}"),
        }
    }
    assert!(!sent(&mut a).await);

    // A newer order replaces one that is under way, and only one of them is told.
    a.send_state(state(1, 2, 200), &log);
    b.until(|event| matches!(event, PeerEvent::SnapshotHas { .. })).await;
    let came = loop {
        a.send_state(state(1, 2, 100), &log);
        let came = take_state(&mut b, 0, &log).await;
        if let Came::Whole { .. } = came {
            break came;
        }
    };
    assert_eq!(came, Came::Whole { entries: 100, index: 100 });
    while !sent(&mut a).await {}

    // Nobody knows where member 9 is.
    a.send_state(state(1, 9, 1), &log);
    let gone = |e: &PeerEvent| matches!(e, PeerEvent::SnapshotSent { to: NodeId(9), ok: false });
    a.until(gone).await;
    a.stop().await;
    b.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_state_at_a_time_is_taken() {
    let (mut a, mut b, mut c) = (member(1), member(2), member(3));
    let log = Arc::new(Made::new(50_000));
    for other in [&a, &c] {
        other.knows(&[(2, &b.address)]);
    }
    a.send_state(state(1, 2, 60), &log);
    let asked = loop {
        if let PeerEvent::SnapshotHas { reply } = b.next().await {
            break reply;
        }
    };
    c.send_state(state(3, 2, 60), &log);
    assert!(!sent(&mut c).await);
    asked.send(0).unwrap();
    assert_eq!(take_state(&mut b, 0, &log).await, Came::Whole { entries: 60, index: 60 });
    assert!(sent(&mut a).await);
    c.send_state(state(3, 2, 60), &log);
    assert_eq!(take_state(&mut b, 0, &log).await, Came::Whole { entries: 60, index: 60 });
    assert!(sent(&mut c).await);
}
