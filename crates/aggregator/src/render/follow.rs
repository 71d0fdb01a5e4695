//! The log of a run as it grows: a block of lines per spec, when its attempt is sealed or its group
//! is given up, so that nothing is told that may still be taken back.

use std::collections::{BTreeMap, BTreeSet};

use multibeam_ginkgo::catalog::Catalog;
use multibeam_ginkgo::report::SpecReport;
use multibeam_model::record::{AttemptRecord, PayloadRef, RunRecord};
use multibeam_model::run::RunSpec;
use multibeam_model::{RunId, TargetId};

use super::{FileError, PayloadError, catalog, payload, run_spec};
use crate::Handle;

/// Where a reader of the log is.
#[derive(Debug)]
pub struct Follower {
    ledger: Handle,
    run: RunId,
    targets: Vec<TargetId>,
    spec: Option<String>,
    told: BTreeSet<PayloadRef>,
    catalogs: BTreeMap<TargetId, Catalog>,
}

// === impl Follower ===

impl Follower {
    /// Follows one target or all, and of these the specs whose full text contains `spec`.
    ///
    /// # Errors
    /// When there is no such run or target.
    pub fn new(
        ledger: &Handle,
        run: &RunId,
        target: Option<TargetId>,
        spec: Option<String>,
    ) -> Result<Self, FileError> {
        let record = ledger.record(run).ok_or_else(|| FileError::NoRun { run: run.clone() })?;
        let all = (0..).zip(&run_spec(&record)?.targets).map(|(n, _)| TargetId(n)).collect();
        let targets: Vec<TargetId> = match target {
            None => all,
            Some(target) if all.contains(&target) => vec![target],
            Some(target) => return Err(FileError::NoTarget { run: run.clone(), target }),
        };
        Ok(Self {
            ledger: ledger.clone(),
            run: run.clone(),
            targets,
            spec,
            told: BTreeSet::new(),
            catalogs: BTreeMap::new(),
        })
    }

    /// Hands the next lines to `tell`, one spec at a time, until it says `false`. Says whether the
    /// log has ended.
    ///
    /// # Errors
    /// When something stored cannot be read.
    pub fn advance(
        &mut self,
        mut tell: impl FnMut(Vec<String>) -> bool,
    ) -> Result<bool, FileError> {
        let ledger = self.ledger.clone();
        let Some(record) = ledger.record(&self.run) else {
            return Ok(true);
        };
        let spec = run_spec(&record)?;
        for (at, target) in self.news(&record) {
            self.told.insert(at);
            let lines = self.lines(&record, &spec, at, target)?;
            if !lines.is_empty() && !tell(lines) {
                return Ok(true);
            }
        }
        let over = |target: &TargetId| {
            record.targets.get(target).is_some_and(|target| target.end.is_some())
        };
        Ok(record.ended.is_some() || self.targets.iter().all(over))
    }

    /// Reports that count and were not told, in the order in which they came.
    fn news(&self, record: &RunRecord) -> BTreeMap<PayloadRef, TargetId> {
        let mut news = BTreeMap::new();
        for target in &self.targets {
            let Some(known) = record.targets.get(target) else { continue };
            for group in known.groups.values() {
                let counts: Option<&AttemptRecord> = group
                    .sealed()
                    .or_else(|| group.last_begun().filter(|_| group.given_up.is_some()));
                for report in counts.iter().flat_map(|attempt| attempt.received.values()) {
                    news.insert(report.payload, *target);
                }
            }
        }
        news.retain(|at, _| !self.told.contains(at));
        news
    }

    fn lines(
        &mut self,
        record: &RunRecord,
        spec: &RunSpec,
        at: PayloadRef,
        target: TargetId,
    ) -> Result<Vec<String>, FileError> {
        if !self.catalogs.contains_key(&target)
            && let Some(found) = catalog(&self.ledger, record, target)?
        {
            self.catalogs.insert(target, found);
        }
        let bytes = payload(&self.ledger, at)?;
        let report = SpecReport::parse(&bytes)
            .map_err(|source| PayloadError::Report { index: at.index, source })?;
        let version = self.catalogs.get(&target).map(|catalog| catalog.ginkgo.effective());
        let texts = report.container_hierarchy_texts.iter().map(String::as_str);
        let text = match version {
            Some(version) => multibeam_ginkgo::spec::full_text(
                &report.container_hierarchy_texts,
                &report.leaf_node_text,
                version,
            ),
            None => texts.chain([report.leaf_node_text.as_str()]).collect::<Vec<_>>().join(" "),
        };
        if self.spec.as_ref().is_some_and(|wanted| !text.contains(wanted.as_str())) {
            return Ok(Vec::new());
        }
        let name = spec.targets.get(target.0 as usize).map_or("", |target| target.name.as_str());
        let seconds = report.run_time as f64 / 1e9;
        let mut lines = vec![format!("[{name}] {} {text} [{seconds:.3} seconds]", report.state)];
        let mut indent = |text: &str| {
            lines.extend(text.lines().map(|line| format!("  {line}")));
        };
        if !report.failure.message.is_empty() {
            indent(&report.failure.message);
        }
        indent(&report.captured_ginkgo_writer_output);
        indent(&report.captured_std_out_err);
        Ok(lines)
    }
}
