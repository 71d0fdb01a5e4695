//! However large a state is, and however much waits for a dead member: the memory stays bounded.
#![allow(clippy::unwrap_used, reason = "a failed test may panic")]

#[path = "it/proxy.rs"]
mod proxy;
#[path = "it/rig.rs"]
mod rig;
#[path = "it/source.rs"]
mod source;

use std::sync::Arc;

use bytes::Bytes;
use multibeam_ledger::node::disk::NodeId;
use multibeam_ledger::node::io::Outgoing;

use proxy::{Mode, Proxy};
use rig::member;
use source::{Came, Made, sent, state, take_state};

/// 200 MB and more.
const ENTRIES: u64 = 2000;
const SIZE: usize = 50_000;

/// What both members may take in sum, in kilobytes.
const MOST_KB: u64 = 64 << 10;

/// What may wait for two members that are down.
const MOST_WAITING_KB: u64 = 128 << 10;

fn memory_kb(what: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(what)).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_stays_bounded() {
    let (mut a, mut b, c) = (member(1), member(2), member(3));
    let silent = Proxy::before(&c.address).await;
    silent.set(Mode::Silent);
    a.knows(&[(2, &b.address)]);
    let log = Arc::new(Made::new(SIZE));
    let bytes: usize = (1..=ENTRIES).map(|index| log.make(index).data.len()).sum();
    assert!(bytes > 200 << 20, "{bytes}");
    let before = memory_kb("VmRSS:");
    a.send_state(state(1, 2, ENTRIES), &log);
    let whole = Came::Whole { entries: ENTRIES, index: ENTRIES };
    assert_eq!(take_state(&mut b, 0, &log).await, whole);
    assert!(sent(&mut a).await);
    let grown = memory_kb("VmHWM:") - before;
    println!("a state of {bytes} bytes took {grown} kB");
    assert!(grown < MOST_KB, "both sides took {grown} kB");

    a.knows(&[(3, &silent.address), (4, "http://127.0.0.1:1")]);
    let before = memory_kb("VmRSS:");
    for _ in 0..10_000 {
        for to in [3, 4] {
            let message = Bytes::from(vec![1; 50_000]);
            a.peers.send(Outgoing { to: NodeId(to), message });
        }
        while a.events.try_recv().is_ok() {}
        tokio::task::yield_now().await;
    }
    let grown = memory_kb("VmRSS:").saturating_sub(before);
    println!("1 GB for members that are down took {grown} kB");
    assert!(grown < MOST_WAITING_KB + MOST_KB, "what waits took {grown} kB");
}
