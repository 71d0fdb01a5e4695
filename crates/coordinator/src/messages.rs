//! What the hub is told, and what it answers.

use multibeam_model::event::Event;
use multibeam_model::link::{Hello, WorkerMessage};
use multibeam_model::status::RunStatus;
use multibeam_model::{RunId, TargetId, WorkerId};
use tokio::sync::{broadcast, oneshot};
use tonic::Status;

use crate::committer::Performed;
use crate::doubt::Doubt;
use crate::run::Begin;
use crate::workers::ToStream;

/// What the hub is told.
#[derive(Debug)]
pub(crate) enum ToHub {
    /// A worker opened a stream.
    Connected { hello: Hello, stream: u64, sender: ToStream },
    /// A worker said something.
    Said { worker: WorkerId, number: u64, acknowledged: u64, message: WorkerMessage },
    /// A stream ended.
    Disconnected { worker: WorkerId, stream: u64 },
    /// A worker sent a target's catalog.
    Catalog { run: RunId, target: TargetId, digest: String, bytes: Vec<u8> },
    /// Somebody wants to know which clusters serve a target, by name; `None` when the run is not
    /// under way or has no such target.
    ServedBy { run: RunId, target: TargetId, reply: oneshot::Sender<Option<Vec<String>>> },
    /// The ledger has a run's decisions.
    Performed { run: RunId, performed: Performed },
    /// A run is in the ledger and begins.
    Begin(Box<Begin>, oneshot::Sender<Result<(), Status>>),
    /// Somebody cancels a run; the ledger knows it already.
    Cancel { run: RunId, force: bool },
    /// Somebody kills a run, and the ledger cannot be reached: its processes must die all the same.
    Abandon { run: RunId },
    /// Somebody waits until nothing of a run is alive.
    Settle { doubt: Doubt, reply: oneshot::Sender<()> },
    /// Somebody watches a run.
    Watch { run: RunId, reply: oneshot::Sender<Option<Watched>> },
}

/// A run's state and what happens from there on.
#[derive(Debug)]
pub(crate) struct Watched {
    pub(crate) status: RunStatus,
    pub(crate) events: broadcast::Receiver<Event>,
}
