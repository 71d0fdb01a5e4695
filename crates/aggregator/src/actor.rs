//! The one thread that owns the log and the ledger's state.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, RwLock};
use std::thread;

use bytes::Bytes;
use multibeam_ledger::Ledger;
use multibeam_model::command::{Command, Reply};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

use crate::handle::{Handle, LedgerError, Shared};
use crate::store::{Log, StoreError};

/// Bounds of the queue before the owner thread.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Proposals that may wait; more callers wait outside.
    pub queue: usize,
    /// Bytes of proposals that may wait, and so what one flush can grow to.
    pub queue_bytes: u32,
    /// Bytes of one proposal.
    pub proposal_bytes: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { queue: 1024, queue_bytes: 64 << 20, proposal_bytes: 64 << 20 }
    }
}

/// What waits in the queue.
pub(crate) enum Message {
    /// Commands to commit.
    Propose(Proposal),
    /// Take nothing more, finish what waits, and stop.
    Close,
}

/// One caller's commands, with the bytes that go to the log.
pub(crate) struct Proposal {
    pub(crate) entries: Vec<(Command, Bytes)>,
    pub(crate) answer: oneshot::Sender<Vec<Reply>>,
    /// Gives the bytes back to the queue's budget when the proposal is dropped.
    pub(crate) _budget: tokio::sync::OwnedSemaphorePermit,
}

/// The owner of the ledger.
#[derive(Debug)]
pub struct Aggregator;

impl Aggregator {
    /// Replays the log and starts the owner thread. The ledger stops when [`Handle::shutdown`] is
    /// called, or when the last handle is gone.
    ///
    /// # Errors
    /// When the log cannot be read, or holds a command of a format this build does not know.
    pub fn start(log: impl Log) -> Result<Handle, LedgerError> {
        Self::start_with(log, Limits::default())
    }

    /// Like [`Aggregator::start`], with other bounds.
    ///
    /// # Errors
    /// As there.
    pub fn start_with(log: impl Log, limits: Limits) -> Result<Handle, LedgerError> {
        let replayed = catch_unwind(AssertUnwindSafe(|| replay(&log)));
        let ledger = replayed.unwrap_or(Err(LedgerError::Stopped))?;
        let (queue, waiting) = mpsc::channel(limits.queue);
        let (applied_tx, applied) = watch::channel(ledger.applied());
        let (stopped_tx, stopped) = watch::channel(None);
        let shared = Arc::new(Shared {
            ledger: RwLock::new(ledger),
            reader: RwLock::new(Some(log.reader())),
            budget: Arc::new(Semaphore::new(limits.queue_bytes as usize)),
            limits,
        });
        let owner = Owner { log, shared: Arc::clone(&shared), applied: applied_tx };
        let spawned = thread::Builder::new().name("ledger".to_owned()).spawn(move || {
            // A panic of the storage engine must stop the ledger as clearly as an error does.
            let end = catch_unwind(AssertUnwindSafe(move || owner.run(waiting)));
            let end = end.unwrap_or(Err(LedgerError::Stopped));
            if let Err(error) = &end {
                tracing::error!(%error, cause = ?std::error::Error::source(error), "the ledger stopped");
            }
            stopped_tx.send_replace(Some(end.map_err(Arc::new)));
        });
        spawned.map_err(LedgerError::Thread)?;
        Ok(Handle::new(queue, shared, applied, stopped))
    }
}

/// Applies everything that is in the log, one entry in memory at a time.
fn replay(log: &impl Log) -> Result<Ledger, LedgerError> {
    let reader = log.reader();
    let mut ledger = Ledger::default();
    for index in 1..=log.last_index() {
        let entry = reader.read(index)?.ok_or(LedgerError::Gap { index })?;
        let command =
            Command::decode(&entry).map_err(|source| LedgerError::Entry { index, source })?;
        ledger.apply(index, &command);
    }
    Ok(ledger)
}

struct Owner<L> {
    log: L,
    shared: Arc<Shared>,
    applied: watch::Sender<u64>,
}

impl<L: Log> Owner<L> {
    fn run(mut self, mut waiting: mpsc::Receiver<Message>) -> Result<(), LedgerError> {
        let mut messages = Vec::new();
        // What waits is bounded by the queue, so one batch takes all of it: callers that came
        // while the last flush ran share the next one.
        let most = self.shared.limits.queue;
        while waiting.blocking_recv_many(&mut messages, most) > 0 {
            let mut batch = Vec::new();
            for message in messages.drain(..) {
                match message {
                    Message::Propose(proposal) => batch.push(proposal),
                    Message::Close => waiting.close(),
                }
            }
            let replies = self.commit(&batch)?;
            for (proposal, replies) in batch.into_iter().zip(replies) {
                // Nobody listens when the caller has gone; its commands count all the same.
                let _ = proposal.answer.send(replies);
            }
        }
        Ok(())
    }

    /// Makes a batch durable and applies it: in this order, so that no answer and no reader ever
    /// tells of something that a crash could take back.
    fn commit(&mut self, batch: &[Proposal]) -> Result<Vec<Vec<Reply>>, StoreError> {
        let entries = batch.iter().flat_map(|proposal| &proposal.entries);
        let bytes: Vec<&[u8]> = entries.map(|(_, bytes)| bytes.as_ref()).collect();
        let mut index = self.log.last_index();
        if !bytes.is_empty() {
            self.log.append(&bytes)?;
        }
        let mut ledger = self.shared.write_ledger();
        let mut apply = |(command, _): &(Command, Bytes)| {
            index += 1;
            ledger.apply(index, command)
        };
        let replies =
            batch.iter().map(|proposal| proposal.entries.iter().map(&mut apply).collect());
        let replies = replies.collect();
        drop(ledger);
        self.applied.send_replace(index);
        Ok(replies)
    }
}

impl<L> Drop for Owner<L> {
    /// Lets go of the storage, so that another process can open it.
    fn drop(&mut self) {
        self.shared.close_reader();
    }
}
