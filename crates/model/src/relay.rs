//! Delivery over streams that may break: each side numbers what it sends, keeps it until the other
//! side has acknowledged it, and sends it again on the next stream. Together an [`Outbox`] and an
//! [`Inbox`] deliver every message once and in order, as long as both processes live.

use std::collections::VecDeque;

/// What was sent and not yet acknowledged.
#[derive(Debug)]
pub struct Outbox<T> {
    next: u64,
    unacknowledged: VecDeque<(u64, T)>,
}

impl<T> Default for Outbox<T> {
    fn default() -> Self {
        Self { next: 1, unacknowledged: VecDeque::new() }
    }
}

impl<T> Outbox<T> {
    /// Numbers a message, from 1, and keeps it.
    pub fn push(&mut self, message: T) -> u64 {
        let number = self.next;
        self.next += 1;
        self.unacknowledged.push_back((number, message));
        number
    }

    /// Forgets everything up to `number`: the other side has it.
    pub fn acknowledge(&mut self, number: u64) {
        while self.unacknowledged.front().is_some_and(|(kept, _)| *kept <= number) {
            self.unacknowledged.pop_front();
        }
    }

    /// What a new stream has to begin with.
    pub fn unacknowledged(&self) -> impl Iterator<Item = (u64, &T)> {
        self.unacknowledged.iter().map(|(number, message)| (*number, message))
    }
}

/// What has been received.
#[derive(Debug, Default)]
pub struct Inbox {
    last: u64,
}

impl Inbox {
    /// Whether a message is new. A repeated one was received before the last stream broke.
    pub fn accept(&mut self, number: u64) -> bool {
        let new = number > self.last;
        self.last = self.last.max(number);
        new
    }

    /// The number to acknowledge.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_stream_loses_and_doubles_nothing() {
        let mut outbox = Outbox::default();
        let mut inbox = Inbox::default();
        let mut received = Vec::new();
        for message in 0..10 {
            let number = outbox.push(message);
            // Every third message is lost with its stream.
            if message % 3 != 0 && number == inbox.last() + 1 {
                assert!(inbox.accept(number));
                received.push(message);
            } else {
                for (number, message) in outbox.unacknowledged() {
                    if inbox.accept(number) {
                        received.push(*message);
                    }
                }
            }
            if message % 4 == 0 {
                outbox.acknowledge(inbox.last());
            }
        }
        assert_eq!(received, (0..10).collect::<Vec<_>>());
        outbox.acknowledge(inbox.last());
        assert_eq!(outbox.unacknowledged().count(), 0);
    }
}
