//! Preparing a target on a worker: discovery, and a look at the cluster.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use multibeam_ginkgo::admission::Admission;
use multibeam_ginkgo::catalog::Catalog;
use multibeam_model::link::{Prepare, PrepareError, Prepared};
use multibeam_model::run::SuiteSpec;
use sha2::{Digest, Sha256};

use super::cluster::ClusterLink;
use super::target::{Target, options, suite_map};
use crate::discover::{DEFAULT_TIMEOUT, DiscoverOptions, Discovery, discover, look_at};
use crate::suite::process::GuardProgram;

/// Where discovery runs and keeps what it finds.
#[derive(Clone, Debug)]
pub(super) struct Workshop {
    pub(super) guard: GuardProgram,
    pub(super) cache: PathBuf,
    /// The suite binary on this host, when it is not the run file's.
    pub(super) suite: Option<PathBuf>,
}

/// Discovers a target and asks the cluster who it is.
pub(super) async fn prepare(
    workshop: &Workshop,
    order: &Prepare,
    cluster: Option<&ClusterLink>,
) -> Result<(Target, Prepared), PrepareError> {
    let identity = match cluster {
        Some(cluster) => Some(cluster.identify().await?),
        None => None,
    };
    let target = target(workshop, order).await?;
    let prepared = Prepared {
        suite_digest: target.catalog.suite_digest.clone(),
        catalog_digest: target.digest.clone(),
        cluster: identity,
    };
    Ok((target, prepared))
}

/// Discovers a suite as a worker does: in its directory, with its environment.
///
/// # Errors
/// What is wrong with the suite and what to do about it, for the user.
pub async fn discover_suite(
    guard: &GuardProgram,
    suite: &SuiteSpec,
    binary: Option<&Path>,
    cache: &Path,
    seed: i64,
    certified: bool,
) -> Result<Discovery, String> {
    let binary = binary.unwrap_or(Path::new(&suite.binary));
    let options = DiscoverOptions {
        suite: binary.to_owned(),
        options: options(suite),
        seed,
        env: suite.env.iter().map(|(k, v)| (k.into(), OsString::from(v))).collect(),
        directory: directory_of(suite, binary),
        cache: cache.to_owned(),
        timeout: DEFAULT_TIMEOUT,
        allow_programmatic_focus: !certified,
    };
    discover(guard, &options).await.map_err(|error| explain(&error))
}

/// Whether a suite is there and may be started, as far as that shows without starting it.
///
/// # Errors
/// What is wrong with it, for people.
pub fn check_binary(path: &Path) -> Result<(), String> {
    look_at(path).map_err(|error| explain(&error))
}

/// Where the suite's processes run: suites expect to run where they lie.
fn directory_of(suite: &SuiteSpec, binary: &Path) -> PathBuf {
    match &suite.working_dir {
        Some(directory) => PathBuf::from(directory),
        None => home_of(binary),
    }
}

async fn target(workshop: &Workshop, order: &Prepare) -> Result<Target, PrepareError> {
    let Prepare { suite, seed, certified, .. } = order;
    let binary = workshop.suite.as_deref();
    let directory = directory_of(suite, binary.unwrap_or(Path::new(&suite.binary)));
    let found =
        discover_suite(&workshop.guard, suite, binary, &workshop.cache, *seed, *certified).await;
    let found = found.map_err(|message| PrepareError { input: true, message })?;
    let failed = |what: &str, error: std::io::Error| PrepareError {
        input: false,
        message: format!("cannot {what}: {error}"),
    };
    let report = std::fs::read(&found.dry_run)
        .map_err(|error| failed(&format!("read {}", found.dry_run.display()), error))?;
    let admission = Admission::encode(&found.catalog, &report);
    let admission = tokio::task::spawn_blocking(move || zstd::bulk::compress(&admission, 3))
        .await
        .map_err(std::io::Error::other)
        .and_then(|compressed| compressed)
        .map_err(|error| failed("compress the catalog", error))?;
    Ok(Target {
        name: order.target_name.clone(),
        binary: found.suite,
        directory,
        suite: order.suite.clone(),
        options: options(suite),
        digest: digest(&found.catalog),
        map: Arc::new(suite_map(&found.catalog)),
        catalog: found.catalog,
        limits: order.limits.clone(),
        admission,
    })
}

fn home_of(binary: &Path) -> PathBuf {
    let absolute = std::path::absolute(binary).unwrap_or_else(|_| binary.to_owned());
    absolute.parent().map_or_else(|| PathBuf::from("/"), Path::to_owned)
}

/// What must be equal on all workers of a target. Paths may differ from host to host.
fn digest(catalog: &Catalog) -> String {
    let comparable = Catalog { suite_path: String::new(), ..catalog.clone() };
    let hash = Sha256::digest(comparable.to_json());
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An error with everything that led to it.
fn explain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
