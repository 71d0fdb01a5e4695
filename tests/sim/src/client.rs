//! Calls to the ledger: over all nodes in turn, until one has answered for good.

use std::rc::Rc;

use crate::message::{Ask, Packet, Told};
use crate::scale;
use crate::world::{Host, Timer, World};

/// A call under way.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) host: Host,
    life: u32,
    pub(crate) purpose: Purpose,
    ask: Rc<Ask>,
    node: usize,
    attempt: u32,
}

/// What the answer is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A coordinator's claim.
    Claim,
    /// Its sign of life, sent at this time of its own clock.
    Attend {
        sent: multibeam_model::Moment,
    },
    /// Steps of a takeover.
    Create,
    Read,
    TakeOver,
    /// A batch of decisions.
    Commit,
    /// A user's cancel.
    Cancel {
        force: bool,
    },
    /// A shipment of a suite process.
    Ship {
        process: multibeam_model::ProcessId,
        number: u64,
    },
}

impl World {
    pub(crate) fn call(&mut self, host: Host, purpose: Purpose, ask: Ask) {
        let id = self.number();
        let node = self.rng.place(self.setting.nodes);
        let life = self.machines[host].life;
        self.calls.insert(id, Call { host, life, purpose, ask: Rc::new(ask), node, attempt: 0 });
        self.ask_again(id);
    }

    /// Forgets calls that nobody waits for any more.
    pub(crate) fn drop_calls(&mut self, host: Host, which: impl Fn(&Purpose) -> bool) {
        self.calls.retain(|_, call| call.host != host || !which(&call.purpose));
    }

    pub(crate) fn ask_again(&mut self, id: u64) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        call.attempt += 1;
        let (host, node, attempt) = (call.host, call.node, call.attempt);
        let packet = Packet::Ask { call: id, attempt, ask: Rc::clone(&call.ask) };
        self.send(host, node, packet);
        self.wake(host, scale::CALL, Timer::Call { call: id, attempt });
    }

    pub(crate) fn call_late(&mut self, id: u64, attempt: u32) {
        let nodes = self.setting.nodes;
        let Some(call) = self.calls.get_mut(&id).filter(|call| call.attempt == attempt) else {
            return;
        };
        call.node = (call.node + 1) % nodes;
        self.seen.count("call repeated elsewhere");
        self.ask_again(id);
    }

    pub(crate) fn answered(&mut self, id: u64, attempt: u32, told: Told) {
        let nodes = self.setting.nodes;
        // The answer to an earlier try is nobody's any more.
        let Some(call) = self.calls.get_mut(&id).filter(|call| call.attempt == attempt) else {
            return;
        };
        let host = call.host;
        match told {
            Told::NotLeader(hint) => {
                call.node = hint.unwrap_or((call.node + 1) % nodes);
                // A late timer of this try must not count.
                call.attempt += 1;
                let pause = self.some_ms(if hint.is_some() { 1 } else { 100 }, 300);
                self.wake(host, pause, Timer::Retry { call: id });
            }
            Told::Busy => {
                call.attempt += 1;
                let pause = self.some_ms(50, 300);
                self.wake(host, pause, Timer::Retry { call: id });
            }
            told => {
                let Some(call) = self.calls.remove(&id) else { return };
                if self.machines[host].life == call.life {
                    self.finished(host, call.purpose, &call.ask, told);
                }
            }
        }
    }

    fn finished(&mut self, host: Host, purpose: Purpose, ask: &Ask, told: Told) {
        let coordinator = host.wrapping_sub(self.setting.nodes);
        match (purpose, told) {
            (Purpose::Claim, Told::Replies(replies)) => self.claimed(coordinator, ask, &replies),
            (Purpose::Attend { sent }, Told::InOffice(answer)) => {
                self.attended(coordinator, sent, answer);
            }
            (Purpose::Create, Told::Replies(_)) => self.created(coordinator),
            (Purpose::Read, Told::Record(record)) => self.was_read(coordinator, record),
            (Purpose::TakeOver, Told::Replies(replies)) => self.taken_over(coordinator, &replies),
            (Purpose::Commit, Told::Replies(replies)) => self.committed(coordinator, replies),
            (Purpose::Cancel { force }, Told::Replies(_)) => self.cancelled(coordinator, force),
            (Purpose::Ship { process, number }, Told::Replies(replies)) => {
                self.shipped(host, process, number, &replies);
            }
            _ => {}
        }
    }
}
