//! What a user should know although nothing ends of it: a warning for those who watch, and a record for
//! `run.json`.

use multibeam_ginkgo::catalog::SpecIndex;
use multibeam_model::command::Command;
use multibeam_model::event::What;
use multibeam_model::incident::{Incident, OutputCut};
use multibeam_model::{ClusterId, ProcessId, TargetId};

use super::ActiveRun;
use super::tell::specs_of;
use crate::committer::Effect;
use crate::plan::limit;

impl ActiveRun {
    /// Part of what a process writes is not kept. Whoever watches is told when that begins; how much it
    /// is, is known at the end.
    pub(super) fn output_cut(
        &mut self,
        process: ProcessId,
        target: TargetId,
        cluster: ClusterId,
        cut: &OutputCut,
    ) {
        self.record(Incident::OutputCut { process, cut: cut.clone() });
        let why = match cut.error.as_str() {
            "" => format!(
                "it has written more than the {} bytes that are kept (limits.spoolLimit)",
                self.spec.limits.spool
            ),
            error => error.to_owned(),
        };
        let target = self.spec.targets.get(target.0 as usize).map_or("?", |it| it.name.as_str());
        let cluster = self.cluster_name(cluster);
        let message = format!(
            "output of process {process} of target {target} on cluster {cluster} is cut off: {why}"
        );
        if !self.status.warnings.contains(&message) {
            self.show(What::Warning { message });
        }
    }

    /// Says why what a process runs is about to be interrupted. Its own report will not: the suite
    /// only knows that somebody interrupted it.
    pub(super) fn tell_hung(&mut self, process: ProcessId) {
        let Some(session) = self.status.sessions.get(&process.session) else { return };
        let Some(running) = session.running.iter().find(|it| it.process == process) else { return };
        let attempt = running.attempt;
        let Some(catalog) = self.catalog_of(attempt.target) else { return };
        let specs = specs_of(catalog, attempt.group);
        let Some(limit) = limit(catalog, specs, &self.spec.limits.spec_timeouts) else { return };
        let is_it = |spec: &&SpecIndex| catalog.full_text(**spec) == running.spec;
        let incident = specs.iter().find(is_it).map(|spec| Incident::OverLimit {
            attempt,
            spec: multibeam_model::SpecIndex(spec.0),
            limit_ms: u64::try_from(limit.as_millis()).unwrap_or(u64::MAX),
        });
        let secs = limit.as_secs();
        let message = format!(
            "interrupting a spec that ran longer than {secs} s (specTimeout): {}",
            running.spec
        );
        if let Some(incident) = incident {
            self.record(incident);
        }
        self.show(What::Warning { message });
    }

    fn record(&self, incident: Incident) {
        let records = vec![Command::Note { run: self.id.clone(), incident }];
        self.effect(Effect { records, ..Effect::default() });
    }
}
