//! How the rest of the process talks to the ledger.

use std::error::Error;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use bytes::Bytes;
use multibeam_ledger::Ledger;
use multibeam_ledger::node::disk::{LogEntry, NodeId, ReadLog};
use multibeam_ledger::node::io::Answer;
use multibeam_ledger::node::members::MemberChange;
use multibeam_ledger::node::{Node, Status};
use multibeam_model::command::{Change, Command, Decision, Reply};
use multibeam_model::record::{PayloadRef, RunLine, RunRecord};
use multibeam_model::{Epoch, RunId};
use prometheus_client::metrics::histogram::Histogram;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::time::Instant;

use crate::actor::{Limits, Message, Question};
use crate::metrics::{Writes, commit_times};
use crate::store::SharedReader;
use crate::{Leader, LedgerError};

/// The node of this member.
pub(crate) type LocalNode = Node<LogReader>;

/// Reads the log until the ledger stops; then the storage is let go of, whoever still has a handle.
#[derive(Clone)]
pub(crate) struct LogReader(Arc<RwLock<Option<SharedReader>>>);

impl LogReader {
    pub(crate) fn new(reader: SharedReader) -> Self {
        Self(Arc::new(RwLock::new(Some(reader))))
    }

    fn close(&self) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl ReadLog for LogReader {
    fn entry(&self, index: u64) -> Result<Option<LogEntry>, Box<dyn Error + Send + Sync>> {
        let reader = self.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        reader.ok_or(LedgerError::Stopped)?.entry(index)
    }
}

/// What the owner thread and the handles share.
pub(crate) struct Shared {
    node: RwLock<LocalNode>,
    reader: LogReader,
    pub(crate) budget: Arc<Semaphore>,
    pub(crate) limits: Limits,
    pub(crate) writes: Writes,
}

impl Shared {
    pub(crate) fn new(
        node: LocalNode,
        reader: LogReader,
        budget: Arc<Semaphore>,
        limits: Limits,
    ) -> Self {
        Self { node: RwLock::new(node), reader, budget, limits, writes: Writes::default() }
    }

    // Only a panic of the owner can poison it, and the owner is gone then.

    pub(crate) fn write_node(&self) -> RwLockWriteGuard<'_, LocalNode> {
        self.node.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn read_node(&self) -> RwLockReadGuard<'_, LocalNode> {
        self.node.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn close_reader(&self) {
        self.reader.close();
    }
}

/// How the ledger ended, once it has.
pub(crate) type End = Option<Result<(), Arc<LedgerError>>>;

/// A handle on a running ledger. Cheap to clone.
#[derive(Clone)]
pub struct Handle {
    queue: mpsc::Sender<Message>,
    shared: Arc<Shared>,
    applied: watch::Receiver<u64>,
    stopped: watch::Receiver<End>,
    commit_times: Histogram,
}

impl Handle {
    pub(crate) fn new(
        queue: mpsc::Sender<Message>,
        shared: Arc<Shared>,
        applied: watch::Receiver<u64>,
        stopped: watch::Receiver<End>,
    ) -> Self {
        Self { queue, shared, applied, stopped, commit_times: commit_times() }
    }

    /// Proposes commands. They are applied in order and without others between them; when this
    /// returns, a majority has them on its disks, and the answers stand in the same order.
    /// Dropping the future after it was polled does not take the commands back.
    ///
    /// # Errors
    /// [`LedgerError::NotLeader`] and [`LedgerError::Busy`], after which asking again is safe;
    /// [`LedgerError::TooLarge`], [`LedgerError::Format`], or [`LedgerError::Stopped`].
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
        commands: Vec<(Command, Bytes)>,
    ) -> Result<Vec<Reply>, LedgerError> {
        let bytes: usize = commands.iter().map(|(_, bytes)| bytes.len()).sum();
        let limits = self.shared.limits;
        let most = limits.proposal_bytes.min(limits.queue_bytes);
        let charge = u32::try_from(bytes).ok().filter(|&bytes| bytes <= most);
        let charge = charge.ok_or(LedgerError::TooLarge { bytes, most })?;
        let begun = Instant::now();
        let answer = self.unless_stopped(async {
            let budget = Arc::clone(&self.shared.budget).acquire_many_owned(charge).await.ok()?;
            let (answer, answered) = oneshot::channel();
            let proposal = Message::Propose { commands, answer, budget };
            self.queue.send(proposal).await.ok()?;
            answered.await.ok()
        });
        match answer.await? {
            Answer::Replies(replies) => {
                self.commit_times.observe(begun.elapsed().as_secs_f64());
                Ok(replies)
            }
            other => Err(self.error(other)),
        }
    }

    /// Waits until this member's state has everything that was acknowledged before the call,
    /// whoever acknowledged it. What is read then is no older than that.
    ///
    /// # Errors
    /// [`LedgerError::NotLeader`] when no leader could be asked, or [`LedgerError::Stopped`].
    pub async fn current(&self) -> Result<(), LedgerError> {
        match self.ask(Question::Read).await? {
            Answer::Readable => Ok(()),
            other => Err(self.error(other)),
        }
    }

    /// Notes that the coordinator of this epoch is alive; the newest epoch comes back.
    ///
    /// # Errors
    /// [`LedgerError::NotLeader`] or [`LedgerError::Stopped`].
    pub async fn attend(&self, epoch: Epoch) -> Result<Epoch, LedgerError> {
        self.ask_for_epoch(Question::Attend(epoch), epoch).await
    }

    /// Notes that the coordinator of this epoch gives its office back; the newest epoch comes back.
    ///
    /// # Errors
    /// [`LedgerError::NotLeader`] or [`LedgerError::Stopped`].
    pub async fn leave(&self, epoch: Epoch) -> Result<Epoch, LedgerError> {
        self.ask_for_epoch(Question::Leave(epoch), epoch).await
    }

    async fn ask_for_epoch(&self, question: Question, epoch: Epoch) -> Result<Epoch, LedgerError> {
        match self.ask(question).await? {
            Answer::InOffice(Ok(())) => Ok(epoch),
            Answer::InOffice(Err(newest)) => Ok(newest),
            other => Err(self.error(other)),
        }
    }

    /// Begins a change of members; `force` also when too few would be alive after it.
    ///
    /// # Errors
    /// [`LedgerError::Members`] says why not; [`LedgerError::NotLeader`]; [`LedgerError::Stopped`].
    pub async fn change_members(
        &self,
        change: MemberChange,
        force: bool,
    ) -> Result<(), LedgerError> {
        match self.ask(Question::Members { change, force }).await? {
            Answer::Members(begun) => Ok(begun?),
            other => Err(self.error(other)),
        }
    }

    /// How this member stands.
    #[must_use]
    pub fn status(&self) -> Status {
        self.shared.read_node().status()
    }

    pub(crate) fn commit_times(&self) -> Histogram {
        self.commit_times.clone()
    }

    pub(crate) fn writes(&self) -> Writes {
        self.shared.writes.clone()
    }

    /// The bytes of proposals that wait or are under way.
    pub(crate) fn queued_bytes(&self) -> u64 {
        let free = self.shared.budget.available_permits();
        (self.shared.limits.queue_bytes as usize).saturating_sub(free) as u64
    }

    async fn ask(&self, question: Question) -> Result<Answer, LedgerError> {
        self.unless_stopped(async {
            let (answer, answered) = oneshot::channel();
            self.queue.send(Message::Ask { question, answer }).await.ok()?;
            answered.await.ok()
        })
        .await
    }

    /// Waits for the owner's answer. An owner that stands still never gives one, nor does it let go of
    /// those who wait for it.
    async fn unless_stopped(
        &self,
        answer: impl Future<Output = Option<Answer>>,
    ) -> Result<Answer, LedgerError> {
        tokio::select! {
            biased;
            answer = answer => answer.ok_or(LedgerError::Stopped),
            _ = self.stopped() => Err(LedgerError::Stopped),
        }
    }

    /// What an answer that gives nothing means to the caller.
    fn error(&self, answer: Answer) -> LedgerError {
        match answer {
            Answer::NotLeader(leader) => LedgerError::NotLeader { leader: self.leader(leader) },
            Answer::Busy => LedgerError::Busy,
            Answer::Format { newest } => LedgerError::Format { newest },
            // The node answers each question in its own kind.
            Answer::Replies(_) | Answer::Readable | Answer::InOffice(_) | Answer::Members(_) => {
                LedgerError::Stopped
            }
        }
    }

    /// Whether this member takes that one for the leader.
    pub(crate) fn is_led_by(&self, id: NodeId) -> bool {
        self.shared.read_node().leader() == Some(id)
    }

    /// The error of a member that does not lead.
    pub(crate) fn not_leader(&self) -> LedgerError {
        LedgerError::NotLeader { leader: self.leader(None) }
    }

    fn leader(&self, id: Option<NodeId>) -> Option<Leader> {
        let node = self.shared.read_node();
        let id = id.or_else(|| node.leader()).filter(|id| *id != node.id())?;
        let address = node.ledger().members().get(&id)?.address.clone();
        Some(Leader { id, address })
    }

    /// A run's record as this member has it; `None` when there is no such run. It may be behind
    /// other members; [`Handle::current`] first if that matters.
    #[must_use]
    pub fn record(&self, run: &RunId) -> Option<Arc<RunRecord>> {
        self.read(|ledger| ledger.run(run).cloned())
    }

    /// All runs, newest id last.
    #[must_use]
    pub fn runs(&self) -> Vec<RunLine> {
        self.read(|ledger| ledger.runs().map(RunRecord::line).collect())
    }

    /// Looks at the state. Nothing is applied while `look` runs, so it should be short.
    pub fn read<T>(&self, look: impl FnOnce(&Ledger) -> T) -> T {
        look(self.shared.read_node().ledger())
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
        let mut payload = Vec::new();
        for index in self.read(|ledger| ledger.places(at)) {
            payload.append(&mut self.bytes_at(index)?);
        }
        Ok(payload)
    }

    /// The bytes that one command brought.
    fn bytes_at(&self, index: u64) -> Result<Vec<u8>, LedgerError> {
        let entry = self.shared.reader.entry(index);
        let entry = entry.map_err(|source| LedgerError::Entry { index, source })?;
        let entry = entry.ok_or(LedgerError::NoPayload { index })?;
        let command = Command::decode(&entry.data);
        let command =
            command.map_err(|source| LedgerError::Entry { index, source: source.into() })?;
        let Command::Run { change, .. } = command else {
            return Err(LedgerError::NoPayload { index });
        };
        match change {
            Change::Report(report) => Ok(report.payload),
            Change::SuiteNode(node) => Ok(node.payload),
            Change::Part(part) => Ok(part.payload),
            Change::Decide { decision: Decision::AdmitCatalog { catalog, .. }, .. } => Ok(catalog),
            _ => Err(LedgerError::NoPayload { index }),
        }
    }

    /// Stops the ledger: what was proposed before is still made durable and answered, what comes
    /// later is refused. When this returns, the storage is closed. Any handle may call it, also
    /// twice.
    ///
    /// # Errors
    /// What stopped the ledger, if it was not this call.
    pub async fn shutdown(&self) -> Result<(), Arc<LedgerError>> {
        tokio::select! {
            // Fails when it has stopped already.
            _ = self.queue.send(Message::Close) => {}
            // There is no room when the owner stands still.
            _ = self.stopped() => {}
        }
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
