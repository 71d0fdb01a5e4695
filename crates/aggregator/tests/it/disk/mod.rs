//! A directory with something of everything in it.
#![allow(unreachable_pub, reason = "it is a module of several tests")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use multibeam_aggregator::store::{Disk, Identity, Store};
use multibeam_ledger::Ledger;
use multibeam_ledger::node::disk::{
    Base, Compact, EntryKind, HardState, LogEntry, Membership, NodeId, Start, Write,
};
use multibeam_ledger::node::members::Member;
use multibeam_model::command::Command;

/// The last entry that [`fill`] writes.
pub const LAST: u64 = 60;

pub fn identity() -> Identity {
    Identity { node: NodeId(3), group: "old".to_owned() }
}

/// Entries from nothing to some hundred kilobytes, of three terms.
pub fn entry(index: u64) -> LogEntry {
    let length = if index.is_multiple_of(7) { index * 3700 } else { index * 41 % 900 };
    let byte = |place: u64| (place * place * index % 251) as u8;
    let data = Bytes::from_iter((0..length).map(byte));
    let (kind, data) = match index {
        33 | 52 => (EntryKind::Members, data),
        36 | 53 => {
            let witness = Command::Witness { index: 30, hash: [7; 32] };
            (EntryKind::Command, Bytes::from(witness.encode()))
        }
        _ => (EntryKind::Command, data),
    };
    LogEntry { index, term: 1 + index / 25, kind, data }
}

pub fn write(indexes: impl Iterator<Item = u64>) -> Write {
    let entries: Vec<_> = indexes.map(entry).collect();
    let last = entries.last().map_or(0, |entry| entry.index);
    let term = entries.last().map_or(1, |entry| entry.term);
    let hard = HardState { term, vote: 2, commit: last.saturating_sub(5) };
    Write { entries, hard: Some(hard), sync: true }
}

fn members() -> BTreeMap<NodeId, Member> {
    let named = [(1, "http://one"), (2, "http://two"), (3, "http://three")];
    let member = |(id, address): (u64, &str)| (NodeId(id), Member { address: address.to_owned() });
    named.into_iter().map(member).collect()
}

pub fn base(index: u64) -> Base {
    let voters = members().into_keys().collect();
    let outgoing = vec![NodeId(1), NodeId(2)];
    let membership = Membership { voters, outgoing, ..Membership::default() };
    Base { index, term: if index == 1 { 1 } else { entry(index).term }, membership }
}

pub fn state() -> Vec<u8> {
    Ledger::founded(members()).snapshot()
}

/// The entries that are kept before the log.
pub fn kept() -> impl Iterator<Item = u64> {
    (3..31).step_by(3)
}

/// Kept entries to 30, a log from 31, a base at 40, the end at [`LAST`].
pub fn fill(dir: &Path) {
    let mut store = Store::open(dir).unwrap();
    store.found(&identity(), &base(1), &state()).unwrap();
    for first in (2..=LAST).step_by(5) {
        store.write(&write(first..=(first + 4).min(LAST))).unwrap();
        if first == 47 {
            store.compact(&compact()).unwrap();
        }
    }
    while store.tidy().unwrap() {}
}

pub fn compact() -> Compact {
    let start = Start { first: 31, before: entry(30).term };
    let keep = kept().collect();
    Compact { base: base(40), state: state(), start, keep }
}

/// Everything in the store is as [`fill`] wrote it; the errors of the store come through.
pub fn verify(dir: &Path) -> Result<(), multibeam_aggregator::StoreError> {
    let store = Store::open(dir)?;
    let recovered = store.recovered()?;
    assert_eq!(store.identity(), Some(identity()));
    assert_eq!((recovered.last, &recovered.base), (LAST, &base(40)), "an older log");
    assert_eq!(recovered.hard, HardState { term: 3, vote: 2, commit: LAST - 5 }, "an older vote");
    assert!(recovered.state == state(), "another state");
    let reader = store.reader();
    for index in 0..LAST + 3 {
        let found = reader.entry(index);
        let found =
            found.map_err(|e| *e.downcast::<multibeam_aggregator::StoreError>().unwrap())?;
        let there = (31..=LAST).contains(&index) || kept().any(|i| i == index);
        assert!(found == there.then(|| entry(index)), "entry {index} is another one");
    }
    Ok(())
}

/// Two directories hold the same.
pub fn assert_same(one: &Path, other: &Path) {
    let (one, other) = (Store::open(one).unwrap(), Store::open(other).unwrap());
    let recovered = one.recovered().unwrap();
    assert_eq!(other.recovered().unwrap(), recovered);
    let (one, other) = (one.reader(), other.reader());
    for index in 0..recovered.last + 5 {
        assert!(one.entry(index).unwrap() == other.entry(index).unwrap(), "entry {index}");
    }
}

/// All files below a directory, with their content.
pub fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(files(&path));
        } else {
            all.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
    all
}

pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}
