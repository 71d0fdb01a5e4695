//! A log that forgets: for tests of everything above the storage.

use std::sync::{Arc, Mutex, PoisonError};

use super::{Log, ReadLog, StoreError};

/// A log in memory. Clones share their entries, so a test can "restart" on what is left.
#[derive(Clone, Debug, Default)]
pub struct MemoryLog {
    entries: Arc<Mutex<Vec<Vec<u8>>>>,
    batches: Arc<Mutex<Vec<usize>>>,
}

impl MemoryLog {
    /// How many entries each append brought, in order.
    #[must_use]
    pub fn batches(&self) -> Vec<usize> {
        self.batches.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Log for MemoryLog {
    fn last_index(&self) -> u64 {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).len() as u64
    }

    fn append(&mut self, entries: &[&[u8]]) -> Result<(), StoreError> {
        let mut all = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        all.extend(entries.iter().map(|entry| entry.to_vec()));
        self.batches.lock().unwrap_or_else(PoisonError::into_inner).push(entries.len());
        Ok(())
    }

    fn reader(&self) -> Arc<dyn ReadLog> {
        Arc::new(self.clone())
    }
}

impl ReadLog for MemoryLog {
    fn read(&self, index: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let all = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let place = index.checked_sub(1).and_then(|place| usize::try_from(place).ok());
        Ok(place.and_then(|place| all.get(place).cloned()))
    }
}
