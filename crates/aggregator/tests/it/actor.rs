//! The owner thread: order, group commit, failure, shutdown, replay.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use crate::hooked::{Hooked, command};
use bytes::Bytes;
use multibeam_aggregator::store::{Disk, Identity, MemoryDisk};
use multibeam_aggregator::{
    Aggregator, Handle, Limits, Looks, Membership, Setup, Store, StoreError,
};
use multibeam_ledger::Ledger;
use multibeam_ledger::node::NodeConfig;
use multibeam_ledger::node::disk::{Base, EntryKind, HardState, LogEntry, NodeId, Write};
use multibeam_ledger::node::members::Member;
use multibeam_model::command::{Command, Refusal, Reply};
use multibeam_model::{Epoch, RunId, Timestamp};

fn create(name: &str, spec: &[u8]) -> Command {
    let spec = spec.to_vec();
    Command::CreateRun { run: RunId::from(name), spec, seed: 1, at: Timestamp(1) }
}

fn claim(at: i64) -> Command {
    Command::Claim { coordinator: "c".to_owned(), at: Timestamp(at), take_over: true }
}

/// A ledger whose writes of commands wait for a word from the test, and fail when it says so.
fn gated(limits: Limits) -> (Handle, MemoryDisk, Receiver<usize>, Sender<bool>) {
    let (entered_tx, entered) = channel();
    let (pass, pass_rx) = channel();
    let inner = MemoryDisk::default();
    let disk = Hooked::new(inner.clone(), move |commands| {
        entered_tx.send(commands).unwrap();
        if pass_rx.recv().unwrap() {
            return Ok(());
        }
        let source = std::io::Error::other("no space left");
        Err(StoreError::Io { action: "write", path: "disk".into(), source })
    });
    (Aggregator::alone_with(disk, limits).unwrap(), inner, entered, pass)
}

/// The commands of others on a disk, in order.
fn commands(disk: &MemoryDisk) -> Vec<Command> {
    let reader = disk.reader();
    let entries = (1..=disk.recovered().unwrap().last).filter_map(|i| reader.entry(i).unwrap());
    entries.filter_map(|entry| command(&entry.data)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_during_a_flush_shares_the_next_one_in_order() {
    let (handle, disk, entered, pass) = gated(Limits::default());
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..8 {
        let (ledger, order) = (handle.clone(), Arc::clone(&order));
        let commands = vec![claim(number), create(&format!("r{number}"), b"x")];
        let proposed = async move {
            let replies = ledger.propose(commands).await.unwrap();
            order.lock().unwrap().push(number);
            replies
        };
        let mut proposed = Box::pin(proposed);
        // The first poll queues it, so that the order of the queue is the test's.
        assert!(futures::poll!(&mut proposed).is_pending());
        tasks.spawn(proposed);
        if number == 0 {
            assert_eq!(entered.recv().unwrap(), 2);
        }
    }
    assert!(order.lock().unwrap().is_empty(), "nothing is answered before it is durable");
    assert!(handle.runs().is_empty(), "nor seen");
    pass.send(true).unwrap();
    assert_eq!(entered.recv().unwrap(), 14, "all that waited");
    pass.send(true).unwrap();
    let replies = tasks.join_all().await;
    let mut epochs: Vec<_> = replies.iter().map(|replies| replies[0].clone()).collect();
    epochs.sort_by_key(|reply| match reply {
        Reply::Claimed(epoch) => *epoch,
        other => panic!("{other:?}"),
    });
    assert_eq!(epochs, (1..=8).map(|e| Reply::Claimed(Epoch(e))).collect::<Vec<_>>());
    assert!(replies.iter().all(|replies| replies[1] == Reply::Done));
    let commands = commands(&disk);
    assert_eq!(commands.len(), 16);
    for (number, pair) in (0..).zip(commands.chunks(2)) {
        assert_eq!(pair[0], claim(number));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_disk_stops_the_ledger_and_answers_everybody() {
    let (handle, _, entered, pass) = gated(Limits::default());
    let mut first = Box::pin(handle.propose(vec![create("a", b"")]));
    assert!(futures::poll!(&mut first).is_pending());
    entered.recv().unwrap();
    let mut second = Box::pin(handle.propose(vec![create("b", b"")]));
    assert!(futures::poll!(&mut second).is_pending());
    pass.send(false).unwrap();
    assert_eq!(first.await.unwrap_err().to_string(), "the ledger has stopped");
    assert!(second.await.is_err());
    let end = handle.stopped().await.unwrap_err();
    assert_eq!(end.to_string(), "cannot write disk");
    assert!(handle.propose(vec![create("c", b"")]).await.is_err());
    assert!(handle.runs().is_empty());
}

/// A node that cannot give what it has acknowledged must not go on as if it could, though nobody who
/// reads tells its owner.
#[tokio::test(flavor = "multi_thread")]
async fn damage_that_a_read_finds_stops_the_ledger() {
    let disk = Hooked::new(MemoryDisk::default(), |_| Ok(()));
    let damaged = disk.damaged();
    let handle = Aggregator::alone_with(disk, Limits::default()).unwrap();
    damaged.store(true, Ordering::Relaxed);
    let end = handle.stopped().await.unwrap_err();
    assert!(end.to_string().contains("is damaged: entry 7"), "{end}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_finishes_what_was_proposed_and_frees_the_store() {
    let temp = tempfile::tempdir().unwrap();
    let handle = Aggregator::alone(Store::open(temp.path()).unwrap()).unwrap();
    let proposals: Vec<_> = (0..20)
        .map(|number| Box::pin(handle.propose(vec![create(&format!("r{number:02}"), b"x")])))
        .collect();
    let mut proposals = proposals;
    for proposal in &mut proposals {
        assert!(futures::poll!(proposal).is_pending());
    }
    handle.shutdown().await.unwrap();
    for proposal in proposals {
        assert_eq!(proposal.await.unwrap(), [Reply::Done]);
    }
    handle.shutdown().await.unwrap();
    assert!(handle.propose(vec![create("late", b"")]).await.is_err());
    assert_eq!(handle.runs().len(), 20, "what is known stays readable");

    let again = Aggregator::alone(Store::open(temp.path()).unwrap()).unwrap();
    assert_eq!(again.runs(), handle.runs());
    let records =
        |handle: &Handle| handle.read(|ledger| ledger.runs().cloned().collect::<Vec<_>>());
    assert_eq!(records(&again), records(&handle));
    assert_eq!(again.propose(vec![create("r07", b"x")]).await.unwrap(), [Reply::Duplicate]);
    let other = again.propose(vec![create("r07", b"y")]).await.unwrap();
    assert_eq!(other, [Reply::Refused(Refusal::RunExists)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn proposals_are_bounded_in_size_and_in_sum() {
    let limits = Limits { queue: 4, queue_bytes: 1000, proposal_bytes: 600 };
    let (handle, disk, entered, pass) = gated(limits);
    let error = handle.propose(vec![create("big", &[0; 700])]).await.unwrap_err();
    assert!(error.to_string().contains("too large"), "{error}");
    let mut proposals: Vec<_> = (0..6)
        .map(|n| Box::pin(handle.propose(vec![create(&format!("r{n}"), &[0; 300])])))
        .collect();
    for proposal in &mut proposals {
        assert!(futures::poll!(proposal).is_pending());
    }
    let driver = std::thread::spawn(move || {
        let mut sizes = Vec::new();
        while sizes.iter().sum::<usize>() < 6 {
            sizes.push(entered.recv().unwrap());
            pass.send(true).unwrap();
        }
        sizes
    });
    for replies in futures::future::join_all(proposals).await {
        assert_eq!(replies.unwrap(), [Reply::Done]);
    }
    // 300 bytes and a header each: three fit under the sum.
    assert!(driver.join().unwrap().iter().all(|&size| size <= 3));
    assert_eq!(commands(&disk).len(), 6);
}

/// The core gives no newer state out before it was told that the disk has the last one.
#[tokio::test(flavor = "multi_thread")]
async fn states_go_to_the_disk_one_after_the_other_while_commands_come() {
    const CALLERS: i64 = 16;
    const CALLS: i64 = 2_000;
    let disk = MemoryDisk::default();
    let node = NodeId(1);
    let members = BTreeMap::from([(node, Member { address: String::new() })]);
    let handle = Aggregator::start(Setup {
        disk: disk.clone(),
        identity: Identity { node, group: "alone".to_owned() },
        membership: Membership::Founding(members),
        peers: None,
        config: NodeConfig { compact_every: 100, trailing: 0, ..Aggregator::config(node) },
        limits: Limits::default(),
        looks: Looks::default(),
    });
    let handle = handle.unwrap();
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..CALLERS {
        let (handle, disk) = (handle.clone(), disk.clone());
        callers.spawn(async move {
            for call in 0..CALLS {
                handle.propose(vec![claim(caller * CALLS + call)]).await.unwrap();
                if disk.writes().compactions > 3 {
                    return true;
                }
            }
            false
        });
    }
    assert!(callers.join_all().await.into_iter().all(|enough| enough));
    let epoch = handle.read(Ledger::epoch);
    handle.shutdown().await.unwrap();
    let recovered = disk.recovered().unwrap();
    assert!(recovered.start.first > 300, "{:?}", recovered.start);
    let again = Aggregator::alone(disk).unwrap();
    assert_eq!(again.read(Ledger::epoch), epoch);
}

#[tokio::test]
async fn encoded_commands_are_checked_before_any_is_taken() {
    let disk = MemoryDisk::default();
    let handle = Aggregator::alone(disk.clone()).unwrap();
    let good = create("r", b"x").encode();
    let mut newer = good.clone();
    newer[0] = 99;
    let error = handle.propose_encoded(vec![good.clone().into(), newer.into()]).await.unwrap_err();
    assert_eq!(error.to_string(), "malformed command");
    assert!(commands(&disk).is_empty());
    assert_eq!(handle.propose_encoded(vec![good.into()]).await.unwrap(), [Reply::Done]);
}

#[tokio::test]
async fn a_log_of_a_newer_version_is_refused() {
    let mut disk = MemoryDisk::default();
    Aggregator::alone(disk.clone()).unwrap().shutdown().await.unwrap();
    let mut data = create("r", b"x").encode();
    data[0] = 99;
    let recovered = disk.recovered().unwrap();
    let index = recovered.last + 1;
    let HardState { term, .. } = recovered.hard;
    let entry = LogEntry { index, term, kind: EntryKind::Command, data: Bytes::from(data) };
    disk.write(&Write { entries: vec![entry], hard: None, sync: true }).unwrap();
    let error = Aggregator::alone(disk).unwrap_err();
    assert!(error.to_string().contains(&format!("entry {index}")), "{error}");
}

#[tokio::test]
async fn a_directory_of_another_member_is_refused() {
    let mut disk = MemoryDisk::default();
    let identity =
        Identity { node: multibeam_ledger::node::disk::NodeId(2), group: "g".to_owned() };
    disk.found(&identity, &Base::default(), &[]).unwrap();
    let error = Aggregator::alone(disk).unwrap_err().to_string();
    assert!(error.contains("member 2") && error.contains("\"g\""), "{error}");
}
