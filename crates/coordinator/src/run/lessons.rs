//! What a run teaches: how long those of its specs took that passed and count.

use std::collections::BTreeMap;
use std::time::Duration;

use multibeam_ginkgo::catalog::{Catalog, SpecIndex};
use multibeam_model::lesson::{Lesson, Took};
use multibeam_model::run::TargetSpec;
use multibeam_model::{AttemptId, RunId, TargetId, Timestamp};

/// The durations of a run.
#[derive(Debug, Default)]
pub(super) struct Lessons {
    /// Of attempts that may still be lost.
    open: BTreeMap<AttemptId, Vec<(SpecIndex, Duration)>>,
    sealed: BTreeMap<TargetId, Vec<(SpecIndex, Duration)>>,
}

// === impl Lessons ===

impl Lessons {
    /// A spec has passed. How long one took that did not says nothing of the next time.
    pub(super) fn passed(&mut self, attempt: AttemptId, spec: SpecIndex, took: Duration) {
        self.open.entry(attempt).or_default().push((spec, took));
    }

    /// An attempt counts.
    pub(super) fn sealed(&mut self, attempt: AttemptId) {
        let durations = self.open.remove(&attempt).unwrap_or_default();
        self.sealed.entry(attempt.target).or_default().extend(durations);
    }

    /// An attempt never will.
    pub(super) fn lost(&mut self, attempt: AttemptId) {
        self.open.remove(&attempt);
    }

    /// What a target has taught; nothing more comes of it.
    pub(super) fn take(
        &mut self,
        run: &RunId,
        id: TargetId,
        target: &TargetSpec,
        catalog: &Catalog,
        at: Timestamp,
    ) -> Lesson {
        self.open.retain(|attempt, _| attempt.target != id);
        let sealed = self.sealed.remove(&id).unwrap_or_default();
        // Specs of the same text are one for the history: their mean is expected of each.
        let mut by_text: BTreeMap<String, (Duration, u32)> = BTreeMap::new();
        for (spec, took) in sealed {
            let (sum, count) = by_text.entry(catalog.full_text(spec)).or_default();
            *sum += took;
            *count += 1;
        }
        let took = |(spec, (sum, count)): (String, (Duration, u32))| {
            let millis = u32::try_from((sum / count).as_millis()).unwrap_or(u32::MAX);
            Took { spec, millis }
        };
        let mut durations: Vec<Took> = by_text.into_iter().map(took).collect();
        // Should there be no room for all, long ones matter more.
        durations.sort_by_key(|took| std::cmp::Reverse(took.millis));
        let source = format!("{run}/{}", target.name);
        Lesson { source, at, labels: target.labels.clone(), durations }
    }
}
