//! A cluster under test: which one it is, and whether it can be used now.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, ResourceExt};
use serde::{Deserialize, Serialize};

use crate::client::{Connection, Timeouts};
use crate::error::ClusterError;
use crate::kubeconfig::Access;

/// A connection to a cluster under test. Cheap to clone.
#[derive(Clone)]
pub struct Cluster {
    pub(crate) connection: Arc<Connection>,
}

/// What tells one cluster from another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// UID of the namespace kube-system: stays with a cluster for life, whatever its address. The
    /// same UID under two names is one cluster.
    pub uid: String,
    /// What `/version` says, such as `v1.36.2`.
    pub git_version: String,
    /// Operating system and architecture of the API server, such as `linux/amd64`.
    pub platform: String,
}

impl Identity {
    /// Major and minor number of the version; `None` if it has none.
    pub fn minor(&self) -> Option<(u32, u32)> {
        let mut parts = self.git_version.strip_prefix('v').unwrap_or(&self.git_version).split('.');
        let major = parts.next()?.parse().ok()?;
        let minor = parts.next()?;
        let digits = minor.find(|c: char| !c.is_ascii_digit()).unwrap_or(minor.len());
        Some((major, minor[..digits].parse().ok()?))
    }
}

/// Whether an API server can serve a suite now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It says so itself.
    Ready,
    /// It answers, and says that it is not ready.
    NotReady {
        /// HTTP status of `/readyz`.
        status: u16,
        /// The checks that fail, such as `etcd`; empty if it named none.
        failing: Vec<String>,
    },
    /// It answers, but does not accept our credentials: asking again will not help.
    Denied {
        /// What to do, in words.
        reason: String,
    },
    /// No answer.
    Unreachable {
        /// What stands in the way, in words.
        reason: String,
    },
}

impl Cluster {
    /// Reads the kubeconfig, connects, and makes sure that an API server answers which accepts the
    /// credentials.
    ///
    /// # Errors
    /// Everything [`ClusterError`] knows about kubeconfigs, credentials, and unreachable servers;
    /// [`ClusterError::is_transient`] tells whether to try again.
    pub async fn connect(access: &Access, timeouts: Timeouts) -> Result<Self, ClusterError> {
        let cluster = Self::open(access, timeouts).await?;
        cluster.identify().await?;
        Ok(cluster)
    }

    /// Like [`Cluster::connect`], but asks the API server nothing yet: for a cluster that may still
    /// be starting. The exec plugin, if there is one, is run.
    ///
    /// # Errors
    /// If the kubeconfig or its credentials cannot be used.
    pub async fn open(access: &Access, timeouts: Timeouts) -> Result<Self, ClusterError> {
        let connection = Connection::open(access, timeouts).await?;
        Ok(Self { connection: Arc::new(connection) })
    }

    /// The cluster's name in the run file.
    pub fn name(&self) -> &str {
        &self.connection.facts.cluster
    }

    /// The API server's URL.
    pub fn server(&self) -> &str {
        &self.connection.facts.server
    }

    /// Asks the cluster who it is.
    ///
    /// # Errors
    /// If it cannot be asked, refuses to tell, or is no Kubernetes cluster.
    pub async fn identify(&self) -> Result<Identity, ClusterError> {
        let client = self.connection.client().await?;
        let namespaces: Api<Namespace> = Api::all(client.clone());
        let odd = |detail: &str| ClusterError::NotKubernetes {
            cluster: self.name().to_owned(),
            server: self.server().to_owned(),
            detail: detail.to_owned(),
        };
        let system = self
            .connection
            .bounded("read the namespace kube-system", namespaces.get("kube-system"))
            .await
            .map_err(|error| {
                if error.is_not_found() { odd("it has no namespace kube-system") } else { error }
            })?;
        let uid = system
            .uid()
            .filter(|uid| !uid.is_empty())
            .ok_or_else(|| odd("kube-system has no UID"))?;
        let version = self.connection.bounded("read /version", client.apiserver_version()).await?;
        if version.git_version.is_empty() {
            return Err(odd("/version has no gitVersion"));
        }
        Ok(Identity { uid, git_version: version.git_version, platform: version.platform })
    }

    /// Asks `/readyz`, waiting at most `deadline` for the answer.
    pub async fn ready(&self, deadline: Duration) -> Readiness {
        match self.probe("/readyz", deadline).await {
            // Not every cluster lets everybody see its health; then an answer must do.
            Ok(Readiness::NotReady { status: 403 | 404, .. }) => {
                self.probe("/version", deadline).await.unwrap_or_else(unanswered)
            }
            Ok(readiness) => readiness,
            Err(error) => unanswered(error),
        }
    }

    async fn probe(&self, path: &str, deadline: Duration) -> Result<Readiness, ClusterError> {
        let answer = self.connection.get(path, deadline).await?;
        Ok(match answer.status {
            200..300 => Readiness::Ready,
            401 => Readiness::Denied {
                reason: self.connection.facts.refused("get /readyz", 401, "").to_string(),
            },
            status => Readiness::NotReady {
                status,
                failing: failing_checks(&String::from_utf8_lossy(&answer.body)),
            },
        })
    }
}

fn unanswered(error: ClusterError) -> Readiness {
    match error {
        ClusterError::Unreachable { .. } | ClusterError::Api { .. } => {
            Readiness::Unreachable { reason: error.to_string() }
        }
        other => Readiness::Denied { reason: other.to_string() },
    }
}

/// `/readyz` lists its checks, one a line: `[+]ping ok`, `[-]etcd failed: reason withheld`.
fn failing_checks(body: &str) -> Vec<String> {
    body.lines()
        .filter_map(|line| line.trim().strip_prefix("[-]"))
        .map(|rest| rest.split_whitespace().next().unwrap_or_default().to_owned())
        .filter(|name| !name.is_empty())
        .collect()
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster")
            .field("name", &self.name())
            .field("server", &self.server())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_minor_version_is_read() {
        let minor = |git_version: &str| {
            Identity {
                uid: String::new(),
                git_version: git_version.into(),
                platform: String::new(),
            }
            .minor()
        };
        assert_eq!(minor("v1.36.2"), Some((1, 36)));
        assert_eq!(minor("v1.33.1-eks-1a2b"), Some((1, 33)));
        assert_eq!(minor("v1.34+"), Some((1, 34)));
        assert_eq!(minor("unknown"), None);
    }

    #[test]
    fn failing_checks_are_named() {
        let body = "[+]ping ok\n[-]etcd failed: reason withheld\n[-]poststarthook/x failed\nreadyz check failed";
        assert_eq!(failing_checks(body), ["etcd", "poststarthook/x"]);
        assert!(failing_checks("bad gateway").is_empty());
    }
}
