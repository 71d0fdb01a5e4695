//! What the ledger knows of durations: the history, and what was expected of targets.

use std::collections::BTreeMap;
use std::sync::Arc;

use multibeam_history::History;
use multibeam_model::command::{Refusal, Reply};
use multibeam_model::lesson::Lesson;
use multibeam_model::plan::Planned;
use multibeam_model::{RunId, TargetId};
use serde::{Deserialize, Serialize};

use crate::Ledger;
use crate::incidents::Incidents;

/// Everything that came with format 2 of the commands; incidents beside the expectations.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Expectations {
    pub(crate) history: History,
    /// What was expected of the targets of runs that are not forgotten.
    pub(crate) planned: BTreeMap<RunId, BTreeMap<TargetId, Planned>>,
    pub(crate) incidents: Incidents,
}

// === impl Expectations ===

impl Expectations {
    /// Whether an earlier version would miss nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.history.is_empty() && self.planned.is_empty() && self.incidents.is_empty()
    }
}

impl Ledger {
    pub(crate) fn learn(&mut self, lesson: &Lesson) -> Reply {
        if !Arc::make_mut(&mut self.expectations).history.learn(lesson) {
            return Reply::Duplicate;
        }
        self.digests.forget_expectations();
        Reply::Done
    }

    pub(crate) fn plan(&mut self, run: &RunId, target: TargetId, planned: Planned) -> Reply {
        if !self.runs.contains_key(run) {
            return Reply::Refused(Refusal::NoSuchRun);
        }
        // Whoever takes the run over or up plans anew for what is left, which is not what was planned.
        if self.planned(run, target).is_some() {
            return Reply::Duplicate;
        }
        let known = Arc::make_mut(&mut self.expectations).planned.entry(run.clone()).or_default();
        known.insert(target, planned);
        self.digests.forget_expectations();
        Reply::Done
    }

    /// The run is forgotten. What it has taught stays.
    pub(crate) fn forget_plan(&mut self, run: &RunId) {
        // A copy may share them, and then they are copied as a whole before they change.
        let Expectations { planned, incidents, .. } = self.expectations.as_ref();
        if !planned.contains_key(run) && !incidents.contains_key(run) {
            return;
        }
        let Expectations { planned, incidents, .. } = Arc::make_mut(&mut self.expectations);
        planned.remove(run);
        incidents.remove(run);
        self.digests.forget_expectations();
    }
}
