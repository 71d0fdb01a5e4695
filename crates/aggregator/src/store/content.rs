//! What a disk holds apart from the bytes of entries, and what each call changes of it. Pure: the
//! disks apply what is decided here.

use std::collections::BTreeSet;
use std::sync::Arc;

use multibeam_ledger::node::disk::{Base, Compact, HardState, Install, Recovered, Start, Write};
use serde::{Deserialize, Serialize};

use super::disk::Identity;
use super::places::Places;

/// The one record that says what of the rest counts. It is written anew with every call, so a call
/// takes effect when its record does. Whatever the record does not speak of is a leftover.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// How many calls there were. An older record cannot pass for the newest.
    pub(super) seq: u64,
    pub(super) identity: Option<Identity>,
    /// The generation that the log is written in. An install begins a new one, so that entries
    /// that come with it never mix with those before.
    pub(super) generation: u32,
    pub(super) base: Base,
    pub(super) hard: HardState,
    pub(super) start: Start,
    /// The first index and the term of each run of equal terms in the log.
    pub(super) terms: Vec<(u64, u64)>,
    pub(super) last: u64,
    /// The parts that are too large for a record, by number.
    pub(super) state: Option<u64>,
    pub(super) kept: Option<u64>,
    pub(super) doomed: Option<u64>,
}

/// The record and the lists it refers to.
#[derive(Clone, Debug, Default)]
pub(super) struct Content {
    pub(super) record: Record,
    /// Entries before the log that stay for their payloads.
    pub(super) kept: Arc<Places>,
    /// Entries that no longer count and are still to be removed.
    pub(super) doomed: Arc<Places>,
}

/// Where readers find entries.
#[derive(Clone, Debug, Default)]
pub(super) struct View {
    /// Changes whenever entries go out of sight. A reader that stumbled looks whether it has.
    pub(super) epoch: u64,
    generation: u32,
    first: u64,
    last: u64,
    terms: Arc<[(u64, u64)]>,
    kept: Arc<Places>,
}

/// Entries staged for an install.
#[derive(Clone, Debug, Default)]
pub(super) struct Staged {
    pub(super) generation: u32,
    pub(super) indexes: Vec<u64>,
}

impl Content {
    /// The first start.
    pub(super) fn found(&mut self, identity: &Identity, base: &Base, generation: u32) {
        let record = &mut self.record;
        record.seq += 1;
        record.identity = Some(identity.clone());
        record.generation = generation;
        record.start = Start { first: base.index + 1, before: base.term };
        record.last = base.index;
        record.hard = HardState { term: base.term, vote: 0, commit: base.index };
        record.base = base.clone();
    }

    /// A write; returns the indexes of the entries that it replaces.
    pub(super) fn write(&mut self, write: &Write) -> Result<Option<(u64, u64)>, String> {
        let record = &mut self.record;
        record.seq += 1;
        if let Some(hard) = write.hard {
            record.hard = hard;
        }
        let Some(first) = write.entries.first().map(|entry| entry.index) else {
            return Ok(None);
        };
        let (base, last) = (record.base.index, record.last);
        if first <= base || first > last + 1 {
            return Err(format!("entry {first} does not follow a log of {base} to {last}"));
        }
        record.terms.retain(|&(from, _)| from < first);
        record.last = first - 1;
        for (index, entry) in (first..).zip(&write.entries) {
            if !record.append(entry.index, entry.term) {
                return Err(format!("entry {} stands where {index} is expected", entry.index));
            }
        }
        Ok((first <= last).then_some((first, last)))
    }

    /// A later base, and perhaps a later beginning of the log.
    pub(super) fn compact(&mut self, compact: &Compact) -> Result<(), String> {
        let record = &mut self.record;
        record.seq += 1;
        let (old, new) = (record.base.index, compact.base.index);
        let (first, start) = (record.start.first, compact.start.first);
        if new < old || new > record.last {
            return Err(format!("base {new} is not among {old} to {}", record.last));
        }
        if start < first || start > new + 1 {
            return Err(format!("a log from {first} cannot begin at {start} with base {new}"));
        }
        if !compact.keep.is_sorted() {
            return Err("the entries to be kept are not in order".to_owned());
        }
        let mut leaving = Places::default();
        leaving.add(record.generation, first..start);
        let doomed = leaving.split(|_, index| compact.keep.binary_search(&index).is_ok());
        if !leaving.is_empty() {
            Arc::make_mut(&mut self.kept).extend(leaving);
        }
        record.base = compact.base.clone();
        record.start = compact.start;
        record.terms = from(&record.terms, start, record.last);
        self.doom(doomed);
        Ok(())
    }

    /// A new beginning, with a state of another node.
    pub(super) fn install(&mut self, install: &Install, staged: Staged) -> Result<(), String> {
        let record = &mut self.record;
        record.seq += 1;
        let (old, new, last) = (record.base.index, install.base.index, record.last);
        if new < old {
            return Err(format!("base {new} to be installed lies before base {old}"));
        }
        // All of the log up to the new base stays. Entries among them that were never committed are
        // not those of the group, but then the other node has sent those that the state refers to,
        // and what is staged comes first.
        let mut kept = Places::clone(&self.kept);
        kept.add(record.generation, record.start.first..=last);
        let came = staged.indexes.iter().copied().collect::<BTreeSet<_>>();
        let mut doomed = kept.split(|_, index| index <= new && !came.contains(&index));
        kept.add(staged.generation, came.range(..=new).copied());
        doomed.add(staged.generation, came.range(new + 1..).copied());
        self.kept = Arc::new(kept);
        // Not the generation of what was staged: that may have entries behind the base, and they
        // must not be taken for the log's.
        record.generation = staged.generation + 1;
        record.base = install.base.clone();
        record.hard = install.hard;
        record.start = Start { first: new + 1, before: install.base.term };
        record.terms = Vec::new();
        record.last = new;
        self.doom(doomed);
        Ok(())
    }

    /// Parts with kept entries; false when there is none to part with.
    pub(super) fn let_go(&mut self, stays: impl Fn(u64) -> bool) -> bool {
        let mut kept = Places::clone(&self.kept);
        let doomed = kept.split(|_, index| stays(index));
        if doomed.is_empty() {
            return false;
        }
        self.record.seq += 1;
        self.kept = Arc::new(kept);
        self.doom(doomed);
        true
    }

    /// Whether an entry is in the log or kept.
    pub(super) fn counts(&self, generation: u32, index: u64) -> bool {
        let record = &self.record;
        let in_log = (record.start.first..=record.last).contains(&index);
        (generation == record.generation && in_log) || self.kept.has(generation, index)
    }

    fn doom(&mut self, places: Places) {
        if !places.is_empty() {
            Arc::make_mut(&mut self.doomed).extend(places);
        }
    }

    /// What readers see of it.
    pub(super) fn view(&self, epoch: u64) -> View {
        let record = &self.record;
        View {
            epoch,
            generation: record.generation,
            first: record.start.first,
            last: record.last,
            terms: record.terms.as_slice().into(),
            kept: Arc::clone(&self.kept),
        }
    }

    /// What a node begins with.
    pub(super) fn recovered(&self, state: Vec<u8>) -> Recovered {
        let record = &self.record;
        Recovered {
            base: record.base.clone(),
            state,
            hard: record.hard,
            start: record.start,
            terms: record.terms.clone(),
            last: record.last,
        }
    }
}

impl Record {
    /// One entry more; false when it does not follow the last one.
    pub(super) fn append(&mut self, index: u64, term: u64) -> bool {
        if self.last.checked_add(1) != Some(index) {
            return false;
        }
        if self.terms.last().is_none_or(|&(_, last)| last != term) {
            self.terms.push((index, term));
        }
        self.last = index;
        true
    }

    /// What contradicts itself in a record; only damage or a mistake of ours can.
    pub(super) fn contradiction(&self) -> Option<&'static str> {
        let runs: Vec<u64> = self.terms.iter().map(|&(from, _)| from).collect();
        let (base, first, last) = (self.base.index, self.start.first, self.last);
        if self.identity.is_none() && (base, first, last) != (0, 0, 0) {
            Some("it has a log and no owner")
        } else if last < base || (self.identity.is_some() && !(1..=base + 1).contains(&first)) {
            Some("its log has a gap")
        } else if runs.first().copied() != (last >= first && last > 0).then_some(first) {
            Some("the terms of its log are not those of its entries")
        } else if !runs.is_sorted_by(|a, b| a < b) || runs.last().is_some_and(|run| *run > last) {
            Some("the terms of its log are not in order")
        } else if self.state.is_none() && base > 0 {
            Some("its log begins behind a state that is not there")
        } else {
            None
        }
    }
}

impl View {
    /// Where the entry at `index` is, and the term that it must have if that is known.
    pub(super) fn place(&self, index: u64) -> Option<(u32, Option<u64>)> {
        if index > self.last {
            None
        } else if index >= self.first && index > 0 {
            let run = self.terms.partition_point(|&(from, _)| from <= index);
            let term = run.checked_sub(1).and_then(|run| self.terms.get(run));
            Some((self.generation, term.map(|&(_, term)| term)))
        } else {
            self.kept.find(index).map(|generation| (generation, None))
        }
    }

    /// Takes the entries from `from` on out of sight.
    pub(super) fn cut(&mut self, from: u64) {
        self.epoch += 1;
        self.last = self.last.min(from.saturating_sub(1));
    }
}

/// The runs of terms in the log from `first` on.
fn from(terms: &[(u64, u64)], first: u64, last: u64) -> Vec<(u64, u64)> {
    if first > last {
        return Vec::new();
    }
    let begun = terms.partition_point(|&(from, _)| from <= first);
    let cut = terms[..begun].last().map(|&(_, term)| (first, term));
    cut.into_iter().chain(terms[begun..].iter().copied()).collect()
}
