//! How a process 1 is brought to its end between two of its serial groups, without interrupting one.
//!
//! Ginkgo looks every half second whether another process wants the run aborted. The process is
//! held at its next boundary by the answer to its last report that it waits for; then it is told
//! 410, which no running spec can notice, and after a moment it is let go: it skips what is left of
//! its list, runs its after-suite, and ends.

use super::Ticket;

/// Where a recall stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Recall {
    /// Nobody wants one.
    #[default]
    No,
    /// A group may still run.
    Ordered,
    /// The process is held between two groups.
    Held(Ticket),
    /// It was told to abort, and is let go in a moment.
    Told(Ticket),
    /// It goes through the rest of its list.
    Over,
}

// === impl Recall ===

impl Recall {
    pub(super) fn order(&mut self) {
        if *self == Self::No {
            *self = Self::Ordered;
        }
    }

    /// Whether one is wanted whose process still runs a group.
    pub(super) fn is_ordered(self) -> bool {
        self == Self::Ordered
    }

    /// The process has come to a boundary; whether it is held there.
    pub(super) fn holds(&mut self, ticket: Ticket) -> bool {
        let holds = *self == Self::Ordered;
        if holds {
            *self = Self::Held(ticket);
        }
        holds
    }

    /// The process asks whether it is to abort: the request to let go after it was told so.
    pub(super) fn asked(&mut self) -> Option<Ticket> {
        let Self::Held(ticket) = *self else {
            return None;
        };
        *self = Self::Told(ticket);
        Some(ticket)
    }

    /// Whether it was told, and may ask again because it did not hear the answer.
    pub(super) fn is_told(self) -> bool {
        matches!(self, Self::Told(_))
    }

    /// It is let go: the request that it is held by.
    pub(super) fn let_go(&mut self) -> Option<Ticket> {
        match *self {
            Self::Held(ticket) | Self::Told(ticket) => {
                *self = Self::Over;
                Some(ticket)
            }
            Self::No | Self::Ordered | Self::Over => None,
        }
    }
}
