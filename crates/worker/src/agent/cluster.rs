//! The worker's side of the cluster under test: who it is, whether it answers, the run's lock on
//! it, and what has to be removed after a killed process.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use multibeam_kubernetes::cleanup::{Entry, clean_up};
use multibeam_kubernetes::kubeconfig::{self, write_private};
use multibeam_kubernetes::{
    Access, Baseline, Cluster, LockSettings, Member, Policy, Readiness, RunLock, Scope, Server,
    SuiteMark, Timeouts,
};
use multibeam_model::RunId;
use multibeam_model::link::{ClusterIdentity, PrepareError};

use super::holds::Hold;

/// How a cluster's readiness is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Probing {
    /// Time between two looks while the cluster is in use.
    pub interval: Duration,
    /// How long one answer may take.
    pub deadline: Duration,
    /// A failed spec is excused only when this many looks in a row found no API server.
    pub looks: u32,
    /// Time between those looks.
    pub spacing: Duration,
}

impl Default for Probing {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(1),
            deadline: Duration::from_secs(5),
            // Three looks over 15 s: shorter outages are the suite's business.
            looks: 3,
            spacing: Duration::from_millis(7500),
        }
    }
}

/// Shortens [`Probing::spacing`], in milliseconds: tests cannot wait for so long.
const SPACING_VARIABLE: &str = "MULTIBEAM_PROBE_SPACING_MS";

impl Probing {
    /// The default, unless a test asks for something else.
    #[must_use]
    pub fn from_environment() -> Self {
        let spacing = std::env::var(SPACING_VARIABLE).ok().and_then(|text| text.parse().ok());
        let default = Self::default();
        Self { spacing: spacing.map_or(default.spacing, Duration::from_millis), ..default }
    }
}

/// What is wrong with how a cluster is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessMistake {
    /// Whether it is the context, in a kubeconfig that can be read.
    pub in_context: bool,
    /// For people.
    pub message: String,
}

/// Whether a worker of this cluster can use a kubeconfig and its context, as far as that shows without
/// connecting to anything, and where that would lead it.
///
/// # Errors
/// What is wrong with it.
pub fn check_kubeconfig(
    cluster: &str,
    kubeconfig: &Path,
    context: Option<&str>,
) -> Result<Server, AccessMistake> {
    let access = Access {
        cluster: cluster.to_owned(),
        kubeconfig: Some(kubeconfig.to_owned()),
        context: context.map(str::to_owned),
    };
    kubeconfig::check(&access).map_err(|error| AccessMistake {
        in_context: error.is_of_context(),
        message: error.to_string(),
    })
}

/// A connection to the worker's cluster.
#[derive(Debug)]
pub(super) struct ClusterLink {
    cluster: Cluster,
    kubeconfig: PathBuf,
    probing: Probing,
}

impl ClusterLink {
    /// Connects, and writes the kubeconfig that the suite processes get.
    pub(super) async fn open(
        access: &Access,
        directory: &Path,
        probing: Probing,
    ) -> Result<Self, PrepareError> {
        let environment = |message: String| PrepareError { input: false, message: message.clone() };
        let cluster = Cluster::connect(access, Timeouts::default())
            .await
            .map_err(|error| environment(error.to_string()))?;
        std::fs::create_dir_all(directory).map_err(|error| {
            environment(format!("cannot make {}: {error}", directory.display()))
        })?;
        let kubeconfig =
            write_private(access, directory).map_err(|error| environment(error.to_string()))?;
        Ok(Self { cluster, kubeconfig, probing })
    }

    pub(super) fn name(&self) -> &str {
        self.cluster.name()
    }

    pub(super) fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    pub(super) fn probing(&self) -> Probing {
        self.probing
    }

    pub(super) async fn identify(&self) -> Result<ClusterIdentity, PrepareError> {
        match self.cluster.identify().await {
            Ok(identity) => {
                Ok(ClusterIdentity { uid: identity.uid, git_version: identity.git_version })
            }
            Err(error) => Err(PrepareError { input: false, message: error.to_string() }),
        }
    }

    /// Whether the API server can be used now, and what it says if not.
    pub(super) async fn look(&self) -> Result<(), String> {
        match self.cluster.ready(self.probing.deadline).await {
            Readiness::Ready => Ok(()),
            Readiness::NotReady { status, failing } => {
                Err(format!("/readyz answers {status} ({})", failing.join(", ")))
            }
            Readiness::Denied { reason } | Readiness::Unreachable { reason } => Err(reason),
        }
    }

    /// Waits until the API server can be used.
    pub(super) async fn answers(&self) {
        while self.look().await.is_err() {
            tokio::time::sleep(self.probing.interval).await;
        }
    }

    /// Whether several looks in a row find no API server at all.
    pub(super) async fn is_unreachable(&self) -> bool {
        for look in 0..self.probing.looks {
            if look > 0 {
                tokio::time::sleep(self.probing.spacing).await;
            }
            let readiness = self.cluster.ready(self.probing.deadline).await;
            if !matches!(readiness, Readiness::Unreachable { .. }) {
                return false;
            }
        }
        true
    }

    /// Takes the run lock; the error names its holder.
    pub(super) async fn lock(
        &self,
        run: &RunId,
        host: &str,
        worker: &str,
    ) -> Result<RunLock, String> {
        let me = Member { run: run.0.clone(), host: host.to_owned(), worker: worker.to_owned() };
        let lock =
            RunLock::acquire(&self.cluster, LockSettings::default(), me, Policy::Fail, |_| {});
        lock.await.map_err(|error| error.to_string())
    }

    /// Notes what is there now.
    pub(super) async fn baseline(&self) -> Result<Baseline, String> {
        Baseline::take(&self.cluster).await.map_err(|error| error.to_string())
    }

    /// Removes what dead processes left. `alone` says that no suite process lives in the cluster.
    pub(super) async fn clean(
        &self,
        hold: &Hold,
        dead: BTreeSet<SuiteMark>,
        alone: bool,
    ) -> Result<Vec<String>, String> {
        let scope = Scope { dead, dead_e2e_runs: BTreeSet::new(), alone };
        let report = clean_up(&self.cluster, &hold.baseline, &scope, CLEAN_UP_AT_MOST)
            .await
            .map_err(|error| error.to_string())?;
        let removed = report.removed.iter().map(|entry| format!("removed {}", line(entry)));
        let failed = report.failed.iter().map(|entry| format!("could not remove {}", line(entry)));
        Ok(removed.chain(failed).collect())
    }
}

/// One object, for people.
fn line(entry: &Entry) -> String {
    format!("{} {}: {}", entry.kind, entry.name, entry.why)
}

/// How long a clean-up waits for namespaces to go.
const CLEAN_UP_AT_MOST: Duration = Duration::from_secs(120);
