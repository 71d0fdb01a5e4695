//! From a worker's news to events with names in them.

use std::time::Duration;

use multibeam_ginkgo::catalog::{Catalog, SpecIndex};
use multibeam_model::event::What;
use multibeam_model::link::ProcessNews;
use multibeam_model::{AttemptId, ClusterId, GroupId, ProcessId, SpecState};

use super::ActiveRun;

/// The specs of a group; serial groups count on after the parallel ones.
pub(super) fn specs_of(catalog: &Catalog, group: GroupId) -> &[SpecIndex] {
    let place = group.0 as usize;
    let parallel = catalog.groups.len();
    let specs = match place.checked_sub(parallel) {
        None => catalog.groups.get(place),
        Some(place) => catalog.serial_groups.get(place),
    };
    specs.map_or(&[], Vec::as_slice)
}

impl ActiveRun {
    /// How long an attempt should take.
    pub(super) fn expected_of(&self, attempt: AttemptId) -> Duration {
        let Some(catalog) = self.catalog_of(attempt.target) else { return Duration::ZERO };
        let specs = specs_of(catalog, attempt.group).iter();
        let selected = specs.filter(|spec| catalog.spec(**spec).is_selected());
        let durations = self.expected.in_target(attempt.target);
        selected.map(|spec| durations.expect(&catalog.full_text(*spec))).sum()
    }

    /// Shows what a piece of news says about specs and suite nodes.
    pub(super) fn tell(&mut self, process: ProcessId, news: &ProcessNews) {
        let Some((target, cluster)) = self.sessions.get(&process.session).copied() else { return };
        match news {
            ProcessNews::Started { attempt } => self.spec_started(process, cluster, *attempt, 0),
            ProcessNews::SpecDone { attempt, spec, state, run_time_us, message } => {
                let Some(catalog) = self.catalog_of(target) else { return };
                let spec = SpecIndex(spec.0);
                if catalog.specs.get(spec.0 as usize).is_none() {
                    return;
                }
                let text = catalog.full_text(spec);
                let specs = specs_of(catalog, attempt.group);
                let next = specs.iter().position(|it| *it == spec).map_or(0, |at| at + 1);
                let selected = catalog.spec(spec).is_selected();
                let done = What::SpecDone {
                    attempt: *attempt,
                    process,
                    cluster,
                    expected: self.expected.in_target(target).expect(&text),
                    spec: text,
                    state: *state,
                    run_time: Duration::from_micros(*run_time_us),
                    message: message.clone(),
                    selected,
                };
                self.show(done);
                if selected && *state == SpecState::Passed {
                    let took = Duration::from_micros(*run_time_us);
                    self.lessons.passed(*attempt, spec, took);
                }
                // After an unselected member of an Ordered container the next one is known already.
                if selected {
                    self.spec_started(process, cluster, *attempt, next);
                }
            }
            ProcessNews::SuiteNodeDone { node, state, message } => {
                self.show(What::SuiteNodeDone {
                    session: process.session,
                    node: node.clone(),
                    state: *state,
                    message: message.clone(),
                });
            }
            ProcessNews::Sealed { attempt, .. } => {
                self.show(What::AttemptSealed { attempt: *attempt });
                self.lessons.sealed(*attempt);
            }
            ProcessNews::OutputCut(cut) => self.output_cut(process, target, cluster, cut),
            _ => {}
        }
    }

    /// Shows that the next selected spec of an attempt runs, from the given place in its group on.
    fn spec_started(
        &mut self,
        process: ProcessId,
        cluster: ClusterId,
        attempt: AttemptId,
        from: usize,
    ) {
        let Some(catalog) = self.catalog_of(attempt.target) else { return };
        let mut specs = specs_of(catalog, attempt.group).iter().skip(from);
        let next = specs.find(|spec| catalog.spec(**spec).is_selected());
        if let Some(spec) = next.map(|spec| catalog.full_text(*spec)) {
            self.show(What::SpecStarted { attempt, process, cluster, spec });
        }
    }
}
