//! A target's report as the renderers want it: headers in memory, one report at a time from the
//! ledger. The only place that knows both the ledger's numbering and that of the catalog.

use multibeam_ginkgo::admission::Admission;
use multibeam_ginkgo::catalog::{Catalog, SpecIndex as CatalogIndex};
use multibeam_ginkgo::render::{Dialect, ReportSource};
use multibeam_ginkgo::report::{GoTime, SpecSummary, Substitute, SuiteHeader};
use multibeam_ginkgo::spec::SpecState;
use multibeam_ledger::merge::{Item, Merge, PlannedGroup, merge, not_run_text};
use multibeam_model::record::{PayloadRef, RunRecord};
use multibeam_model::run::RunSpec;
use multibeam_model::{GroupId, LossCause, SpecIndex, TargetId, Timestamp};

use super::{FileError, PayloadError, admission, dialect, payload, suite};
use crate::Handle;

/// One target's merged report.
#[derive(Debug)]
pub struct TargetReport {
    ledger: Handle,
    admission: Admission,
    suite: SuiteHeader,
    entries: Vec<(SpecSummary, Origin)>,
}

/// Where a spec report comes from.
#[derive(Clone, Debug)]
enum Origin {
    /// A process sent it.
    Received(PayloadRef),
    /// The spec was not selected; the dry run describes it.
    Unselected(CatalogIndex),
    /// The spec was selected and left no report.
    Made(CatalogIndex, Substitute),
}

// === impl TargetReport ===

impl TargetReport {
    /// Merges what the ledger has of a target. Reads every report of it once, for its header.
    ///
    /// # Errors
    /// When the target has no catalog, or something stored cannot be read.
    pub fn open(
        ledger: &Handle,
        record: &RunRecord,
        spec: &RunSpec,
        target: TargetId,
    ) -> Result<Self, FileError> {
        if spec.targets.get(target.0 as usize).is_none() {
            return Err(FileError::NoTarget { run: record.run.clone(), target });
        }
        let admission =
            admission(ledger, record, target)?.ok_or(FileError::NotDiscovered { target })?;
        let merged = merge(record, target, &plan(&admission.catalog));
        let ended = record.targets.get(&target).and_then(|t| t.end.as_ref()).map(|end| end.at);
        let mut report = Self {
            ledger: ledger.clone(),
            suite: SuiteHeader::default(),
            entries: Vec::new(),
            admission,
        };
        report.add_received(&merged)?;
        let end = ended.map_or_else(|| report.last_end(), go_time);
        report.add_missing(&merged, end)?;
        report.add_unselected()?;
        report.suite = suite::header(record, spec, target, &report.admission, &merged, end)?;
        Ok(report)
    }

    /// The way the suite's Ginkgo writes reports.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        dialect(&self.admission.catalog)
    }

    fn add_received(&mut self, merged: &Merge) -> Result<(), FileError> {
        for item in &merged.items {
            let (Item::SuiteNode { payload, .. } | Item::Spec { payload, .. }) = item else {
                continue;
            };
            self.push(Origin::Received(*payload))?;
        }
        Ok(())
    }

    fn add_missing(&mut self, merged: &Merge, end: GoTime) -> Result<(), FileError> {
        for item in &merged.items {
            let (spec, substitute) = match item {
                Item::Interrupted { spec, process, cause, .. } => {
                    (*spec, interrupted(cause, process.number.0, end))
                }
                Item::NotRun { spec, cause } => (*spec, not_run(&not_run_text(cause.as_ref()))),
                Item::SuiteNode { .. } | Item::Spec { .. } => continue,
            };
            self.push(Origin::Made(CatalogIndex(spec.0), substitute))?;
        }
        Ok(())
    }

    fn add_unselected(&mut self) -> Result<(), FileError> {
        for (number, place) in (0..).zip(0..self.admission.catalog.specs.len()) {
            if !self.admission.catalog.specs[place].is_selected() {
                self.push(Origin::Unselected(CatalogIndex(number)))?;
            }
        }
        Ok(())
    }

    fn push(&mut self, origin: Origin) -> Result<(), FileError> {
        let index = match &origin {
            Origin::Received(at) => at.index,
            Origin::Unselected(_) | Origin::Made(..) => 0,
        };
        let bytes = self.bytes(&origin)?;
        let summary =
            SpecSummary::parse(&bytes).map_err(|source| PayloadError::Report { index, source })?;
        self.entries.push((summary, origin));
        Ok(())
    }

    fn bytes(&self, origin: &Origin) -> Result<Vec<u8>, PayloadError> {
        match origin {
            Origin::Received(at) => payload(&self.ledger, *at),
            Origin::Unselected(spec) => Ok(self.planned(*spec).to_vec()),
            Origin::Made(spec, substitute) => substitute
                .report(self.planned(*spec))
                .map_err(|source| PayloadError::Report { index: 0, source }),
        }
    }

    /// The dry run's report of a spec.
    fn planned(&self, spec: CatalogIndex) -> &[u8] {
        &self.admission.dry_run.specs[spec.0 as usize].raw
    }

    /// When the last report ended; the zero time when there is none.
    fn last_end(&self) -> GoTime {
        let ends = self.entries.iter().map(|(summary, _)| summary.end_time);
        ends.max_by(GoTime::cmp_instant).unwrap_or_else(GoTime::zero)
    }
}

impl ReportSource for TargetReport {
    type Error = PayloadError;

    fn suite(&self) -> &SuiteHeader {
        &self.suite
    }

    fn len(&self) -> usize {
        self.entries.len()
    }

    fn summary(&self, index: usize) -> &SpecSummary {
        &self.entries[index].0
    }

    fn load(&self, index: usize) -> Result<Vec<u8>, PayloadError> {
        self.bytes(&self.entries[index].1)
    }
}

/// The selected specs of each group, under the ledger's group ids: the parallel groups as
/// `/counter` numbers them, then the serial ones.
pub(super) fn plan(catalog: &Catalog) -> Vec<PlannedGroup> {
    let groups = catalog.groups.iter().chain(&catalog.serial_groups);
    (0..)
        .map(GroupId)
        .zip(groups)
        .map(|(id, specs)| PlannedGroup {
            id,
            selected: specs
                .iter()
                .filter(|spec| catalog.spec(**spec).is_selected())
                .map(|spec| SpecIndex(spec.0))
                .collect(),
        })
        .filter(|group| !group.selected.is_empty())
        .collect()
}

pub(super) fn go_time(at: Timestamp) -> GoTime {
    let nanos = u32::try_from(at.0.rem_euclid(1_000_000_000)).unwrap_or_default();
    GoTime::from_unix(at.0.div_euclid(1_000_000_000), nanos).unwrap_or_else(GoTime::zero)
}

fn interrupted(cause: &LossCause, process: u32, end: GoTime) -> Substitute {
    let output = match cause {
        LossCause::ProcessDied { last_output, .. } => last_output.clone(),
        _ => String::new(),
    };
    Substitute {
        state: SpecState::Interrupted,
        message: format!("interrupted: {cause}"),
        // When it began is not known; without an end it would stand at the top of the log.
        start_time: end,
        end_time: end,
        parallel_process: i64::from(process),
        output,
    }
}

fn not_run(cause: &str) -> Substitute {
    Substitute {
        state: SpecState::Skipped,
        message: format!("not run: {cause}"),
        start_time: GoTime::zero(),
        end_time: GoTime::zero(),
        parallel_process: 0,
        output: String::new(),
    }
}
