//! A new run of what failed in another one. It can never lead to a certificate, and its results
//! are never merged with those of the first.

use multibeam_aggregator::render::RunJson;
use multibeam_ginkgo::argv::quote_meta;
use multibeam_model::run::RunSpec;

/// What failed in a run, as a run of its own; `None` when nothing did.
#[must_use]
pub fn of_failures(mut spec: RunSpec, summary: &RunJson) -> Option<RunSpec> {
    let mut targets = Vec::new();
    for (mut target, result) in spec.targets.into_iter().zip(&summary.targets) {
        if result.failures.is_empty() {
            continue;
        }
        // Specs are matched by the end of "suite description + text".
        let focus = result.failures.iter().map(|failure| format!("{}$", quote_meta(&failure.spec)));
        target.suite.focus = focus.collect();
        targets.push(target);
    }
    spec.targets = targets;
    spec.certified = false;
    spec.mode = None;
    spec.rerun_of = Some(summary.run.clone());
    spec.name = format!("{} (failures of {})", spec.name, summary.run);
    (!spec.targets.is_empty()).then_some(spec)
}
