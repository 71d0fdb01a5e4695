//! Messages between members, and what becomes of them when the network fails.

use std::sync::Arc;

use multibeam_aggregator::peers::{PeerConfig, PeerEvent};
use multibeam_aggregator::store::Acquaintances;
use multibeam_ledger::node::disk::NodeId;

use crate::proxy::{Mode, Proxy};
use crate::rig::{Member, member};
use multibeam_rt::tls::Security;

fn unreachable(node: u64) -> impl FnMut(&PeerEvent) -> bool {
    move |event| matches!(event, PeerEvent::Unreachable(NodeId(found)) if *found == node)
}

/// Waits until messages of `from` arrive at `to`, which needs a moment after a failure.
async fn flows(from: &Member, to: &mut Member, mut number: u64) -> u64 {
    loop {
        from.send(to.node.0, number);
        let wait = std::time::Duration::from_millis(50);
        if let Ok(found) = tokio::time::timeout(wait, to.next_number()).await {
            return found.max(number);
        }
        number += 1;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_flow_both_ways_in_order() {
    let (mut a, mut b) = (member(1), member(2));
    a.knows(&[(1, &a.address), (2, &b.address)]);
    b.knows(&[(1, &a.address), (2, &b.address)]);
    for number in 1..=2000 {
        a.send(2, number);
        b.send(1, number);
    }
    for member in [&mut a, &mut b] {
        let mut formats = Vec::new();
        let mut next = 1;
        while next <= 2000 {
            match member.next().await {
                PeerEvent::Message(received) => {
                    assert_eq!(received.snapshot_index(), next);
                    assert_eq!(received.to(), member.node);
                    next += 1;
                }
                PeerEvent::Reads { node, format } => formats.push((node, format)),
                other => panic!("{other:?}"),
            }
        }
        let other = NodeId(3 - member.node.0);
        assert_eq!(formats, [(other, multibeam_model::command::COMMAND_FORMAT)]);
    }
    a.stop().await;
    b.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_comes_back_with_another_directory_is_not_heard() {
    let (a, mut b) = (member(1), member(2));
    a.knows(&[(2, &b.address)]);
    let last = flows(&a, &mut b, 1).await;
    // Whoever is a member: a state that lags does not know of one that was added since.
    b.knows(&[(1, &a.address)]);
    b.knows(&[]);
    a.stop().await;
    let empty = |config: &mut PeerConfig| {
        config.acquaintances = Arc::new(Acquaintances::unwritten(99));
    };
    let mut a = Member::start(1, &Security::Plaintext, "127.0.0.1:0", empty);
    a.knows(&[(2, &b.address)]);
    a.send(2, last + 1);
    // It is told so, and must stop; what it sends arrives nowhere.
    a.until(|event| matches!(event, PeerEvent::Disowned { by: NodeId(2) })).await;
    assert!(b.events.try_recv().is_err());
    a.stop().await;
    b.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn they_flow_again_after_a_cut_and_a_restart() {
    let (mut a, mut b) = (member(1), member(2));
    let proxy = Proxy::before(&b.address).await;
    a.knows(&[(2, &proxy.address)]);
    let mut last = flows(&a, &mut b, 1).await;
    for _ in 0..3 {
        proxy.set(Mode::Cut);
        a.until(unreachable(2)).await;
        proxy.set(Mode::Pass);
        last = flows(&a, &mut b, last + 1).await;
    }
    let listen = b.listen();
    b.stop().await;
    a.until(unreachable(2)).await;
    let mut b = Member::start(2, &Security::Plaintext, &listen, |config| config.reads = 7);
    let reads = |event: &PeerEvent| matches!(event, PeerEvent::Reads { node: NodeId(1), .. });
    b.until(reads).await;
    flows(&a, &mut b, last + 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_cut_is_noticed_without_a_word() {
    let (mut a, mut b) = (member(1), member(2));
    let proxy = Proxy::before(&b.address).await;
    a.knows(&[(2, &proxy.address)]);
    flows(&a, &mut b, 1).await;
    proxy.set(Mode::Silent);
    a.until(unreachable(2)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dead_do_not_hold_up_the_living() {
    let (mut a, mut b, c) = (member(1), member(2), member(3));
    let silent = Proxy::before(&c.address).await;
    silent.set(Mode::Silent);
    // Nobody listens at port 1.
    a.knows(&[(2, &b.address), (3, &silent.address), (4, "http://127.0.0.1:1"), (5, "nonsense")]);
    let first = flows(&a, &mut b, 1).await;
    for number in first + 1..first + 800 {
        for _ in 0..20 {
            (3..=6).for_each(|dead| a.send(dead, number));
        }
        a.send(2, number);
        loop {
            // One that was sent by `flows` may still come.
            if b.next_number().await == number {
                break;
            }
        }
        while a.events.try_recv().is_ok() {}
    }
    a.until(unreachable(4)).await;
    a.until(unreachable(5)).await;
    a.until(unreachable(3)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_that_nobody_named_is_answered() {
    let (mut a, mut b) = (member(1), member(2));
    a.knows(&[(2, &b.address)]);
    a.send(2, 7);
    b.send(1, 1);
    let (first, second, third) = (b.next().await, b.next().await, b.next().await);
    let PeerEvent::Learned { node: NodeId(1), address } = first else { panic!("{first:?}") };
    assert_eq!(address, a.address);
    assert!(matches!(second, PeerEvent::Reads { node: NodeId(1), .. }), "{second:?}");
    assert!(matches!(third, PeerEvent::Message(_)), "{third:?}");
    b.send(1, 8);
    assert_eq!(a.next_number().await, 8, "the one before it had nowhere to go");
    // Becoming a member changes nothing of it, and ceasing to be one neither.
    b.knows(&[(1, &a.address)]);
    b.send(1, 9);
    assert_eq!(a.next_number().await, 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_words_to_a_member_still_leave() {
    let (a, mut b) = (member(1), member(2));
    a.knows(&[(2, &b.address)]);
    flows(&a, &mut b, 1).await;
    a.send(2, 1000);
    a.knows(&[]);
    a.send(2, 1001);
    b.until(|event| matches!(event, PeerEvent::Message(m) if m.snapshot_index() == 1000)).await;
    a.knows(&[(2, &b.address)]);
    a.send(2, 1002);
    assert_eq!(b.next_number().await, 1002);
    a.send(2, 1003);
    a.stop().await;
    assert_eq!(b.next_number().await, 1003);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_may_move() {
    let (a, mut b, mut c) = (member(1), member(2), member(2));
    a.knows(&[(2, &b.address)]);
    let last = flows(&a, &mut b, 1).await;
    a.knows(&[(2, &c.address)]);
    flows(&a, &mut c, last + 1).await;
}
