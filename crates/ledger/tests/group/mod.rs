//! A group of nodes in one thread: a network that can be cut, disks that survive, no clock but the
//! one that the test turns.

pub(crate) mod disk;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use multibeam_ledger::node::disk::{NodeId, Recovered};
use multibeam_ledger::node::envelope::Received;
use multibeam_ledger::node::io::{Answer, Input, Outgoing, OutgoingState, SnapshotOrder, Ticket};
use multibeam_ledger::node::members::Member;
use multibeam_ledger::node::{Compaction, Node, NodeConfig, NodeError, founding};
use multibeam_model::Moment;
use multibeam_model::command::{Command, Reply};

use self::disk::Disk;

/// The time between two ticks.
pub(crate) const TICK: Duration = Duration::from_millis(50);

pub(crate) struct Group {
    pub(crate) nodes: BTreeMap<NodeId, Node<Disk>>,
    pub(crate) disks: BTreeMap<NodeId, Disk>,
    pub(crate) ended: BTreeMap<NodeId, NodeError>,
    /// Members that nothing reaches and nothing leaves.
    pub(crate) cut: BTreeSet<NodeId>,
    pub(crate) answers: BTreeMap<Ticket, Answer>,
    pub(crate) snapshots: usize,
    /// Messages that were sent so far.
    pub(crate) messages: usize,
    /// Newer states for the disks, as long as they are held up.
    pub(crate) held: Option<Vec<(NodeId, Compaction)>>,
    pub(crate) configure: fn(&mut NodeConfig),
    now: Moment,
    boots: u64,
    tickets: u64,
}

impl Group {
    /// So many founding members, all running.
    pub(crate) fn new(count: u64, configure: fn(&mut NodeConfig)) -> Self {
        let member = |id| (NodeId(id), Member { address: format!("https://{id}:7401") });
        let recovered = founding(&(1..=count).map(member).collect());
        let mut group = Self {
            nodes: BTreeMap::new(),
            disks: BTreeMap::new(),
            ended: BTreeMap::new(),
            cut: BTreeSet::new(),
            answers: BTreeMap::new(),
            snapshots: 0,
            messages: 0,
            held: None,
            configure,
            now: Moment::default(),
            boots: 0,
            tickets: 0,
        };
        for id in (1..=count).map(NodeId) {
            group.disks.insert(id, Disk::founded(recovered.clone()));
            group.start(id);
        }
        group.settle();
        group
    }

    /// Starts a node on its disk, empty if it has none.
    pub(crate) fn start(&mut self, id: NodeId) {
        self.boots += 1;
        let mut config = NodeConfig::new(id, self.boots);
        // No lots are drawn, so that every test goes the same way each time.
        let first = 12 + u32::try_from(id.0).unwrap();
        config.election_ticks = first..first + 1;
        (self.configure)(&mut config);
        let disk = self
            .disks
            .entry(id)
            .or_insert_with(|| {
                Disk::founded(Recovered {
                    start: multibeam_ledger::node::disk::Start { first: 1, before: 0 },
                    ..Recovered::default()
                })
            })
            .clone();
        let node = Node::new(config, &disk.recovered(), disk).unwrap();
        self.nodes.insert(id, node);
    }

    /// Kills a node; its disk stays.
    pub(crate) fn stop(&mut self, id: NodeId) {
        self.nodes.remove(&id);
    }

    pub(crate) fn handle(&mut self, id: NodeId, input: Input) {
        let now = self.now;
        if let Some(node) = self.nodes.get_mut(&id) {
            node.handle(now, input).unwrap();
        }
    }

    /// Lets messages flow until nobody has anything to say.
    pub(crate) fn settle(&mut self) {
        loop {
            let mut messages = Vec::new();
            let mut snapshots = Vec::new();
            for id in self.nodes.keys().copied().collect::<Vec<_>>() {
                if let Err(error) = self.perform(id, &mut messages, &mut snapshots) {
                    self.nodes.remove(&id);
                    self.ended.insert(id, error);
                }
            }
            if messages.is_empty() && snapshots.is_empty() {
                return;
            }
            self.messages += messages.len();
            for (from, Outgoing { to, message }) in messages {
                let received = Received::decode(&message).unwrap();
                assert_eq!((received.from(), received.to()), (from, to));
                if !self.cut.contains(&from) && !self.cut.contains(&to) {
                    self.handle(to, Input::Message(received));
                }
            }
            for (from, order) in snapshots {
                self.carry(from, order);
            }
        }
    }

    fn perform(
        &mut self,
        id: NodeId,
        messages: &mut Vec<(NodeId, Outgoing)>,
        snapshots: &mut Vec<(NodeId, SnapshotOrder)>,
    ) -> Result<(), NodeError> {
        let disk = self.disks[&id].clone();
        let node = self.nodes.get_mut(&id).unwrap();
        while let Some(work) = node.work()? {
            messages.extend(work.send.into_iter().map(|message| (id, message)));
            snapshots.extend(work.snapshots.into_iter().map(|order| (id, order)));
            self.answers.extend(work.answers);
            if let Some(install) = work.install {
                disk.install(&install);
            }
            if work.unstage {
                disk.unstage();
            }
            if let Some(write) = work.write {
                disk.write(&write);
            }
            let done = node.written()?;
            messages.extend(done.send.into_iter().map(|message| (id, message)));
            snapshots.extend(done.snapshots.into_iter().map(|order| (id, order)));
            self.answers.extend(done.answers);
            disk.forget(&done.forget);
            if let Some(compaction) = done.compact {
                match &mut self.held {
                    Some(held) => held.push((id, compaction)),
                    None => compact(node, &disk, compaction),
                }
            }
        }
        Ok(())
    }

    /// Newer states come to the disks again, those included that were held up.
    pub(crate) fn let_go(&mut self) {
        for (id, compaction) in self.held.take().unwrap_or_default() {
            compact(self.nodes.get_mut(&id).unwrap(), &self.disks[&id], compaction);
        }
    }

    /// Brings a state to the member it is for.
    fn carry(&mut self, from: NodeId, order: SnapshotOrder) {
        use multibeam_ledger::node::disk::ReadLog as _;
        let member = order.to;
        let ok = !self.cut.contains(&from) && !self.cut.contains(&member);
        if ok && self.nodes.contains_key(&member) {
            self.snapshots += 1;
            let OutgoingState { to, message, state, payloads } = order.make();
            let source = self.disks[&from].clone();
            let disk = self.disks[&to].clone();
            let has = disk.hard().commit;
            let payloads = payloads.iter().filter(|index| **index > has);
            disk.stage(payloads.map(|index| source.entry(*index).unwrap().unwrap()));
            let message = Received::decode(&message).unwrap();
            self.handle(to, Input::Snapshot { message, state: state.to_vec() });
        }
        self.handle(from, Input::SnapshotSent { to: member, ok });
    }

    /// Turns the clock by so many ticks.
    pub(crate) fn run(&mut self, ticks: u32) {
        for _ in 0..ticks {
            self.now = self.now + TICK;
            for id in self.nodes.keys().copied().collect::<Vec<_>>() {
                self.handle(id, Input::Tick);
            }
            self.settle();
        }
    }

    /// The leader, after an election if one is needed.
    pub(crate) fn leader(&mut self) -> NodeId {
        for _ in 0..200 {
            let leads = |(id, node): (&NodeId, &Node<Disk>)| {
                (node.leads() && !self.cut.contains(id)).then_some(*id)
            };
            if let Some(leader) = self.nodes.iter().find_map(leads) {
                return leader;
            }
            self.run(1);
        }
        panic!("no leader in 200 ticks");
    }

    pub(crate) fn ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket(self.tickets)
    }

    /// Asks a node to commit commands; what it has answered by now.
    pub(crate) fn propose_to(&mut self, id: NodeId, commands: Vec<Command>) -> Option<Answer> {
        let ticket = self.ask(id, commands);
        self.settle();
        self.answers.get(&ticket).cloned()
    }

    /// The same without waiting for anything.
    pub(crate) fn ask(&mut self, id: NodeId, commands: Vec<Command>) -> Ticket {
        let ticket = self.ticket();
        let encode = |command: Command| {
            let bytes = Bytes::from(command.encode());
            (command, bytes)
        };
        let commands = commands.into_iter().map(encode).collect();
        self.handle(id, Input::Propose { ticket, commands });
        ticket
    }

    /// Commits commands at the leader.
    pub(crate) fn propose(&mut self, commands: Vec<Command>) -> Vec<Reply> {
        let leader = self.leader();
        match self.propose_to(leader, commands) {
            Some(Answer::Replies(replies)) => replies,
            other => panic!("{other:?}"),
        }
    }

    /// Asserts that all running nodes have the same state.
    pub(crate) fn assert_equal(&self) {
        let states: BTreeSet<_> = self.nodes.values().map(|node| node.ledger().hash()).collect();
        assert_eq!(states.len(), 1, "{:?}", self.applied());
    }

    pub(crate) fn applied(&self) -> BTreeMap<NodeId, u64> {
        self.nodes.iter().map(|(id, node)| (*id, node.ledger().applied())).collect()
    }
}

fn compact(node: &mut Node<Disk>, disk: &Disk, compaction: Compaction) {
    let compact = compaction.make();
    disk.compact(&compact);
    node.compacted(compact.state.len() as u64);
}
