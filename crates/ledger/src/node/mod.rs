//! One member of the group that replicates the ledger: raft's `RawNode`, the state machine, and
//! what decides between them. It does no I/O and has no clock: the shell tells it what happened
//! ([`Node::handle`]), asks what is to be done ([`Node::work`]), does it in the order given, and
//! says so ([`Node::written`]).
//!
//! ```text
//!  handle(input) ─▶ work() ─▶ send, answer, install, write ─▶ written() ─▶ send, answer, compact
//!                     ▲                                          │
//!                     └────────────── until there is none ◀──────┘
//! ```
//!
//! What must be durable before a message leaves is [`io::Work::write`]; messages that follow from
//! it come out of [`Node::written`] only. An answer is given when a majority has the entry on its
//! disks. Any error is final: the node stops, because going on could make it differ from others.
//!
//! The raft crate draws its election timeouts by itself; that is the only randomness here, and a
//! range of one ([`NodeConfig::election_ticks`]) takes it away.

mod apply;
mod compact;
mod config;
mod convert;
pub mod disk;
mod duties;
pub mod envelope;
pub mod io;
mod logger;
pub mod members;
mod office;
mod propose;
mod questions;
mod status;
mod storage;

use std::collections::BTreeMap;

use multibeam_model::command::{Command, DecodeError};
use multibeam_model::{Epoch, Moment};
use raft::eraftpb::{Message, MessageType};
use raft::{RawNode, Ready, SnapshotStatus, StateRole};

use crate::{Ledger, SnapshotError};
use disk::{Install, NodeId, ReadLog, Recovered, Write};
use envelope::Received;
use io::{Answer, Done, Input, Outcome, Outgoing, SnapshotOrder, Ticket, Work};
use office::Office;
use propose::Gathered;
use questions::{Proposals, Reads};
use storage::LogStore;

pub use compact::Compaction;
pub use config::{Codec, FOUNDING_INDEX, Level, NodeConfig, founding};
pub use status::{MemberStatus, Role, Status};

/// A node cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The state at the base cannot be read.
    #[error("the stored state cannot be read")]
    State(#[source] SnapshotError),
    /// A committed entry cannot be read.
    #[error("cannot read entry {index} of the ledger's log")]
    Entry {
        /// The entry.
        index: u64,
        /// Why.
        #[source]
        source: DecodeError,
    },
    /// The disk could not be read.
    #[error("the log cannot be read")]
    Disk(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// This node's state differs from that of the leader.
    #[error(
        "after entry {index} this node's state differs from the leader's (hint: keep its directory for a report, remove the member, and add it again with an empty one)"
    )]
    Diverged {
        /// The entry after which the states were compared.
        index: u64,
    },
    /// Raft found its own rules broken.
    #[error("raft cannot go on")]
    Raft(#[from] raft::Error),
}

/// A member of the group. `L` reads the log's older entries.
pub struct Node<L: ReadLog> {
    config: NodeConfig,
    raw: RawNode<LogStore<L>>,
    ledger: Ledger,
    now: Moment,
    proposals: Proposals,
    /// Proposals that are not in the log yet.
    gathered: Gathered,
    reads: Reads,
    office: Office,
    /// Signs of life that are answered once a majority has confirmed that this node leads.
    attending: BTreeMap<Ticket, Epoch>,
    /// The newest format that each other member reads, as far as it was told.
    formats: BTreeMap<NodeId, u8>,
    /// The format that this leader has asked for.
    raising: u8,
    /// This node's own state after the last entry at which states are compared.
    own_hash: Option<(u64, [u8; 32])>,
    /// Commands of the leader itself, to be proposed when the work at hand is done.
    follow_ups: Vec<Command>,
    /// A state from elsewhere that raft has not taken yet.
    staged: Option<(Vec<u8>, Ledger)>,
    unstage: bool,
    /// Handed out by [`Node::work`], to be finished by [`Node::written`].
    under_way: Option<Ready>,
    answers: Vec<(Ticket, Answer)>,
    forget: Vec<u64>,
    /// The index of the state on the disk.
    base: u64,
    /// How large it is.
    base_bytes: u64,
    /// A [`Compaction`] was given out that the disk does not have yet.
    compacting: bool,
    removed: bool,
}

impl<L: ReadLog> Node<L> {
    /// A node that goes on from what its disk holds.
    ///
    /// # Errors
    /// When the disk's content contradicts itself.
    pub fn new(config: NodeConfig, recovered: &Recovered, log: L) -> Outcome<Self> {
        let ledger = match recovered.base.index {
            0 => Ledger::default(),
            _ => Ledger::from_snapshot(&recovered.state).map_err(NodeError::State)?,
        };
        let store = LogStore::new(recovered, log);
        let logger = logger::logger(config.log);
        let mut raw = RawNode::new(&config.raft(recovered.base.index), store, &logger)?;
        // Nobody else could win, so nothing is waited for.
        let alone = recovered.base.membership.voters == [config.id];
        if alone && recovered.base.membership.outgoing.is_empty() {
            raw.campaign()?;
        }
        Ok(Self {
            raw,
            ledger,
            now: Moment::default(),
            proposals: Proposals::default(),
            gathered: Gathered::default(),
            reads: Reads::default(),
            office: Office::new(config.office_silence),
            attending: BTreeMap::new(),
            formats: BTreeMap::new(),
            raising: 0,
            own_hash: None,
            follow_ups: Vec::new(),
            staged: None,
            unstage: false,
            under_way: None,
            answers: Vec::new(),
            forget: Vec::new(),
            base: recovered.base.index,
            base_bytes: recovered.state.len() as u64,
            compacting: false,
            removed: false,
            config,
        })
    }

    /// The state, with everything that is known to be committed.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Which member this is.
    #[must_use]
    pub fn id(&self) -> NodeId {
        self.config.id
    }

    /// The member that leads, as far as this node knows.
    #[must_use]
    pub fn leader(&self) -> Option<NodeId> {
        Some(NodeId(self.raw.raft.leader_id)).filter(|id| id.0 != raft::INVALID_ID)
    }

    /// Whether this node leads.
    #[must_use]
    pub fn leads(&self) -> bool {
        self.raw.raft.state == StateRole::Leader
    }

    /// Takes one input in. `now` never goes back. Not to be called between [`Node::work`] and
    /// [`Node::written`].
    ///
    /// # Errors
    /// When the node cannot go on.
    pub fn handle(&mut self, now: Moment, input: Input) -> Outcome<()> {
        assert!(self.under_way.is_none(), "the last work was not reported as written");
        self.now = self.now.max(now);
        if !matches!(input, Input::Propose { .. }) {
            // Whatever it is: it finds the log as it would be had each proposal gone there by itself.
            self.put_gathered();
        }
        match input {
            Input::Tick => self.tick(),
            Input::Message(received) => self.step(received.message),
            Input::Propose { ticket, commands } => self.propose(ticket, commands),
            Input::Read { ticket } => {
                self.reads.ask(ticket);
                self.ask_to_read(ticket);
            }
            Input::Attend { ticket, epoch } => self.attend(ticket, epoch),
            Input::Leave { ticket, epoch } => self.leave(ticket, epoch),
            Input::Members { ticket, change, force } => self.change(ticket, &change, force),
            Input::Unreachable(node) => self.raw.report_unreachable(node.0),
            Input::SnapshotSent { to, ok } => {
                let status = if ok { SnapshotStatus::Finish } else { SnapshotStatus::Failure };
                self.raw.report_snapshot(to.0, status);
            }
            Input::Snapshot { message, state } => self.take_snapshot(message, state),
            Input::Reads { node, format } => {
                self.formats.insert(node, format);
            }
            Input::Abdicate => self.abdicate(),
        }
        Ok(())
    }

    /// What is to be done now; `None` when there is nothing. [`Node::written`] follows each.
    ///
    /// # Errors
    /// When the node cannot go on.
    pub fn work(&mut self) -> Outcome<Option<Work>> {
        self.put_gathered();
        if !self.raw.has_ready() {
            if self.answers.is_empty() && !self.unstage {
                return Ok(None);
            }
            let answers = std::mem::take(&mut self.answers);
            let unstage = std::mem::take(&mut self.unstage);
            return Ok(Some(Work { answers, unstage, ..Work::default() }));
        }
        let mut ready = self.raw.ready();
        if ready.ss().is_some() {
            self.role_changed();
        }
        let mut work = Work::default();
        self.route(ready.take_messages(), &mut work.send, &mut work.snapshots);
        for state in ready.take_read_states() {
            if let Some(ticket) = self.ticket_of(&state.request_ctx) {
                self.reads.confirmed(ticket, state.index);
            }
        }
        let hard = ready.hs().map(convert::hard_state);
        if !ready.snapshot().is_empty() {
            work.install = Some(self.install(&ready, hard)?);
        }
        self.apply(ready.take_committed_entries())?;
        let entries: Vec<_> = ready.entries().iter().map(convert::stored).collect();
        if hard.is_some() || !entries.is_empty() {
            work.write = Some(Write { entries, hard, sync: ready.must_sync() });
        }
        work.answers = std::mem::take(&mut self.answers);
        work.unstage = std::mem::take(&mut self.unstage);
        self.under_way = Some(ready);
        Ok(Some(work))
    }

    /// The work is done, and what was to be written is durable.
    ///
    /// # Errors
    /// When the node cannot go on.
    pub fn written(&mut self) -> Outcome<Done> {
        let mut done = Done::default();
        let Some(mut ready) = self.under_way.take() else { return Ok(done) };
        self.route(ready.take_persisted_messages(), &mut done.send, &mut done.snapshots);
        let store = self.raw.mut_store();
        store.append(ready.take_entries().iter().map(convert::stored).collect());
        if let Some(hard) = ready.hs() {
            store.set_hard(convert::hard_state(hard));
        }
        let mut light = self.raw.advance_append(ready);
        self.route(light.take_messages(), &mut done.send, &mut done.snapshots);
        self.apply(light.take_committed_entries())?;
        self.raw.advance_apply();
        self.follow_up();
        done.answers = std::mem::take(&mut self.answers);
        done.forget = std::mem::take(&mut self.forget);
        done.compact = self.compact();
        done.removed = self.removed;
        match self.raw.mut_store().take_failure() {
            Some(failure) => Err(NodeError::Disk(failure)),
            None => Ok(done),
        }
    }

    fn step(&mut self, message: Message) {
        if message.to != self.config.id.0 {
            return;
        }
        // Messages from members that are no longer known, and from those that do not know yet.
        let _ = self.raw.step(message);
    }

    fn ask_to_read(&mut self, ticket: Ticket) {
        let mut context = Vec::with_capacity(3 * size_of::<u64>());
        for part in [self.config.id.0, self.config.boot, ticket.0] {
            context.extend_from_slice(&part.to_le_bytes());
        }
        self.raw.read_index(context);
    }

    /// The question that a read's context belongs to, if it is one of this life of this node.
    fn ticket_of(&self, context: &[u8]) -> Option<Ticket> {
        let (id, rest) = context.split_first_chunk()?;
        let (boot, rest) = rest.split_first_chunk()?;
        let own = (u64::from_le_bytes(*id), u64::from_le_bytes(*boot));
        let ticket = Ticket(u64::from_le_bytes(*rest.first_chunk()?));
        (own == (self.config.id.0, self.config.boot)).then_some(ticket)
    }

    fn take_snapshot(&mut self, received: Received, state: Vec<u8>) {
        match Ledger::from_snapshot(&state) {
            Ok(ledger) if ledger.applied() == received.snapshot_index() => {
                self.staged = Some((state, ledger));
                self.step(received.message);
                // Not taken: it is of no use, or this node has got further by itself.
                if self.raw.snap().is_none() {
                    self.staged = None;
                    self.unstage = true;
                }
            }
            _ => self.unstage = true,
        }
    }

    /// Raft has taken the staged state.
    fn install(&mut self, ready: &Ready, hard: Option<disk::HardState>) -> Outcome<Install> {
        let metadata = ready.snapshot().get_metadata();
        let membership = convert::membership(metadata.get_conf_state());
        let base = disk::Base { index: metadata.index, term: metadata.term, membership };
        let (state, ledger) = self
            .staged
            .take()
            .ok_or(NodeError::Raft(raft::Error::Store(raft::StorageError::SnapshotOutOfDate)))?;
        let mut hard = hard.unwrap_or(self.raw.store().hard());
        hard.commit = hard.commit.max(base.index);
        self.ledger = ledger;
        self.base = base.index;
        self.compacted(state.len() as u64);
        self.own_hash = None;
        self.raw.mut_store().install(&base, hard);
        Ok(Install { base, state, hard })
    }

    /// Sorts raft's messages: those with a state take another way.
    fn route(
        &self,
        messages: Vec<Message>,
        send: &mut Vec<Outgoing>,
        snapshots: &mut Vec<SnapshotOrder>,
    ) {
        use protobuf::Message as _;
        for message in messages {
            let to = NodeId(message.to);
            let snapshot = message.get_msg_type() == MessageType::MsgSnapshot;
            let message = message
                .write_to_bytes()
                .expect("writing to memory cannot fail and every field has a value")
                .into();
            if snapshot {
                snapshots.push(SnapshotOrder { to, message, ledger: self.ledger.clone() });
            } else {
                send.push(Outgoing { to, message });
            }
        }
    }

    /// This node began or ceased to lead, or another one did.
    fn role_changed(&mut self) {
        self.raising = 0;
        if self.leads() {
            self.office.begin(self.now);
            return;
        }
        let leader = self.leader();
        let waiting = self.proposals.take();
        self.answers.extend(waiting.map(|ticket| (ticket, Answer::NotLeader(leader))));
    }
}
