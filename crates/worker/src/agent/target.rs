//! A target as one worker has prepared it.

use std::path::PathBuf;
use std::sync::Arc;

use multibeam_ginkgo::argv::SuiteOptions;
use multibeam_ginkgo::catalog::Catalog;
use multibeam_model::run::{Limits, SuiteSpec};

use crate::conduct::SuiteMap;

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
    /// SHA-256 of the admission's plain bytes, in hex.
    pub(super) digest: String,
}
