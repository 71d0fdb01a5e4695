//! A disk in memory: for tests of everything above the storage.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use multibeam_ledger::node::disk::{Base, Compact, Install, LogEntry, ReadLog, Recovered, Write};

use super::StoreError;
use super::content::{Content, Staged};
use super::disk::{Disk, Identity, SharedReader};
use super::layout::FIRST;

/// A node's disk in memory. Clones share what is on it, so a test can "restart" on what is left.
#[derive(Clone, Debug, Default)]
pub struct MemoryDisk(Arc<Mutex<Shared>>);

/// How often a disk was written to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Writes {
    /// Calls of [`Disk::write`].
    pub writes: usize,
    /// How many of them were to be synced.
    pub synced: usize,
    /// How many entries each of them brought, in order; those without any left out.
    pub batches: Vec<usize>,
    /// Calls of [`Disk::compact`].
    pub compactions: usize,
    /// Calls of [`Disk::install`].
    pub installs: usize,
}

#[derive(Debug, Default)]
struct Shared {
    now: Image,
    /// What a crash leaves; only if the disk is one that forgets.
    durable: Option<Image>,
    /// What changed since it was durable.
    unsynced: Vec<Change>,
    writes: Writes,
    failing: bool,
}

#[derive(Clone, Debug, Default)]
struct Image {
    content: Content,
    state: Vec<u8>,
    entries: BTreeMap<(u32, u64), LogEntry>,
    staged: Option<Staged>,
    /// The last generation that was given out.
    generation: u32,
}

#[derive(Clone, Debug)]
enum Change {
    Found(Identity, Base, Vec<u8>),
    Write(Write),
    Compact(Compact),
    Forget(Vec<u64>),
    Retain(Vec<u64>),
    Stage(Vec<LogEntry>),
    Unstage,
    Install(Install),
    Tidy,
}

impl MemoryDisk {
    /// A disk that can [`MemoryDisk::crash`]. It holds everything twice.
    #[must_use]
    pub fn forgetful() -> Self {
        let shared = Shared { durable: Some(Image::default()), ..Shared::default() };
        Self(Arc::new(Mutex::new(shared)))
    }

    /// The process ends: what was staged is gone. Readers that are left over see what follows.
    pub fn restart(&self) {
        let shared = &mut *self.lock();
        shared.now.unstage();
        shared.unsynced.push(Change::Unstage);
        shared.failing = false;
    }

    /// The power is cut: what was not synced is gone as well, on a disk that forgets.
    pub fn crash(&self) {
        let shared = &mut *self.lock();
        if let Some(durable) = &mut shared.durable {
            durable.unstage();
            shared.now = durable.clone();
            shared.unsynced.clear();
        }
        shared.now.unstage();
        shared.failing = false;
    }

    /// Every call that writes fails from now on, until the next restart or crash.
    pub fn fail(&self) {
        self.lock().failing = true;
    }

    /// How often it was written to since it was made.
    #[must_use]
    pub fn writes(&self) -> Writes {
        self.lock().writes.clone()
    }

    /// How many entries lie on it, those included that still have to be removed.
    #[must_use]
    pub fn stored(&self) -> usize {
        self.lock().now.entries.len()
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: Change, sync: bool) -> Result<bool, StoreError> {
        let shared = &mut *self.lock();
        if shared.failing {
            return Err(StoreError::Broken { dir: dir() });
        }
        let more = shared.now.apply(&change)?;
        if let Some(durable) = &mut shared.durable {
            shared.unsynced.push(change);
            if sync {
                for change in shared.unsynced.drain(..) {
                    durable.apply(&change)?;
                }
            }
        }
        Ok(more)
    }
}

impl Image {
    fn apply(&mut self, change: &Change) -> Result<bool, StoreError> {
        let unfit = |what| StoreError::Unfit { dir: dir(), what };
        match change {
            Change::Found(identity, base, state) => {
                if let Some(identity) = self.content.record.identity.clone() {
                    return Err(StoreError::Founded { dir: dir(), identity });
                }
                self.content.found(identity, base, FIRST);
                self.generation = FIRST;
                self.state = state.clone();
            }
            Change::Write(write) => {
                let replaced = self.content.write(write).map_err(unfit)?;
                let generation = self.content.record.generation;
                for index in replaced.into_iter().flat_map(|(first, last)| first..=last) {
                    self.entries.remove(&(generation, index));
                }
                for entry in &write.entries {
                    self.entries.insert((generation, entry.index), entry.clone());
                }
            }
            Change::Compact(compact) => {
                self.content.compact(compact).map_err(unfit)?;
                self.state.clone_from(&compact.state);
            }
            Change::Forget(payloads) => {
                self.content.let_go(|index| !payloads.contains(&index));
            }
            Change::Retain(payloads) => {
                self.content.let_go(|index| payloads.contains(&index));
            }
            Change::Stage(entries) => {
                let mut staged = self.staging();
                for entry in entries {
                    self.entries.insert((staged.generation, entry.index), entry.clone());
                    staged.indexes.push(entry.index);
                }
                self.staged = Some(staged);
            }
            Change::Unstage => self.unstage(),
            Change::Install(install) => {
                let staged = self.staging();
                self.content.install(install, staged).map_err(unfit)?;
                self.generation = self.content.record.generation;
                self.state.clone_from(&install.state);
            }
            Change::Tidy => {
                let doomed = Arc::make_mut(&mut self.content.doomed);
                if let Some(place) = doomed.last() {
                    self.entries.remove(&place);
                    doomed.remove_last();
                }
            }
        }
        Ok(!self.content.doomed.is_empty())
    }

    fn unstage(&mut self) {
        if let Some(staged) = self.staged.take() {
            self.entries.retain(|&(generation, _), _| generation != staged.generation);
        }
    }

    fn staging(&mut self) -> Staged {
        self.staged.take().unwrap_or_else(|| {
            self.generation += 1;
            Staged { generation: self.generation, indexes: Vec::new() }
        })
    }
}

impl Disk for MemoryDisk {
    fn damage(&self) -> Option<StoreError> {
        None
    }

    fn prepare(&mut self, _compact: &Compact) -> Result<bool, StoreError> {
        Ok(false)
    }

    fn recovered(&self) -> Result<Recovered, StoreError> {
        let shared = self.lock();
        Ok(shared.now.content.recovered(shared.now.state.clone()))
    }

    fn identity(&self) -> Option<Identity> {
        self.lock().now.content.record.identity.clone()
    }

    fn found(&mut self, identity: &Identity, base: &Base, state: &[u8]) -> Result<(), StoreError> {
        // As on a real disk, there is no state before index 1.
        let state = if base.index > 0 { state.to_vec() } else { Vec::new() };
        self.change(Change::Found(identity.clone(), base.clone(), state), true).map(|_| ())
    }

    fn write(&mut self, write: &Write) -> Result<(), StoreError> {
        self.change(Change::Write(write.clone()), write.sync)?;
        let writes = &mut self.lock().writes;
        writes.writes += 1;
        writes.synced += usize::from(write.sync);
        writes.batches.extend(Some(write.entries.len()).filter(|&entries| entries > 0));
        Ok(())
    }

    fn compact(&mut self, compact: &Compact) -> Result<(), StoreError> {
        self.change(Change::Compact(compact.clone()), true)?;
        self.lock().writes.compactions += 1;
        Ok(())
    }

    fn tidy(&mut self) -> Result<bool, StoreError> {
        self.change(Change::Tidy, false)
    }

    fn forget(&mut self, payloads: &[u64]) -> Result<(), StoreError> {
        self.change(Change::Forget(payloads.to_vec()), false).map(|_| ())
    }

    fn retain(&mut self, payloads: &[u64]) -> Result<(), StoreError> {
        self.change(Change::Retain(payloads.to_vec()), false).map(|_| ())
    }

    fn stage(&mut self, entries: &[LogEntry]) -> Result<(), StoreError> {
        self.change(Change::Stage(entries.to_vec()), false).map(|_| ())
    }

    fn unstage(&mut self) -> Result<(), StoreError> {
        self.change(Change::Unstage, false).map(|_| ())
    }

    fn install(&mut self, install: &Install) -> Result<(), StoreError> {
        self.change(Change::Install(install.clone()), true)?;
        self.lock().writes.installs += 1;
        Ok(())
    }

    fn reader(&self) -> SharedReader {
        Arc::new(self.clone())
    }
}

impl ReadLog for MemoryDisk {
    fn entry(&self, index: u64) -> Result<Option<LogEntry>, Box<dyn Error + Send + Sync>> {
        let shared = self.lock();
        let Some((generation, _)) = shared.now.content.view(0).place(index) else {
            return Ok(None);
        };
        let what = || format!("entry {index} is missing");
        let entry = shared.now.entries.get(&(generation, index)).cloned();
        let damaged = || StoreError::Damaged { dir: dir(), what: what() };
        Ok(Some(entry.ok_or_else(damaged)?))
    }
}

fn dir() -> PathBuf {
    PathBuf::from("memory")
}
