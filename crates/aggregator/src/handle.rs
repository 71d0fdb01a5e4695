//! How the rest of the process talks to the ledger.

use std::io;
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};

use bytes::Bytes;
use multibeam_ledger::Ledger;
use multibeam_model::RunId;
use multibeam_model::command::{Change, Command, Decision, DecodeError, Reply};
use multibeam_model::record::{PayloadRef, RunLine, RunRecord};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

use crate::actor::{Limits, Message, Proposal};
use crate::store::{ReadLog, StoreError};

/// The ledger cannot do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The storage failed. The ledger has stopped.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An entry of the log cannot be read.
    #[error("cannot read entry {index} of the ledger's log")]
    Entry {
        /// The entry.
        index: u64,
        /// Why.
        #[source]
        source: DecodeError,
    },
    /// A proposed command cannot be read.
    #[error("malformed command")]
    Command(#[source] DecodeError),
    /// An entry is missing from the log.
    #[error(
        "entry {index} is missing from the ledger's log (hint: restore the directory from a copy)"
    )]
    Gap {
        /// The entry.
        index: u64,
    },
    /// A proposal is too large.
    #[error("a proposal of {bytes} bytes is too large, at most {most} are taken")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        most: u32,
    },
    /// The ledger has stopped: after a failure of its storage, or because it was told to. Whether
    /// commands that were under way took effect is known after the next start.
    #[error("the ledger has stopped")]
    Stopped,
    /// The entry is there and carries no payload.
    #[error("entry {index} of the ledger's log carries no payload")]
    NoPayload {
        /// The entry.
        index: u64,
    },
    /// The owner thread could not be started.
    #[error("cannot start the ledger's thread")]
    Thread(#[source] io::Error),
}

/// What the owner thread and the handles share.
pub(crate) struct Shared {
    pub(crate) ledger: RwLock<Ledger>,
    pub(crate) reader: RwLock<Option<Arc<dyn ReadLog>>>,
    pub(crate) budget: Arc<Semaphore>,
    pub(crate) limits: Limits,
}

impl Shared {
    pub(crate) fn write_ledger(&self) -> RwLockWriteGuard<'_, Ledger> {
        // Only a panic of the owner while it applies can poison it, and the owner is gone then.
        self.ledger.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn close_reader(&self) {
        *self.reader.write().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

type End = Option<Result<(), Arc<LedgerError>>>;

/// A handle on a running ledger. Cheap to clone.
#[derive(Clone)]
pub struct Handle {
    queue: mpsc::Sender<Message>,
    shared: Arc<Shared>,
    applied: watch::Receiver<u64>,
    stopped: watch::Receiver<End>,
}

impl Handle {
    pub(crate) fn new(
        queue: mpsc::Sender<Message>,
        shared: Arc<Shared>,
        applied: watch::Receiver<u64>,
        stopped: watch::Receiver<End>,
    ) -> Self {
        Self { queue, shared, applied, stopped }
    }

    /// Proposes commands. They are applied in order and without others between them; when this
    /// returns, they are durable, and the answers stand in the same order. Dropping the future
    /// after it was polled does not take the commands back.
    ///
    /// # Errors
    /// [`LedgerError::TooLarge`], or [`LedgerError::Stopped`].
    pub async fn propose(&self, commands: Vec<Command>) -> Result<Vec<Reply>, LedgerError> {
        let encode = |command: Command| {
            let bytes = Bytes::from(command.encode());
            (command, bytes)
        };
        self.submit(commands.into_iter().map(encode).collect()).await
    }

    /// Like [`Handle::propose`], for commands that came encoded.
    ///
    /// # Errors
    /// [`LedgerError::Command`] when one cannot be read; none takes effect then. Else as there.
    pub async fn propose_encoded(&self, commands: Vec<Bytes>) -> Result<Vec<Reply>, LedgerError> {
        let decode = |bytes: Bytes| match Command::decode(&bytes) {
            Ok(command) => Ok((command, bytes)),
            Err(e) => Err(LedgerError::Command(e)),
        };
        let entries = commands.into_iter().map(decode).collect::<Result<_, _>>()?;
        self.submit(entries).await
    }

    pub(crate) async fn submit(
        &self,
        entries: Vec<(Command, Bytes)>,
    ) -> Result<Vec<Reply>, LedgerError> {
        let bytes: usize = entries.iter().map(|(_, bytes)| bytes.len()).sum();
        let limits = self.shared.limits;
        let most = limits.proposal_bytes.min(limits.queue_bytes);
        let charge = u32::try_from(bytes).ok().filter(|&bytes| bytes <= most);
        let charge = charge.ok_or(LedgerError::TooLarge { bytes, most })?;
        let budget = Arc::clone(&self.shared.budget).acquire_many_owned(charge).await;
        let budget = budget.map_err(|_| LedgerError::Stopped)?;
        let (answer, answered) = oneshot::channel();
        let proposal = Message::Propose(Proposal { entries, answer, _budget: budget });
        self.queue.send(proposal).await.map_err(|_| LedgerError::Stopped)?;
        answered.await.map_err(|_| LedgerError::Stopped)
    }

    /// A run's record; `None` when there is no such run.
    #[must_use]
    pub fn record(&self, run: &RunId) -> Option<RunRecord> {
        self.read(|ledger| ledger.run(run).cloned())
    }

    /// All runs, newest id last.
    #[must_use]
    pub fn runs(&self) -> Vec<RunLine> {
        self.read(|ledger| ledger.runs().map(RunRecord::line).collect())
    }

    /// Looks at the state. Nothing is applied while `look` runs, so it should be short.
    pub fn read<T>(&self, look: impl FnOnce(&Ledger) -> T) -> T {
        look(&self.shared.ledger.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The index of the last command applied, and every change of it.
    #[must_use]
    pub fn applied(&self) -> watch::Receiver<u64> {
        self.applied.clone()
    }

    /// The payload that a record refers to, as it was proposed (compressed with zstd). Reads the
    /// disk: call it where blocking is allowed.
    ///
    /// # Errors
    /// When the storage fails, or nothing with a payload stands there.
    pub fn payload(&self, at: PayloadRef) -> Result<Vec<u8>, LedgerError> {
        let reader = self.shared.reader.read().unwrap_or_else(PoisonError::into_inner).clone();
        let index = at.index;
        let entry = reader.ok_or(LedgerError::Stopped)?.read(index)?;
        let entry = entry.ok_or(LedgerError::NoPayload { index })?;
        let command =
            Command::decode(&entry).map_err(|source| LedgerError::Entry { index, source })?;
        let payload = match command {
            Command::Run { change: Change::Report(report), .. } => Some(report.payload),
            Command::Run { change: Change::SuiteNode(node), .. } => Some(node.payload),
            Command::Run {
                change: Change::Decide { decision: Decision::AdmitCatalog { catalog, .. }, .. },
                ..
            } => Some(catalog),
            _ => None,
        };
        payload.ok_or(LedgerError::NoPayload { index })
    }

    /// Stops the ledger: what was proposed before is still made durable and answered, what comes
    /// later is refused. When this returns, the storage is closed. Any handle may call it, also
    /// twice.
    ///
    /// # Errors
    /// What stopped the ledger, if it was not this call.
    pub async fn shutdown(&self) -> Result<(), Arc<LedgerError>> {
        // Fails when it has stopped already.
        let _ = self.queue.send(Message::Close).await;
        self.stopped().await
    }

    /// Waits until the ledger has stopped, and says why when it was a failure.
    ///
    /// # Errors
    /// What stopped the ledger.
    pub async fn stopped(&self) -> Result<(), Arc<LedgerError>> {
        let mut stopped = self.stopped.clone();
        let end = stopped.wait_for(Option::is_some).await;
        match end.as_deref() {
            Ok(Some(end)) => end.clone(),
            // The owner always tells; should it vanish, that is a stop as well.
            Ok(None) | Err(_) => Err(Arc::new(LedgerError::Stopped)),
        }
    }
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handle").field("applied", &*self.applied.borrow()).finish_non_exhaustive()
    }
}
