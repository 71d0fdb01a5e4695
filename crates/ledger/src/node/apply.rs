//! Committed entries reach the state machine, in the order of the log.

use multibeam_model::command::{Command, Reply};
use raft::eraftpb::{Entry, EntryType};

use super::disk::{NodeId, ReadLog};
use super::io::Outcome;
use super::members::{self, MemberChange};
use super::{Node, NodeError, convert};
use crate::payloads::of_run;

impl<L: ReadLog> Node<L> {
    pub(super) fn apply(&mut self, entries: Vec<Entry>) -> Outcome<()> {
        for entry in entries {
            let (index, term) = (entry.index, entry.term);
            match entry.get_entry_type() {
                EntryType::EntryNormal if entry.data.is_empty() => {
                    self.ledger.apply_members(index, None);
                }
                EntryType::EntryNormal => self.apply_command(&entry)?,
                EntryType::EntryConfChange | EntryType::EntryConfChangeV2 => {
                    self.apply_members(&entry)?;
                }
            }
            self.raw.mut_store().set_applied(index, term);
            if index.is_multiple_of(self.config.witness_every) {
                self.bear_witness(index);
            }
        }
        let applied = self.ledger.applied();
        for ticket in self.reads.readable(applied) {
            let answer = self.confirmed(ticket);
            self.answers.push((ticket, answer));
        }
        Ok(())
    }

    fn apply_command(&mut self, entry: &Entry) -> Outcome<()> {
        let index = entry.index;
        let command = (self.config.codec.decode)(&entry.data)
            .map_err(|source| NodeError::Entry { index, source })?;
        if let Command::Witness { index: at, hash } = command
            && self.own_hash.is_some_and(|(own, own_hash)| own == at && own_hash != hash)
        {
            return Err(NodeError::Diverged { index: at });
        }
        let expired = match &command {
            Command::Expire { runs } => runs.iter().flat_map(|id| self.ledger.run(id)).collect(),
            _ => Vec::new(),
        };
        let expired: Vec<u64> = expired.into_iter().flat_map(|run| of_run(run)).collect();
        let reply = self.ledger.apply(index, &command);
        if reply == Reply::Done {
            self.forget.extend(expired);
        }
        self.proposals.applied(index, entry.term, reply, &mut self.answers);
        Ok(())
    }

    fn apply_members(&mut self, entry: &Entry) -> Outcome<()> {
        let index = entry.index;
        let (change, ours) =
            members::read(&entry.data).map_err(|source| NodeError::Entry { index, source })?;
        let state = self.raw.apply_conf_change(&change)?;
        self.raw.mut_store().set_membership(convert::membership(&state));
        if let Some(MemberChange::Remove { id }) = &ours {
            self.formats.remove(id);
            self.removed |= *id == self.config.id;
        }
        self.ledger.apply_members(index, ours.as_ref());
        Ok(())
    }

    /// Notes this node's state, and has the leader tell the others of its own.
    fn bear_witness(&mut self, index: u64) {
        let hash = self.ledger.hash_and_keep();
        self.own_hash = Some((index, hash));
        if self.leads() {
            self.follow_ups.push(Command::Witness { index, hash });
        }
    }

    /// The addresses of all other members.
    #[must_use]
    pub fn peers(&self) -> Vec<(NodeId, String)> {
        let others = self.ledger.members().iter().filter(|(id, _)| **id != self.config.id);
        others.map(|(id, member)| (*id, member.address.clone())).collect()
    }
}
