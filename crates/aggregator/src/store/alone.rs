//! A group that lost its majority goes on with what one survivor has.

use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;
use multibeam_ledger::Ledger;
use multibeam_ledger::node::disk::{EntryKind, LogEntry, Membership, NodeId};
use multibeam_ledger::node::members::Member;
use multibeam_model::command::Command;
use sled::Batch;

use super::disk::{Disk, Identity};
use super::durable::Store;
use super::engine::{Found, Writer};
use super::layout;
use super::{Acquaintances, StoreError};

/// What a node begins alone with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alone {
    /// The member that is the whole group now.
    pub node: NodeId,
    /// The new group.
    pub group: String,
    /// Up to where the log was known to be committed: nothing before that is missing.
    pub committed: u64,
    /// The end of its log. The entries between were not known to be committed. They count from now
    /// on: some may have been answered. What others had behind this end is lost, and some of that
    /// may have been answered as well.
    pub last: u64,
}

/// Makes a group of one out of a surviving node's directory, when the majority of its group is gone
/// for good. The node must not run. `address` is where it is reached; needed only when the state
/// does not know this node.
///
/// The others must never come back with their directories: the new group's name keeps them from
/// being heard, and nobody from hearing them.
///
/// # Errors
/// When the directory is in use, fresh, or damaged; when the group's name is the old one; when the
/// address is needed.
pub fn restore_alone(dir: &Path, group: &str, address: Option<&str>) -> Result<Alone, StoreError> {
    let mut store = Store::open_existing(dir)?;
    let alone = |what: String| StoreError::Alone { dir: dir.to_owned(), what };
    let old = store.identity().ok_or_else(|| StoreError::Fresh { dir: dir.to_owned() })?;
    if old.group == group {
        return Err(alone(format!("its group is called {group:?} already")));
    }
    let recovered = store.recovered()?;
    if recovered.base.index == 0 {
        return Err(alone("it never got a state from its group".to_owned()));
    }
    let ledger = Ledger::from_snapshot(&recovered.state)
        .map_err(|e| store.writer.engine.damaged(e.to_string()))?;
    let known = ledger.members().get(&old.node).map(|member| member.address.clone());
    let address = address.map(str::to_owned).or(known).ok_or_else(|| {
        alone(format!("its state does not know the address of node {}", old.node))
    })?;
    let members = BTreeMap::from([(old.node, Member { address })]);
    let state = ledger.with_members(members).snapshot();

    let mut content = store.content.clone();
    let record = &mut content.record;
    record.seq += 1;
    record.identity = Some(Identity { node: old.node, group: group.to_owned() });
    record.base.membership = Membership { voters: vec![old.node], ..Membership::default() };
    let (committed, last) = (record.hard.commit.max(record.base.index), record.last);
    let batch = store.without_others()?;
    content.record.state = Some(store.part(&state)?);
    Acquaintances::open(dir)?.forget_others()?;
    store.switch(content, batch, true)?;
    Ok(Alone { node: old.node, group: group.to_owned(), committed, last })
}

impl Store {
    /// Empties the entries of the log that speak of other members: changes of members, and the
    /// hashes by which members compare their states, which know the members.
    fn without_others(&self) -> Result<Batch, StoreError> {
        let record = &self.content.record;
        let mut batch = Batch::default();
        let mut rest = record.start.first..=record.last;
        while let Some(index) = rest.next() {
            let frame = match self.writer.engine.frame(record.generation, index)? {
                Found::Object(frame) if frame.entry(index).is_some() => frame,
                _ => return Err(self.writer.engine.damaged(format!("entry {index} is missing"))),
            };
            rest = frame.last() + 1..=record.last;
            if frame.entries().iter().any(is_about_others) {
                let keys = layout::keys(record.generation, frame.first(), frame.first());
                self.writer.engine.remove(&mut batch, keys)?;
                let entries: Vec<LogEntry> = frame.entries().iter().map(without_others).collect();
                Writer::put(&mut batch, record.generation, &entries);
            }
        }
        Ok(batch)
    }
}

fn without_others(entry: &LogEntry) -> LogEntry {
    match is_about_others(entry) {
        true => LogEntry { kind: EntryKind::Command, data: Bytes::new(), ..*entry },
        false => entry.clone(),
    }
}

fn is_about_others(entry: &LogEntry) -> bool {
    match entry.kind {
        EntryKind::Members => true,
        // A command that cannot be read stops the node as it did before.
        EntryKind::Command => matches!(Command::decode(&entry.data), Ok(Command::Witness { .. })),
    }
}
