//! A target as one worker has prepared it.

use std::path::PathBuf;
use std::sync::Arc;

use multibeam_ginkgo::argv::SuiteOptions;
use multibeam_ginkgo::catalog::{Catalog, SpecIndex};
use multibeam_model::run::{Limits, SuiteSpec};

use crate::conduct::{Expected, SuiteMap};

/// What the worker needs to start processes of a target.
#[derive(Debug)]
pub(super) struct Target {
    /// Its name in the run file.
    pub(super) name: String,
    /// The suite binary on this host.
    pub(super) binary: PathBuf,
    /// The working directory of its processes.
    pub(super) directory: PathBuf,
    /// The suite as the run describes it.
    pub(super) suite: SuiteSpec,
    /// The same in Ginkgo's words.
    pub(super) options: SuiteOptions,
    /// What discovery found.
    pub(super) catalog: Catalog,
    /// What each group is expected to report.
    pub(super) map: Arc<SuiteMap>,
    /// The run's limits.
    pub(super) limits: Limits,
    /// What goes to the ledger: the catalog and the dry run's reports, compressed.
    pub(super) admission: Vec<u8>,
    /// SHA-256 of the catalog without what may differ between hosts, in hex.
    pub(super) digest: String,
}

/// What each group is expected to report.
pub(super) fn suite_map(catalog: &Catalog) -> SuiteMap {
    let groups = |groups: &[Vec<SpecIndex>]| {
        let expected = |index: &SpecIndex| {
            let spec = catalog.spec(*index);
            Expected {
                spec: multibeam_model::SpecIndex(index.0),
                key: spec.key(),
                selected: spec.is_selected(),
            }
        };
        groups.iter().map(|group| group.iter().map(expected).collect()).collect()
    };
    SuiteMap { parallel: groups(&catalog.groups), serial: groups(&catalog.serial_groups) }
}

/// The suite's options in Ginkgo's words.
pub(super) fn options(suite: &SuiteSpec) -> SuiteOptions {
    let mut args = suite.args.clone();
    if suite.flake_attempts > 1 {
        args.push(format!("--ginkgo.flake-attempts={}", suite.flake_attempts));
    }
    SuiteOptions {
        focus: suite.focus.clone(),
        skip: suite.skip.clone(),
        label_filter: suite.label_filter.clone(),
        timeout: suite.timeout,
        randomize_all: false,
        args,
    }
}
