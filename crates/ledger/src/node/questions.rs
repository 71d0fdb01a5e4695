//! Questions that wait for their answers.

use std::collections::{BTreeMap, VecDeque};

use multibeam_model::command::Reply;

use super::io::{Answer, Ticket};

/// Commands that were put into the log and are not applied yet.
#[derive(Debug, Default)]
pub(super) struct Proposals {
    waiting: VecDeque<Proposal>,
}

#[derive(Debug)]
struct Proposal {
    ticket: Ticket,
    /// The term in which it was put into the log, by this node as the leader.
    term: u64,
    /// Where its commands stand.
    first: u64,
    last: u64,
    replies: Vec<Reply>,
}

impl Proposals {
    pub(super) fn wait(&mut self, ticket: Ticket, term: u64, first: u64, count: usize) {
        let last = first + count as u64 - 1;
        let replies = Vec::with_capacity(count);
        self.waiting.push_back(Proposal { ticket, term, first, last, replies });
    }

    /// The command at `index` was applied. Gives the answer to who asked for it, when it was the
    /// last of theirs. Those whose place another leader's entry has taken learn that nothing is
    /// known.
    pub(super) fn applied(
        &mut self,
        index: u64,
        term: u64,
        reply: Reply,
        answers: &mut Vec<(Ticket, Answer)>,
    ) {
        while let Some(front) = self.waiting.front_mut().filter(|front| front.first <= index) {
            if front.term == term {
                front.replies.push(reply);
                if index == front.last
                    && let Some(done) = self.waiting.pop_front()
                {
                    answers.push((done.ticket, Answer::Replies(done.replies)));
                }
                return;
            }
            let replaced = front.ticket;
            self.waiting.pop_front();
            answers.push((replaced, Answer::NotLeader(None)));
        }
    }

    /// This node ceased to lead: what becomes of these is up to the next leader.
    pub(super) fn take(&mut self) -> impl Iterator<Item = Ticket> {
        self.waiting.drain(..).map(|proposal| proposal.ticket)
    }
}

/// Reads that wait for the leader's word, or for the state to catch up with it.
#[derive(Debug, Default)]
pub(super) struct Reads {
    /// Asked at the leader, with the ticks that they have waited.
    asked: BTreeMap<Ticket, u32>,
    /// The index that must be applied before each may go on.
    known: BTreeMap<u64, Vec<Ticket>>,
}

impl Reads {
    pub(super) fn ask(&mut self, ticket: Ticket) {
        self.asked.insert(ticket, 0);
    }

    /// The leader's word for one of them has come.
    pub(super) fn confirmed(&mut self, ticket: Ticket, index: u64) {
        if self.asked.remove(&ticket).is_some() {
            self.known.entry(index).or_default().push(ticket);
        }
    }

    /// Those that may go on now.
    pub(super) fn readable(&mut self, applied: u64) -> Vec<Ticket> {
        let mut ready = Vec::new();
        while let Some(entry) = self.known.first_entry().filter(|entry| *entry.key() <= applied) {
            ready.extend(entry.remove());
        }
        ready
    }

    /// A tick has passed: gives those that have waited too long, and those to be asked again.
    pub(super) fn tick(&mut self, patience: u32) -> (Vec<Ticket>, Vec<Ticket>) {
        for ticks in self.asked.values_mut() {
            *ticks += 1;
        }
        let late = |ticks: &u32| *ticks >= patience;
        let gone: Vec<Ticket> =
            self.asked.iter().filter(|(_, ticks)| late(ticks)).map(|(ticket, _)| *ticket).collect();
        self.asked.retain(|_, ticks| !late(ticks));
        (gone, self.asked.keys().copied().collect())
    }
}
