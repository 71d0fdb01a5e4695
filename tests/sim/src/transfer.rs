//! States on their way from node to node, payload by payload.

use bytes::Bytes;
use multibeam_ledger::node::disk::{LogEntry, NodeId};
use multibeam_ledger::node::envelope::Received;
use multibeam_ledger::node::io::{Input, OutgoingState, SnapshotOrder};

use crate::aggregator::Inbound;
use crate::fault::Fault;
use crate::world::{Event, Host, World};

/// A state that one node sends to another, payload by payload.
#[derive(Clone, Debug)]
pub(crate) struct Transfer {
    pub(crate) from: Host,
    pub(crate) to: Host,
    message: Bytes,
    state: Bytes,
    payloads: Vec<u64>,
    staged: Vec<LogEntry>,
    /// The node that it is for has crashed meanwhile.
    pub(crate) broken: bool,
}

impl World {
    pub(crate) fn begin_transfer(&mut self, from: Host, order: SnapshotOrder) {
        let to = usize::try_from(order.to.0).unwrap_or(1) - 1;
        let OutgoingState { message, state, mut payloads, .. } = order.make();
        // The member says what it has.
        let has = self.nodes[to].disk.commit();
        payloads.retain(|index| *index > has);
        if self.fault == Some(Fault::SnapshotWithoutPayloads) {
            payloads.clear();
        }
        payloads.reverse();
        let transfer =
            Transfer { from, to, message, state, payloads, staged: Vec::new(), broken: false };
        let id = self.number();
        self.transfers.insert(id, transfer);
        self.seen.count("snapshot sent");
        let delay = self.delay();
        self.at(delay, Event::Transfer(id));
    }

    pub(crate) fn transfer(&mut self, id: u64) {
        let Some(transfer) = self.transfers.get(&id) else { return };
        let (from, to) = (transfer.from, transfer.to);
        let paused = self.machines[to].paused || self.machines[from].paused;
        let stopped = transfer.broken || paused;
        if stopped
            || self.rng.permille(self.net.loss)
            || !self.net.reaches(from, to)
            || !self.machines[to].up
        {
            self.transfers.remove(&id);
            self.seen.count("snapshot broken off");
            let to = NodeId(to as u64 + 1);
            if self.machines[from].up {
                self.tell_node(from, Input::SnapshotSent { to, ok: false });
            }
            return;
        }
        let next = self.transfers.get_mut(&id).and_then(|transfer| transfer.payloads.pop());
        if let Some(index) = next {
            let Some(entry) = self.nodes[from].disk.entry(index) else {
                let why = format!("node {} has lost the payload at {index}", from + 1);
                return self.rules.breaks(why);
            };
            if let Some(transfer) = self.transfers.get_mut(&id) {
                transfer.staged.push(entry);
            }
            let delay = self.delay() / 4;
            return self.at(delay, Event::Transfer(id));
        }
        let Some(transfer) = self.transfers.remove(&id) else { return };
        match Received::decode(&transfer.message) {
            Ok(message) => {
                let Transfer { state, staged, .. } = transfer;
                let state = state.to_vec();
                self.nodes[to].inbox.push_back(Inbound::Snapshot { message, state, staged });
                self.drive(to);
            }
            Err(error) => self.rules.breaks(format!("a raft message cannot be read: {error}")),
        }
        if self.machines[from].up {
            self.tell_node(from, Input::SnapshotSent { to: NodeId(to as u64 + 1), ok: true });
        }
    }
}
