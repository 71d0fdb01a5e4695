//! Damaged messages are read or refused, and nothing else happens.

use std::collections::BTreeMap;

use bytes::Bytes;
use multibeam_aggregator::peers::PeerConfig;
use multibeam_aggregator::peers::assemble::{Assembler, Step};
use multibeam_aggregator::store::Acquaintances;
use multibeam_ledger::node::disk::{EntryKind, LogEntry, NodeId, ReadLog};
use multibeam_ledger::node::envelope::Received;
use multibeam_ledger::node::io::Input;
use multibeam_ledger::node::members::Member;
use multibeam_ledger::node::{Node, NodeConfig, founding};
use multibeam_model::Moment;
use proptest::prelude::*;
use prost::Message as _;

use super::refusals::{parts, summed};

struct Empty;

impl ReadLog for Empty {
    fn entry(&self, _: u64) -> Result<Option<LogEntry>, Box<dyn std::error::Error + Send + Sync>> {
        Ok(None)
    }
}

/// What a member says until it leads a group of one, or asks for votes in one of three.
fn real_messages() -> Vec<Bytes> {
    let members: BTreeMap<_, _> =
        (1..=3).map(|id| (NodeId(id), Member { address: format!("https://{id}") })).collect();
    let recovered = founding(&members);
    let config = NodeConfig::new(NodeId(1), 1);
    let mut node = Node::new(config, &recovered, Empty).unwrap();
    let mut messages = Vec::new();
    for _ in 0..100 {
        node.handle(Moment::default(), Input::Tick).unwrap();
        while let Some(work) = node.work().unwrap() {
            messages.extend(work.send.into_iter().map(|out| out.message));
            messages.extend(node.written().unwrap().send.into_iter().map(|out| out.message));
        }
    }
    assert!(!messages.is_empty());
    messages
}

/// Changes, cuts, and repeats bytes.
fn damage() -> impl Strategy<Value = Vec<(prop::sample::Index, u8, u8)>> {
    prop::collection::vec((any::<prop::sample::Index>(), 0..4_u8, any::<u8>()), 1..6)
}

fn apply(bytes: &[u8], damage: &[(prop::sample::Index, u8, u8)]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for (place, kind, byte) in damage {
        let place = place.index(bytes.len() + 1);
        match kind {
            0 if place < bytes.len() => bytes[place] = *byte,
            1 => bytes.truncate(place),
            2 => bytes.insert(place, *byte),
            _ => {
                let again = bytes[place..].to_vec();
                bytes.extend(again);
            }
        }
    }
    bytes
}

proptest! {
    #[test]
    fn damaged_messages_of_raft(which in any::<prop::sample::Index>(), damage in damage()) {
        let messages = real_messages();
        let _ = Received::decode(&apply(&messages[which.index(messages.len())], &damage).into());
    }

    #[test]
    fn damaged_parts_of_a_state(
        which in any::<prop::sample::Index>(),
        damage in damage(),
        right_sums in any::<bool>(),
    ) {
        let config = PeerConfig::new(NodeId(2), crate::rig::GROUP, "", Acquaintances::unwritten(2));
        let mut requests = summed(parts());
        let which = which.index(requests.len());
        let bytes = apply(&requests[which].encode_to_vec(), &damage);
        let Ok(changed) = multibeam_proto::aggregator::v1::InstallRequest::decode(&*bytes) else {
            return Ok(());
        };
        let same = changed == requests[which];
        requests[which] = changed;
        if right_sums {
            let parts = requests.into_iter().map(|request| request.part).collect::<Option<_>>();
            let Some(parts) = parts else { return Ok(()) };
            requests = summed(parts);
        }
        let mut requests = requests.into_iter();
        let begun = Assembler::begin(&config, requests.next().unwrap());
        let Ok(mut assembler) = begun else { return Ok(()) };
        assembler.set_has(2);
        for request in requests {
            match assembler.take(request) {
                Ok(Step::More | Step::Stage(_)) => {}
                // With sums that were made anew anything may be a state, but never a torn one.
                Ok(Step::All(whole)) => {
                    prop_assert!(same || right_sums);
                    prop_assert_eq!(&whole.state[..], b"the state");
                    prop_assert!(whole.rest.windows(2).all(|two| two[0].index < two[1].index));
                    prop_assert!(whole.rest.iter().all(|e| e.kind == EntryKind::Command
                        || e.kind == EntryKind::Members));
                    return Ok(());
                }
                Err(_) => return Ok(()),
            }
        }
    }
}
