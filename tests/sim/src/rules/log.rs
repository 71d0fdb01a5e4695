//! The replicated log: all nodes have the same, a majority has what counts, and whoever was
//! replaced decides nothing any more.

use multibeam_ledger::node::FOUNDING_INDEX;
use multibeam_model::command::{Change, Command, Decision, Refusal, Reply};
use multibeam_model::record::AttemptState;
use multibeam_model::{AttemptId, Epoch};

use super::{Rules, run_id};
use crate::world::{World, note};

/// Every so many entries the states of the nodes are compared.
const COMPARE: u64 = 6;

impl Rules {
    /// A coordinator is about to propose this.
    pub(crate) fn proposes(&mut self, command: &Command) {
        if matches!(command, Command::Run { change: Change::Decide { .. }, .. }) {
            self.proposed.insert(command.encode().into());
        }
    }

    pub(crate) fn check_read(&mut self, floor: u64, applied: u64) {
        if applied < floor {
            self.breaks(format!("a read shows entry {applied}, but {floor} was known before it"));
        }
    }

    /// Two nodes must not lead in one term.
    pub(crate) fn leads(&mut self, node: usize, term: u64) {
        let first = *self.leaders.entry(term).or_insert(node);
        if first != node {
            let (first, node) = (first + 1, node + 1);
            self.breaks(format!("nodes {first} and {node} both lead in term {term}"));
        }
    }

    fn entry(&self, index: u64) -> Option<&(u64, bytes::Bytes)> {
        self.log.get(usize::try_from(index.checked_sub(FOUNDING_INDEX + 1)?).ok()?)
    }

    /// The first node has applied the next entry: applies it here, too.
    fn apply(&mut self, index: u64, data: &bytes::Bytes) {
        if data.is_empty() {
            return;
        }
        let command = match Command::decode(data) {
            Ok(command) => command,
            Err(error) => return self.breaks(format!("entry {index} cannot be read: {error}")),
        };
        let reply = self.state.apply(index, &command);
        match (&command, &reply) {
            (Command::Claim { .. }, Reply::Claimed(epoch)) => self.claimed(*epoch),
            (Command::Run { change: Change::Decide { epoch, decision }, .. }, reply) => {
                self.decided(index, data, *epoch, decision, reply);
            }
            (Command::Run { change: Change::Report(report), .. }, reply) => {
                self.reported(report.attempt, reply);
            }
            _ => {}
        }
    }

    fn claimed(&mut self, epoch: Epoch) {
        if epoch < self.epoch {
            self.breaks(format!("epoch {epoch} came after {}", self.epoch));
        }
        self.epoch = epoch;
    }

    fn decided(
        &mut self,
        index: u64,
        data: &bytes::Bytes,
        epoch: Epoch,
        decision: &Decision,
        reply: &Reply,
    ) {
        let newest = self.epoch;
        if !self.proposed.contains(data) {
            self.breaks(format!(
                "no coordinator of epoch {epoch} has decided {decision:?} ({index})"
            ));
        }
        let refused = matches!(reply, Reply::Refused(Refusal::OldEpoch { .. }));
        if refused != (epoch != newest) {
            self.breaks(format!(
                "a decision of epoch {epoch} is answered {reply:?} in epoch {newest} ({index})"
            ));
        }
        if let Decision::Lose { attempt, .. } | Decision::Return { attempt } = decision
            && self.sealed.contains_key(attempt)
        {
            self.still_sealed(*attempt);
        }
    }

    fn reported(&mut self, attempt: AttemptId, reply: &Reply) {
        if *reply == Reply::Sealed
            && !self.sealed.contains_key(&attempt)
            && let Some(record) = self.state.run(&run_id()).and_then(|run| run.attempt(attempt))
        {
            let record = record.clone();
            self.sealed.insert(attempt, record);
        }
        if self.sealed.contains_key(&attempt) {
            self.still_sealed(attempt);
        }
    }

    pub(super) fn still_sealed(&mut self, attempt: AttemptId) {
        let now = self.state.run(&run_id()).and_then(|run| run.attempt(attempt));
        let first = self.sealed.get(&attempt);
        let same = match (now, first) {
            (Some(now), Some(first)) => {
                now.state == AttemptState::Sealed && now.received == first.received
            }
            _ => false,
        };
        if !same {
            self.breaks(format!("the sealed result of {attempt} has changed"));
        }
    }
}

impl World {
    /// Looks at what a node has applied since the last time.
    pub(crate) fn observe(&mut self, n: usize) {
        let Some(node) = &self.nodes[n].node else { return };
        let applied = node.ledger().applied();
        if node.leads() != self.nodes[n].led {
            let status = node.status();
            let leads = node.leads();
            self.nodes[n].led = leads;
            if leads {
                self.seen.count("leader change");
                self.rules.leads(n, status.term);
                note!(self, "node{} leads in term {}", n + 1, status.term);
            }
        }
        let from = self.nodes[n].observed;
        for index in from + 1..=applied {
            match self.nodes[n].disk.entry(index) {
                Some(entry) => self.learn(n, &entry),
                // It came within a state from elsewhere, so somebody else has applied it.
                None if index <= self.rules.known() => {}
                None => {
                    self.rules.breaks(format!("node {} has applied {index} from nowhere", n + 1))
                }
            }
        }
        self.nodes[n].observed = applied;
        if applied / COMPARE > from / COMPARE {
            self.compare(n, applied);
        }
    }

    fn learn(&mut self, n: usize, entry: &multibeam_ledger::node::disk::LogEntry) {
        let (index, term) = (entry.index, entry.term);
        if let Some((known_term, data)) = self.rules.entry(index) {
            // Payloads kept from before a state was installed keep their bytes, too.
            if (*known_term, data) != (term, &entry.data) {
                let why = format!("node {} has applied another entry at {index}", n + 1);
                self.rules.breaks(why);
            }
            return;
        }
        if index != self.rules.known() + 1 {
            self.rules.breaks(format!("node {} has applied {index} too early", n + 1));
            return;
        }
        let disks = self.nodes.iter().filter(|node| node.disk.is_durable(index, term)).count();
        if disks * 2 <= self.nodes.len() {
            let why = format!("entry {index} counts, but only {disks} disks have it");
            self.rules.breaks(why);
        }
        self.rules.log.push((term, entry.data.clone()));
        self.rules.apply(index, &entry.data);
        if self.trace.is_some() && !entry.data.is_empty() {
            let command = Command::decode(&entry.data);
            let text = command.map_or_else(|e| e.to_string(), |c| short(&format!("{c:?}")));
            self.write_down(format!("  committed {index} in term {term}: {text}"));
        }
    }

    /// The first node at an index says what the state is there; all others must agree.
    pub(crate) fn compare(&mut self, n: usize, applied: u64) {
        let Some(node) = &self.nodes[n].node else { return };
        // Entries without a command move only the index, which is part of the state.
        if self.rules.entry(applied).is_none_or(|(_, data)| data.is_empty()) {
            return;
        }
        let hash = node.ledger().hash();
        let expected = match self.rules.hashes.get(&applied) {
            Some(expected) => *expected,
            None if applied == self.rules.known() => self.rules.state.hash(),
            None => hash,
        };
        self.rules.hashes.insert(applied, expected);
        if expected != hash {
            let why = format!("node {} has another state at {applied} than others", n + 1);
            self.rules.breaks(why);
        }
    }

    /// After a state was installed every payload that it refers to is there.
    pub(crate) fn check_payloads(&mut self, n: usize) {
        let Some(node) = &self.nodes[n].node else { return };
        for index in node.ledger().payloads(..) {
            let kept = self.nodes[n].disk.entry(index);
            let right = match (&kept, self.rules.entry(index)) {
                (Some(kept), Some((_, data))) => kept.data == *data,
                _ => false,
            };
            if !right {
                let why = format!("node {} lacks the payload at {index}", n + 1);
                return self.rules.breaks(why);
            }
        }
    }
}

/// A line of the trace must not be a page.
pub(crate) fn short(text: &str) -> String {
    const MOST: usize = 260;
    match text.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}...", &text[..at]),
        None => text.to_owned(),
    }
}
