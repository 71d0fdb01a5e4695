//! What a node of the group asks of its disk.
//!
//! The order of things is the core's business ([`multibeam_ledger::node`]); a disk keeps what it is
//! given, all of a call or nothing of it, and gives it back.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use multibeam_ledger::node::disk::{
    Base, Compact, Install, LogEntry, NodeId, ReadLog, Recovered, Write,
};
use serde::{Deserialize, Serialize};

use super::StoreError;

/// Who wrote a directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The member it belongs to.
    pub node: NodeId,
    /// The group that the member is of. Two groups never share a name, not even one after another.
    pub group: String,
}

/// Reads entries from any thread. Its errors are [`StoreError`]s.
pub type SharedReader = Arc<dyn ReadLog + Send + Sync>;

/// A node's disk. One owner writes; others read payloads and entries meanwhile.
///
/// Every call is recovered as a whole or not at all. After an error the disk must not be used
/// again: nobody knows then what is on it, and only the next start finds out.
pub trait Disk: Send + 'static {
    /// What a node begins with. Entries are read one by one through [`Disk::reader`].
    ///
    /// # Errors
    /// When the state cannot be read as it was written.
    fn recovered(&self) -> Result<Recovered, StoreError>;

    /// Who wrote this directory; `None` on a fresh one.
    fn identity(&self) -> Option<Identity>;

    /// The first start: notes whose directory this is, and where the node begins. A member of a
    /// new group begins at the base of its founding, one that will be added to a group at index 0
    /// without a state. The hard state begins at the base: its term, its index, no vote. Durable
    /// when it returns.
    ///
    /// # Errors
    /// [`StoreError::Founded`] when it is not the first start, or when the storage fails.
    fn found(&mut self, identity: &Identity, base: &Base, state: &[u8]) -> Result<(), StoreError>;

    /// Appends entries, replaces those that stand at their indexes or behind them, and changes the
    /// hard state. Durable when it returns, if `write.sync`; durable together with the next call
    /// that is, if not.
    ///
    /// # Errors
    /// [`StoreError::Unfit`] when the entries leave a gap or reach to the base; else when the
    /// storage fails.
    fn write(&mut self, write: &Write) -> Result<(), StoreError>;

    /// Writes a slice of the state of a compaction that is to come, so that [`Disk::compact`] has
    /// little left to do. True while more is left. Nothing counts and nothing is synced yet; a
    /// restart, an install, and a compaction with another base leave it to [`Disk::tidy`].
    ///
    /// # Errors
    /// When the storage fails.
    fn prepare(&mut self, compact: &Compact) -> Result<bool, StoreError>;

    /// Takes a newer state, and lets the log begin later. Durable when it returns. What is no longer
    /// needed is out of sight at once and is removed by [`Disk::tidy`].
    ///
    /// # Errors
    /// [`StoreError::Unfit`] when the new base or beginning is not in the log; else when the storage fails.
    fn compact(&mut self, compact: &Compact) -> Result<(), StoreError>;

    /// Removes one bounded slice of what is no longer needed, also of what earlier processes left.
    /// True while more is left. Nothing is synced.
    ///
    /// # Errors
    /// When the storage fails.
    fn tidy(&mut self) -> Result<bool, StoreError>;

    /// Lets go of entries that were kept for payloads that have expired. They are out of sight at
    /// once. Those that are in the log stay there until it begins behind them. Not synced: after a
    /// crash before the next call that is, the node comes to the same expiry again.
    ///
    /// # Errors
    /// When the storage fails.
    fn forget(&mut self, payloads: &[u64]) -> Result<(), StoreError>;

    /// Of the entries before the log, lets go of all but these; in order. To be called after an
    /// install and at the start: only the state knows whether a run has expired in between. Not
    /// synced.
    ///
    /// # Errors
    /// When the storage fails.
    fn retain(&mut self, payloads: &[u64]) -> Result<(), StoreError>;

    /// Takes entries with payloads that belong to a state of another node. They are not visible
    /// before [`Disk::install`], and gone after a restart without it. May be called as often as
    /// there are slices.
    ///
    /// # Errors
    /// When the storage fails.
    fn stage(&mut self, entries: &[LogEntry]) -> Result<(), StoreError>;

    /// Forgets what was staged.
    ///
    /// # Errors
    /// When the storage fails.
    fn unstage(&mut self) -> Result<(), StoreError>;

    /// Replaces everything by a state of another node. Staged entries at or before its base become
    /// readable. Entries up to the new base that this node has stay as well, until [`Disk::retain`]
    /// says otherwise: the other node need not send those that are committed. Where both have one,
    /// the staged entry counts. Durable when it returns.
    ///
    /// # Errors
    /// [`StoreError::Unfit`] when the new base lies before the old one; else when the storage
    /// fails.
    fn install(&mut self, install: &Install) -> Result<(), StoreError>;

    /// What a read through [`Disk::reader`] has found damaged, if any has. The owner looks for it and
    /// stops.
    fn damage(&self) -> Option<StoreError>;

    /// A number that grows while a call comes on: one that writes very much takes its time, and is
    /// none that hangs. A disk whose calls are all short has nothing to tell.
    fn progress(&self) -> Arc<AtomicU64> {
        Arc::default()
    }

    /// A way to read entries from other threads. It sees what was written as soon as the call that
    /// wrote it has returned. The directory is in use until all readers are dropped as well.
    fn reader(&self) -> SharedReader;
}
