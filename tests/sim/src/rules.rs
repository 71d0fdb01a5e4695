//! What must hold, whatever goes wrong. [`Rules`] follows the log as the nodes apply it, keeps a
//! state of its own, and knows which suite processes run what at this very moment.

mod ends;
pub(crate) mod log;
mod runs;

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use multibeam_ledger::Ledger;
use multibeam_ledger::node::FOUNDING_INDEX;
use multibeam_ledger::node::disk::NodeId;
use multibeam_ledger::node::members::Member;
use multibeam_model::record::AttemptRecord;
use multibeam_model::{AttemptId, ClusterId, Epoch, ProcessId, RunId};

use crate::setting::Setting;
use crate::world::Host;

/// The rules and what they know.
#[derive(Debug)]
pub(crate) struct Rules {
    /// Which rule was broken, and how; the first one only.
    pub(crate) broken: Option<String>,
    /// The state after all that any node has applied.
    pub(crate) state: Ledger,
    /// The log behind the founding index: terms and data.
    log: Vec<(u64, Bytes)>,
    hashes: BTreeMap<u64, [u8; 32]>,
    /// Decisions as coordinators have proposed them.
    proposed: BTreeSet<Bytes>,
    epoch: Epoch,
    /// Attempts as they were when they were sealed.
    sealed: BTreeMap<AttemptId, AttemptRecord>,
    /// Attempts that a worker was told to be sealed.
    acknowledged: BTreeSet<AttemptId>,
    leaders: BTreeMap<u64, usize>,
    /// What each report was, by attempt and ordinal.
    shipped: BTreeMap<(AttemptId, u32), Vec<u8>>,
    running: BTreeMap<(Host, ProcessId), Running>,
    begun: BTreeSet<AttemptId>,
    pub(crate) takeovers: u32,
    attempts: u32,
}

/// What a suite process does at the moment.
#[derive(Clone, Copy, Debug)]
struct Running {
    cluster: ClusterId,
    what: Activity,
}

/// Something that touches a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activity {
    /// A suite node: before-suite or after-suite.
    SuiteNode,
    Group {
        attempt: AttemptId,
        serial: bool,
    },
}

/// The one run of a world.
pub(crate) fn run_id() -> RunId {
    RunId::from("run")
}

/// The founding members.
pub(crate) fn members(nodes: usize) -> BTreeMap<NodeId, Member> {
    let member = |id: u64| (NodeId(id), Member { address: format!("node{id}") });
    (1..=nodes as u64).map(member).collect()
}

impl Rules {
    pub(crate) fn new(setting: &Setting) -> Self {
        Self {
            broken: None,
            state: Ledger::founded(members(setting.nodes)),
            log: Vec::new(),
            hashes: BTreeMap::new(),
            proposed: BTreeSet::new(),
            epoch: Epoch(0),
            sealed: BTreeMap::new(),
            acknowledged: BTreeSet::new(),
            leaders: BTreeMap::new(),
            shipped: BTreeMap::new(),
            running: BTreeMap::new(),
            begun: BTreeSet::new(),
            takeovers: 0,
            attempts: setting.shape.limits.attempts,
        }
    }

    /// A rule is broken; the first one tells most.
    pub(crate) fn breaks(&mut self, why: String) {
        self.broken.get_or_insert(why);
    }

    /// The last index that any node is known to have applied.
    pub(crate) fn known(&self) -> u64 {
        FOUNDING_INDEX + self.log.len() as u64
    }
}
