//! A disk that takes a write and does not come back from it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use crate::hooked::Hooked;
use multibeam_aggregator::store::{Identity, MemoryDisk};
use multibeam_aggregator::{
    Aggregator, Handle, LedgerError, Limits, Looks, Member, Membership, NodeId, STANDSTILL, Setup,
};
use multibeam_ledger::node::Role;
use multibeam_model::command::{Command, Reply};
use multibeam_model::{RunId, Timestamp};

/// One look a second, and the first one only sees how many turns there were.
const LOOKS: u64 = STANDSTILL.as_secs() + 1;

/// A member whose disk can be made to hang.
struct Hanging {
    ledger: Handle,
    hangs: Arc<AtomicBool>,
    /// Takes one when the look before is over.
    look: SyncSender<()>,
    /// The way to the others.
    _peers: crate::rig::Member,
}

impl Hanging {
    fn start(mut peers: crate::rig::Member, members: &BTreeMap<NodeId, Member>) -> Self {
        let hangs = Arc::new(AtomicBool::new(false));
        let hang = Arc::clone(&hangs);
        let disk = Hooked::new(MemoryDisk::default(), move |_| {
            while hang.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(1));
            }
            Ok(())
        });
        let events = std::mem::replace(&mut peers.events, tokio::sync::mpsc::channel(1).1);
        let (look, looks) = sync_channel(0);
        let setup = Setup {
            disk,
            identity: Identity { node: peers.node, group: crate::rig::GROUP.to_owned() },
            membership: Membership::Founding(members.clone()),
            peers: Some((peers.peers.clone(), events)),
            config: Aggregator::config(peers.node),
            limits: Limits::default(),
            looks: Looks::Told(looks),
        };
        let ledger = Aggregator::start(setup).unwrap();
        Self { ledger, hangs, look, _peers: peers }
    }
}

fn create(name: &str) -> Vec<Command> {
    let run = RunId::from(name);
    vec![Command::CreateRun { run, spec: b"x".to_vec(), seed: 1, at: Timestamp(1) }]
}

/// Waits until one of these leads, and gives its place.
async fn leader(among: &[Hanging], except: Option<usize>) -> usize {
    for _ in 0..6000 {
        let leads = |place: &usize| among[*place].ledger.status().role == Role::Leader;
        let mut places = (0..among.len()).filter(|place| Some(*place) != except);
        if let Some(place) = places.find(leads) {
            return place;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("nobody leads");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_whose_disk_hangs_is_followed_by_another_and_ends() {
    let peers: Vec<_> = (1..=3).map(crate::rig::member).collect();
    let addresses = peers.iter().map(|of| (of.node, Member { address: of.address.clone() }));
    let members = addresses.collect();
    let group: Vec<_> = peers.into_iter().map(|of| Hanging::start(of, &members)).collect();
    let first = leader(&group, None).await;
    let hanging = &group[first];
    assert_eq!(hanging.ledger.propose(create("before")).await.unwrap(), [Reply::Done]);

    hanging.hangs.store(true, Ordering::Relaxed);
    // One is being written, the next one waits behind it.
    let mut waiting = [create("written"), create("queued")]
        .map(|commands| Box::pin(hanging.ledger.propose(commands)));
    for proposal in &mut waiting {
        assert!(futures::poll!(proposal).is_pending());
    }
    let second = leader(&group, Some(first)).await;
    let others = &group[second].ledger;
    assert_eq!(others.propose(create("after")).await.unwrap(), [Reply::Done]);

    for _ in 0..LOOKS {
        hanging.look.send(()).unwrap();
    }
    let end = hanging.ledger.stopped().await.unwrap_err();
    assert!(matches!(*end, LedgerError::Standstill { .. }), "{end}");
    assert!(end.to_string().starts_with("the ledger has stood still for 30 s"), "{end}");
    for proposal in waiting {
        assert!(matches!(proposal.await, Err(LedgerError::Stopped)));
    }
    assert!(matches!(hanging.ledger.propose(create("late")).await, Err(LedgerError::Stopped)));
    assert!(hanging.ledger.shutdown().await.is_err(), "nobody waits for it");
    assert_eq!(others.propose(create("later")).await.unwrap(), [Reply::Done]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_comes_back_late_is_none_that_hangs() {
    let peers = crate::rig::member(1);
    let member = Member { address: peers.address.clone() };
    let alone = Hanging::start(peers, &BTreeMap::from([(NodeId(1), member)]));
    for round in ["a", "b", "c"] {
        // Another turn than the one that has just been slow, so that the next look sees it move.
        let before = create(&format!("before {round}"));
        assert_eq!(alone.ledger.propose(before).await.unwrap(), [Reply::Done]);
        alone.hangs.store(true, Ordering::Relaxed);
        let mut proposal = Box::pin(alone.ledger.propose(create(round)));
        assert!(futures::poll!(&mut proposal).is_pending());
        // Fewer in a row than it takes, more than that together.
        for _ in 1..LOOKS {
            alone.look.send(()).unwrap();
        }
        alone.hangs.store(false, Ordering::Relaxed);
        assert_eq!(proposal.await.unwrap(), [Reply::Done]);
    }
    alone.ledger.shutdown().await.unwrap();
}
