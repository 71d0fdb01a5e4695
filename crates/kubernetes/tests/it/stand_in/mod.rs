//! The stand-in for an API server as this crate's tests use it.

use std::path::PathBuf;
use std::time::Duration;

pub use multibeam_apiserver::{Objects, Options, Reply, StandIn};
use multibeam_kubernetes::{Access, Cluster, ClusterError, Timeouts};

/// Ways into a stand-in.
pub trait Entrance {
    /// With a kubeconfig for `user` (YAML flow mapping).
    fn access(&self, user: &str) -> Access;
    /// The same by another URL.
    fn access_to(&self, server: &str, user: &str) -> Access;
    /// With a client certificate.
    fn access_with_certificate(&self, last_year: i32) -> Access;
    /// With a token.
    async fn connect(&self) -> Cluster;
}

impl Entrance for StandIn {
    fn access(&self, user: &str) -> Access {
        access(self.kubeconfig(user))
    }

    fn access_to(&self, server: &str, user: &str) -> Access {
        access(self.kubeconfig_to(server, user))
    }

    fn access_with_certificate(&self, last_year: i32) -> Access {
        access(self.kubeconfig_with_certificate(last_year))
    }

    async fn connect(&self) -> Cluster {
        Cluster::connect(&self.access("{token: sesame-open}"), patient()).await.unwrap()
    }
}

fn access(kubeconfig: PathBuf) -> Access {
    Access { cluster: "lab-a".into(), kubeconfig: Some(kubeconfig), context: None }
}

/// Limits that no healthy answer of the stand-in reaches, however busy the machine is.
pub fn patient() -> Timeouts {
    let long = Duration::from_secs(60);
    Timeouts { connect: long, request: long, exec_plugin: long }
}

/// The error of a connection attempt that must fail; checks that it names the cluster and holds no
/// secret.
pub async fn refused(access: &Access, timeouts: Timeouts) -> ClusterError {
    let error = match Cluster::connect(access, timeouts).await {
        Ok(cluster) => panic!("connected to {cluster:?}"),
        Err(error) => error,
    };
    let text = format!("{error} {error:?}");
    assert!(text.contains("lab-a"), "does not name the cluster: {text}");
    for secret in ["sesame", "PRIVATE KEY", "eyJ"] {
        assert!(!text.contains(secret), "shows a secret: {text}");
    }
    error
}
