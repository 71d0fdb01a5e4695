//! Commands on their way into the log.
//!
//! What is proposed between two [`Node::work`]s goes into the log as one: each proposal by itself
//! would be a message to each follower and an answer from it, and few of these may be under way.

use bytes::Bytes;
use multibeam_model::Timestamp;
use multibeam_model::command::{Command, Reply};
use raft::eraftpb::{Entry, Message, MessageType};

use super::Node;
use super::disk::ReadLog;
use super::io::{Answer, Ticket};

/// Bytes that go into the log together: what one message to a follower takes.
const MOST_BYTES: usize = super::config::MESSAGE_BYTES as usize;

/// Proposals that were admitted and are not in the log yet.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    entries: Vec<Entry>,
    bytes: usize,
    /// Who waits, and for how many of the entries, in their order.
    proposals: Vec<(Ticket, usize)>,
}

impl<L: ReadLog> Node<L> {
    pub(super) fn propose(&mut self, ticket: Ticket, commands: Vec<(Command, Bytes)>) {
        if let Some(answer) = self.refuse(&commands) {
            self.answers.push((ticket, answer));
            return;
        }
        let claims: Vec<_> = commands.iter().filter_map(|(command, _)| claim_of(command)).collect();
        let bytes: usize = commands.iter().map(|(_, data)| data.len()).sum();
        if self.gathered.bytes + bytes > MOST_BYTES {
            self.put_gathered();
        }
        let gathered = &mut self.gathered;
        gathered.bytes += bytes;
        gathered.proposals.push((ticket, commands.len()));
        let entries = commands.into_iter().map(|(_, data)| Entry { data, ..Entry::default() });
        gathered.entries.extend(entries);
        // The next claim is judged by whether this one is in the log.
        if !claims.is_empty() && self.put_gathered() {
            for (coordinator, at) in claims {
                self.office.put(coordinator, at, self.now);
            }
        }
    }

    /// Puts what was gathered into the log; false when there was no room for it.
    pub(super) fn put_gathered(&mut self) -> bool {
        let Gathered { entries, proposals, .. } = std::mem::take(&mut self.gathered);
        if entries.is_empty() {
            return true;
        }
        let (term, mut first) = (self.raw.raft.term, self.raw.raft.raft_log.last_index() + 1);
        let put = self.put(entries).is_ok();
        for (ticket, count) in proposals {
            if put {
                self.proposals.wait(ticket, term, first, count);
                first += count as u64;
            } else {
                self.answers.push((ticket, Answer::Busy));
            }
        }
        put
    }

    /// The answer to a proposal that is not put into the log.
    fn refuse(&self, commands: &[(Command, Bytes)]) -> Option<Answer> {
        if !self.leads() {
            return Some(Answer::NotLeader(self.leader()));
        }
        if commands.is_empty() {
            return Some(Answer::Replies(Vec::new()));
        }
        let newest = self.ledger.format();
        if commands.iter().any(|(_, bytes)| bytes.first().is_some_and(|format| *format > newest)) {
            return Some(Answer::Format { newest });
        }
        for (command, _) in commands {
            let Command::Claim { coordinator, at, take_over } = command else { continue };
            // The log may hold claims of an earlier term that are not in the state yet.
            if self.raw.store().applied().1 != self.raw.raft.term {
                return Some(Answer::Busy);
            }
            let admitted = self.office.admits(&self.ledger, coordinator, *at, *take_over, self.now);
            if let Err(refusal) = admitted {
                return Some(Answer::Replies(vec![Reply::Refused(refusal); commands.len()]));
            }
        }
        None
    }

    /// Puts entries into the log, all or none.
    pub(super) fn put(&mut self, entries: Vec<Entry>) -> raft::Result<()> {
        let mut message = Message { from: self.config.id.0, ..Message::default() };
        message.set_msg_type(MessageType::MsgPropose);
        message.set_entries(entries.into());
        self.raw.raft.step(message)
    }
}

/// Who claims, and when, if a command is a claim.
fn claim_of(command: &Command) -> Option<(String, Timestamp)> {
    match command {
        Command::Claim { coordinator, at, .. } => Some((coordinator.clone(), *at)),
        _ => None,
    }
}
