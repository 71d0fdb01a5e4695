//! stub
#![allow(missing_docs)]
use multibeam_ledger::node::disk::{LogEntry, NodeId};
use multibeam_ledger::node::envelope::Received;
use multibeam_ledger::node::io::{Outgoing, SnapshotOrder};
use tokio::sync::oneshot;
pub enum PeerEvent {
    Message(Received),
    Unreachable(NodeId),
    Reads { node: NodeId, format: u8 },
    SnapshotSent { to: NodeId, ok: bool },
    SnapshotHas { reply: oneshot::Sender<u64> },
    Stage { entries: Vec<LogEntry>, reply: oneshot::Sender<()> },
    StageAborted,
    Install { message: Received, state: Vec<u8>, reply: oneshot::Sender<()> },
}
pub struct Peers;
impl Peers {
    pub fn send(&self, _: Outgoing) {}
    pub fn members(&self, _: Vec<(NodeId, String)>) {}
    pub fn snapshot(&self, _: SnapshotOrder, _: crate::store::SharedReader) {}
}
