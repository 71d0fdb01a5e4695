//! Going on with a run that an earlier coordinator has left under way.

use std::sync::Arc;
use std::time::Duration;

use multibeam_ginkgo::catalog::Catalog;
use multibeam_model::adopt::AdoptedProcess;
use multibeam_model::event::{Event, What};
use multibeam_model::link::ProcessNews;
use multibeam_model::{AttemptId, Moment, ProcessId, SpecState, TargetId, WorkerId};
use multibeam_sched::Input;

use super::{ActiveRun, tell};
use crate::plan::target_plan;

impl ActiveRun {
    /// Takes in what the ledger knows of the time before a takeover, for watchers and the schedule.
    pub(super) fn go_on(&mut self, now: Moment) {
        for (target, end) in std::mem::take(&mut self.ended) {
            let what = What::TargetEnded { target, verdict: end.verdict, cause: end.cause };
            self.show_event(Event { at: end.at, what });
        }
        for (target, sent) in std::mem::take(&mut self.admitted) {
            match sent.catalog {
                Ok(catalog) => self.admit(target, catalog, now),
                Err(error) => {
                    let reason = format!("the suite's catalog cannot be read: {error}");
                    self.refuse_target(target, reason, now);
                }
            }
        }
    }

    /// A target's catalog is in the ledger.
    pub(super) fn admit(&mut self, target: TargetId, catalog: Catalog, now: Moment) {
        let durations = self.expected.in_target(target);
        let plan = target_plan(target, &catalog, durations, &self.spec.limits);
        self.expect_target(&catalog, &plan);
        let prepared = self.prepared_event(target, &catalog, &plan);
        self.show(prepared);
        if let Some(state) = self.target_mut(target) {
            state.catalog = Some(Arc::new(catalog));
        }
        self.schedule(Input::TargetPrepared(plan), now);
    }

    /// A worker tells how all its processes of this run stand.
    pub(crate) fn adopt(&mut self, worker: &WorkerId, processes: Vec<AdoptedProcess>, now: Moment) {
        if !self.workers.contains_key(worker) {
            return;
        }
        let alive = processes.iter().filter(|process| !process.has_ended()).count();
        tracing::info!(run = %self.id, %worker, alive, "a worker tells how its processes stand");
        for process in &processes {
            for news in &process.told {
                self.tell_again(process.process, news);
            }
            for running in &process.running {
                let started = ProcessNews::Started { attempt: running.attempt };
                self.tell(process.process, &started);
            }
        }
        self.schedule(Input::Adopt { worker: worker.clone(), processes }, now);
    }

    /// Shows what may have been shown before: only what the ledger did not have then is new.
    fn tell_again(&mut self, process: ProcessId, news: &ProcessNews) {
        match news {
            ProcessNews::Sealed { attempt, failed } if !self.was_sealed(*attempt) => {
                self.show_done(process, *attempt, *failed);
            }
            ProcessNews::SuiteNodeDone { .. } | ProcessNews::OutputCut(_) => {
                self.tell(process, news);
            }
            _ => {}
        }
    }

    fn was_sealed(&self, attempt: AttemptId) -> bool {
        let target = self.recovered.as_ref().and_then(|it| it.targets.get(&attempt.target));
        let group = target.and_then(|target| target.groups.get(&attempt.group));
        group.is_some_and(|group| group.sealed.is_some())
    }

    /// The specs of an attempt have ended while nobody listened. Which of them failed, and how,
    /// stands in the report.
    fn show_done(&mut self, process: ProcessId, attempt: AttemptId, failed: bool) {
        let Some((_, cluster)) = self.sessions.get(&process.session).copied() else { return };
        let Some(catalog) = self.catalog_of(attempt.target) else { return };
        let state = if failed { SpecState::Failed } else { SpecState::Passed };
        let durations = self.expected.in_target(attempt.target);
        let done: Vec<What> = tell::specs_of(catalog, attempt.group)
            .iter()
            .map(|spec| {
                let text = catalog.full_text(*spec);
                What::SpecDone {
                    attempt,
                    process,
                    cluster,
                    expected: durations.expect(&text),
                    spec: text,
                    state,
                    run_time: Duration::ZERO,
                    message: String::new(),
                    selected: catalog.spec(*spec).is_selected(),
                }
            })
            .collect();
        for what in done {
            self.show(what);
        }
        self.show(What::AttemptSealed { attempt });
    }
}
