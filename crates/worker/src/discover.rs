//! Discovery: what a suite binary holds, found by running it twice or more without a cluster, and
//! kept on disk.

mod binary;
mod cache;
mod error;
mod steps;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use multibeam_ginkgo::argv::SuiteOptions;
use multibeam_ginkgo::catalog::{Catalog, Discovered};
use multibeam_ginkgo::dryrun::DryRun;

pub use self::binary::{Binary, inspect, look_at};
pub use self::error::DiscoverError;
use self::steps::Steps;
use crate::suite::process::GuardProgram;

/// A suite's dry run takes seconds; something that takes longer than this hangs.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(300);

/// What to discover, and how.
#[derive(Debug, Clone)]
pub struct DiscoverOptions {
    /// The suite binary.
    pub suite: PathBuf,
    /// What the user wants of it.
    pub options: SuiteOptions,
    /// Seed of the target.
    pub seed: i64,
    /// Added to the environment of the suite.
    pub env: Vec<(OsString, OsString)>,
    /// Working directory of the suite.
    pub directory: PathBuf,
    /// Where results are kept; made when it is not there.
    pub cache: PathBuf,
    /// For each run of the binary.
    pub timeout: Duration,
    /// Accept a suite with an `FIt` or the like left in its source.
    pub allow_programmatic_focus: bool,
}

/// What was found.
#[derive(Debug, Clone)]
pub struct Discovery {
    /// The suite binary, as an absolute path.
    pub suite: PathBuf,
    /// Specs and groups.
    pub catalog: Catalog,
    /// The dry run's JSON report, for the reports of specs that were not selected; lies in the cache
    /// directory. [`DryRun::parse`] reads it.
    pub dry_run: PathBuf,
    /// Nothing was run: all of it was in the cache.
    pub cached: bool,
}

/// Finds out what a suite holds. Needs no cluster.
///
/// # Errors
/// [`DiscoverError`], worded for the user.
pub async fn discover(
    guard: &GuardProgram,
    options: &DiscoverOptions,
) -> Result<Discovery, DiscoverError> {
    options.options.check()?;
    let binary = inspect(&options.suite).await?;
    let cache = cache::Cache::open(&options.cache)?;
    let key = cache::Key::of(&binary, options);
    let (catalog, dry_run, cached) = match cache.load(&key) {
        Some((catalog, dry_run)) => (catalog, dry_run, true),
        None => {
            let (catalog, report) = compute(guard, options, &binary, &cache).await?;
            let dry_run = cache.store(&key, &catalog, &report)?;
            (catalog, dry_run, false)
        }
    };
    if catalog.programmatic_focus && !options.allow_programmatic_focus {
        return Err(DiscoverError::ProgrammaticFocus { suite: binary.path });
    }
    Ok(Discovery { suite: binary.path, catalog, dry_run, cached })
}

async fn compute(
    guard: &GuardProgram,
    options: &DiscoverOptions,
    binary: &Binary,
    cache: &cache::Cache,
) -> Result<(Catalog, bytes::Bytes), DiscoverError> {
    let scratch = cache.scratch()?;
    let steps = Steps { guard, options, binary, scratch: scratch.path() };
    let (report, exact) = steps.dry_run(options.seed, false).await?;
    let dry_run = DryRun::parse(&report)
        .map_err(|source| DiscoverError::DryRunReport { suite: binary.path.clone(), source })?;
    let total = dry_run.specs.len();
    if dry_run.suite.pre_run_stats.specs_that_will_run == 0 {
        return Err(DiscoverError::NothingSelected { suite: binary.path.clone(), total });
    }
    let ginkgo = dry_run.suite.ginkgo.with_exact(exact);

    let randomize_all = dry_run.suite.suite_config.randomize_all_specs;
    let (probe, suite_version) = tokio::join!(steps.probe(randomize_all), steps.suite_version());
    let probe = probe?;
    if ginkgo.order_may_vary() {
        let again = steps.probe(randomize_all).await?;
        steps::expect_same_order(&probe, &again)?;
    }
    let lasting = steps.lasting_neighbours(&dry_run, &probe).await?;
    let catalog = Catalog::join(Discovered {
        suite_digest: binary.digest.clone(),
        arguments: options.options.effective(options.seed),
        seed: options.seed,
        ginkgo,
        suite_version,
        dry_run: &dry_run,
        probe: &probe,
        lasting: &lasting,
    })?;
    Ok((catalog, report))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
