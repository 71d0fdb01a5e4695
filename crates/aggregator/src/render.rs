//! Files made from the ledger: the report files of a target, and the summary of a run.
//!
//! Nothing here is stored: a file is rendered when somebody asks, from the run's record, its
//! catalogs, and the payloads, of which one is in memory at a time. All of this blocks on the disk;
//! call it from a thread that may.

mod follow;
mod incidents;
mod run_json;
mod source;
mod suite;

use std::io::Write;

use multibeam_ginkgo::admission::Admission;
use multibeam_ginkgo::catalog::Catalog;
use multibeam_ginkgo::render::{
    Dialect, MatrixTarget, RenderError, console, json, junit, matrix_junit,
};
use multibeam_model::record::{PayloadRef, RunRecord};
use multibeam_model::run::RunSpec;
use multibeam_model::{RunId, TargetId};

use crate::{Handle, LedgerError};

pub use follow::Follower;
pub use incidents::CutOutputJson;
pub use run_json::{
    CleanedJson, LostAttemptJson, PlannedJson, RUN_JSON_FORMAT, RunJson, SessionJson,
    SpecStateJson, SpecsJson, SuiteJson, TargetJson,
};
pub use source::TargetReport;

/// The files of a target.
pub const TARGET_FILES: [&str; 3] = ["e2e.log", "junit_01.xml", "report.json"];

/// The files of a run. `spec.json` is the run as it was submitted, from which another can be made.
pub const RUN_FILES: [&str; 3] = ["run.json", "junit_matrix.xml", "spec.json"];

/// The largest payload after decompression, in bytes: workers take no larger report from a suite.
const PAYLOAD_BYTES: usize = 256 << 20;

/// A file cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The run is unknown.
    #[error("no run {run} is in the ledger")]
    NoRun {
        /// The run.
        run: RunId,
    },
    /// The run has no such target.
    #[error("run {run} has no target {target}")]
    NoTarget {
        /// The run.
        run: RunId,
        /// The target.
        target: TargetId,
    },
    /// There is no such file.
    #[error("expected one of {}, got {name:?}", known.join(", "))]
    NoFile {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: &'static [&'static str],
    },
    /// The target's specs are not known yet, or its suite could not be discovered.
    #[error("target {target} has no reports: its suite was not discovered")]
    NotDiscovered {
        /// The target.
        target: TargetId,
    },
    /// The stored run cannot be read.
    #[error("the stored run cannot be read")]
    Spec(#[source] serde_json::Error),
    /// The stored catalog cannot be read.
    #[error("the stored catalog cannot be read")]
    Admission(#[source] multibeam_ginkgo::admission::AdmissionError),
    /// The stored dry run cannot be read.
    #[error("the stored dry run cannot be read")]
    DryRun(#[source] multibeam_ginkgo::report::ReportError),
    /// The summary cannot be written.
    #[error("the summary cannot be written")]
    Summary(#[source] serde_json::Error),
    /// A payload cannot be read.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// The renderer failed.
    #[error(transparent)]
    Render(#[from] RenderError),
}

/// A payload cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum PayloadError {
    /// The ledger does not give it.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// It cannot be decompressed.
    #[error("the payload of entry {index} cannot be decompressed")]
    Decompress {
        /// Its place in the log.
        index: u64,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It is no spec report.
    #[error("the payload of entry {index} is no spec report")]
    Report {
        /// Its place in the log.
        index: u64,
        /// Why.
        #[source]
        source: multibeam_ginkgo::report::ReportError,
    },
}

/// Writes one file. `target` is absent for the files of the whole run.
///
/// # Errors
/// When there is no such file, or something that it is made from cannot be read or written. What
/// was written by then is incomplete.
pub fn render(
    ledger: &Handle,
    run: &RunId,
    target: Option<TargetId>,
    file: &str,
    mut out: &mut dyn Write,
) -> Result<(), FileError> {
    let record = ledger.record(run).ok_or_else(|| FileError::NoRun { run: run.clone() })?;
    let known: &'static [&'static str] = if target.is_some() { &TARGET_FILES } else { &RUN_FILES };
    if !known.contains(&file) {
        return Err(FileError::NoFile { name: file.to_owned(), known });
    }
    let spec = run_spec(&record)?;
    let Some(target) = target else {
        return match file {
            "run.json" => RunJson::of(ledger, &record, &spec)?.write(out),
            "spec.json" => Ok(out.write_all(&record.spec).map_err(RenderError::from)?),
            _ => write_matrix(ledger, &record, &spec, out),
        };
    };
    let report = TargetReport::open(ledger, &record, &spec, target)?;
    match file {
        "e2e.log" => console::write(&report, report.dialect(), &mut out)?,
        "junit_01.xml" => junit::write(&report, report.dialect(), &mut out)?,
        _ => json::write(&report, &mut out)?,
    }
    Ok(())
}

fn write_matrix(
    ledger: &Handle,
    record: &RunRecord,
    spec: &RunSpec,
    mut out: &mut dyn Write,
) -> Result<(), FileError> {
    let mut reports = Vec::new();
    for (number, target) in (0..).zip(&spec.targets) {
        match TargetReport::open(ledger, record, spec, TargetId(number)) {
            Ok(report) => reports.push((target.name.as_str(), report)),
            // Such a target has its line in run.json; it has no cases to show here.
            Err(FileError::NotDiscovered { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    let targets: Vec<_> = reports
        .iter()
        .map(|(name, source)| MatrixTarget { name, source, dialect: source.dialect() })
        .collect();
    Ok(matrix_junit(&targets, &mut out)?)
}

/// The run as it was submitted.
fn run_spec(record: &RunRecord) -> Result<RunSpec, FileError> {
    serde_json::from_slice(&record.spec).map_err(FileError::Spec)
}

/// A payload as the suite sent it.
fn payload(ledger: &Handle, at: PayloadRef) -> Result<Vec<u8>, PayloadError> {
    let packed = ledger.payload(at)?;
    let unpacked = multibeam_rt::packed::unpack(&packed, PAYLOAD_BYTES);
    unpacked.map_err(|source| PayloadError::Decompress { index: at.index, source })
}

/// What discovery found of a target, if it was admitted.
fn admission(
    ledger: &Handle,
    record: &RunRecord,
    target: TargetId,
) -> Result<Option<Admission>, FileError> {
    let Some(admitted) = record.targets.get(&target).and_then(|t| t.catalog.as_ref()) else {
        return Ok(None);
    };
    let bytes = payload(ledger, admitted.payload)?;
    Admission::decode(&bytes.into()).map(Some).map_err(FileError::Admission)
}

/// The catalog of a target, if one was admitted.
fn catalog(
    ledger: &Handle,
    record: &RunRecord,
    target: TargetId,
) -> Result<Option<Catalog>, FileError> {
    Ok(admission(ledger, record, target)?.map(|admission| admission.catalog))
}

fn dialect(catalog: &Catalog) -> Dialect {
    Dialect::new(catalog.ginkgo.effective())
}
