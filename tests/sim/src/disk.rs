//! The disk of a node: what was synced survives a crash, of what was not a part may.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::error::Error;
use std::rc::Rc;

use multibeam_ledger::node::disk::{
    Base, Compact, HardState, Install, LogEntry, ReadLog, Recovered, Start, Write,
};

use crate::rng::Rng;

/// A change of what the disk holds.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Write(Write),
    Compact(Compact),
    Forget(Vec<u64>),
    /// A state from elsewhere, with the payloads that were staged for it.
    Install(Box<Install>, Vec<LogEntry>),
}

/// What the disk holds.
#[derive(Clone, Debug, Default)]
struct Content {
    base: Base,
    state: Rc<Vec<u8>>,
    hard: HardState,
    start: Start,
    log: BTreeMap<u64, LogEntry>,
    kept: BTreeMap<u64, LogEntry>,
}

/// What a disk does wrong on purpose.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Defects {
    pub(crate) hard_not_written: bool,
    pub(crate) suffix_kept: bool,
}

/// The disk.
#[derive(Debug)]
pub(crate) struct Disk {
    live: Rc<RefCell<Content>>,
    durable: Content,
    pending: Vec<Op>,
    staged: Vec<LogEntry>,
    defects: Defects,
}

/// A node's way to its log.
#[derive(Clone, Debug)]
pub(crate) struct Reader(Rc<RefCell<Content>>);

impl ReadLog for Reader {
    fn entry(&self, index: u64) -> Result<Option<LogEntry>, Box<dyn Error + Send + Sync>> {
        Ok(self.0.borrow().entry(index))
    }
}

// === impl Disk ===

impl Disk {
    pub(crate) fn founded(recovered: &Recovered, defects: Defects) -> Self {
        let content = Content {
            base: recovered.base.clone(),
            state: Rc::new(recovered.state.clone()),
            hard: recovered.hard,
            start: recovered.start,
            ..Content::default()
        };
        Self {
            live: Rc::new(RefCell::new(content.clone())),
            durable: content,
            pending: Vec::new(),
            staged: Vec::new(),
            defects,
        }
    }

    pub(crate) fn reader(&self) -> Reader {
        Reader(Rc::clone(&self.live))
    }

    /// What a node that starts now begins with.
    pub(crate) fn recovered(&self) -> Recovered {
        let content = self.live.borrow();
        let mut terms: Vec<(u64, u64)> = Vec::new();
        for entry in content.log.values() {
            if terms.last().is_none_or(|(_, term)| *term != entry.term) {
                terms.push((entry.index, entry.term));
            }
        }
        Recovered {
            base: content.base.clone(),
            state: content.state.to_vec(),
            hard: content.hard,
            start: content.start,
            terms,
            last: content.log.keys().next_back().copied().unwrap_or(content.start.first - 1),
        }
    }

    /// Carries a change out; it may be lost until the next [`Disk::sync`].
    pub(crate) fn put(&mut self, mut op: Op) {
        if let Op::Write(write) = &mut op
            && self.defects.hard_not_written
        {
            write.hard = None;
        }
        self.live.borrow_mut().apply(&op, self.defects);
        self.pending.push(op);
    }

    pub(crate) fn sync(&mut self) {
        for op in std::mem::take(&mut self.pending) {
            self.durable.apply(&op, self.defects);
        }
    }

    /// A crash: some of what was not synced is on the disk all the same, from its beginning on.
    pub(crate) fn crash(&mut self, under_way: Vec<Op>, rng: &mut Rng) -> bool {
        self.pending.extend(under_way);
        let survives = rng.place(self.pending.len() + 1);
        let lost = survives < self.pending.len();
        for op in std::mem::take(&mut self.pending).into_iter().take(survives) {
            self.durable.apply(&op, self.defects);
        }
        self.staged.clear();
        // A new cell: a node that is still in memory must not see it.
        self.live = Rc::new(RefCell::new(self.durable.clone()));
        lost
    }

    pub(crate) fn stage(&mut self, entries: Vec<LogEntry>) {
        self.staged = entries;
    }

    pub(crate) fn take_staged(&mut self) -> Vec<LogEntry> {
        std::mem::take(&mut self.staged)
    }

    pub(crate) fn entry(&self, index: u64) -> Option<LogEntry> {
        self.live.borrow().entry(index)
    }

    pub(crate) fn commit(&self) -> u64 {
        self.live.borrow().hard.commit
    }

    /// Whether the entry with this index and term would survive a crash now.
    pub(crate) fn is_durable(&self, index: u64, term: u64) -> bool {
        let content = &self.durable;
        content.base.index >= index
            || content.log.get(&index).is_some_and(|entry| entry.term == term)
    }
}

// === impl Content ===

impl Content {
    fn entry(&self, index: u64) -> Option<LogEntry> {
        self.log.get(&index).or_else(|| self.kept.get(&index)).cloned()
    }

    fn apply(&mut self, op: &Op, defects: Defects) {
        match op {
            Op::Write(write) => {
                if let Some(first) = write.entries.first()
                    && !defects.suffix_kept
                {
                    self.log.split_off(&first.index);
                }
                self.log.extend(write.entries.iter().map(|entry| (entry.index, entry.clone())));
                if let Some(hard) = write.hard {
                    self.hard = hard;
                }
            }
            Op::Compact(compact) => {
                self.base = compact.base.clone();
                self.state = Rc::new(compact.state.clone());
                self.start = compact.start;
                let behind = self.log.split_off(&compact.start.first);
                let gone = std::mem::replace(&mut self.log, behind);
                let stays = |(index, _): &(u64, LogEntry)| compact.keep.contains(index);
                self.kept.extend(gone.into_iter().filter(stays));
            }
            Op::Forget(indices) => {
                for index in indices {
                    self.kept.remove(index);
                }
            }
            Op::Install(install, staged) => {
                let committed = self.hard.commit;
                let old = std::mem::take(&mut self.log);
                self.kept.extend(old.into_iter().filter(|(index, _)| *index <= committed));
                self.kept.extend(staged.iter().map(|entry| (entry.index, entry.clone())));
                let base = install.base.clone();
                self.hard = install.hard;
                self.start = Start { first: base.index + 1, before: base.term };
                self.state = Rc::new(install.state.clone());
                self.base = base;
            }
        }
    }
}
