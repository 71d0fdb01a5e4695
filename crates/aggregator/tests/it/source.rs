//! A log whose entries are made when they are read, and an owner that checks what it is given.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::collections::BTreeSet;
use std::error::Error;
use std::sync::Mutex;

use bytes::Bytes;
use multibeam_aggregator::peers::PeerEvent;
use multibeam_ledger::node::disk::{EntryKind, LogEntry, NodeId, ReadLog};
use multibeam_ledger::node::io::OutgoingState;

use crate::rig::{Member, SNAPSHOT, message};

/// Entries of `size` bytes, each 50th of three megabytes more, each 7th empty.
pub(crate) struct Made {
    pub(crate) size: usize,
    pub(crate) missing: Mutex<BTreeSet<u64>>,
}

impl Made {
    pub(crate) fn new(size: usize) -> Self {
        Self { size, missing: Mutex::default() }
    }

    pub(crate) fn make(&self, index: u64) -> LogEntry {
        let size = match index {
            _ if index.is_multiple_of(50) => self.size + (3 << 20),
            _ if index.is_multiple_of(7) => 0,
            _ => self.size,
        };
        let mut state = index | 1;
        let mut data = Vec::with_capacity(size + 8);
        while data.len() < size {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(index);
            data.extend_from_slice(&state.to_le_bytes());
        }
        data.truncate(size);
        let kind = if index.is_multiple_of(3) { EntryKind::Members } else { EntryKind::Command };
        LogEntry { index, term: index / 10 + 1, kind, data: Bytes::from(data) }
    }
}

impl ReadLog for Made {
    fn entry(&self, index: u64) -> Result<Option<LogEntry>, Box<dyn Error + Send + Sync>> {
        let missing = self.missing.lock().unwrap().contains(&index);
        Ok((!missing).then(|| self.make(index)))
    }
}

/// A state for member `to` that refers to the first `entries` entries.
pub(crate) fn state(from: u64, to: u64, entries: u64) -> OutgoingState {
    OutgoingState {
        to: NodeId(to),
        message: message(SNAPSHOT, from, to, entries),
        state: vec![7; 3 << 20].into(),
        payloads: (1..=entries).collect(),
    }
}

/// What became of an incoming state.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Came {
    Whole { entries: u64, index: u64 },
    Aborted { entries: u64 },
}

/// Plays the owner for one incoming state, and compares what comes with what `log` makes.
pub(crate) async fn take_state(member: &mut Member, has: u64, log: &Made) -> Came {
    let mut entries = 0;
    let mut last = has;
    loop {
        match member.next().await {
            PeerEvent::SnapshotHas { reply } => reply.send(has).unwrap(),
            PeerEvent::Stage { entries: staged, reply } => {
                assert!(!staged.is_empty());
                for entry in staged {
                    assert!(entry.index > last);
                    last = entry.index;
                    entries += 1;
                    assert!(entry == log.make(entry.index), "entry {last} differs");
                }
                reply.send(Ok(())).unwrap();
            }
            PeerEvent::Install { message, state, reply } => {
                assert!(state.len() == 3 << 20 && state.iter().all(|byte| *byte == 7));
                assert!(message.is_snapshot());
                reply.send(Ok(())).unwrap();
                return Came::Whole { entries, index: message.snapshot_index() };
            }
            PeerEvent::StageAborted => return Came::Aborted { entries },
            _ => {}
        }
    }
}

/// How sending a state went.
pub(crate) async fn sent(member: &mut Member) -> bool {
    loop {
        if let PeerEvent::SnapshotSent { ok, .. } = member.next().await {
            return ok;
        }
    }
}
