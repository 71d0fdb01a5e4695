//! A state, put together from its parts. It reads nothing and waits for nothing, so that every
//! sequence of parts can be tried.

use bytes::{Bytes, BytesMut};
use multibeam_ledger::node::disk::{EntryKind, LogEntry, NodeId};
use multibeam_ledger::node::envelope::Received;
use multibeam_proto::aggregator::v1 as wire;
use multibeam_proto::aggregator::v1::install_request::Part;
use sha2::{Digest, Sha256};

use super::check::{self, Refusal, at_most};
use super::config::{ENTRIES_BYTES, ENTRY_BYTES, ENTRY_OVERHEAD, PeerConfig, STAGE_BYTES};
use super::sum::Sum;

/// The parts of a state that have come. After an error it is of no further use.
#[derive(Debug)]
pub struct Assembler {
    from: NodeId,
    message: Received,
    state: Vec<u8>,
    state_length: u64,
    state_sha256: Bytes,
    state_limit: u64,
    entries: Entries,
    sum: Sum,
    begun: Phase,
}

/// What follows from a part.
#[derive(Debug)]
pub enum Step {
    /// Nothing yet.
    More,
    /// These entries are whole and shall be kept aside before more is read.
    Stage(Vec<LogEntry>),
    /// That was all.
    All(Box<Whole>),
}

/// A state that has come as it was sent.
#[derive(Debug)]
pub struct Whole {
    /// Entries that were not given out by [`Step::Stage`] yet.
    pub rest: Vec<LogEntry>,
    /// The message that announced it.
    pub message: Received,
    /// The state.
    pub state: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    State,
    Entries,
    Over,
}

/// The entries among the parts.
#[derive(Debug)]
struct Entries {
    /// Entries come behind this index, and up to and with `last`.
    behind: u64,
    last: u64,
    announced: u64,
    count: u64,
    whole: Vec<LogEntry>,
    whole_bytes: usize,
    /// An entry of which pieces are missing: all of it but the data, its length, and the data that
    /// is here.
    partial: Option<(LogEntry, usize, BytesMut)>,
}

// === impl Assembler ===

impl Assembler {
    /// Begins with the first part, which must be a header for this member.
    ///
    /// # Errors
    /// It is none, or one that this member does not take.
    pub fn begin(config: &PeerConfig, first: wire::InstallRequest) -> Result<Self, Refusal> {
        let part = first.part.ok_or(Refusal::State { what: "an empty part" })?;
        let mut sum = Sum::default();
        let Part::Header(header) = &part else {
            return Err(Refusal::State { what: "no header" });
        };
        let from = check::address(config, &header.group, header.from, header.to)?;
        if sum.add(&part)[..] != first.sum[..] {
            return Err(Refusal::Damaged { what: "the header" });
        }
        let message = check::message(&header.message, from, config.node)?;
        if !message.is_snapshot() || message.snapshot_index() == 0 {
            return Err(Refusal::Kind);
        }
        if header.state_length > config.limits.state_bytes {
            let (found, most) = (header.state_length, config.limits.state_bytes);
            return Err(Refusal::TooMuch { what: "bytes of a state", found, most });
        }
        let entries = Entries {
            behind: 0,
            last: message.snapshot_index(),
            announced: header.entries,
            count: 0,
            whole: Vec::new(),
            whole_bytes: 0,
            partial: None,
        };
        Ok(Self {
            from,
            message,
            state: Vec::new(),
            state_length: header.state_length,
            state_sha256: header.state_sha256.clone(),
            state_limit: config.limits.state_bytes,
            entries,
            sum,
            begun: Phase::State,
        })
    }

    /// Who sends it.
    #[must_use]
    pub fn from(&self) -> NodeId {
        self.from
    }

    /// The receiver has said that it has the entries up to this index: none of them may come.
    pub fn set_has(&mut self, index: u64) {
        self.entries.behind = index;
    }

    /// Takes the next part.
    ///
    /// # Errors
    /// It does not belong there, or is not what was sent.
    pub fn take(&mut self, next: wire::InstallRequest) -> Result<Step, Refusal> {
        let part = next.part.ok_or(Refusal::State { what: "an empty part" })?;
        if self.sum.add(&part)[..] != next.sum[..] {
            return Err(Refusal::Damaged { what: "a part of the state" });
        }
        match part {
            Part::State(bytes) => self.take_state(&bytes).map(|()| Step::More),
            Part::Entries(entries) => {
                self.enter(Phase::Entries)?;
                self.entries.take(entries)?;
                Ok(match self.entries.whole_bytes {
                    bytes if bytes < STAGE_BYTES => Step::More,
                    _ => Step::Stage(self.entries.give()),
                })
            }
            Part::Trailer(trailer) => self.finish(trailer),
            Part::Header(_) => Err(Refusal::State { what: "a second header" }),
        }
    }

    fn take_state(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        self.enter(Phase::State)?;
        at_most("bytes of a part of a state", bytes.len(), ENTRIES_BYTES)?;
        let length = self.state.len() as u64 + bytes.len() as u64;
        if length > self.state_length.min(self.state_limit) {
            return Err(Refusal::State { what: "it is longer than announced" });
        }
        self.state.extend_from_slice(bytes);
        Ok(())
    }

    fn enter(&mut self, phase: Phase) -> Result<(), Refusal> {
        if self.begun > phase {
            return Err(Refusal::State { what: "parts in the wrong order" });
        }
        if self.begun == Phase::State && phase != Phase::State {
            if self.state.len() as u64 != self.state_length {
                return Err(Refusal::State { what: "it is shorter than announced" });
            }
            if Sha256::digest(&self.state)[..] != self.state_sha256[..] {
                return Err(Refusal::Damaged { what: "the state" });
            }
        }
        self.begun = phase;
        Ok(())
    }

    fn finish(&mut self, trailer: wire::InstallTrailer) -> Result<Step, Refusal> {
        self.enter(Phase::Over)?;
        if self.entries.partial.is_some() || trailer.entries != self.entries.count {
            return Err(Refusal::State { what: "entries are missing at the end" });
        }
        let rest = self.entries.give();
        let (message, state) = (self.message.clone(), std::mem::take(&mut self.state));
        // Whatever comes behind it is refused.
        self.state_length = 0;
        Ok(Step::All(Box::new(Whole { rest, message, state })))
    }
}

// === impl Entries ===

impl Entries {
    fn take(&mut self, entries: wire::InstallEntries) -> Result<(), Refusal> {
        let size = |part: &wire::EntryPart| part.data.len() + ENTRY_OVERHEAD;
        at_most("bytes of entries", entries.parts.iter().map(size).sum(), ENTRIES_BYTES)?;
        entries.parts.into_iter().try_for_each(|part| self.take_part(part))
    }

    fn take_part(&mut self, part: wire::EntryPart) -> Result<(), Refusal> {
        let kind = match part.kind() {
            wire::EntryKind::Command => EntryKind::Command,
            wire::EntryKind::Members => EntryKind::Members,
            wire::EntryKind::Unspecified => {
                return Err(Refusal::State { what: "an entry of an unknown kind" });
            }
        };
        let length = usize::try_from(part.length).unwrap_or(usize::MAX);
        at_most("bytes of an entry", length, ENTRY_BYTES)?;
        let entry = LogEntry { index: part.index, term: part.term, kind, data: Bytes::new() };
        if let Some((begun, whole, mut data)) = self.partial.take() {
            if begun != entry || whole != length || part.data.is_empty() {
                return Err(Refusal::State { what: "pieces of different entries" });
            }
            data.extend_from_slice(&part.data);
            return match data.len() {
                found if found > length => {
                    Err(Refusal::State { what: "an entry that is longer than announced" })
                }
                found if found < length => {
                    self.partial = Some((entry, length, data));
                    Ok(())
                }
                _ => {
                    self.add(LogEntry { data: data.freeze(), ..entry });
                    Ok(())
                }
            };
        }
        if entry.index <= self.behind || entry.index > self.last {
            return Err(Refusal::State { what: "entries out of order" });
        }
        if self.count == self.announced {
            return Err(Refusal::State { what: "more entries than announced" });
        }
        (self.behind, self.count) = (entry.index, self.count + 1);
        match part.data.len() {
            found if found > length => {
                Err(Refusal::State { what: "an entry that is longer than announced" })
            }
            0 if length > 0 => Err(Refusal::State { what: "an empty piece of an entry" }),
            found if found < length => {
                self.partial = Some((entry, length, BytesMut::from(&part.data[..])));
                Ok(())
            }
            _ => {
                self.add(LogEntry { data: part.data, ..entry });
                Ok(())
            }
        }
    }

    fn add(&mut self, entry: LogEntry) {
        self.whole_bytes += entry.data.len() + ENTRY_OVERHEAD;
        self.whole.push(entry);
    }

    fn give(&mut self) -> Vec<LogEntry> {
        self.whole_bytes = 0;
        std::mem::take(&mut self.whole)
    }
}
