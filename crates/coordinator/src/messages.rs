//! What the hub is told, and what it answers.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use multibeam_ginkgo::admission::Admission;
use multibeam_ginkgo::catalog::Catalog;
use multibeam_model::event::Event;
use multibeam_model::link::{Hello, WorkerMessage};
use multibeam_model::status::RunStatus;
use multibeam_model::{RunId, TargetId, WorkerId};
use multibeam_rt::packed::unpack;
use tokio::sync::{broadcast, oneshot};
use tonic::Status;

use crate::committer::Performed;
use crate::doubt::Doubt;
use crate::run::{Answer, Begin};
use crate::workers::ToStream;

/// The largest catalog taken, in bytes as it is sent: as much as one command of the ledger may carry.
pub(crate) const PACKED_CATALOG_BYTES: usize = multibeam_proto::MAX_MESSAGE_BYTES / 2;

/// The largest catalog taken, in bytes before compression: about 60,000 specs. Kubernetes has some
/// 7,000.
const CATALOG_BYTES: usize = 128 << 20;

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
    Catalog { run: RunId, target: TargetId, sent: Box<SentCatalog> },
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
    /// A run was played as it asked for, in so much processor time; without an answer when that failed.
    Foreseen { run: RunId, answer: Option<(Answer, Duration)> },
    /// Somebody wants to know which runs wait for their turn, each with the run that it waits for.
    Queue { reply: oneshot::Sender<BTreeMap<RunId, RunId>> },
    /// Somebody watches a run.
    Watch { run: RunId, reply: oneshot::Sender<Option<Watched>> },
}

/// A catalog, compressed as it goes to the ledger and decoded: reading it takes too long for the hub,
/// which the heartbeats of all workers wait for.
#[derive(Debug)]
pub(crate) struct SentCatalog {
    /// What the worker says is the digest.
    pub(crate) digest: String,
    pub(crate) bytes: Vec<u8>,
    /// What is in it, or why it cannot be read.
    pub(crate) catalog: Result<Catalog, String>,
}

impl SentCatalog {
    /// Reads a catalog, which takes a while.
    pub(crate) fn read(digest: String, bytes: Vec<u8>) -> Self {
        let catalog =
            unpack(&bytes, CATALOG_BYTES).map_err(|error| error.to_string()).and_then(|plain| {
                Admission::decode(&Bytes::from(plain)).map_err(|error| error.to_string())
            });
        Self { digest, bytes, catalog: catalog.map(|admission| admission.catalog) }
    }
}

/// A run's state and what happens from there on.
#[derive(Debug)]
pub(crate) struct Watched {
    pub(crate) status: RunStatus,
    pub(crate) events: broadcast::Receiver<Event>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_catalog_that_cannot_be_read_says_why_and_keeps_its_bytes() {
        let plain = zstd::bulk::compress(b"no catalog", 1).unwrap();
        for bytes in [b"no zstd".to_vec(), plain] {
            let sent = SentCatalog::read("digest".into(), bytes.clone());
            assert!(!sent.catalog.unwrap_err().is_empty());
            assert_eq!((sent.digest.as_str(), sent.bytes), ("digest", bytes));
        }
    }

    #[test]
    fn a_catalog_that_grows_without_end_is_refused() {
        let plain = vec![b' '; CATALOG_BYTES + 1];
        let sent = SentCatalog::read("digest".into(), zstd::bulk::compress(&plain, 1).unwrap());
        let error = sent.catalog.unwrap_err();
        assert!(error.contains("larger than 134217728 bytes"), "{error}");
    }
}
