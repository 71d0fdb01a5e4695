//! Clusters and workers.

use std::collections::{BTreeMap, BTreeSet};

use multibeam_model::{
    AttemptId, ClusterId, GroupId, Moment, ProcessId, SessionId, TargetId, WorkerId,
};

use crate::crowd::Width;

/// One cluster.
#[derive(Clone, Debug)]
pub(crate) struct Cluster {
    pub(crate) name: String,
    pub(crate) ready: bool,
    pub(crate) unready_since: Option<Moment>,
    pub(crate) given_up: bool,
    /// Its workers.
    pub(crate) workers: BTreeSet<WorkerId>,
    /// Its open session.
    pub(crate) session: Option<SessionId>,
    /// The last session that each target had here, for taking turns.
    pub(crate) served: BTreeMap<TargetId, SessionId>,
    /// Clean-ups under way.
    pub(crate) cleaning: BTreeMap<ProcessId, Cleaning>,
    /// How many processes get groups.
    pub(crate) width: Width,
}

/// A clean-up under way.
#[derive(Clone, Debug)]
pub(crate) struct Cleaning {
    pub(crate) worker: WorkerId,
    /// Groups that are not tried on this cluster before it is done.
    pub(crate) groups: BTreeSet<(TargetId, GroupId)>,
    /// When it is no longer waited for.
    pub(crate) until: Moment,
}

/// One worker.
#[derive(Clone, Debug)]
pub(crate) struct Worker {
    pub(crate) cluster: ClusterId,
    pub(crate) slots: u32,
    /// When it joined.
    pub(crate) since: Moment,
    /// The targets whose suite it can run.
    pub(crate) prepared: BTreeSet<TargetId>,
    /// Kept free for a group that must run alone on it.
    pub(crate) reserved: Option<(TargetId, GroupId)>,
    /// The attempt that runs alone on it.
    pub(crate) alone: Option<AttemptId>,
}

impl Cluster {
    pub(crate) fn new(name: String) -> Self {
        Self {
            name,
            ready: true,
            unready_since: None,
            given_up: false,
            workers: BTreeSet::new(),
            session: None,
            served: BTreeMap::new(),
            cleaning: BTreeMap::new(),
            width: Width::default(),
        }
    }

    /// Whether anything may be handed out here now.
    pub(crate) fn usable(&self) -> bool {
        self.ready && !self.given_up
    }

    /// Whether a group waits for a clean-up here.
    pub(crate) fn blocks(&self, target: TargetId, group: GroupId) -> bool {
        self.cleaning.values().any(|cleaning| cleaning.groups.contains(&(target, group)))
    }
}

impl Worker {
    pub(crate) fn new(cluster: ClusterId, slots: u32, since: Moment) -> Self {
        let prepared = BTreeSet::new();
        Self { cluster, slots, since, prepared, reserved: None, alone: None }
    }

    /// Whether something runs, or is to run, alone on it.
    pub(crate) fn is_taken(&self) -> bool {
        self.reserved.is_some() || self.alone.is_some()
    }
}
