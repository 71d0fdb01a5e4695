//! How a member begins: on a fresh directory, or on what it left.

use std::collections::{BTreeMap, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use multibeam_ledger::node::disk::{Base, NodeId};
use multibeam_ledger::node::members::Member;
use multibeam_ledger::node::{Level, Node, NodeConfig, founding};
use tokio::runtime::Handle as Runtime;
use tokio::sync::{Semaphore, mpsc, watch};

use super::watchdog::{self, Looks, STANDSTILL};
use super::{Compacting, Limits, Owner};
use crate::LedgerError;
use crate::handle::{End, Handle, LocalNode, LogReader, Shared};
use crate::peers::{PeerEvent, Peers};
use crate::store::{Disk, Identity};

/// What a member is when its directory is fresh. Later starts go on from the directory.
#[derive(Clone, Debug)]
pub enum Membership {
    /// One of the members that found the group; all of them are given the same list.
    Founding(BTreeMap<NodeId, Member>),
    /// It waits to be added to a group.
    Joining,
}

/// A member of a group.
pub struct Setup<D> {
    /// Its disk.
    pub disk: D,
    /// Which member it is, and of which group.
    pub identity: Identity,
    /// What it is when the disk is fresh.
    pub membership: Membership,
    /// The way to the others and the events that come from there; `None` when there are none.
    pub peers: Option<(Peers, mpsc::Receiver<PeerEvent>)>,
    /// How the node is set up; [`Aggregator::config`] gives production's.
    pub config: NodeConfig,
    /// Bounds of its queue.
    pub limits: Limits,
    /// When its watchdog looks.
    pub looks: Looks,
}

/// The owner of the ledger.
#[derive(Debug)]
pub struct Aggregator;

impl Aggregator {
    /// A group of one, as in a run of its own. When this returns, its state has everything that
    /// was ever acknowledged. The ledger stops when [`Handle::shutdown`] is called, or when the
    /// last handle is gone.
    ///
    /// # Errors
    /// When the disk cannot be read, or holds a command of a format this build does not know.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn alone(disk: impl Disk) -> Result<Handle, LedgerError> {
        Self::alone_with(disk, Limits::default())
    }

    /// Like [`Aggregator::alone`], with other bounds.
    ///
    /// # Errors
    /// As there.
    pub fn alone_with(disk: impl Disk, limits: Limits) -> Result<Handle, LedgerError> {
        let node = NodeId(1);
        let group = "alone".to_owned();
        // A directory of a larger group is not for this.
        let identity = Identity { node, group };
        let members = BTreeMap::from([(node, Member { address: String::new() })]);
        Self::start(Setup {
            disk,
            identity,
            membership: Membership::Founding(members),
            peers: None,
            config: Self::config(node),
            limits,
            looks: Looks::default(),
        })
    }

    /// Production's settings of a node.
    #[must_use]
    pub fn config(node: NodeId) -> NodeConfig {
        // No two starts of a machine's life are at the same nanosecond of the wall clock.
        let boot = multibeam_rt::clock::wall_ns().unsigned_abs();
        NodeConfig { log, ..NodeConfig::new(node, boot) }
    }

    /// Starts a member. For a group of one, its state is complete when this returns; others catch
    /// up with their group.
    ///
    /// # Errors
    /// When the disk cannot be read or is another member's.
    pub fn start<D: Disk>(setup: Setup<D>) -> Result<Handle, LedgerError> {
        let Setup { mut disk, identity, membership, peers, config, limits, looks } = setup;
        let (peers, events) = match peers {
            Some((peers, events)) => (Some(peers), events),
            None => (None, mpsc::channel(1).1),
        };
        // On damaged files the storage engine returns errors or panics.
        let open = AssertUnwindSafe(|| open(&mut disk, &identity, membership, config));
        let opened = catch_unwind(open);
        let (node, reader) = opened.unwrap_or(Err(LedgerError::Stopped))?;
        let (queue, waiting) = mpsc::channel(limits.queue);
        let (applied_tx, applied) = watch::channel(node.ledger().applied());
        let (stopped_tx, stopped) = watch::channel(None);
        let budget = Arc::new(Semaphore::new(limits.queue_bytes as usize));
        let shared = Arc::new(Shared::new(node, reader, budget, limits));
        let progress = disk.progress();
        let mut owner = Owner {
            disk,
            shared: Arc::clone(&shared),
            peers,
            known: Vec::new(),
            waiting: HashMap::new(),
            tickets: 0,
            applied: applied_tx,
            compacting: Compacting::default(),
            housekeeping: true,
            progress,
        };
        catch_unwind(AssertUnwindSafe(|| owner.begin())).unwrap_or(Err(LedgerError::Stopped))?;
        let progress = Arc::downgrade(&owner.progress);
        let (runtime, end) = (Runtime::current(), stopped_tx.clone());
        spawn("ledger", move || {
            // A panic of the storage engine must stop the ledger as clearly as an error does.
            let run = AssertUnwindSafe(move || runtime.block_on(owner.run(waiting, events)));
            tell(&end, catch_unwind(run).unwrap_or(Err(LedgerError::Stopped)));
        })?;
        spawn("ledger watchdog", move || {
            if watchdog::watch(&progress, &looks) {
                tell(&stopped_tx, Err(LedgerError::Standstill { limit: STANDSTILL }));
            }
        })?;
        Ok(Handle::new(queue, shared, applied, stopped))
    }
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), LedgerError> {
    let spawned = thread::Builder::new().name(name.to_owned()).spawn(run);
    spawned.map(drop).map_err(LedgerError::Thread)
}

/// Tells how the ledger ended. What is told first counts: a thread that stood still may come back.
fn tell(stopped: &watch::Sender<End>, end: Result<(), LedgerError>) {
    if let Err(error) = &end {
        tracing::error!(%error, cause = ?std::error::Error::source(error), "the ledger stopped");
    }
    stopped.send_if_modified(|told| {
        let first = told.is_none();
        if first {
            *told = Some(end.map_err(Arc::new));
        }
        first
    });
}

/// The node on its disk, founded if that is fresh.
fn open<D: Disk>(
    disk: &mut D,
    identity: &Identity,
    membership: Membership,
    config: NodeConfig,
) -> Result<(LocalNode, LogReader), LedgerError> {
    match disk.identity() {
        Some(found) if found == *identity => {}
        Some(found) => {
            return Err(LedgerError::OtherMember {
                found: (found.node, found.group),
                expected: (identity.node, identity.group.clone()),
            });
        }
        None => match membership {
            Membership::Founding(members) => {
                let founding = founding(&members);
                disk.found(identity, &founding.base, &founding.state)?;
            }
            Membership::Joining => disk.found(identity, &Base::default(), &[])?,
        },
    }
    let reader = LogReader::new(disk.reader());
    let node = Node::new(config, &disk.recovered()?, reader.clone())?;
    // What an expiry let go of just before a crash may be back.
    disk.retain(&node.ledger().payloads(..))?;
    Ok((node, reader))
}

impl<D: Disk> Owner<D> {
    /// Does what is due before anybody asks anything: a group of one applies its whole log.
    fn begin(&mut self) -> Result<(), LedgerError> {
        self.perform()?;
        self.tell_applied();
        self.meet_members();
        Ok(())
    }
}

fn log(level: Level, line: &std::fmt::Arguments<'_>) {
    match level {
        Level::Error => tracing::error!(target: "multibeam::raft", "{line}"),
        Level::Warning => tracing::warn!(target: "multibeam::raft", "{line}"),
        Level::Info => tracing::debug!(target: "multibeam::raft", "{line}"),
        Level::Debug => tracing::trace!(target: "multibeam::raft", "{line}"),
    }
}
