//! What waits to be sent to one member.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::{Notify, watch};

use super::config::{ENVELOPE_BYTES, ENVELOPE_MESSAGES, PeerLimits};

/// A bounded queue that never makes its writer wait: what does not fit is dropped. Raft sends again
/// what it misses, and a member that does not keep up is better served with newer messages.
#[derive(Debug)]
pub(super) struct Queue {
    limits: PeerLimits,
    state: Mutex<State>,
    changed: Notify,
    closed: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct State {
    messages: VecDeque<Bytes>,
    bytes: usize,
    /// Something was dropped, and nothing was taken since.
    full: bool,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pushed {
    Waits,
    /// It was dropped, as the first since the queue moved.
    FirstDropped,
    Dropped,
}

// === impl Queue ===

impl Queue {
    pub(super) fn new(limits: PeerLimits) -> Self {
        Self {
            limits,
            state: Mutex::default(),
            changed: Notify::new(),
            closed: watch::Sender::new(false),
        }
    }

    pub(super) fn push(&self, message: Bytes) -> Pushed {
        let mut state = self.lock();
        let fits = state.messages.len() < self.limits.messages
            && state.bytes.saturating_add(message.len()) <= self.limits.bytes;
        if self.is_closed() || !(fits || state.messages.is_empty()) {
            let first = !std::mem::replace(&mut state.full, true);
            return if first { Pushed::FirstDropped } else { Pushed::Dropped };
        }
        state.bytes += message.len();
        state.messages.push_back(message);
        drop(state);
        self.changed.notify_one();
        Pushed::Waits
    }

    /// Waits until there is something, and takes as much as goes into one envelope; `None` when
    /// the queue is closed and empty. For one reader; nothing is lost when it stops waiting.
    pub(super) async fn take(&self) -> Option<Vec<Bytes>> {
        loop {
            let taken = self.take_now();
            if !taken.is_empty() {
                return Some(taken);
            }
            if self.is_closed() {
                return None;
            }
            self.changed.notified().await;
        }
    }

    fn take_now(&self) -> Vec<Bytes> {
        let mut state = self.lock();
        let (mut taken, mut bytes) = (Vec::new(), 0);
        while let Some(next) = state.messages.front().map(Bytes::len) {
            let fits = bytes + next <= ENVELOPE_BYTES && taken.len() < ENVELOPE_MESSAGES;
            if !fits && !taken.is_empty() {
                break;
            }
            bytes += next;
            taken.extend(state.messages.pop_front());
        }
        state.bytes -= bytes;
        state.full &= taken.is_empty();
        taken
    }

    /// Drops all that waits.
    pub(super) fn clear(&self) {
        let mut state = self.lock();
        state.messages = VecDeque::new();
        state.bytes = 0;
        state.full = false;
    }

    /// Takes nothing more; what waits can still be taken.
    pub(super) fn close(&self) {
        self.closed.send_replace(true);
        self.changed.notify_one();
    }

    /// Returns when it is closed.
    pub(super) async fn closed(&self) {
        // The sender lives as long as `self`.
        let _ = self.closed.subscribe().wait_for(|closed| *closed).await;
    }

    fn is_closed(&self) -> bool {
        *self.closed.borrow()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(messages: usize, bytes: usize) -> Queue {
        Queue::new(PeerLimits { messages, bytes, ..PeerLimits::default() })
    }

    #[tokio::test]
    async fn what_does_not_fit_is_dropped_and_told_once() {
        let queue = queue(3, 100);
        let message = |len| Bytes::from(vec![0; len]);
        assert_eq!(queue.push(message(300)), Pushed::Waits, "it is alone");
        assert_eq!(queue.push(message(1)), Pushed::FirstDropped);
        assert_eq!(queue.push(message(1)), Pushed::Dropped);
        assert_eq!(queue.take().await.unwrap().len(), 1);
        for _ in 0..3 {
            assert_eq!(queue.push(message(1)), Pushed::Waits);
        }
        assert_eq!(queue.push(message(1)), Pushed::FirstDropped, "too many");
        queue.clear();
        assert_eq!(queue.push(message(90)), Pushed::Waits);
        assert_eq!(queue.push(message(11)), Pushed::FirstDropped, "too long together");
        queue.close();
        assert_eq!(queue.push(message(1)), Pushed::Dropped);
        assert_eq!(queue.take().await.unwrap().len(), 1);
        assert_eq!(queue.take().await, None);
    }

    #[tokio::test]
    async fn envelopes_are_bounded_and_in_order() {
        let queue = queue(10_000, 1 << 30);
        for number in 0..3000_u32 {
            queue.push(number.to_le_bytes().to_vec().into());
        }
        let large = Bytes::from(vec![1; ENVELOPE_BYTES + 1]);
        queue.push(large.clone());
        queue.push(large);
        let mut sizes = Vec::new();
        let mut next = 0_u32;
        for _ in 0..5 {
            let taken = queue.take().await.unwrap();
            sizes.push(taken.len());
            for message in taken.iter().filter(|message| message.len() == 4) {
                assert_eq!(message[..], next.to_le_bytes());
                next += 1;
            }
        }
        assert_eq!(sizes, [1024, 1024, 952, 1, 1]);
    }
}
