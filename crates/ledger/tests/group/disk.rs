//! A disk in memory: what was written and synced survives a crash, what was not does not.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::error::Error;
use std::rc::Rc;

use multibeam_ledger::node::disk::{
    Compact, HardState, Install, LogEntry, ReadLog, Recovered, Start, Write,
};

#[derive(Clone, Debug, Default)]
struct Content {
    recovered: Recovered,
    log: BTreeMap<u64, LogEntry>,
    kept: BTreeMap<u64, LogEntry>,
    staged: BTreeMap<u64, LogEntry>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Disk(Rc<RefCell<Content>>);

impl Disk {
    pub(crate) fn founded(recovered: Recovered) -> Self {
        Self(Rc::new(RefCell::new(Content { recovered, ..Content::default() })))
    }

    pub(crate) fn recovered(&self) -> Recovered {
        let content = self.0.borrow();
        let mut recovered = content.recovered.clone();
        recovered.last = content.log.keys().next_back().copied().unwrap_or(recovered.base.index);
        for entry in content.log.values() {
            if recovered.terms.last().is_none_or(|(_, term)| *term != entry.term) {
                recovered.terms.push((entry.index, entry.term));
            }
        }
        recovered
    }

    pub(crate) fn write(&self, write: &Write) {
        let mut content = self.0.borrow_mut();
        if let Some(first) = write.entries.first() {
            content.log.retain(|index, _| *index < first.index);
        }
        content.log.extend(write.entries.iter().map(|entry| (entry.index, entry.clone())));
        if let Some(hard) = write.hard {
            content.recovered.hard = hard;
        }
    }

    pub(crate) fn compact(&self, compact: &Compact) {
        let mut content = self.0.borrow_mut();
        content.recovered.base = compact.base.clone();
        content.recovered.state.clone_from(&compact.state);
        content.recovered.start = compact.start;
        let behind = content.log.split_off(&compact.start.first);
        let gone = std::mem::replace(&mut content.log, behind);
        content.kept.extend(gone.into_iter().filter(|(index, _)| compact.keep.contains(index)));
    }

    pub(crate) fn forget(&self, payloads: &[u64]) {
        let mut content = self.0.borrow_mut();
        for index in payloads {
            content.kept.remove(index);
        }
    }

    pub(crate) fn stage(&self, entries: impl IntoIterator<Item = LogEntry>) {
        let staged = entries.into_iter().map(|entry| (entry.index, entry));
        self.0.borrow_mut().staged.extend(staged);
    }

    pub(crate) fn unstage(&self) {
        self.0.borrow_mut().staged.clear();
    }

    pub(crate) fn install(&self, install: &Install) {
        let mut content = self.0.borrow_mut();
        let old = std::mem::take(&mut content.log);
        content.kept.extend(old);
        let staged = std::mem::take(&mut content.staged);
        content.kept.extend(staged);
        let base = install.base.clone();
        content.recovered.hard = install.hard;
        content.recovered.start = Start { first: base.index + 1, before: base.term };
        content.recovered.state.clone_from(&install.state);
        content.recovered.base = base;
    }

    pub(crate) fn hard(&self) -> HardState {
        self.0.borrow().recovered.hard
    }

    /// How many entries the log has, and how many are kept besides.
    pub(crate) fn sizes(&self) -> (usize, usize) {
        let content = self.0.borrow();
        (content.log.len(), content.kept.len())
    }
}

impl ReadLog for Disk {
    fn entry(&self, index: u64) -> Result<Option<LogEntry>, Box<dyn Error + Send + Sync>> {
        let content = self.0.borrow();
        Ok(content.log.get(&index).or_else(|| content.kept.get(&index)).cloned())
    }
}
