//! `run.json`: the summary of a run, for people and for scripts.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use multibeam_ginkgo::catalog::{Catalog, SpecIndex as CatalogIndex};
use multibeam_ginkgo::report::GoTime;
use multibeam_ledger::merge::{Item, merge};
use multibeam_model::incident::Incident;
use multibeam_model::outcome::Verdict;
use multibeam_model::plan::Planned;
use multibeam_model::record::{AttemptState, RunRecord};
use multibeam_model::run::{RunMode, RunSpec, TargetSpec};
use multibeam_model::{ClusterId, SpecIndex, SpecState, TargetId, Timestamp};
use serde::{Deserialize, Serialize};

use super::incidents::{CutOutputJson, cluster_name, cut_output, over_limit};
use super::source::{go_time, plan};
use super::{FileError, catalog};
use crate::Handle;

/// The version of `run.json`. It grows when a reader of the old one would be misled.
pub const RUN_JSON_FORMAT: u32 = 1;

/// A run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunJson {
    /// [`RUN_JSON_FORMAT`].
    pub format: u32,
    /// The version of Multibeam that made the results; empty where none was written down.
    #[serde(default)]
    pub multibeam: String,
    /// Its id.
    pub run: String,
    /// Its name.
    pub name: String,
    /// The run whose failures it repeats.
    pub rerun_of: Option<String>,
    /// The mode that selected its specs, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<RunMode>,
    /// Why its results cannot be used for a certificate; empty when they can.
    pub not_certifiable: Vec<String>,
    /// When it was made.
    pub started: GoTime,
    /// When it ended.
    pub ended: Option<GoTime>,
    /// Who cancelled it.
    pub cancelled_by: Option<String>,
    /// When it was taken up again.
    pub resumed: Vec<GoTime>,
    /// The worst verdict of its targets; absent while one of them has none.
    pub verdict: Option<Verdict>,
    /// The seed of every process.
    pub seed: i64,
    /// Whether one JUnit file for the whole matrix was asked for.
    pub matrix_junit: bool,
    /// Its targets, in the run file's order.
    pub targets: Vec<TargetJson>,
    /// What was removed from clusters.
    pub cleaned: Vec<CleanedJson>,
}

/// A target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TargetJson {
    /// Its name.
    pub name: String,
    /// The directory of its files.
    pub dir: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its clusters' names.
    pub clusters: Vec<String>,
    /// How it ended.
    pub verdict: Option<Verdict>,
    /// Why specs were not run, if any were not.
    pub cause: Option<String>,
    /// When its clock started.
    pub started: Option<GoTime>,
    /// When it ended.
    pub ended: Option<GoTime>,
    /// What was expected of it, and what came of it; absent when it was not planned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planned: Option<PlannedJson>,
    /// Its suite; absent when it was not discovered.
    pub suite: Option<SuiteJson>,
    /// Its specs in numbers; absent when its suite was not discovered.
    pub specs: Option<SpecsJson>,
    /// Specs that did not pass, skip themselves, or stay unselected.
    pub failures: Vec<SpecStateJson>,
    /// Its sessions.
    pub sessions: Vec<SessionJson>,
    /// Attempts that were lost, and why.
    pub lost_attempts: Vec<LostAttemptJson>,
    /// Output of suite processes that was not kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cut_output: Vec<CutOutputJson>,
}

/// What was expected of a target, from its start.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedJson {
    /// How long it should take.
    pub expected_seconds: f64,
    /// One of ten targets like it is over earlier.
    pub low_seconds: f64,
    /// One of ten targets like it is over later.
    pub high_seconds: f64,
    /// How long it took; absent when it has not ended, and when a resume lies in between: nobody
    /// knows how much of the pause before it was work.
    pub actual_seconds: Option<f64>,
}

/// A suite.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SuiteJson {
    /// SHA-256 of its binary, in hex.
    pub digest: String,
    /// SHA-256 of what discovery found, in hex.
    pub catalog_digest: String,
    /// What it says its version is.
    pub version: Option<String>,
    /// The version of Ginkgo it was built with, as far as that is known.
    pub ginkgo: String,
    /// The arguments it was given, without those that differ between processes.
    pub arguments: Vec<String>,
    /// Names of the variables that the run file adds to its environment; their values may be secrets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub environment: Vec<String>,
}

/// Specs in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SpecsJson {
    /// In the suite.
    pub total: u32,
    /// Selected.
    pub selected: u32,
    /// Selected ones by state; those not run are not in here.
    pub states: BTreeMap<SpecState, u32>,
    /// Of the interrupted ones, those that left no report at all.
    pub lost: u32,
    /// Selected ones that were not run.
    pub not_run: u32,
    /// Suite nodes that failed.
    pub failed_suite_nodes: u32,
}

/// A spec and its state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SpecStateJson {
    /// Its full text.
    pub spec: String,
    /// Its state.
    pub state: SpecState,
    /// What its report does not say: that its limit or a loss ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
}

/// A session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionJson {
    /// Its number.
    pub session: u32,
    /// Its cluster's name.
    pub cluster: String,
    /// Whether it was lost; absent while it is open.
    pub lost: Option<bool>,
}

/// A lost attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LostAttemptJson {
    /// The attempt, such as `t0g12#1`.
    pub attempt: String,
    /// The selected specs of its group, by full text.
    pub specs: Vec<String>,
    /// The process it was handed to, such as `s0p3`.
    pub process: String,
    /// That process's worker.
    pub worker: String,
    /// Its cluster's name.
    pub cluster: Option<String>,
    /// Why it was lost.
    pub cause: String,
    /// What it had reported. This counts only when `final` is set.
    pub reported: Vec<SpecStateJson>,
    /// Whether no further attempt was made.
    #[serde(rename = "final")]
    pub last: bool,
}

/// A clean-up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CleanedJson {
    /// The cluster's name.
    pub cluster: String,
    /// One line per object.
    pub removed: Vec<String>,
}

// === impl RunJson ===

impl RunJson {
    /// Sums a run up. Reads its catalogs, and no report.
    ///
    /// # Errors
    /// When a catalog cannot be read.
    pub fn of(ledger: &Handle, record: &RunRecord, spec: &RunSpec) -> Result<Self, FileError> {
        let mut not_certifiable = Vec::new();
        if let Some(warning) = spec.mode.as_ref().and_then(RunMode::warning) {
            not_certifiable.push(warning);
        } else if !spec.certified {
            not_certifiable.push("the run file does not ask for a certified run".to_owned());
        }
        if let Some(other) = &spec.rerun_of {
            not_certifiable.push(format!("it repeats the failures of run {other}"));
        }
        let incidents = ledger.read(|ledger| ledger.incidents(&record.run).to_vec());
        let mut targets = Vec::new();
        for (number, target) in (0..).zip(&spec.targets) {
            let id = TargetId(number);
            let catalog = catalog(ledger, record, id)?;
            if catalog.as_ref().is_some_and(|catalog| catalog.programmatic_focus) {
                not_certifiable.push(format!("{}: its suite focuses specs itself", target.name));
            }
            if target.suite.flake_attempts > 1 {
                not_certifiable.push(format!("{}: failed specs are tried again", target.name));
            }
            let planned = ledger.read(|ledger| ledger.planned(&record.run, id).copied());
            targets.push(TargetJson {
                planned: planned.map(|planned| PlannedJson::of(planned, record, id)),
                cut_output: cut_output(&incidents, record, spec, id),
                ..summarise(record, spec, id, target, catalog.as_ref(), &incidents)
            });
        }
        for target in targets.iter().filter(|target| target.verdict != Some(Verdict::Passed)) {
            not_certifiable.push(match target.verdict {
                Some(verdict) => format!("{}: {verdict}", target.name),
                None => format!("{}: has not ended", target.name),
            });
        }
        let verdicts: Option<Vec<Verdict>> = targets.iter().map(|target| target.verdict).collect();
        Ok(Self {
            format: RUN_JSON_FORMAT,
            multibeam: env!("CARGO_PKG_VERSION").to_owned(),
            run: record.run.0.clone(),
            name: spec.name.clone(),
            rerun_of: spec.rerun_of.clone(),
            mode: spec.mode.clone(),
            not_certifiable,
            started: go_time(record.created),
            ended: record.ended.map(go_time),
            cancelled_by: record.cancelled.as_ref().map(|cancelled| cancelled.by.clone()),
            resumed: record.resumed.iter().copied().map(go_time).collect(),
            verdict: verdicts.and_then(|verdicts| verdicts.into_iter().max()),
            seed: record.seed,
            matrix_junit: spec.matrix_junit,
            targets,
            cleaned: record
                .cleaned
                .iter()
                .map(|cleaned| CleanedJson {
                    cluster: cluster_name(spec, cleaned.cluster),
                    removed: cleaned.removed.clone(),
                })
                .collect(),
        })
    }

    /// Writes it, one field per line.
    ///
    /// # Errors
    /// When the output takes no more.
    pub fn write(&self, out: &mut dyn Write) -> Result<(), FileError> {
        serde_json::to_writer_pretty(&mut *out, self).map_err(FileError::Summary)?;
        out.write_all(b"\n").map_err(|e| FileError::Summary(serde_json::Error::io(e)))
    }
}

// === impl PlannedJson ===

impl PlannedJson {
    fn of(planned: Planned, record: &RunRecord, id: TargetId) -> Self {
        let target = record.targets.get(&id);
        let begun = target.and_then(|target| target.catalog.as_ref()).map(|catalog| catalog.at);
        let ended = target.and_then(|target| target.end.as_ref()).map(|end| end.at);
        let paused = |(from, to): &(Timestamp, Timestamp)| {
            record.resumed.iter().any(|resumed| from < resumed && resumed < to)
        };
        let took = begun.zip(ended).filter(|times| !paused(times));
        let took = took.map(|(from, to)| to.0.saturating_sub(from.0));
        let took = took.and_then(|nanos| u64::try_from(nanos).ok()).map(Duration::from_nanos);
        Self {
            expected_seconds: planned.expected.as_secs_f64(),
            low_seconds: planned.low.as_secs_f64(),
            high_seconds: planned.high.as_secs_f64(),
            actual_seconds: took.map(|took| took.as_secs_f64()),
        }
    }
}

fn summarise(
    record: &RunRecord,
    spec: &RunSpec,
    id: TargetId,
    target: &TargetSpec,
    catalog: Option<&Catalog>,
    incidents: &[Incident],
) -> TargetJson {
    let known = record.targets.get(&id);
    let end = known.and_then(|target| target.end.as_ref());
    let admitted = known.and_then(|target| target.catalog.as_ref());
    let sessions = record.sessions.iter().filter(|(_, session)| session.target == id);
    let (specs, failures) = catalog.map(|catalog| counts(record, id, catalog, incidents)).unzip();
    TargetJson {
        name: target.name.clone(),
        dir: target.dir_name.clone(),
        labels: target.labels.clone(),
        clusters: target.clusters.iter().map(|&id| cluster_name(spec, ClusterId(id))).collect(),
        verdict: end.map(|end| end.verdict),
        cause: end.and_then(|end| end.cause.as_ref()).map(ToString::to_string),
        started: admitted.map(|catalog| go_time(catalog.at)),
        ended: end.map(|end| go_time(end.at)),
        planned: None,
        suite: catalog.zip(admitted).map(|(catalog, admitted)| SuiteJson {
            digest: catalog.suite_digest.clone(),
            catalog_digest: admitted.digest.clone(),
            version: catalog.suite_version.clone(),
            ginkgo: catalog.ginkgo.to_string(),
            arguments: catalog.arguments.clone(),
            environment: target.suite.env.keys().cloned().collect(),
        }),
        specs,
        failures: failures.unwrap_or_default(),
        sessions: sessions
            .map(|(id, session)| SessionJson {
                session: id.0,
                cluster: cluster_name(spec, session.cluster),
                lost: session.closed,
            })
            .collect(),
        lost_attempts: lost_attempts(record, spec, id, catalog),
        cut_output: Vec::new(),
    }
}

fn counts(
    record: &RunRecord,
    id: TargetId,
    catalog: &Catalog,
    incidents: &[Incident],
) -> (SpecsJson, Vec<SpecStateJson>) {
    let merged = merge(record, id, &plan(catalog));
    let specs = SpecsJson {
        total: u32::try_from(catalog.specs.len()).unwrap_or(u32::MAX),
        selected: u32::try_from(catalog.selected_specs()).unwrap_or(u32::MAX),
        states: merged.states.clone(),
        lost: merged.interrupted,
        not_run: merged.not_run,
        failed_suite_nodes: merged.failed_nodes,
    };
    let failed = |item: &Item| match item {
        Item::Spec { spec, attempt, state, .. } if state.is_failure() => Some(SpecStateJson {
            spec: text(catalog, *spec),
            state: *state,
            cause: over_limit(incidents, *attempt, *spec),
        }),
        Item::Interrupted { spec, cause, .. } => Some(SpecStateJson {
            spec: text(catalog, *spec),
            state: SpecState::Interrupted,
            cause: Some(cause.summary()),
        }),
        _ => None,
    };
    (specs, merged.items.iter().filter_map(failed).collect())
}

fn lost_attempts(
    record: &RunRecord,
    spec: &RunSpec,
    id: TargetId,
    catalog: Option<&Catalog>,
) -> Vec<LostAttemptJson> {
    let plan = catalog.map(plan).unwrap_or_default();
    let texts = |specs: &[SpecIndex]| match catalog {
        Some(catalog) => specs.iter().map(|spec| text(catalog, *spec)).collect(),
        None => Vec::new(),
    };
    let attempts = record.attempts().filter(|(attempt, _)| attempt.target == id);
    attempts
        .filter_map(|(attempt, found)| {
            let AttemptState::Lost(cause) = &found.state else { return None };
            let group = record.group(id, attempt.group)?;
            let planned = plan.iter().find(|planned| planned.id == attempt.group);
            let session = record.sessions.get(&found.process.session);
            Some(LostAttemptJson {
                attempt: attempt.to_string(),
                specs: planned.map(|planned| texts(&planned.selected)).unwrap_or_default(),
                process: found.process.to_string(),
                worker: found.worker.to_string(),
                cluster: session.map(|session| cluster_name(spec, session.cluster)),
                cause: cause.to_string(),
                reported: found
                    .received
                    .values()
                    .zip(texts(&found.received.values().map(|r| r.spec).collect::<Vec<_>>()))
                    .map(|(report, spec)| SpecStateJson { spec, state: report.state, cause: None })
                    .collect(),
                last: group.sealed().is_none()
                    && group.last_begun().is_some_and(|last| last.number == attempt.number),
            })
        })
        .collect()
}

fn text(catalog: &Catalog, spec: SpecIndex) -> String {
    let known = catalog.specs.get(spec.0 as usize);
    known.map(|_| catalog.full_text(CatalogIndex(spec.0))).unwrap_or_default()
}
