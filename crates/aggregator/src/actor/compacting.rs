//! A newer state on its way to the disk: made on a thread of its own, then written a slice at a time.
//!
//! The owner goes on meanwhile. To make out a state of some hundred thousand reports takes tenths of a
//! second, and every member is at it at about the same time.

use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use multibeam_ledger::node::Compaction;
use multibeam_ledger::node::disk::Compact;
use multibeam_rt::leisure::{Leisure, at_leisure};

use crate::LedgerError;

/// How far it is.
#[derive(Default)]
pub(super) enum Compacting {
    /// Nothing is under way.
    #[default]
    No,
    /// It is being made.
    Making {
        /// Brings it. The thread begins when this is polled first.
        state: BoxFuture<'static, io::Result<(Compact, Duration)>>,
        /// Payloads that have expired meanwhile: their entries need not stay.
        forgotten: BTreeSet<u64>,
    },
    /// It is being written.
    Writing(Compact),
}

impl Compacting {
    /// To be made once [`Compacting::made`] is asked.
    pub(super) fn begin(compaction: Compaction) -> Self {
        let made = at_leisure("compaction", Leisure::Tenth, || compaction.make());
        Self::Making { state: made.boxed(), forgotten: BTreeSet::new() }
    }

    /// Returns when it was made and can be written; never when nothing is being made.
    pub(super) async fn made(&mut self) -> Result<(), LedgerError> {
        let Self::Making { state, forgotten } = self else { return std::future::pending().await };
        let (mut compact, _) = state.await.map_err(LedgerError::Thread)?;
        compact.forget(forgotten);
        *self = Self::Writing(compact);
        Ok(())
    }

    /// These payloads have expired.
    pub(super) fn forget(&mut self, payloads: &[u64]) {
        match self {
            Self::No => {}
            Self::Making { forgotten, .. } => forgotten.extend(payloads),
            Self::Writing(compact) => compact.forget(&payloads.iter().copied().collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use multibeam_ledger::node::disk::{Base, Start};

    use super::*;

    #[tokio::test]
    async fn what_expires_on_the_way_does_not_stay() {
        let (base, start) = (Base::default(), Start { first: 9, before: 1 });
        let compact = Compact { base, state: Vec::new(), start, keep: vec![1, 2, 3, 4] };
        let state = async { Ok((compact, Duration::ZERO)) }.boxed();
        let mut compacting = Compacting::Making { state, forgotten: BTreeSet::new() };
        compacting.forget(&[2]);
        compacting.made().await.unwrap();
        compacting.forget(&[4]);
        let Compacting::Writing(compact) = compacting else { panic!("it was not made") };
        assert_eq!(compact.keep, [1, 3]);
    }

    #[tokio::test]
    async fn a_state_that_cannot_be_made_is_an_error() {
        let state = async { Err(io::Error::other("compaction panicked")) }.boxed();
        let mut compacting = Compacting::Making { state, forgotten: BTreeSet::new() };
        assert!(matches!(compacting.made().await, Err(LedgerError::Thread(_))));
    }
}
