//! What a node does without being asked, and changes of members.

use multibeam_model::Epoch;
use multibeam_model::command::Command;
use raft::eraftpb::{Entry, EntryType};

use super::Node;
use super::disk::{NodeId, ReadLog};
use super::io::{Answer, Ticket};
use super::members::{MemberChange, MemberRefusal};
use crate::plant::{self, Plant};

/// Entries that a learner may lag behind when it gets its vote.
const CAUGHT_UP: u64 = 100;

impl<L: ReadLog> Node<L> {
    pub(super) fn tick(&mut self) {
        self.raw.tick();
        let (gone, again) = self.reads.tick(self.config.election_ticks.end);
        let leader = self.leader();
        for ticket in gone {
            self.attending.remove(&ticket);
            self.answers.push((ticket, Answer::NotLeader(leader)));
        }
        for ticket in again {
            // A leader that was new, or a message, may have lost the question.
            self.ask_to_read(ticket);
        }
        if self.leads() {
            self.lead();
        }
    }

    fn lead(&mut self) {
        let format = self.read_by_all();
        if format > self.ledger.format().max(self.raising) {
            self.raising = format;
            self.follow_ups.push(Command::Raise { format });
            self.follow_up();
        }
        if self.raw.raft.has_pending_conf() {
            return;
        }
        if self.raw.store().base().membership.auto_leave {
            // The leader that began the change died before it could end it.
            let _ =
                self.raw.propose_conf_change(Vec::new(), raft::eraftpb::ConfChangeV2::default());
        } else if let Some(id) = self.learner_caught_up() {
            let _ = self.put_change(&MemberChange::Promote { id });
        }
    }

    /// The newest format that every member can read.
    fn read_by_all(&self) -> u8 {
        let others = self.ledger.members().keys().filter(|id| **id != self.config.id);
        let others = others.map(|id| self.formats.get(id).copied().unwrap_or_default());
        others.chain([self.config.codec.reads]).min().unwrap_or_default()
    }

    fn learner_caught_up(&self) -> Option<NodeId> {
        let learners = self.raw.store().base().membership.learners;
        let last = self.raw.raft.raft_log.last_index();
        learners.into_iter().find(|id| {
            let peer = self.raw.raft.prs().get(id.0);
            // One that was never heard from counts as active at first, but has nothing.
            peer.is_some_and(|peer| {
                peer.recent_active && peer.matched > 0 && peer.matched + CAUGHT_UP >= last
            })
        })
    }

    /// A coordinator says that it is alive. It goes by the answer, so the answer must not come from
    /// a leader that was replaced and does not know: a majority confirms it first, as for a read.
    pub(super) fn attend(&mut self, ticket: Ticket, epoch: Epoch) {
        let answer = self.in_office(epoch);
        if answer != Answer::InOffice(Ok(())) || plant::is(Plant::AttendUnconfirmed) {
            self.answers.push((ticket, answer));
            return;
        }
        self.attending.insert(ticket, epoch);
        self.reads.ask(ticket);
        self.ask_to_read(ticket);
    }

    /// A coordinator gives its office back. If this leader was replaced and does not know, nothing
    /// comes of it but a longer wait.
    pub(super) fn leave(&mut self, ticket: Ticket, epoch: Epoch) {
        let answer = self.in_office(epoch);
        if answer == Answer::InOffice(Ok(())) {
            self.office.leave();
        }
        self.answers.push((ticket, answer));
    }

    fn in_office(&mut self, epoch: Epoch) -> Answer {
        if !self.leads() {
            return Answer::NotLeader(self.leader());
        }
        match self.office.attend(&self.ledger, epoch, self.now) {
            Some(answer) => Answer::InOffice(answer),
            None => Answer::Busy,
        }
    }

    /// The answer to a question that waited for a majority and for the state.
    pub(super) fn confirmed(&mut self, ticket: Ticket) -> Answer {
        match self.attending.remove(&ticket) {
            Some(epoch) => self.in_office(epoch),
            None => Answer::Readable,
        }
    }

    /// Proposes the leader's own commands.
    pub(super) fn follow_up(&mut self) {
        for command in std::mem::take(&mut self.follow_ups) {
            if self.leads() {
                let entry = Entry { data: command.encode().into(), ..Entry::default() };
                // When it is dropped, the next occasion brings another one.
                let _ = self.put(vec![entry]);
            }
        }
    }

    pub(super) fn change(&mut self, ticket: Ticket, change: &MemberChange, force: bool) {
        let answer = if self.leads() {
            let begun = self.admits(change, force).and_then(|()| self.put_change(change));
            Answer::Members(begun)
        } else {
            Answer::NotLeader(self.leader())
        };
        self.answers.push((ticket, answer));
    }

    fn put_change(&mut self, change: &MemberChange) -> Result<(), MemberRefusal> {
        use protobuf::Message as _;
        let data = change.to_raft().write_to_bytes();
        let mut entry = Entry {
            data: data.expect("writing to memory cannot fail and every field has a value").into(),
            ..Entry::default()
        };
        entry.set_entry_type(EntryType::EntryConfChangeV2);
        self.put(vec![entry]).map_err(|_| MemberRefusal::UnderWay)
    }

    fn admits(&mut self, change: &MemberChange, force: bool) -> Result<(), MemberRefusal> {
        let membership = self.raw.store().base().membership;
        if self.raw.raft.has_pending_conf() || !membership.outgoing.is_empty() {
            return Err(MemberRefusal::UnderWay);
        }
        let known = self.ledger.members().contains_key(&change.id());
        match change {
            MemberChange::Add { id, .. } if known => Err(MemberRefusal::Exists(*id)),
            MemberChange::Add { .. } => Ok(()),
            MemberChange::Promote { id } | MemberChange::Remove { id } if !known => {
                Err(MemberRefusal::Unknown(*id))
            }
            MemberChange::Promote { .. } => Ok(()),
            MemberChange::Remove { id } => {
                let others: Vec<NodeId> =
                    membership.voters.iter().copied().filter(|voter| voter != id).collect();
                if others.is_empty() {
                    return Err(MemberRefusal::Last(*id));
                }
                let alive = others.iter().filter(|other| self.is_alive(**other)).count();
                if alive * 2 <= others.len() && !force {
                    let voters = others.len();
                    return Err(MemberRefusal::Quorum { id: *id, alive, voters });
                }
                if *id == self.config.id {
                    self.abdicate();
                    return Err(MemberRefusal::Leads(*id));
                }
                Ok(())
            }
        }
    }

    fn is_alive(&self, node: NodeId) -> bool {
        node == self.config.id
            || self.raw.raft.prs().get(node.0).is_some_and(|peer| peer.recent_active)
    }

    /// Has the member that is furthest take over.
    pub(super) fn abdicate(&mut self) {
        if !self.leads() {
            return;
        }
        let voters = self.raw.store().base().membership.voters;
        let others = voters.into_iter().filter(|id| *id != self.config.id && self.is_alive(*id));
        let matched = |id: &NodeId| self.raw.raft.prs().get(id.0).map_or(0, |peer| peer.matched);
        if let Some(best) = others.max_by_key(matched) {
            self.raw.transfer_leader(best.0);
        }
    }
}
