//! What a user should know of a run although nothing ended of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use multibeam_model::RunId;
use multibeam_model::command::{Refusal, Reply};
use multibeam_model::incident::Incident;

use crate::Ledger;

/// The incidents of runs that are not forgotten, in the order in which they were told.
pub(crate) type Incidents = BTreeMap<RunId, Vec<Incident>>;

impl Ledger {
    pub(crate) fn note(&mut self, run: &RunId, incident: &Incident) -> Reply {
        if !self.runs.contains_key(run) {
            return Reply::Refused(Refusal::NoSuchRun);
        }
        let known = Arc::make_mut(&mut self.expectations).incidents.entry(run.clone()).or_default();
        match known.iter_mut().find(|known| is_same(known, incident)) {
            Some(known) if known == incident => return Reply::Duplicate,
            Some(known) => known.clone_from(incident),
            None => known.push(incident.clone()),
        }
        self.digests.forget_expectations();
        Reply::Done
    }
}

/// Whether the second one says the newest of what the first one is about.
fn is_same(known: &Incident, new: &Incident) -> bool {
    match (known, new) {
        (Incident::OutputCut { process, .. }, Incident::OutputCut { process: of, .. }) => {
            process == of
        }
        _ => known == new,
    }
}
