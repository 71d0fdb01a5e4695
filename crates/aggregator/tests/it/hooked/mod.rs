//! A disk in memory that asks the test before it writes commands.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use multibeam_aggregator::StoreError;
use multibeam_aggregator::store::{Disk, Identity, MemoryDisk, SharedReader};
use multibeam_ledger::node::disk::{Base, Compact, Install, LogEntry, Recovered, Write};
use multibeam_model::command::Command;

/// Is told how many commands of others are to be written; what it gives is what becomes of the write.
type Hook = Box<dyn FnMut(usize) -> Result<(), StoreError> + Send>;

/// The command of an entry, if it is one of others: a leader raises the format of its own accord,
/// at a moment that no test knows.
pub(crate) fn command(data: &[u8]) -> Option<Command> {
    let command = (!data.is_empty()).then(|| Command::decode(data).unwrap())?;
    (!matches!(command, Command::Raise { .. })).then_some(command)
}

pub(crate) struct Hooked {
    inner: MemoryDisk,
    on_write: Hook,
    damaged: Arc<AtomicBool>,
}

impl Hooked {
    pub(crate) fn new(
        inner: MemoryDisk,
        on_write: impl FnMut(usize) -> Result<(), StoreError> + Send + 'static,
    ) -> Self {
        Self { inner, on_write: Box::new(on_write), damaged: Arc::default() }
    }

    /// Set, it makes the disk a damaged one.
    pub(crate) fn damaged(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.damaged)
    }
}

impl Disk for Hooked {
    fn recovered(&self) -> Result<Recovered, StoreError> {
        self.inner.recovered()
    }

    fn identity(&self) -> Option<Identity> {
        self.inner.identity()
    }

    fn found(&mut self, who: &Identity, base: &Base, state: &[u8]) -> Result<(), StoreError> {
        self.inner.found(who, base, state)
    }

    fn write(&mut self, write: &Write) -> Result<(), StoreError> {
        let commands = write.entries.iter().filter_map(|entry| command(&entry.data)).count();
        if commands > 0 {
            (self.on_write)(commands)?;
        }
        self.inner.write(write)
    }

    fn prepare(&mut self, compact: &Compact) -> Result<bool, StoreError> {
        self.inner.prepare(compact)
    }

    fn compact(&mut self, compact: &Compact) -> Result<(), StoreError> {
        self.inner.compact(compact)
    }

    fn tidy(&mut self) -> Result<bool, StoreError> {
        self.inner.tidy()
    }

    fn forget(&mut self, payloads: &[u64]) -> Result<(), StoreError> {
        self.inner.forget(payloads)
    }

    fn retain(&mut self, payloads: &[u64]) -> Result<(), StoreError> {
        self.inner.retain(payloads)
    }

    fn stage(&mut self, entries: &[LogEntry]) -> Result<(), StoreError> {
        self.inner.stage(entries)
    }

    fn unstage(&mut self) -> Result<(), StoreError> {
        self.inner.unstage()
    }

    fn install(&mut self, install: &Install) -> Result<(), StoreError> {
        self.inner.install(install)
    }

    fn damage(&self) -> Option<StoreError> {
        let damaged = self.damaged.load(Ordering::Relaxed);
        damaged.then(|| StoreError::Damaged { dir: "disk".into(), what: "entry 7".to_owned() })
    }

    fn reader(&self) -> SharedReader {
        self.inner.reader()
    }
}
