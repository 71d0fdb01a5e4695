//! What the processes of a session report when they have ended, for process 1: its ReportAfterSuite
//! nodes see the whole session.
//!
//! A worker has the reports of its own processes only. A session that is spread over several workers
//! so shows its process 1 those of its worker; Multibeam's own report files come from the ledger and
//! have everything.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use multibeam_ginkgo::protocol::Answer;
use multibeam_ginkgo::report::{Report, ReportError};
use multibeam_model::{ProcessId, RunId, SessionId};

/// Bytes kept of one session: thousands of specs with all that they have written.
const LARGEST: usize = 64 << 20;

/// The reports of the sessions under way, one per run: a cluster has one session at a time.
#[derive(Debug, Default)]
pub(super) struct EndReports {
    runs: Mutex<BTreeMap<RunId, Kept>>,
}

#[derive(Debug)]
struct Kept {
    session: SessionId,
    /// In the order in which the processes ended.
    reports: Vec<Bytes>,
    bytes: usize,
}

impl EndReports {
    /// Keeps the report of a process that has ended its suite.
    pub(super) fn keep(&self, run: &RunId, process: ProcessId, report: Bytes) {
        let mut runs = self.runs();
        let new = || Kept { session: process.session, reports: Vec::new(), bytes: 0 };
        let kept = runs.entry(run.clone()).or_insert_with(new);
        if kept.session != process.session {
            *kept = new();
        }
        if kept.bytes + report.len() > LARGEST {
            tracing::warn!(%run, %process, "process 1 will not see its report: all of them are too large");
            return;
        }
        kept.bytes += report.len();
        kept.reports.push(report);
    }

    /// The sum of what was kept of a session, as the answer to process 1.
    pub(super) fn answer(&self, run: &RunId, session: SessionId) -> Answer {
        let reports = match self.runs().get(run) {
            Some(kept) if kept.session == session => kept.reports.clone(),
            _ => Vec::new(),
        };
        match sum(&reports) {
            Ok(Some(sum)) => Answer::Json(sum.into()),
            Ok(None) => Answer::no_report(),
            Err(error) => {
                tracing::warn!(%run, %session, %error, "process 1 sees no reports of others");
                Answer::no_report()
            }
        }
    }

    /// A run is over.
    pub(super) fn forget(&self, run: &RunId) {
        self.runs().remove(run);
    }

    fn runs(&self) -> MutexGuard<'_, BTreeMap<RunId, Kept>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn sum(reports: &[Bytes]) -> Result<Option<Vec<u8>>, ReportError> {
    let mut sum: Option<Report> = None;
    for report in reports {
        let report = Report::parse(report)?;
        match &mut sum {
            Some(sum) => sum.add(report),
            None => sum = Some(report),
        }
    }
    sum.map(|sum| sum.to_json()).transpose()
}

#[cfg(test)]
mod tests {
    use multibeam_model::ProcessNumber;

    use super::*;

    fn process(session: u32, number: u32) -> ProcessId {
        let number = ProcessNumber(number);
        ProcessId { session: SessionId(session), number, incarnation: 1 }
    }

    /// The texts of the specs that process 1 sees, and whether the others have succeeded.
    fn seen(reports: &EndReports, session: u32) -> (Vec<String>, bool) {
        let Answer::Json(body) = reports.answer(&"r".into(), SessionId(session)) else {
            panic!("a report is always to be had");
        };
        let report = Report::parse(&body).unwrap();
        (
            report.specs.iter().map(|spec| spec.get().to_owned()).collect(),
            report.suite.suite_succeeded,
        )
    }

    #[test]
    fn process_1_sees_the_reports_of_its_own_session() {
        let (reports, run) = (EndReports::default(), RunId::from("r"));
        assert_eq!(seen(&reports, 1), (vec![], true));
        let body = |spec: u32| format!(r#"{{"SuiteSucceeded":true,"SpecReports":[{spec}]}}"#);
        reports.keep(&run, process(1, 3), body(3).into());
        reports.keep(&run, process(1, 2), body(2).into());
        assert_eq!(seen(&reports, 1), (vec!["3".to_owned(), "2".to_owned()], true));
        assert_eq!(seen(&reports, 2).0, [""; 0], "another session");
        reports.keep(&run, process(2, 2), r#"{"SpecReports":[7]}"#.into());
        assert_eq!(seen(&reports, 2), (vec!["7".to_owned()], false));
        reports.forget(&run);
        assert_eq!(seen(&reports, 2).0, [""; 0]);
    }

    #[test]
    fn what_is_too_large_is_left_out() {
        let (reports, run) = (EndReports::default(), RunId::from("r"));
        let large = format!(r#"{{"SpecReports":["{}"]}}"#, "x".repeat(LARGEST / 2));
        for number in 2..5 {
            reports.keep(&run, process(1, number), large.clone().into());
        }
        assert_eq!(seen(&reports, 1).0.len(), 1);
    }
}
