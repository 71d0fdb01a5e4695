//! The shell of a node: it gives the core its inputs one batch at a time, does its work in the
//! order given, and answers only what the core lets it answer.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use multibeam_ledger::node::disk::{LogEntry, NodeId};
use multibeam_ledger::node::envelope::Received;
use multibeam_ledger::node::io::{Answer, Input, Outgoing, SnapshotOrder, Ticket, Work};
use multibeam_ledger::node::{Compaction, Node, NodeConfig};
use multibeam_model::Moment;
use multibeam_model::command::{Change, Command};

use crate::disk::{Defects, Disk, Op, Reader};
use crate::fault::Fault;
use crate::message::{Ask, Packet, Told};
use crate::scale;
use crate::trouble::Trouble;
use crate::world::{Event, Host, Timer, World, note};

/// One node.
pub(crate) struct Aggregator {
    pub(crate) disk: Disk,
    pub(crate) node: Option<Node<Reader>>,
    boots: u64,
    pub(crate) inbox: VecDeque<Inbound>,
    /// What the disk is doing, and what of it has to be synced.
    busy: Option<(Vec<Op>, bool)>,
    making: Option<Making>,
    tickets: BTreeMap<Ticket, Asker>,
    next_ticket: u64,
    /// Up to where the rules have seen its log.
    pub(crate) observed: u64,
    pub(crate) full: bool,
    pub(crate) slow: bool,
    pub(crate) led: bool,
}

/// Pieces of work that a node does while a newer state is made for its disk.
const MAKING: u32 = 3;

/// A newer state for the disk, being made.
struct Making {
    compaction: Compaction,
    /// Pieces of work since it was begun.
    turns: u32,
    /// Payloads that have expired since.
    forgotten: BTreeSet<u64>,
}

/// Something for the core.
pub(crate) enum Inbound {
    Plain(Input),
    Propose {
        ticket: Ticket,
        commands: Vec<Command>,
    },
    /// With the payloads that came with it.
    Snapshot {
        message: Received,
        state: Vec<u8>,
        staged: Vec<LogEntry>,
    },
}

/// Who waits for an answer.
#[derive(Clone, Copy, Debug)]
struct Asker {
    host: Host,
    call: u64,
    attempt: u32,
    /// What a read must show at least.
    floor: u64,
    reads: bool,
}

impl Aggregator {
    pub(crate) fn new(disk: Disk) -> Self {
        Self {
            disk,
            node: None,
            boots: 0,
            inbox: VecDeque::new(),
            busy: None,
            making: None,
            tickets: BTreeMap::new(),
            next_ticket: 0,
            observed: multibeam_ledger::node::FOUNDING_INDEX,
            full: false,
            slow: false,
            led: false,
        }
    }
}

impl World {
    pub(crate) fn found_nodes(&mut self) {
        let recovered =
            multibeam_ledger::node::founding(&crate::rules::members(self.setting.nodes));
        let defects = Defects {
            hard_not_written: self.fault == Some(Fault::HardStateNotWritten),
            suffix_kept: self.fault == Some(Fault::SuffixKept),
        };
        for n in 0..self.setting.nodes {
            self.nodes.push(Aggregator::new(Disk::founded(&recovered, defects)));
            self.start_node(n);
        }
    }

    pub(crate) fn start_node(&mut self, n: usize) {
        if self.machines[n].up || self.nodes[n].full {
            return;
        }
        self.boot(n);
        let (low, high) = scale::ELECTION;
        let ticks = u32::try_from(self.rng.range(low, high - 1)).unwrap_or(6);
        let aggregator = &mut self.nodes[n];
        aggregator.boots += 1;
        let mut config = NodeConfig::new(NodeId(n as u64 + 1), aggregator.boots);
        // The raft crate draws no lots then.
        config.election_ticks = ticks..ticks + 1;
        config.heartbeat_ticks = scale::HEARTBEAT_TICKS;
        config.office_silence = scale::SILENCE;
        config.compact_every = self.setting.compact_every;
        // As often as the setting says, however large the state is.
        config.state_bytes_per_entry = u64::MAX;
        config.trailing = self.setting.trailing;
        config.trailing_most = self.setting.trailing * 2;
        config.witness_every = 40;
        let recovered = aggregator.disk.recovered();
        if !recovered.terms.is_sorted_by_key(|(_, term)| *term) {
            let terms = &recovered.terms;
            self.rules.breaks(format!("the log of node {} has the terms {terms:?}", n + 1));
        }
        aggregator.inbox.clear();
        aggregator.busy = None;
        aggregator.making = None;
        aggregator.tickets.clear();
        aggregator.led = false;
        aggregator.observed = aggregator.observed.min(recovered.base.index);
        match Node::new(config, &recovered, aggregator.disk.reader()) {
            Ok(node) => aggregator.node = Some(node),
            Err(error) => self.rules.breaks(format!("node {} cannot start: {error:?}", n + 1)),
        }
        self.seen.count("node started");
        note!(self, "node{} starts at {}..{}", n + 1, recovered.base.index, recovered.last);
        self.wake(n, scale::TICK, Timer::Tick);
    }

    pub(crate) fn crash_node(&mut self, n: usize) {
        if !self.machines[n].up {
            return;
        }
        self.halt(n);
        let aggregator = &mut self.nodes[n];
        aggregator.node = None;
        let under_way = aggregator.busy.take().map(|(ops, _)| ops).unwrap_or_default();
        let lost = aggregator.disk.crash(under_way, &mut self.rng);
        self.seen.count("node crashed");
        if lost {
            self.seen.count("unsynced writes lost");
        }
        note!(self, "node{} crashes, lost something: {lost}", n + 1);
        self.transfers.retain(|_, transfer| transfer.from != n);
        for transfer in self.transfers.values_mut().filter(|transfer| transfer.to == n) {
            transfer.broken = true;
        }
    }

    pub(crate) fn tick(&mut self, n: usize) {
        self.wake(n, scale::TICK, Timer::Tick);
        self.tell_node(n, Input::Tick);
    }

    pub(crate) fn raft_arrives(&mut self, n: usize, bytes: &Bytes) {
        match Received::decode(bytes) {
            Ok(received) => self.tell_node(n, Input::Message(received)),
            Err(error) => self.rules.breaks(format!("a raft message cannot be read: {error}")),
        }
    }

    pub(crate) fn tell_node(&mut self, n: usize, input: Input) {
        self.nodes[n].inbox.push_back(Inbound::Plain(input));
        self.drive(n);
    }

    /// A client asks something.
    pub(crate) fn asked(&mut self, n: usize, host: Host, call: u64, attempt: u32, ask: &Ask) {
        let floor = self.rules.known();
        let aggregator = &mut self.nodes[n];
        aggregator.next_ticket += 1;
        let ticket = Ticket(aggregator.next_ticket);
        let reads = matches!(ask, Ask::Read);
        let asker = Asker { host, call, attempt, floor, reads };
        let stale = self.fault == Some(Fault::ReadWithoutIndex);
        aggregator.tickets.insert(ticket, asker);
        match ask {
            Ask::ReadStale => {
                aggregator.tickets.insert(ticket, Asker { floor: 0, ..asker });
                self.answer(n, ticket, Answer::Readable);
            }
            Ask::Read if stale => self.answer(n, ticket, Answer::Readable),
            Ask::Read => self.tell_node(n, Input::Read { ticket }),
            Ask::Attend(epoch) => self.tell_node(n, Input::Attend { ticket, epoch: *epoch }),
            Ask::Propose(commands) => {
                let commands = commands.clone();
                aggregator.inbox.push_back(Inbound::Propose { ticket, commands });
                self.drive(n);
            }
        }
    }

    /// Works until there is nothing to do, or the disk has something to do.
    pub(crate) fn drive(&mut self, n: usize) {
        loop {
            if self.rules.broken.is_some() || self.nodes[n].busy.is_some() {
                return;
            }
            self.feed(n);
            let Some(node) = &mut self.nodes[n].node else { return };
            let work = match node.work() {
                Ok(Some(work)) => work,
                Ok(None) if self.nodes[n].inbox.is_empty() => return,
                Ok(None) => continue,
                Err(error) => return self.node_fails(n, &error),
            };
            self.begin_work(n, work);
        }
    }

    /// Gives the core what has come.
    fn feed(&mut self, n: usize) {
        let now = self.local(n);
        while let Some(inbound) = self.nodes[n].inbox.pop_front() {
            let snapshot = matches!(inbound, Inbound::Snapshot { .. });
            let (now, input) = self.input(n, now, inbound);
            let Some(node) = &mut self.nodes[n].node else { return };
            if let Err(error) = node.handle(now, input) {
                return self.node_fails(n, &error);
            }
            if snapshot {
                // What is staged on the disk belongs to one state at a time.
                return;
            }
        }
    }

    fn input(&mut self, n: usize, now: Moment, inbound: Inbound) -> (Moment, Input) {
        match inbound {
            Inbound::Plain(input) => (now, input),
            Inbound::Propose { ticket, mut commands } => {
                let mut now = now;
                if self.fault == Some(Fault::OfficeByClaimersClock)
                    && let Some(Command::Claim { at, .. }) = commands.first()
                {
                    now = Moment(u64::try_from(at.0 / 1000).unwrap_or(0));
                }
                if self.fault == Some(Fault::EpochNotChecked)
                    && let Some(node) = &self.nodes[n].node
                {
                    let newest = node.ledger().epoch();
                    for command in &mut commands {
                        if let Command::Run { change: Change::Decide { epoch, .. }, .. } = command {
                            *epoch = newest;
                        }
                    }
                }
                let encoded = commands.into_iter().map(|command| {
                    let bytes = Bytes::from(command.encode());
                    (command, bytes)
                });
                (now, Input::Propose { ticket, commands: encoded.collect() })
            }
            Inbound::Snapshot { message, state, staged } => {
                self.nodes[n].disk.stage(staged);
                (now, Input::Snapshot { message, state })
            }
        }
    }

    fn node_fails(&mut self, n: usize, error: &multibeam_ledger::node::NodeError) {
        self.rules.breaks(format!("node {} cannot go on: {error:?}", n + 1));
    }

    fn begin_work(&mut self, n: usize, work: Work) {
        let mut ops = Vec::new();
        let mut sync = false;
        if let Some(install) = work.install {
            let staged = self.nodes[n].disk.take_staged();
            // What is in the log now may never have counted.
            self.nodes[n].observed = install.base.index;
            self.seen.count("snapshot installed");
            note!(self, "node{} installs the state at {}", n + 1, install.base.index);
            self.nodes[n].making = None;
            ops.push(Op::Install(Box::new(install), staged));
            sync = self.fault != Some(Fault::SnapshotNotSynced);
        }
        // What is applied now is known to be committed before anything leaves.
        self.observe(n);
        self.route(n, work.send, work.snapshots);
        for (ticket, answer) in work.answers {
            self.answer(n, ticket, answer);
        }
        if work.unstage {
            self.seen.count("snapshot not needed");
            self.nodes[n].disk.take_staged();
        }
        if let Some(write) = work.write {
            sync |= write.sync && (ops.is_empty() || sync);
            self.watch_suffix(n, &write);
            ops.push(Op::Write(write));
        }
        if ops.is_empty() {
            return self.finish_work(n);
        }
        if self.nodes[n].full {
            // It says so and stops; what it was to write is not on the disk.
            self.seen.count("disk full stop");
            self.crash_node(n);
            return;
        }
        let most = if self.nodes[n].slow { 900_000 } else { self.setting.sync };
        let micros = if sync { self.rng.range(300, most) } else { 30 };
        self.nodes[n].busy = Some((ops, sync));
        self.wake(n, Duration::from_micros(micros), Timer::Disk);
    }

    /// The rare path on which a follower replaces what another leader had given it.
    fn watch_suffix(&mut self, n: usize, write: &multibeam_ledger::node::disk::Write) {
        if let Some(first) = write.entries.first()
            && self.nodes[n].disk.entry(first.index).is_some_and(|old| old.term != first.term)
        {
            self.seen.count("conflict suffix replaced");
            self.crash_soon(n);
        }
    }

    /// A good moment for a crash, sometimes.
    fn crash_soon(&mut self, n: usize) {
        if !self.healed && self.rng.chance(35) {
            let after = self.some_ms(0, 100);
            self.at(after, Event::Trouble(Trouble::CrashNode(n)));
            let back = after + self.some_ms(200, 3_000);
            self.at(back, Event::Trouble(Trouble::StartNode(n)));
        }
    }

    pub(crate) fn disk_done(&mut self, n: usize) {
        let Some((ops, sync)) = self.nodes[n].busy.take() else { return };
        let installed = ops.iter().any(|op| matches!(op, Op::Install(..)));
        for op in ops {
            self.nodes[n].disk.put(op);
        }
        // The system writes everything now and then.
        let sync = if self.fault == Some(Fault::NoSync) { self.rng.chance(20) } else { sync };
        if sync {
            self.nodes[n].disk.sync();
        }
        if installed {
            self.check_payloads(n);
            self.crash_soon(n);
        }
        self.finish_work(n);
        self.drive(n);
    }

    fn finish_work(&mut self, n: usize) {
        let Some(node) = &mut self.nodes[n].node else { return };
        let done = match node.written() {
            Ok(done) => done,
            Err(error) => return self.node_fails(n, &error),
        };
        self.observe(n);
        self.route(n, done.send, done.snapshots);
        for (ticket, answer) in done.answers {
            self.answer(n, ticket, answer);
        }
        if !done.forget.is_empty() {
            self.nodes[n].disk.put(Op::Forget(done.forget.clone()));
        }
        self.go_on_compacting(n, done.forget);
        if let Some(compaction) = done.compact {
            self.nodes[n].making =
                Some(Making { compaction, turns: 0, forgotten: BTreeSet::new() });
        }
    }

    /// To make a state out takes as long as a few other things do.
    fn go_on_compacting(&mut self, n: usize, forgotten: Vec<u64>) {
        let aggregator = &mut self.nodes[n];
        let Some(making) = &mut aggregator.making else { return };
        making.turns += 1;
        making.forgotten.extend(forgotten);
        if making.turns < MAKING {
            return;
        }
        let Some(Making { compaction, forgotten, .. }) = aggregator.making.take() else { return };
        let mut compact = compaction.make();
        compact.forget(&forgotten);
        let bytes = compact.state.len() as u64;
        aggregator.disk.put(Op::Compact(compact));
        if let Some(node) = &mut aggregator.node {
            node.compacted(bytes);
        }
        self.seen.count("log compacted");
    }

    fn route(&mut self, n: usize, messages: Vec<Outgoing>, snapshots: Vec<SnapshotOrder>) {
        for Outgoing { to, message } in messages {
            let to = usize::try_from(to.0).unwrap_or(1) - 1;
            self.send(n, to, Packet::Raft(message));
        }
        for order in snapshots {
            self.begin_transfer(n, order);
        }
    }

    fn answer(&mut self, n: usize, ticket: Ticket, answer: Answer) {
        let Some(asker) = self.nodes[n].tickets.remove(&ticket) else { return };
        let told = match answer {
            Answer::Replies(replies) => Told::Replies(replies),
            Answer::Readable => {
                let Some(node) = &self.nodes[n].node else { return };
                self.seen.count("read answered");
                self.rules.check_read(asker.floor, node.ledger().applied());
                Told::Record(node.ledger().run(&crate::rules::run_id()).cloned())
            }
            Answer::InOffice(answer) => Told::InOffice(answer),
            Answer::NotLeader(hint) => {
                // A read is answered by any node, but not without the leader's word.
                let what = if asker.reads { "read refused" } else { "not the leader" };
                self.seen.count(what);
                Told::NotLeader(hint.and_then(|id| usize::try_from(id.0 - 1).ok()))
            }
            Answer::Busy => Told::Busy,
            Answer::Members(_) | Answer::Format { .. } => return,
        };
        let (call, attempt) = (asker.call, asker.attempt);
        self.send(n, asker.host, Packet::Answer { call, attempt, told });
    }
}
