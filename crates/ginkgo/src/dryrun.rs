//! Reading what `--ginkgo.dry-run --ginkgo.json-report=F` leaves: every spec, whether it would run,
//! and how the suite itself completed its configuration.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use thiserror::Error;

use crate::go_json::null_is_default;
use crate::report::SuiteConfig;
use crate::spec::{SpecHeader, SpecState};
use crate::version::GinkgoVersion;

/// `types.PreRunStats`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct PreRunStats {
    /// All specs of the suite.
    #[serde(deserialize_with = "null_is_default")]
    pub total_specs: u32,
    /// Those that the filters leave.
    #[serde(deserialize_with = "null_is_default")]
    pub specs_that_will_run: u32,
}

/// Everything of a `types.Report` but its spec reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuiteHeader {
    /// Working directory of the process.
    pub suite_path: String,
    /// First argument of RunSpecs().
    pub suite_description: String,
    /// Labels of the suite.
    pub suite_labels: Vec<String>,
    /// False as soon as anything failed.
    pub suite_succeeded: bool,
    /// An `FIt` or the like is left in the source.
    pub suite_has_programmatic_focus: bool,
    /// Why the suite failed apart from its specs.
    pub special_suite_failure_reasons: Vec<String>,
    /// Counts before the run.
    pub pre_run_stats: PreRunStats,
    /// Configuration as completed by the suite.
    pub suite_config: SuiteConfig,
    /// Dated by the keys of the report.
    pub ginkgo: GinkgoVersion,
}

impl<'de> Deserialize<'de> for SuiteHeader {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;

        #[derive(Default, Deserialize)]
        #[serde(rename_all = "PascalCase", default)]
        struct Fields {
            #[serde(deserialize_with = "null_is_default")]
            suite_path: String,
            #[serde(deserialize_with = "null_is_default")]
            suite_description: String,
            #[serde(deserialize_with = "null_is_default")]
            suite_labels: Vec<String>,
            #[serde(deserialize_with = "null_is_default")]
            suite_succeeded: bool,
            #[serde(deserialize_with = "null_is_default")]
            suite_has_programmatic_focus: bool,
            #[serde(deserialize_with = "null_is_default")]
            special_suite_failure_reasons: Vec<String>,
            #[serde(deserialize_with = "null_is_default")]
            pre_run_stats: PreRunStats,
            suite_config: Option<Box<RawValue>>,
            // Only its presence counts, `null` or not.
            #[serde(deserialize_with = "present")]
            suite_component_sem_ver_constraints: bool,
        }

        let fields = Fields::deserialize(deserializer)?;
        let config = fields.suite_config.as_deref().map_or("{}", RawValue::get);
        // Parsed twice, for the keys and for the values, because both come from one raw text.
        let keys: BTreeMap<String, serde::de::IgnoredAny> =
            serde_json::from_str(config).map_err(D::Error::custom)?;
        let ginkgo = GinkgoVersion::from_keys(|key| match key {
            "SuiteComponentSemVerConstraints" => fields.suite_component_sem_ver_constraints,
            key => keys.contains_key(key),
        });
        Ok(Self {
            suite_path: fields.suite_path,
            suite_description: fields.suite_description,
            suite_labels: fields.suite_labels,
            suite_succeeded: fields.suite_succeeded,
            suite_has_programmatic_focus: fields.suite_has_programmatic_focus,
            special_suite_failure_reasons: fields.special_suite_failure_reasons,
            pre_run_stats: fields.pre_run_stats,
            suite_config: serde_json::from_str(config).map_err(D::Error::custom)?,
            ginkgo,
        })
    }
}

fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    serde::de::IgnoredAny::deserialize(deserializer).map(|_| true)
}

/// Why a dry run cannot be read.
#[derive(Debug, Error)]
pub enum DryRunError {
    /// Not the list of reports that Ginkgo writes.
    #[error(
        "expected the JSON report of a Ginkgo dry run (hint: the suite may have stopped before it wrote all of it)"
    )]
    Json(#[from] serde_json::Error),
    /// Not exactly one suite.
    #[error("expected the report of one suite, got {found}")]
    Suites {
        /// How many reports the file holds.
        found: usize,
    },
}

/// A dry run: all specs of a suite in the order in which a single process would run them.
#[derive(Debug, Clone)]
pub struct DryRun {
    /// The suite and its configuration.
    pub suite: SuiteHeader,
    /// The specs, suite nodes left out.
    pub specs: Vec<PlannedSpec>,
    /// Raw reports of the suite nodes.
    pub suite_nodes: Vec<Bytes>,
}

/// A spec of the dry run.
#[derive(Debug, Clone)]
pub struct PlannedSpec {
    /// Parsed fields.
    pub header: SpecHeader,
    /// The whole report as written, a slice of the file.
    pub raw: Bytes,
}

/// What the filters decided about a spec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Selection {
    /// Will run.
    Selected,
    /// Passed over by a filter or by programmatic focus.
    Skipped,
    /// Marked pending; reported as such whatever the filters say.
    Pending,
}

impl PlannedSpec {
    /// What the filters decided.
    pub fn selection(&self) -> Selection {
        match self.header.state {
            SpecState::Pending => Selection::Pending,
            SpecState::Skipped => Selection::Skipped,
            _ => Selection::Selected,
        }
    }
}

impl DryRun {
    /// Reads the JSON report of a dry run. The raw reports share its memory.
    ///
    /// # Errors
    /// [`DryRunError`].
    pub fn parse(file: &Bytes) -> Result<Self, DryRunError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Specs<'a> {
            #[serde(borrow)]
            spec_reports: Option<Vec<&'a RawValue>>,
        }
        let reports: Vec<&RawValue> = serde_json::from_slice(file)?;
        let [report] = reports[..] else {
            return Err(DryRunError::Suites { found: reports.len() });
        };
        let suite = serde_json::from_str(report.get())?;
        let raws: Specs<'_> = serde_json::from_str(report.get())?;

        let mut dry_run = Self { suite, specs: Vec::new(), suite_nodes: Vec::new() };
        for raw in raws.spec_reports.unwrap_or_default() {
            let header: SpecHeader = serde_json::from_str(raw.get())?;
            let raw = file.slice_ref(raw.get().as_bytes());
            if header.is_spec() {
                dry_run.specs.push(PlannedSpec { header, raw });
            } else {
                dry_run.suite_nodes.push(raw);
            }
        }
        Ok(dry_run)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::version::Version;

    const FILE: &str = r#"[{"SuitePath":"/s","SuiteDescription":"zoo","SuiteHasProgrammaticFocus":true,
        "SuiteComponentSemVerConstraints":null,
        "PreRunStats":{"TotalSpecs":3,"SpecsThatWillRun":1},
        "SuiteConfig":{"RandomSeed":7,"FocusStrings":["a","b"],"SkipStrings":null,"LabelFilter":"x",
          "PollProgressAfter":0,"GracePeriod":30000000000,"MustPassRepeatedly":0,"FailOnEmpty":false,
          "SemVerFilter":"","Timeout":3600000000000},
        "SpecReports":[{"LeafNodeType":"BeforeSuite","State":"passed"},
          {"LeafNodeType":"It","LeafNodeText":"one","State":"passed"},
          {"LeafNodeType":"It","LeafNodeText":"two","State":"skipped"},
          { "LeafNodeType":"It","LeafNodeText":"three","State":"pending"}]}]"#;

    #[test]
    fn reads_a_suite() {
        let dry_run = DryRun::parse(&Bytes::from_static(FILE.as_bytes())).unwrap();
        assert_eq!(dry_run.suite.suite_description, "zoo");
        assert!(dry_run.suite.suite_has_programmatic_focus);
        assert_eq!(dry_run.suite.suite_config.focus_strings, ["a", "b"]);
        assert_eq!(dry_run.suite.suite_config.random_seed, 7);
        assert_eq!(dry_run.suite.ginkgo.at_least, Version::new(2, 28, 0));
        assert_eq!(dry_run.suite.ginkgo.below, Some(Version::new(2, 32, 0)));
        let selections: Vec<_> = dry_run.specs.iter().map(PlannedSpec::selection).collect();
        assert_eq!(selections, [Selection::Selected, Selection::Skipped, Selection::Pending]);
        assert_eq!(dry_run.suite_nodes.len(), 1);
        assert!(dry_run.specs[2].raw.starts_with(b"{ \"Leaf"));
    }

    #[test]
    fn a_cut_or_foreign_file_is_an_error() {
        for end in 0..FILE.len() {
            assert!(DryRun::parse(&Bytes::from_static(&FILE.as_bytes()[..end])).is_err(), "{end}");
        }
        let none = DryRun::parse(&Bytes::from_static(b"[]"));
        assert!(matches!(none, Err(DryRunError::Suites { found: 0 })));
    }
}
