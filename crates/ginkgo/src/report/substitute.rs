//! Reports for specs that left none: their process was lost, or they never began.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{GoTime, ReportError};
use crate::spec::SpecState;

/// What is known about a spec that left no report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Substitute {
    /// `interrupted` for a spec that was lost while it ran, `skipped` for one that never began.
    pub state: SpecState,
    /// Why; becomes the failure's message, and must not be empty.
    pub message: String,
    /// When it began, the zero time if it never did.
    pub start_time: GoTime,
    /// When it was lost, the zero time if it never began.
    pub end_time: GoTime,
    /// The process that had it, 0 for none.
    pub parallel_process: i64,
    /// The last output of that process.
    pub output: String,
}

// === impl Substitute ===

impl Substitute {
    /// Makes the report from the one that the dry run has for the same spec: texts, places, labels
    /// and everything else that describes the spec stay, everything that tells of a run is replaced.
    ///
    /// # Errors
    /// When `dry_run` is no spec report.
    pub fn report(&self, dry_run: &[u8]) -> Result<Vec<u8>, ReportError> {
        let error = |source| ReportError::Spec { bytes: dry_run.len(), source };
        let mut fields: BTreeMap<String, Box<RawValue>> =
            serde_json::from_slice(dry_run).map_err(error)?;
        let place = match fields.get("LeafNodeLocation") {
            Some(raw) => serde_json::from_str(raw.get()).map_err(error)?,
            None => Value::Null,
        };
        let node = match fields.get("LeafNodeType") {
            Some(raw) => serde_json::from_str(raw.get()).map_err(error)?,
            None => Value::Null,
        };
        let ran = !self.start_time.is_zero() && !self.end_time.is_zero();
        let run_time = if ran { self.end_time.since(&self.start_time) } else { 0 };
        let outcome = json!({
            "State": self.state.as_str(),
            "StartTime": self.start_time,
            "EndTime": self.end_time,
            "RunTime": run_time,
            "ParallelProcess": self.parallel_process,
            "NumAttempts": i64::from(ran),
            "CapturedStdOutErr": self.output,
            "Failure": {
                "Message": self.message,
                "Location": place,
                "TimelineLocation": {"Time": self.end_time},
                "FailureNodeContext": "leaf-node",
                "FailureNodeType": node,
                "FailureNodeLocation": place,
            },
        });
        for told in ["ReportEntries", "ProgressReports", "AdditionalFailures", "SpecEvents"] {
            fields.remove(told);
        }
        fields.remove("CapturedGinkgoWriterOutput");
        if let Value::Object(outcome) = outcome {
            for (key, value) in outcome {
                fields.insert(key, serde_json::value::to_raw_value(&value).map_err(error)?);
            }
        }
        serde_json::to_vec(&fields).map_err(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{SpecReport, SpecSummary};

    #[test]
    fn describes_the_same_spec_with_another_outcome() {
        let substitute = Substitute {
            state: SpecState::Interrupted,
            message: "process 3 was killed by signal 9".to_owned(),
            start_time: GoTime::parse("2026-01-01T00:00:00Z").unwrap(),
            end_time: GoTime::parse("2026-01-01T00:00:02Z").unwrap(),
            parallel_process: 3,
            output: "last words".to_owned(),
        };
        let report = substitute
            .report(
                br#"{"LeafNodeType":"It","LeafNodeText":"a","State":"passed","Unknown":[1],
                    "LeafNodeLocation":{"FileName":"f.go","LineNumber":3},"SpecEvents":[{}]}"#,
            )
            .unwrap();
        let summary = SpecSummary::parse(&report).unwrap();
        assert_eq!((summary.state, summary.run_time), (SpecState::Interrupted, 2_000_000_000));
        assert_eq!(summary.failure_message.as_deref(), Some(substitute.message.as_str()));
        let spec = SpecReport::parse(&report).unwrap();
        assert_eq!(spec.failure.location.to_string(), "f.go:3");
        assert!(spec.spec_events.is_empty() && !spec.failure.is_zero());
        assert!(String::from_utf8(report).unwrap().contains(r#""Unknown":[1]"#));
    }
}
