//! Reads entries while the owner writes.

use std::error::Error;
use std::fs::File;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use multibeam_ledger::node::disk::{LogEntry, ReadLog};

use super::StoreError;
use super::content::View;
use super::engine::{Engine, Found};
use super::frame::Frame;

/// What readers share with the owner.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) engine: Engine,
    view: RwLock<View>,
    /// The frame that was read last: who reads entries reads them in order.
    recent: Mutex<Option<Recent>>,
    /// What was found damaged first.
    damage: OnceLock<String>,
    // Behind `engine`: a reader that outlives its store keeps sled's files open.
    _lock: Arc<File>,
}

#[derive(Debug)]
struct Recent {
    /// The view it was read in: what goes out of sight may be written anew.
    epoch: u64,
    generation: u32,
    frame: Frame,
}

impl Reader {
    pub(super) fn new(engine: Engine, view: View, lock: Arc<File>) -> Self {
        Self {
            engine,
            view: RwLock::new(view),
            recent: Mutex::new(None),
            damage: OnceLock::new(),
            _lock: lock,
        }
    }

    pub(super) fn view(&self) -> View {
        self.view.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn show(&self, view: View) {
        *self.view.write().unwrap_or_else(PoisonError::into_inner) = view;
    }

    /// What a read has found damaged, if any has.
    pub(super) fn damage(&self) -> Option<&str> {
        self.damage.get().map(String::as_str)
    }

    /// Reads an entry. Damage is remembered for the owner: a node that cannot give what it has
    /// acknowledged must not go on as if it could.
    pub(super) fn read(&self, index: u64) -> Result<Option<LogEntry>, StoreError> {
        let read = self.look_up(index);
        if let Err(error) = &read {
            let what = match error {
                StoreError::Damaged { what, .. } => what.clone(),
                other => other.to_string(),
            };
            let _ = self.damage.set(what);
        }
        read
    }

    fn look_up(&self, index: u64) -> Result<Option<LogEntry>, StoreError> {
        loop {
            let view = self.view();
            let Some((generation, term)) = view.place(index) else {
                return Ok(None);
            };
            let what = match self.find(view.epoch, generation, index)? {
                Found::Object(entry) if term.is_none_or(|term| term == entry.term) => {
                    return Ok(Some(entry));
                }
                Found::Object(_) => "is of another term than it was",
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

    fn find(&self, epoch: u64, generation: u32, index: u64) -> Result<Found<LogEntry>, StoreError> {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let known = recent.as_ref().filter(|it| (it.epoch, it.generation) == (epoch, generation));
        if let Some(entry) = known.and_then(|known| known.frame.entry(index)) {
            return Ok(Found::Object(entry.clone()));
        }
        Ok(match self.engine.frame(generation, index)? {
            Found::Object(frame) => {
                let entry = frame.entry(index).cloned();
                *recent = Some(Recent { epoch, generation, frame });
                entry.map_or(Found::Nothing, Found::Object)
            }
            Found::Nothing => Found::Nothing,
            Found::Broken(what) => Found::Broken(what),
        })
    }
}

impl ReadLog for Reader {
    fn entry(&self, index: u64) -> Result<Option<LogEntry>, Box<dyn Error + Send + Sync>> {
        self.read(index).map_err(Into::into)
    }
}
