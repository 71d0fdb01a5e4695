//! A state, cut into its parts.

use std::error::Error;

use bytes::Bytes;
use multibeam_ledger::node::disk::{EntryKind, LogEntry, ReadLog};
use multibeam_ledger::node::io::OutgoingState;
use multibeam_proto::aggregator::v1 as wire;
use multibeam_proto::aggregator::v1::install_request::Part;
use sha2::{Digest, Sha256};

use super::config::{ENTRIES_BYTES, ENTRY_OVERHEAD, PeerConfig};
use super::sum::Sum;

/// A state could not be cut.
#[derive(Debug, thiserror::Error)]
pub(super) enum CutError {
    /// The log could not be read.
    #[error("entry {index} cannot be read")]
    Read {
        index: u64,
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// Its run has expired since the state was made; the next state does not refer to it.
    #[error("entry {index} is no longer there")]
    Gone { index: u64 },
    /// Whoever sends it has no use for more.
    #[error("the parts are no longer wanted")]
    Unwanted,
}

/// Cuts one state. Reads the disk, so call it where blocking is allowed.
pub(super) struct Cutter<F> {
    sum: Sum,
    give: F,
}

// === impl Cutter ===

impl<F: FnMut(wire::InstallRequest) -> Result<(), CutError>> Cutter<F> {
    /// Gives the parts to `give`, one by one.
    pub(super) fn new(give: F) -> Self {
        Self { sum: Sum::default(), give }
    }

    fn give(&mut self, part: Part) -> Result<(), CutError> {
        let sum = Bytes::copy_from_slice(&self.sum.add(&part));
        (self.give)(wire::InstallRequest { part: Some(part), sum })
    }

    /// The first part.
    pub(super) fn header(
        &mut self,
        config: &PeerConfig,
        state: &OutgoingState,
    ) -> Result<(), CutError> {
        self.give(Part::Header(wire::InstallHeader {
            group: config.group.clone(),
            from: config.node.0,
            to: state.to.0,
            message: state.message.clone(),
            state_length: state.state.len() as u64,
            state_sha256: Bytes::copy_from_slice(&Sha256::digest(&state.state)),
            entries: state.payloads.len() as u64,
        }))
    }

    /// The others, for a receiver that has the entries up to `has`. One entry is in memory at a
    /// time, and what `give` keeps.
    pub(super) fn rest(
        &mut self,
        state: &OutgoingState,
        has: u64,
        log: &dyn ReadLog,
    ) -> Result<(), CutError> {
        for piece in multibeam_proto::chunks(state.state.clone()) {
            self.give(Part::State(piece))?;
        }
        let mut parts = Parts::default();
        let mut entries = 0;
        for &index in state.payloads.iter().filter(|index| **index > has) {
            let entry = log.entry(index).map_err(|source| CutError::Read { index, source })?;
            let entry = entry.ok_or(CutError::Gone { index })?;
            entries += 1;
            parts.cut(entry, |full| self.give(Part::Entries(full)))?;
        }
        if !parts.ready.is_empty() {
            self.give(Part::Entries(wire::InstallEntries { parts: parts.ready }))?;
        }
        self.give(Part::Trailer(wire::InstallTrailer { entries }))
    }
}

/// Parts of entries that wait until there are enough of them.
#[derive(Default)]
struct Parts {
    ready: Vec<wire::EntryPart>,
    bytes: usize,
}

// === impl Parts ===

impl Parts {
    fn cut(
        &mut self,
        entry: LogEntry,
        mut give: impl FnMut(wire::InstallEntries) -> Result<(), CutError>,
    ) -> Result<(), CutError> {
        let kind = match entry.kind {
            EntryKind::Command => wire::EntryKind::Command,
            EntryKind::Members => wire::EntryKind::Members,
        };
        let length = entry.data.len() as u64;
        let mut data = entry.data;
        loop {
            let room = ENTRIES_BYTES - self.bytes;
            // A piece of a few bytes would be mostly overhead.
            if room <= 2 * ENTRY_OVERHEAD {
                self.bytes = 0;
                give(wire::InstallEntries { parts: std::mem::take(&mut self.ready) })?;
                continue;
            }
            let piece = data.split_to(data.len().min(room - ENTRY_OVERHEAD));
            self.bytes += piece.len() + ENTRY_OVERHEAD;
            self.ready.push(wire::EntryPart {
                index: entry.index,
                term: entry.term,
                kind: kind.into(),
                length,
                data: piece,
            });
            if data.is_empty() {
                return Ok(());
            }
        }
    }
}
