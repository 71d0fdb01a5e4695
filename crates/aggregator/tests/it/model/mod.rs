//! A disk that is only maps, and what can be done to disks.
#![allow(dead_code, reason = "each test uses a part of it")]
#![allow(unreachable_pub, reason = "it is a module of several tests")]

use std::collections::BTreeMap;

use bytes::Bytes;
use multibeam_aggregator::store::{Disk, Identity};
use multibeam_ledger::Ledger;
use multibeam_ledger::node::disk::{
    Base, Compact, EntryKind, HardState, Install, LogEntry, Membership, NodeId, Recovered, Start,
    Write,
};
use multibeam_ledger::node::members::Member;

/// What a disk is to hold, as maps.
#[derive(Clone, Default)]
pub struct Model {
    pub is: Recovered,
    pub log: BTreeMap<u64, LogEntry>,
    pub kept: BTreeMap<u64, LogEntry>,
    staged: BTreeMap<u64, LogEntry>,
    pub term: u64,
}

#[derive(Clone, Debug)]
pub enum Step {
    Write {
        back: u64,
        lengths: Vec<usize>,
        new_term: bool,
        sync: bool,
    },
    Compact {
        base: u64,
        start: u64,
        every: u64,
        prepared: usize,
    },
    /// The state of a compaction that does not come.
    Prepare {
        base: u64,
        slices: usize,
    },
    Forget {
        every: u64,
    },
    Retain {
        every: u64,
    },
    Stage {
        ahead: u64,
        every: u64,
        length: usize,
    },
    Unstage,
    Install {
        ahead: u64,
    },
    Tidy {
        slices: usize,
    },
    Reopen,
}

pub fn entry(index: u64, term: u64, length: usize, salt: u64) -> LogEntry {
    let byte = |place: usize| (place as u64 * (index + term * 7 + salt) % 251) as u8;
    let kind = if length.is_multiple_of(7) { EntryKind::Members } else { EntryKind::Command };
    LogEntry { index, term, kind, data: Bytes::from_iter((0..length).map(byte)) }
}

pub fn base(index: u64, term: u64) -> Base {
    let voters = (1..=index % 4).map(NodeId).collect();
    Base { index, term, membership: Membership { voters, ..Membership::default() } }
}

/// A state of a size that goes with the index; none at 0.
pub fn state(index: u64) -> Vec<u8> {
    if index == 0 {
        return Vec::new();
    }
    let address = "a".repeat((index * 29_989 % 1_000_000) as usize);
    Ledger::founded(BTreeMap::from([(NodeId(index), Member { address })])).snapshot()
}

impl Model {
    fn term_of(&self, index: u64) -> u64 {
        match self.log.get(&index) {
            Some(entry) => entry.term,
            None if index + 1 == self.is.start.first => self.is.start.before,
            None => self.is.base.term,
        }
    }

    fn terms(&mut self) {
        let mut terms: Vec<(u64, u64)> = Vec::new();
        for entry in self.log.values() {
            if terms.last().is_none_or(|(_, term)| *term != entry.term) {
                terms.push((entry.index, entry.term));
            }
        }
        self.is.terms = terms;
    }

    fn compaction(&self, ahead: u64, start: u64, every: u64) -> Option<Compact> {
        let index = (self.is.base.index + ahead).min(self.is.last);
        let first = (self.is.start.first + start).min(index + 1);
        let keep = (self.is.start.first..first).filter(|i| i.is_multiple_of(every));
        (index > 0).then(|| Compact {
            base: base(index, self.term_of(index)),
            state: state(index),
            start: Start { first, before: self.term_of(first - 1) },
            keep: keep.collect(),
        })
    }

    /// Does one step to the model and to a disk.
    pub fn step(&mut self, step: &Step, disk: &mut dyn Disk) {
        match step {
            Step::Write { back, lengths, new_term, sync } => {
                let first = (self.is.last + 1).saturating_sub(*back).max(self.is.base.index + 1);
                // What is replaced is replaced by entries of a later term, as raft does.
                if *new_term || first <= self.is.last {
                    self.term += 1;
                }
                let make = |(index, length): (u64, &usize)| entry(index, self.term, *length, 0);
                let entries: Vec<_> = (first..).zip(lengths).map(make).collect();
                let hard = HardState {
                    term: self.term,
                    vote: self.term % 3,
                    commit: self.is.hard.commit + u64::from(*new_term),
                };
                disk.write(&Write { entries: entries.clone(), hard: Some(hard), sync: *sync })
                    .unwrap();
                self.is.hard = hard;
                if let Some(last) = entries.last() {
                    self.is.last = last.index;
                    self.log.split_off(&first);
                }
                self.log.extend(entries.into_iter().map(|entry| (entry.index, entry)));
            }
            Step::Compact { base: ahead, start, every, prepared } => {
                let Some(compact) = self.compaction(*ahead, *start, *every) else {
                    return;
                };
                prepare(disk, &compact, *prepared);
                disk.compact(&compact).unwrap();
                let log = self.log.split_off(&compact.start.first);
                let old = std::mem::replace(&mut self.log, log);
                self.kept.extend(old.into_iter().filter(|(i, _)| compact.keep.contains(i)));
                self.is.base = compact.base;
                self.is.state = compact.state;
                self.is.start = compact.start;
            }
            Step::Prepare { base: ahead, slices } => {
                if let Some(compact) = self.compaction(*ahead, 0, 1) {
                    prepare(disk, &compact, *slices);
                }
            }
            Step::Forget { every } => {
                let gone: Vec<_> =
                    (0..=self.is.last).filter(|i| i.is_multiple_of(*every)).collect();
                disk.forget(&gone).unwrap();
                self.kept.retain(|index, _| !gone.contains(index));
            }
            Step::Retain { every } => {
                let stay: Vec<_> =
                    (0..=self.is.last).filter(|i| i.is_multiple_of(*every)).collect();
                disk.retain(&stay).unwrap();
                self.kept.retain(|index, _| stay.contains(index));
            }
            Step::Stage { ahead, every, length } => {
                let first = self.is.start.first;
                let indexes = (first..=self.is.last + ahead).filter(|i| i.is_multiple_of(*every));
                let entries: Vec<_> = indexes.map(|i| entry(i, self.term, *length, 1)).collect();
                disk.stage(&entries).unwrap();
                self.staged.extend(entries.into_iter().map(|entry| (entry.index, entry)));
            }
            Step::Unstage => {
                disk.unstage().unwrap();
                self.staged.clear();
            }
            Step::Install { ahead } => {
                let index = self.is.base.index + 1 + ahead;
                self.term += 1;
                let hard = HardState { term: self.term, vote: 0, commit: index };
                let install = Install { base: base(index, self.term), state: state(index), hard };
                disk.install(&install).unwrap();
                self.kept.append(&mut self.log);
                self.kept.append(&mut self.staged);
                self.kept.split_off(&(index + 1));
                let start = Start { first: index + 1, before: self.term };
                let Install { base, state, hard } = install;
                self.is = Recovered { base, state, hard, start, terms: Vec::new(), last: index };
            }
            Step::Tidy { slices } => {
                for _ in 0..*slices {
                    disk.tidy().unwrap();
                }
            }
            Step::Reopen => self.staged.clear(),
        }
        self.terms();
    }

    /// Whether a disk holds what the model does.
    pub fn is_like(&self, disk: &dyn Disk) -> bool {
        let reader = disk.reader();
        let same = |index| {
            let expected = self.log.get(&index).or_else(|| self.kept.get(&index));
            reader.entry(index).unwrap().as_ref() == expected
        };
        disk.recovered().unwrap() == self.is && (0..self.is.last + 22).all(same)
    }

    pub fn compare(&self, disk: &dyn Disk) {
        assert_eq!(disk.recovered().unwrap(), self.is);
        let reader = disk.reader();
        for index in 0..self.is.last + 22 {
            let expected = self.log.get(&index).or_else(|| self.kept.get(&index));
            assert!(reader.entry(index).unwrap().as_ref() == expected, "entry {index}");
        }
        assert!(reader.entry(u64::MAX).unwrap().is_none());
    }
}

/// So many slices at most.
fn prepare(disk: &mut dyn Disk, compact: &Compact, slices: usize) {
    for _ in 0..slices {
        if !disk.prepare(compact).unwrap() {
            break;
        }
        // What is prepared is no leftover.
        disk.tidy().unwrap();
    }
}

pub fn identity() -> Identity {
    Identity { node: NodeId(2), group: "a group".to_owned() }
}

pub fn founded(disk: &mut dyn Disk, index: u64) -> Model {
    assert_eq!(disk.identity(), None);
    assert_eq!(disk.recovered().unwrap(), Recovered::default());
    let term = u64::from(index > 0);
    disk.found(&identity(), &base(index, term), &state(index)).unwrap();
    let is = Recovered {
        base: base(index, term),
        state: state(index),
        hard: HardState { term, vote: 0, commit: index },
        start: Start { first: index + 1, before: term },
        terms: Vec::new(),
        last: index,
    };
    Model { is, term, ..Model::default() }
}
