//! Which directories the other members have, so that one that has lost its own is noticed.
//!
//! A member that comes back with an empty directory has forgotten its votes and what it has
//! acknowledged. Under its old number it could, with another that lags, be a majority that knows
//! nothing of what was durable. So every directory has a number of its own, drawn when it is first
//! used and told in each envelope; the others write it down before they hear anything else of it,
//! and hear nothing of a member that comes with another one.
//!
//! What is written down stays, also when the member is removed. Who is a member is a matter of how much
//! of the log a node has: one that lags would forget a member that was added meanwhile, and take it for
//! a new one when it comes back empty. So the number of a removed member is used up.

use std::collections::BTreeMap;
use std::fs;
use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use multibeam_ledger::node::disk::NodeId;
use serde::{Deserialize, Serialize};

use super::StoreError;
use super::dir::{io_error, write_whole};

/// The file in a member's directory.
const FILE: &str = "MEMBERS";

/// What a member knows of its own directory and those of the others.
#[derive(Debug)]
pub struct Acquaintances {
    /// Where it is written down; nowhere for members without a directory.
    path: Option<PathBuf>,
    known: Mutex<Known>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    /// The number of this member's directory.
    own: u64,
    /// Those of the others, as they came first.
    others: BTreeMap<NodeId, u64>,
}

// === impl Acquaintances ===

impl Acquaintances {
    /// What is written down in a member's directory. A directory that has nothing yet gets a number.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join(FILE);
        let known = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| StoreError::Damaged {
                dir: dir.to_owned(),
                what: format!("its {FILE} file cannot be read ({error})"),
            })?,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                let known = Known { own: draw(), ..Known::default() };
                write(&path, &known)?;
                known
            }
            Err(e) => return Err(io_error("read", &path, e)),
        };
        Ok(Self { path: Some(path), known: Mutex::new(known) })
    }

    /// Those of a member that keeps nothing, with a number that it is given.
    #[must_use]
    pub fn unwritten(own: u64) -> Self {
        let known = Known { own, ..Known::default() };
        Self { path: None, known: Mutex::new(known) }
    }

    /// The number of this member's own directory.
    #[must_use]
    pub fn own(&self) -> u64 {
        self.lock().own
    }

    /// The number of a member's directory, if it was heard before.
    #[must_use]
    pub fn of(&self, node: NodeId) -> Option<u64> {
        self.lock().others.get(&node).copied()
    }

    /// Whether a member has the directory that it had when it was first heard. The first time it is
    /// written down, durably when this returns.
    ///
    /// # Errors
    /// When it cannot be written down.
    pub fn meet(&self, node: NodeId, number: u64) -> Result<bool, StoreError> {
        let mut known = self.lock();
        if let Some(before) = known.others.get(&node) {
            return Ok(*before == number);
        }
        let mut now = known.clone();
        now.others.insert(node, number);
        self.put(&mut known, now)?;
        Ok(true)
    }

    /// Forgets all others: this member goes on alone, in a group with another name, where theirs may be
    /// given to new ones.
    ///
    /// # Errors
    /// When that cannot be written down.
    pub(super) fn forget_others(&self) -> Result<(), StoreError> {
        let mut known = self.lock();
        let now = Known { own: known.own, ..Known::default() };
        self.put(&mut known, now)
    }

    fn put(&self, known: &mut Known, now: Known) -> Result<(), StoreError> {
        if let Some(path) = &self.path {
            write(path, &now)?;
        }
        *known = now;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Never 0: that is what members send that do not know their directory's number.
fn draw() -> u64 {
    RandomState::new().hash_one(multibeam_rt::clock::wall_ns()).max(1)
}

fn write(path: &Path, known: &Known) -> Result<(), StoreError> {
    let bytes = serde_json::to_vec(known).map_err(|e| io_error("write", path, e.into()))?;
    write_whole(path, &bytes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;

    #[test]
    fn another_directory_is_noticed_also_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let first = Acquaintances::open(dir.path()).unwrap();
        assert!(first.meet(NodeId(2), 7).unwrap());
        assert!(first.meet(NodeId(2), 7).unwrap());
        assert!(!first.meet(NodeId(2), 8).unwrap());
        let again = Acquaintances::open(dir.path()).unwrap();
        assert_eq!(again.own(), first.own());
        assert!(!again.meet(NodeId(2), 8).unwrap());
        again.forget_others().unwrap();
        let alone = Acquaintances::open(dir.path()).unwrap();
        assert_eq!(alone.own(), first.own());
        assert!(alone.meet(NodeId(2), 8).unwrap(), "it is one of another group");
    }

    #[test]
    fn no_two_directories_have_the_same_number() {
        let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let [a, b] = dirs.each_ref().map(|dir| Acquaintances::open(dir.path()).unwrap().own());
        assert!(a != b && a != 0 && b != 0);
    }
}
