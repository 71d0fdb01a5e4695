//! Reads entries while the owner writes.

use std::error::Error;
use std::fs::File;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use multibeam_ledger::node::disk::{LogEntry, ReadLog};

use super::StoreError;
use super::content::View;
use super::engine::{Engine, Found};

/// What readers share with the owner.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) engine: Engine,
    view: RwLock<View>,
    // Behind `engine`: a reader that outlives its store keeps sled's files open.
    _lock: Arc<File>,
}

impl Reader {
    pub(super) fn new(engine: Engine, view: View, lock: Arc<File>) -> Self {
        Self { engine, view: RwLock::new(view), _lock: lock }
    }

    pub(super) fn view(&self) -> View {
        self.view.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn show(&self, view: View) {
        *self.view.write().unwrap_or_else(PoisonError::into_inner) = view;
    }

    pub(super) fn read(&self, index: u64) -> Result<Option<LogEntry>, StoreError> {
        loop {
            let view = self.view();
            let Some((generation, term)) = view.place(index) else {
                return Ok(None);
            };
            let what = match self.engine.object(generation, index)? {
                Found::Object(bytes) => match LogEntry::decode(index, Bytes::from(bytes)) {
                    Some(entry) if term.is_none_or(|term| term == entry.term) => {
                        return Ok(Some(entry));
                    }
                    Some(_) => "is of another term than it was",
                    None => "is none",
                },
                Found::Nothing => "is missing",
                Found::Broken(what) => what,
            };
            // The owner takes entries out of sight before it touches them, and an entry is touched
            // only then. If nothing went out of sight, it is damage.
            if self.view().epoch == view.epoch {
                return Err(self.engine.damaged(format!("entry {index} {what}")));
            }
        }
    }
}

impl ReadLog for Reader {
    fn entry(&self, index: u64) -> Result<Option<LogEntry>, Box<dyn Error + Send + Sync>> {
        self.read(index).map_err(Into::into)
    }
}
