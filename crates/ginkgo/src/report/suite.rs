//! A suite's report without its spec reports, and the list of reports that a file holds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::{GoTime, ReportError};
use crate::go_json::null_is_default;

/// `types.Report` without the spec reports. Keys that this crate does not know stay in `other`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct SuiteHeader {
    /// Working directory of the process.
    #[serde(deserialize_with = "null_is_default")]
    pub suite_path: String,
    /// What RunSpecs() was given.
    #[serde(deserialize_with = "null_is_default")]
    pub suite_description: String,
    /// Labels of RunSpecs().
    #[serde(deserialize_with = "null_is_default")]
    pub suite_labels: Vec<String>,
    /// Semantic version constraints of RunSpecs(), from 2.24.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub suite_sem_ver_constraints: Vec<String>,
    /// The same per component, from 2.28.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub suite_component_sem_ver_constraints: BTreeMap<String, Option<Vec<String>>>,
    /// Whether the whole run counts as passed.
    #[serde(deserialize_with = "null_is_default")]
    pub suite_succeeded: bool,
    /// Whether the source focuses specs (FIt).
    #[serde(deserialize_with = "null_is_default")]
    pub suite_has_programmatic_focus: bool,
    /// Reasons to fail that no spec tells.
    #[serde(deserialize_with = "null_is_default")]
    pub special_suite_failure_reasons: Vec<String>,
    /// Counts from before the run.
    #[serde(deserialize_with = "null_is_default")]
    pub pre_run_stats: PreRunStats,
    /// Start of the run.
    #[serde(deserialize_with = "null_is_default")]
    pub start_time: GoTime,
    /// End of the run.
    #[serde(deserialize_with = "null_is_default")]
    pub end_time: GoTime,
    /// Nanoseconds.
    #[serde(deserialize_with = "null_is_default")]
    pub run_time: i64,
    /// How the suite was configured.
    #[serde(deserialize_with = "null_is_default")]
    pub suite_config: SuiteConfig,
    /// Everything else that was in the report.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// `types.PreRunStats`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct PreRunStats {
    /// Specs in the suite.
    #[serde(deserialize_with = "null_is_default")]
    pub total_specs: i64,
    /// Specs that the filters select.
    #[serde(deserialize_with = "null_is_default")]
    pub specs_that_will_run: i64,
}

/// `types.SuiteConfig`, as far as reports show it; the other settings stay in `other`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[expect(missing_docs, reason = "the fields are those of Ginkgo's type, documented there")]
pub struct SuiteConfig {
    #[serde(deserialize_with = "null_is_default")]
    pub random_seed: i64,
    #[serde(deserialize_with = "null_is_default")]
    pub randomize_all_specs: bool,
    #[serde(deserialize_with = "null_is_default")]
    pub focus_strings: Vec<String>,
    #[serde(deserialize_with = "null_is_default")]
    pub skip_strings: Vec<String>,
    #[serde(deserialize_with = "null_is_default")]
    pub focus_files: Vec<String>,
    #[serde(deserialize_with = "null_is_default")]
    pub skip_files: Vec<String>,
    #[serde(deserialize_with = "null_is_default")]
    pub label_filter: String,
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "String::is_empty")]
    pub sem_ver_filter: String,
    #[serde(deserialize_with = "null_is_default")]
    pub fail_on_pending: bool,
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "std::ops::Not::not")]
    pub fail_on_empty: bool,
    #[serde(deserialize_with = "null_is_default")]
    pub fail_fast: bool,
    #[serde(deserialize_with = "null_is_default")]
    pub flake_attempts: i64,
    #[serde(deserialize_with = "null_is_default")]
    pub dry_run: bool,
    #[serde(deserialize_with = "null_is_default")]
    pub output_interceptor_mode: String,
    #[serde(deserialize_with = "null_is_default")]
    pub parallel_process: i64,
    #[serde(deserialize_with = "null_is_default")]
    pub parallel_total: i64,
    #[serde(deserialize_with = "null_is_default")]
    pub parallel_host: String,
    /// Settings that no report shows.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// A whole `types.Report`; each spec report is kept as received.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// All but the spec reports.
    pub suite: SuiteHeader,
    /// JSON of the spec reports, in the order of the report.
    pub specs: Vec<Box<RawValue>>,
}

#[derive(Deserialize)]
struct Wire {
    #[serde(rename = "SpecReports", default)]
    specs: Option<Vec<Box<RawValue>>>,
}

/// Parses what `--ginkgo.json-report` writes: a list of reports.
///
/// # Errors
/// When the bytes are no list of suite reports.
pub fn parse_reports(json: &[u8]) -> Result<Vec<Report>, ReportError> {
    let error = |source| ReportError::Suite { bytes: json.len(), source };
    let reports: Vec<&RawValue> = serde_json::from_slice(json).map_err(error)?;
    reports.into_iter().map(|raw| Report::parse(raw.get().as_bytes())).collect()
}

// === impl Report ===

impl Report {
    /// Parses one `types.Report`, such as the body of `/suite-did-end`.
    ///
    /// # Errors
    /// When the bytes are no suite report.
    pub fn parse(json: &[u8]) -> Result<Self, ReportError> {
        let error = |source| ReportError::Suite { bytes: json.len(), source };
        // Two passes, because a flattened map would take the spec reports apart.
        let specs = serde_json::from_slice::<Wire>(json).map_err(error)?.specs.unwrap_or_default();
        Ok(Self { suite: SuiteHeader::parse(json)?, specs })
    }

    /// Adds the report of another process, as Ginkgo's `Report.Add` does: what both say is that of
    /// this one, times span both, and both must have succeeded.
    pub fn add(&mut self, other: Self) {
        let Self { suite: theirs, specs } = other;
        let ours = &mut self.suite;
        ours.suite_succeeded &= theirs.suite_succeeded;
        if theirs.start_time.cmp_instant(&ours.start_time).is_lt() {
            ours.start_time = theirs.start_time;
        }
        if theirs.end_time.cmp_instant(&ours.end_time).is_gt() {
            ours.end_time = theirs.end_time;
        }
        for reason in theirs.special_suite_failure_reasons {
            if !ours.special_suite_failure_reasons.contains(&reason) {
                ours.special_suite_failure_reasons.push(reason);
            }
        }
        ours.run_time = ours.end_time.since(&ours.start_time);
        self.specs.extend(specs);
    }

    /// The JSON of it, spec reports as they were received.
    ///
    /// # Errors
    /// When the suite holds something that JSON has no form for.
    pub fn to_json(&self) -> Result<Vec<u8>, ReportError> {
        #[derive(Serialize)]
        struct Whole<'a> {
            #[serde(flatten)]
            suite: &'a SuiteHeader,
            #[serde(rename = "SpecReports")]
            specs: &'a [Box<RawValue>],
        }
        let whole = Whole { suite: &self.suite, specs: &self.specs };
        serde_json::to_vec(&whole).map_err(|source| ReportError::Suite { bytes: 0, source })
    }
}

// === impl SuiteHeader ===

impl SuiteHeader {
    /// Parses all of a `types.Report` but its spec reports.
    ///
    /// # Errors
    /// When the bytes are no suite report.
    pub fn parse(json: &[u8]) -> Result<Self, ReportError> {
        let error = |source| ReportError::Suite { bytes: json.len(), source };
        let outline: BTreeMap<String, &RawValue> = serde_json::from_slice(json).map_err(error)?;
        let mut fields = Map::new();
        for (key, raw) in outline {
            if key != "SpecReports" {
                fields.insert(key, serde_json::from_str(raw.get()).map_err(error)?);
            }
        }
        serde_json::from_value(Value::Object(fields)).map_err(error)
    }

    /// Constraints of each component, by name.
    pub(crate) fn components(&self) -> impl Iterator<Item = (&str, Vec<&str>)> {
        self.suite_component_sem_ver_constraints.iter().map(|(component, constraints)| {
            (component.as_str(), constraints.iter().flatten().map(String::as_str).collect())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_keys_survive_a_round_trip() {
        let json = br#"[{"SuiteDescription":"d","New":[1],"SuiteLabels":null,
            "SuiteConfig":{"RandomSeed":7,"Timeout":3600000000000,"ParallelTotal":2},
            "SpecReports":[{"LeafNodeText":"a" , "Unknown":1}]}]"#;
        let report = parse_reports(json).unwrap().remove(0);
        assert_eq!(report.specs[0].get(), r#"{"LeafNodeText":"a" , "Unknown":1}"#);
        assert_eq!(report.suite.suite_config.random_seed, 7);
        let written = serde_json::to_value(&report.suite).unwrap();
        assert_eq!(written["New"], serde_json::json!([1]));
        assert_eq!(written["SuiteConfig"]["Timeout"], serde_json::json!(3_600_000_000_000_i64));
        assert!(written.get("SpecReports").is_none());
    }

    #[test]
    fn reports_add_up_as_those_of_ginkgo() {
        let report = |text: &str| Report::parse(text.as_bytes()).unwrap();
        let mut sum = report(
            r#"{"SuiteDescription":"d","SuiteSucceeded":true,"New":1,
                "StartTime":"2026-01-02T10:00:05Z","EndTime":"2026-01-02T10:00:09Z","RunTime":4,
                "SpecialSuiteFailureReasons":["one"],"SpecReports":[{"LeafNodeText":"a" }]}"#,
        );
        sum.add(report(
            r#"{"SuiteDescription":"other","SuiteSucceeded":true,
                "StartTime":"2026-01-02T11:00:04+01:00","EndTime":"2026-01-02T10:00:07Z",
                "SpecialSuiteFailureReasons":["one","two"],"SpecReports":[{"LeafNodeText":"b"},{}]}"#,
        ));
        let json = sum.to_json().unwrap();
        let text = String::from_utf8(json.clone()).unwrap();
        assert!(text.contains(r#"[{"LeafNodeText":"a" },{"LeafNodeText":"b"},{}]"#), "{text}");
        let written: Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(written["SuiteDescription"], "d");
        assert_eq!(written["New"], 1);
        assert_eq!(written["SuiteSucceeded"], true);
        assert_eq!(written["StartTime"], "2026-01-02T11:00:04+01:00");
        assert_eq!(written["EndTime"], "2026-01-02T10:00:09Z");
        assert_eq!(written["RunTime"], 5_000_000_000_i64);
        assert_eq!(written["SpecialSuiteFailureReasons"], serde_json::json!(["one", "two"]));
        sum.add(report(r#"{"SuiteSucceeded":false}"#));
        assert!(!sum.suite.suite_succeeded);
        assert_eq!(Report::parse(&sum.to_json().unwrap()).unwrap().specs.len(), 3);
    }

    #[test]
    fn a_report_that_is_no_list_is_named() {
        let error = parse_reports(b"{}").unwrap_err();
        assert!(error.to_string().contains("a list of suite reports"), "{error}");
    }
}
