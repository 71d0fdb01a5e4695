//! Reads a directory from end to end and says what is wrong with it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use multibeam_ledger::Ledger;
use multibeam_ledger::node::disk::{LogEntry, NodeId};

use super::StoreError;
use super::dir::{Dir, io_error};
use super::disk::Disk;
use super::durable::Store;
use super::engine::Found;

/// How many findings are listed; when there are more, the rest is only counted.
const MOST: usize = 200;

/// What a directory holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// The member that wrote it; `None` on a fresh one.
    pub node: Option<NodeId>,
    /// The member's group.
    pub group: Option<String>,
    /// Up to where the state goes.
    pub base: u64,
    /// The first entry of the log.
    pub first: u64,
    /// The last one; less than the first when there is none.
    pub last: u64,
    /// Up to where the log was known to be committed.
    pub committed: u64,
    /// How many entries the log has.
    pub entries: u64,
    /// How many are kept before it for their payloads.
    pub kept: u64,
    /// Bytes of all these entries as they were proposed.
    pub bytes: u64,
    /// Bytes of the state.
    pub state_bytes: u64,
}

/// What [`check`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// What the directory holds; without what could not be read.
    pub summary: Summary,
    /// What is wrong and where, one line each. Empty: everything is as it was written.
    pub findings: Vec<String>,
    /// How many more findings there are.
    pub more: u64,
}

/// Reads everything in `dir` and says what is wrong. Changes nothing there: the storage engine
/// mends what it can when it opens files, so it gets a copy, under the name `CHECK` in the same
/// directory and removed afterwards. There must be room for that.
///
/// # Errors
/// When the directory is in use, holds another format or nothing, or there is no room for the copy.
/// Damage is no error here but a finding.
pub fn check(dir: &Path) -> Result<Report, StoreError> {
    let original = Dir::open_existing(dir)?;
    let copy = Copy::of(dir)?;
    let mut report = Report::default();
    match Store::open_existing(&copy.0) {
        Ok(store) => report.examine(&store),
        Err(StoreError::Damaged { what, .. }) => report.find(what),
        Err(StoreError::Engine(e)) => report.find(e.to_string()),
        Err(error) => return Err(error),
    }
    drop(copy);
    drop(original);
    Ok(report)
}

impl Report {
    /// Whether everything is as it was written.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.findings.is_empty()
    }

    pub(super) fn find(&mut self, what: String) {
        if self.findings.len() < MOST {
            self.findings.push(what);
        } else {
            self.more += 1;
        }
    }

    fn find_error(&mut self, error: StoreError) {
        self.find(match error {
            StoreError::Damaged { what, .. } => what,
            error => error.to_string(),
        });
    }

    /// Reads all of an open store, one entry in memory at a time.
    pub(super) fn examine(&mut self, store: &Store) {
        self.summary = store.summary();
        let record = &store.content.record;
        let mut ledger = None;
        match store.recovered() {
            Ok(recovered) if recovered.base.index > 0 => {
                self.summary.state_bytes = recovered.state.len() as u64;
                match Ledger::from_snapshot(&recovered.state) {
                    Ok(state) => ledger = Some(state),
                    Err(e) => self.find(format!("the state at {}: {e}", record.base.index)),
                }
            }
            Ok(_) => {}
            Err(error) => self.find_error(error),
        }
        for (generation, index) in store.content.kept.iter() {
            match store.kept_entry(generation, index) {
                Ok(entry) => self.summary.bytes += entry.data.len() as u64,
                Err(error) => self.find_error(error),
            }
        }
        for index in record.start.first.max(1)..=record.last {
            match store.reader.read(index) {
                Ok(Some(entry)) => self.summary.bytes += entry.data.len() as u64,
                Ok(None) => self.find(format!("entry {index} is missing")),
                Err(error) => self.find_error(error),
            }
        }
        // The log's own payloads were looked at above.
        let payloads = ledger.map(|ledger| ledger.payloads(..record.start.first));
        for index in payloads.into_iter().flatten() {
            if store.content.kept.find(index).is_none() {
                self.find(format!("entry {index} is missing, whose payload the state refers to"));
            }
        }
    }
}

impl Store {
    /// What the record says is there.
    pub(super) fn summary(&self) -> Summary {
        let record = &self.content.record;
        Summary {
            node: record.identity.as_ref().map(|identity| identity.node),
            group: record.identity.as_ref().map(|identity| identity.group.clone()),
            base: record.base.index,
            first: record.start.first,
            last: record.last,
            committed: record.hard.commit.max(record.base.index),
            entries: (record.last + 1).saturating_sub(record.start.first.max(1)),
            kept: self.content.kept.len() as u64,
            bytes: 0,
            state_bytes: 0,
        }
    }

    /// An entry that is kept before the log.
    pub(super) fn kept_entry(&self, generation: u32, index: u64) -> Result<LogEntry, StoreError> {
        let engine = &self.writer.engine;
        let what = match engine.frame(generation, index)? {
            Found::Object(frame) => match frame.entry(index) {
                Some(entry) => return Ok(entry.clone()),
                None => "is missing",
            },
            Found::Nothing => "is missing",
            Found::Broken(what) => what,
        };
        Err(engine.damaged(format!("entry {index} {what}")))
    }
}

/// A copy of a store, removed when it is dropped.
struct Copy(PathBuf);

impl Copy {
    fn of(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join("CHECK");
        // What a check has left that was killed.
        remove(&path)?;
        let copy = Self(path);
        for part in ["FORMAT", "MARK", "log"] {
            copy_all(&dir.join(part), &copy.0.join(part))?;
        }
        Ok(copy)
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        // The next check removes it if this one cannot.
        let _ = remove(&self.0);
    }
}

fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_dir_all(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(io_error("remove", path, e)),
        _ => Ok(()),
    }
}

fn copy_all(from: &Path, to: &Path) -> Result<(), StoreError> {
    let parent = to.parent().unwrap_or(to);
    fs::create_dir_all(parent).map_err(|e| io_error("create", parent, e))?;
    let is_dir = match fs::metadata(from) {
        Ok(metadata) => metadata.is_dir(),
        // It is missed when the copy is opened.
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(io_error("read", from, e)),
    };
    if !is_dir {
        return fs::copy(from, to).map(|_| ()).map_err(|e| io_error("write", to, e));
    }
    fs::create_dir_all(to).map_err(|e| io_error("create", to, e))?;
    for entry in fs::read_dir(from).map_err(|e| io_error("read", from, e))? {
        let name = entry.map_err(|e| io_error("read", from, e))?.file_name();
        copy_all(&from.join(&name), &to.join(&name))?;
    }
    Ok(())
}
