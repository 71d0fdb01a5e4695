//! The ledger: the one durable record of runs, as a deterministic state machine.
//!
//! [`Ledger::apply`] takes the commands of a log one by one and answers each. It decides what
//! counts: which coordinator is in office, which attempt of a group is live, when an attempt is
//! sealed, what a loss voids. It remembers how long specs took ([`History`]) when their runs are long
//! forgotten. [`merge`] turns a run's record into the list of what goes into a
//! target's report.
//!
//! What this crate never does: it reads no clock, draws no random number, iterates in no
//! accidental order, and touches neither file nor socket. Two replicas that apply the same log
//! come to the same [`Ledger::hash`]. Report payloads are never held in memory either: the state
//! keeps the log index of the command that brought each one.
//!
//! Every command can be proposed again when its answer was lost: the same effect asked for twice
//! is recognised and changes nothing.

mod apply;
mod attempt;
mod digest;
mod expectations;
mod incidents;
pub mod merge;
pub mod node;
mod parts;
mod payloads;
pub mod plant;
mod snapshot;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use multibeam_history::History;
use multibeam_model::incident::Incident;
use multibeam_model::plan::Planned;
use multibeam_model::record::RunRecord;
use multibeam_model::{Epoch, RunId, TargetId, Timestamp};
use node::disk::NodeId;
use node::members::Member;
use serde::{Deserialize, Serialize};

use digest::Digests;
use expectations::Expectations;
pub use snapshot::{SNAPSHOT_FORMAT, SnapshotError};

/// The state of the ledger. A clone of it is one of a moment and costs little: it shares all runs with the
/// ledger until they change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// The index of the last command that was applied; 0 when there was none.
    applied: u64,
    /// The newest format of commands that is taken.
    format: u8,
    /// Who replicates it.
    members: BTreeMap<NodeId, Member>,
    /// The newest claim of office.
    claim: Option<Claim>,
    runs: BTreeMap<RunId, Arc<RunRecord>>,
    /// What commands of format 2 have brought. Snapshots and hashes have it behind the rest, and not at
    /// all while it is empty: an earlier version knows nothing of it.
    #[serde(skip)]
    expectations: Arc<Expectations>,
    /// No part of the state.
    #[serde(skip)]
    digests: Digests,
}

/// The format of commands that a new ledger takes.
const FIRST_FORMAT: u8 = 1;

impl Default for Ledger {
    fn default() -> Self {
        Self {
            applied: 0,
            format: FIRST_FORMAT,
            members: BTreeMap::new(),
            claim: None,
            runs: BTreeMap::new(),
            expectations: Arc::default(),
            digests: Digests::default(),
        }
    }
}

/// A coordinator's claim of office.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The epoch it was given.
    pub epoch: Epoch,
    /// Who, for people.
    pub coordinator: String,
    /// When it asked.
    pub at: Timestamp,
}

impl Ledger {
    /// The state that a group of aggregators begins with: nothing but its founding members, at the
    /// index of [`node::founding`].
    #[must_use]
    pub fn founded(members: BTreeMap<NodeId, Member>) -> Self {
        Self { applied: node::FOUNDING_INDEX, members, ..Self::default() }
    }

    /// Who replicates it, and where they are.
    #[must_use]
    pub fn members(&self) -> &BTreeMap<NodeId, Member> {
        &self.members
    }

    /// The newest format of commands that is taken.
    #[must_use]
    pub fn format(&self) -> u8 {
        self.format
    }

    /// The index of the last command that was applied; 0 when there was none.
    #[must_use]
    pub fn applied(&self) -> u64 {
        self.applied
    }

    /// The newest claim of office; `None` before the first.
    #[must_use]
    pub fn claim(&self) -> Option<&Claim> {
        self.claim.as_ref()
    }

    /// The newest epoch; 0 before the first claim.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.claim.as_ref().map_or(Epoch(0), |claim| claim.epoch)
    }

    /// A run's record, as it is now.
    #[must_use]
    pub fn run(&self, id: &RunId) -> Option<&Arc<RunRecord>> {
        self.runs.get(id)
    }

    /// How long specs took in earlier runs, also in those that are forgotten.
    #[must_use]
    pub fn history(&self) -> &History {
        &self.expectations.history
    }

    /// What was expected of a target before it began, if somebody has said so.
    #[must_use]
    pub fn planned(&self, run: &RunId, target: TargetId) -> Option<&Planned> {
        self.expectations.planned.get(run)?.get(&target)
    }

    /// What a user should know of a run although nothing ended of it, in the order in which it was told.
    #[must_use]
    pub fn incidents(&self, run: &RunId) -> &[Incident] {
        self.expectations.incidents.get(run).map_or(&[], Vec::as_slice)
    }

    /// All runs, by id.
    pub fn runs(&self) -> impl DoubleEndedIterator<Item = &RunRecord> {
        self.runs.values().map(Arc::as_ref)
    }
}
