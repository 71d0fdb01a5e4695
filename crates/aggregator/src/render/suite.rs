//! The suite's part of a merged report.

use std::collections::{BTreeMap, BTreeSet};

use multibeam_ginkgo::admission::Admission;
use multibeam_ginkgo::report::{GoTime, SuiteConfig, SuiteHeader, parse_reports};
use multibeam_ledger::merge::Merge;
use multibeam_model::record::RunRecord;
use multibeam_model::run::RunSpec;
use multibeam_model::{ClusterId, ProcessNumber, TargetId};
use serde_json::Value;

use super::FileError;
use super::source::go_time;

/// What the dry run says of the suite, with what only the run knows put in.
pub(super) fn header(
    record: &RunRecord,
    spec: &RunSpec,
    target: TargetId,
    admission: &Admission,
    merged: &Merge,
    end: GoTime,
) -> Result<SuiteHeader, FileError> {
    let dry_run = parse_reports(&admission.report).map_err(FileError::DryRun)?;
    let dry_run = dry_run.into_iter().next().map(|report| report.suite).unwrap_or_default();
    let began = record.targets.get(&target).and_then(|target| target.catalog.as_ref());
    let start = began.map_or_else(GoTime::zero, |catalog| go_time(catalog.at));
    let ran = !start.is_zero() && !end.is_zero();
    Ok(SuiteHeader {
        suite_succeeded: merged.succeeded(),
        special_suite_failure_reasons: merged.reasons.clone(),
        start_time: start,
        end_time: end,
        run_time: if ran { end.since(&start).max(0) } else { 0 },
        suite_config: config(record, spec, target, dry_run.suite_config),
        ..dry_run
    })
}

fn config(
    record: &RunRecord,
    spec: &RunSpec,
    target: TargetId,
    mut dry_run: SuiteConfig,
) -> SuiteConfig {
    let suite = spec.targets.get(target.0 as usize).map(|target| &target.suite);
    let timeout =
        suite.map_or(0, |suite| i64::try_from(suite.timeout.as_nanos()).unwrap_or(i64::MAX));
    dry_run.other.insert("Timeout".to_owned(), Value::from(timeout));
    SuiteConfig {
        dry_run: false,
        fail_fast: spec.fail_fast,
        parallel_process: 1,
        parallel_total: parallel_total(record, target),
        ..dry_run
    }
}

/// How many processes worked at once at most: per cluster the most that one session had, summed up.
fn parallel_total(record: &RunRecord, target: TargetId) -> i64 {
    let mut sessions: BTreeMap<_, BTreeSet<ProcessNumber>> = BTreeMap::new();
    for (&id, session) in record.sessions.iter().filter(|(_, s)| s.target == target) {
        let numbers = sessions.entry((session.cluster, id)).or_default();
        numbers.extend(session.nodes.keys().map(|process| process.number));
    }
    for (_, attempt) in record.attempts().filter(|(id, _)| id.target == target) {
        if let Some(session) = record.sessions.get(&attempt.process.session) {
            let key = (session.cluster, attempt.process.session);
            sessions.entry(key).or_default().insert(attempt.process.number);
        }
    }
    let mut clusters: BTreeMap<ClusterId, usize> = BTreeMap::new();
    for ((cluster, _), numbers) in sessions {
        let most = clusters.entry(cluster).or_default();
        *most = (*most).max(numbers.len());
    }
    let total: usize = clusters.values().sum();
    i64::try_from(total.max(1)).unwrap_or(i64::MAX)
}
