//! The one thread that owns this member's node and its disk.

mod compacting;
mod intake;
mod perform;
mod start;
mod watchdog;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use multibeam_ledger::node::disk::NodeId;
use multibeam_ledger::node::io::{Answer, Input, Ticket};
use multibeam_ledger::node::members::MemberChange;
use multibeam_model::command::Command;
use multibeam_model::{Epoch, Moment};
use multibeam_rt::clock::now_us;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot, watch};
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::LedgerError;
use crate::handle::Shared;
use crate::peers::{PeerEvent, Peers};
use crate::store::Disk;

use compacting::Compacting;
pub use start::{Aggregator, Membership, Setup};
pub use watchdog::{Looks, STANDSTILL};

/// The step of the election clock ([`multibeam_ledger::node::NodeConfig`] counts in these).
const TICK: Duration = Duration::from_millis(50);

/// Events of other members taken in at once, before what follows from them is written.
const EVENTS: usize = 1024;

/// Of so many turns of the owner one does a slice of what can wait, however much there is to do:
/// without a bound the log would grow as long as the load lasts.
const HOUSEKEEPING: u64 = 8;

/// How long nothing else is to be done before a slice. The commit that comes then writes along what slices
/// have left since the last one, so they must not follow each other at once.
const REST: Duration = Duration::from_millis(5);

/// How long a member that stops waits for what it was asked, and for another one to lead.
const FAREWELL: Duration = Duration::from_secs(3);

// What Limits::default sets; the fields say what it means.
const QUEUE: usize = 1024;
const QUEUE_BYTES: u32 = 64 << 20;
const PROPOSAL_BYTES: u32 = 48 << 20;

/// Bounds of the queue before the owner thread.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Proposals that may wait; more callers wait outside.
    pub queue: usize,
    /// Bytes of proposals that may wait or be under way, and so what one flush can grow to.
    pub queue_bytes: u32,
    /// Bytes of one proposal.
    pub proposal_bytes: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { queue: QUEUE, queue_bytes: QUEUE_BYTES, proposal_bytes: PROPOSAL_BYTES }
    }
}

/// What waits in the queue.
pub(crate) enum Message {
    /// Commands to commit.
    Propose {
        commands: Vec<(Command, Bytes)>,
        answer: oneshot::Sender<Answer>,
        /// Gives the bytes back to the queue's budget when the proposal is answered.
        budget: OwnedSemaphorePermit,
    },
    /// A question that is no proposal.
    Ask { question: Question, answer: oneshot::Sender<Answer> },
    /// Take nothing more, finish what waits, and stop.
    Close,
}

/// A question to the node.
pub(crate) enum Question {
    Read,
    Attend(Epoch),
    Leave(Epoch),
    Members { change: MemberChange, force: bool },
}

/// Somebody who waits for an answer.
struct Waiting {
    answer: oneshot::Sender<Answer>,
    _budget: Option<OwnedSemaphorePermit>,
}

struct Owner<D> {
    disk: D,
    shared: Arc<Shared>,
    peers: Option<Peers>,
    /// The other members that `peers` knows.
    known: Vec<(NodeId, String)>,
    waiting: HashMap<Ticket, Waiting>,
    tickets: u64,
    applied: watch::Sender<u64>,
    /// A newer state that the disk is to get.
    compacting: Compacting,
    /// There may be work on the disk that can wait: a compaction, and what it leaves behind.
    housekeeping: bool,
    /// Grows with each turn, and with what the disk does within one; the watchdog looks at it.
    progress: Arc<AtomicU64>,
}

impl<D: Disk> Owner<D> {
    async fn run(
        mut self,
        mut queue: mpsc::Receiver<Message>,
        mut events: mpsc::Receiver<PeerEvent>,
    ) -> Result<(), LedgerError> {
        let mut ticks = interval(TICK);
        // A thread that was held up must not take the time for the others' silence.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let (mut messages, mut news) = (Vec::new(), Vec::new());
        let mut closing = None;
        // What waits is bounded by the queue, so one batch takes all of it: callers that came
        // while the last flush ran share the next one.
        let most = self.shared.limits.queue;
        let mut turns = 0_u64;
        loop {
            let mut idle = false;
            tokio::select! {
                biased;
                _ = ticks.tick() => self.handle(Input::Tick)?,
                // Before what may be there in every turn: it comes rarely, and nothing is compacted without.
                made = self.compacting.made() => {
                    made?;
                    self.housekeeping = true;
                }
                count = events.recv_many(&mut news, EVENTS), if self.peers.is_some() => {
                    // The transport ends when its service does: nobody is reached any more.
                    if count == 0 && closing.is_none() {
                        return Err(LedgerError::Stopped);
                    }
                    for event in news.drain(..) {
                        self.event(event)?;
                    }
                }
                count = queue.recv_many(&mut messages, most), if closing.is_none() => {
                    let inputs: Vec<_> =
                        messages.drain(..).filter_map(|message| self.input(message)).collect();
                    if inputs.len() < count || count == 0 {
                        closing = Some(tokio::time::Instant::now() + FAREWELL);
                    }
                    self.handle_all(inputs)?;
                    if closing.is_some() {
                        // Senders that are too late learn so at once.
                        queue.close();
                        self.handle(Input::Abdicate)?;
                    }
                }
                () = sleep(REST), if self.housekeeping => idle = true,
            }
            if let Some(damage) = self.disk.damage() {
                return Err(damage.into());
            }
            self.perform()?;
            turns += 1;
            self.progress.fetch_add(1, Ordering::Relaxed);
            if self.housekeeping && (idle || turns.is_multiple_of(HOUSEKEEPING)) {
                self.housekeeping = self.keep_house()?;
            }
            if let Some(latest) = closing
                && (self.has_finished() || tokio::time::Instant::now() > latest)
            {
                while let Ok(message) = queue.try_recv() {
                    drop(message);
                }
                return Ok(());
            }
        }
    }

    /// Whether nobody waits for this node any more, the other members included.
    fn has_finished(&self) -> bool {
        let alone = self.known.is_empty();
        self.waiting.is_empty() && (alone || !self.shared.read_node().leads())
    }

    fn handle(&mut self, input: Input) -> Result<(), LedgerError> {
        self.handle_all([input])
    }

    /// All of them without letting readers in between: hundreds may have come together.
    fn handle_all(&mut self, inputs: impl IntoIterator<Item = Input>) -> Result<(), LedgerError> {
        let now = Moment(now_us());
        let mut node = self.shared.write_node();
        Ok(inputs.into_iter().try_for_each(|input| node.handle(now, input))?)
    }

    fn ticket(
        &mut self,
        answer: oneshot::Sender<Answer>,
        budget: Option<OwnedSemaphorePermit>,
    ) -> Ticket {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        self.waiting.insert(ticket, Waiting { answer, _budget: budget });
        ticket
    }
}

impl<D> Drop for Owner<D> {
    /// Lets go of the storage, so that another process can open it.
    fn drop(&mut self) {
        self.shared.close_reader();
    }
}
