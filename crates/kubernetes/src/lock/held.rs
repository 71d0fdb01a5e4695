//! The shell of the run lock: reads, decides, writes, repeats.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::{DeleteParams, PostParams, Preconditions};
use kube::{Api, ResourceExt};
use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use super::decide::{Decision, Departure, Member, decide, depart, renewed};
use super::{LockSettings, Policy, lease};
use crate::cluster::Cluster;
use crate::error::ClusterError;
use crate::server_clock::server_now;

/// Writes that collide are repeated at once this often; workers of one run are few.
const COLLISIONS: u32 = 10;

/// Why a run does not hold its cluster.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Another run holds the cluster.
    #[error(
        "cluster `{cluster}`: in use by {holder} until {until} or longer (hint: wait for that run or cancel it; after a crash the lock frees itself)"
    )]
    Held {
        /// Name of the cluster.
        cluster: String,
        /// Who holds it.
        holder: String,
        /// When its Lease runs out unless renewed.
        until: Timestamp,
    },
    /// Another run has taken the cluster from this one.
    #[error(
        "cluster `{cluster}`: taken over by {holder}, since this run had not renewed its lock in time"
    )]
    Lost {
        /// Name of the cluster.
        cluster: String,
        /// Who holds it now.
        holder: String,
    },
    /// The Lease cannot be read or written.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
}

/// A cluster that is held for one run. Dropping it does not release it: a crashed run keeps its
/// clusters until the Lease runs out, so that a resume finds them undisturbed.
#[derive(Debug)]
pub struct RunLock {
    cluster: Cluster,
    settings: LockSettings,
    me: Member,
}

enum Step {
    Done,
    Held { holder: String, until: Timestamp, resource_version: String },
}

impl RunLock {
    /// Holds `cluster` for the run of `me`. Returns at once if that run already holds it. With
    /// [`Policy::Wait`], `waiting` is told the holder's name after each look at a held Lease.
    ///
    /// # Errors
    /// [`LockError::Held`] if another run has the cluster and the policy says so;
    /// [`LockError::Cluster`] if the Lease cannot be read or written (while waiting, transient
    /// failures are waited out).
    pub async fn acquire(
        cluster: &Cluster,
        settings: LockSettings,
        me: Member,
        policy: Policy,
        mut waiting: impl FnMut(&str),
    ) -> Result<Self, LockError> {
        let lock = Self { cluster: cluster.clone(), settings, me };
        let start = Instant::now();
        // The Lease that was last seen, and since when.
        let mut seen: Option<(String, Instant)> = None;
        loop {
            let unchanged = seen.as_ref().map(|(_, since)| since.elapsed()).unwrap_or_default();
            let version = seen.as_ref().map(|(version, _)| version.as_str());
            let limit = match policy {
                Policy::Fail => Some(Duration::ZERO),
                Policy::Wait { at_most } => at_most,
            };
            let over = limit.is_some_and(|limit| start.elapsed() >= limit);
            match lock.step(version, unchanged).await {
                Ok(Step::Done) => return Ok(lock),
                Ok(Step::Held { holder, until, .. }) if over => {
                    return Err(LockError::Held {
                        cluster: cluster.name().to_owned(),
                        holder,
                        until,
                    });
                }
                Ok(Step::Held { holder, resource_version, .. }) => {
                    waiting(&holder);
                    if seen.as_ref().is_none_or(|(version, _)| *version != resource_version) {
                        seen = Some((resource_version, Instant::now()));
                    }
                }
                Err(LockError::Cluster(error)) if !over && error.is_transient() => {
                    warn!(%error, "cannot look at the run lock, trying again");
                    // What was not seen may have changed.
                    seen = None;
                }
                Err(error) => return Err(error),
            }
            sleep(lock.settings.poll).await;
        }
    }

    /// Renews the Lease once.
    ///
    /// # Errors
    /// [`LockError::Lost`] if another run has it; [`LockError::Cluster`] if it cannot be written.
    pub async fn renew(&self) -> Result<(), LockError> {
        match self.step(None, Duration::ZERO).await? {
            Step::Done => Ok(()),
            Step::Held { holder, .. } => {
                Err(LockError::Lost { cluster: self.cluster.name().to_owned(), holder })
            }
        }
    }

    /// Renews the Lease until another run has it, and returns that error. Failures to write are
    /// only logged: while this worker cannot reach the API server its suite cannot either, and
    /// whether the lock was lost meanwhile shows with the next answer. Drop the future to stop.
    pub async fn hold(&self) -> LockError {
        loop {
            sleep(self.settings.duration / 3).await;
            match self.renew().await {
                Ok(()) => {}
                Err(lost @ (LockError::Lost { .. } | LockError::Held { .. })) => return lost,
                Err(LockError::Cluster(error)) => {
                    warn!(%error, "cannot renew the run lock, trying again")
                }
            }
        }
    }

    /// Whether others hold the cluster too: workers of the same run that have renewed the Lease
    /// lately, or another run that has taken it.
    ///
    /// # Errors
    /// If the Lease cannot be read.
    pub async fn is_shared(&self) -> Result<bool, LockError> {
        let (now, found) = self.read().await?;
        let view = found.as_ref().map(lease::read);
        Ok(depart(now, view.as_ref(), &self.me) != Departure::Delete)
    }

    /// Gives the cluster free, unless other workers of the run are still at work in it.
    ///
    /// # Errors
    /// If the Lease cannot be read or written; it then runs out by itself.
    pub async fn release(self) -> Result<(), LockError> {
        for _ in 0..COLLISIONS {
            let (now, found) = self.read().await?;
            let view = found.as_ref().map(lease::read);
            let written = match (depart(now, view.as_ref(), &self.me), found) {
                (Departure::Delete, Some(found)) => self.delete(&found).await,
                (Departure::Keep(view), Some(found)) => self.write(Some(&found), &view).await,
                _ => return Ok(()),
            };
            match written {
                Err(error) if error.is_conflict() => {}
                Err(error) if error.is_not_found() => return Ok(()),
                other => return Ok(other?),
            }
        }
        Err(self.collided())
    }

    async fn step(&self, seen: Option<&str>, seen_for: Duration) -> Result<Step, LockError> {
        for _ in 0..COLLISIONS {
            let (now, found) = self.read().await?;
            let resource_version =
                found.as_ref().and_then(ResourceExt::resource_version).unwrap_or_default();
            let unchanged =
                if seen == Some(resource_version.as_str()) { seen_for } else { Duration::ZERO };
            let view = found.as_ref().map(lease::read);
            match decide(now, view.as_ref(), unchanged, &self.me) {
                Decision::HeldBy { holder, until } => {
                    return Ok(Step::Held { holder, until, resource_version });
                }
                Decision::Acquire { from: Some(holder) } => {
                    info!(cluster = self.cluster.name(), %holder, "taking over the run lock of a run that is gone");
                }
                Decision::Acquire { from: None } | Decision::Renew => {}
            }
            let next = renewed(now, view.as_ref(), self.settings.duration, &self.me);
            match self.write(found.as_ref(), &next).await {
                // Somebody wrote between our read and our write; or deleted it (404).
                Err(error) if error.is_conflict() || (found.is_some() && error.is_not_found()) => {}
                other => {
                    other?;
                    return Ok(Step::Done);
                }
            }
        }
        Err(self.collided())
    }

    fn collided(&self) -> LockError {
        let facts = &self.cluster.connection.facts;
        facts
            .refused("write the run lock", 409, "others wrote it again and again at the same time")
            .into()
    }

    /// The Lease, if there is one, and the server's time.
    async fn read(&self) -> Result<(Timestamp, Option<Lease>), ClusterError> {
        let LockSettings { namespace, name, .. } = &self.settings;
        let path = format!("/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{name}");
        let connection = &self.cluster.connection;
        let answer = connection.get(&path, connection.timeouts.request).await?;
        let now = server_now(&answer.headers);
        match answer.status {
            404 => Ok((now, None)),
            200 => match serde_json::from_slice(&answer.body) {
                Ok(lease) => Ok((now, Some(lease))),
                Err(error) => Err(connection
                    .facts
                    .explain("read the run lock", kube::Error::SerdeError(error))),
            },
            status => {
                let body: serde_json::Value =
                    serde_json::from_slice(&answer.body).unwrap_or_default();
                let message = body.get("message").and_then(|m| m.as_str()).unwrap_or_default();
                Err(connection.facts.refused("read the run lock", status, message))
            }
        }
    }

    async fn write(
        &self,
        previous: Option<&Lease>,
        view: &super::LeaseView,
    ) -> Result<(), ClusterError> {
        let connection = &self.cluster.connection;
        let api = self.api().await?;
        let lease = lease::write(previous, view, &self.settings);
        let params = PostParams::default();
        connection
            .bounded("write the run lock", async {
                match previous {
                    None => api.create(&params, &lease).await,
                    Some(_) => api.replace(&self.settings.name, &params, &lease).await,
                }
            })
            .await?;
        Ok(())
    }

    async fn delete(&self, found: &Lease) -> Result<(), ClusterError> {
        let api = self.api().await?;
        let preconditions =
            Preconditions { uid: found.uid(), resource_version: found.resource_version() };
        let params = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() };
        self.cluster
            .connection
            .bounded("delete the run lock", api.delete(&self.settings.name, &params))
            .await?;
        Ok(())
    }

    async fn api(&self) -> Result<Api<Lease>, ClusterError> {
        let client = self.cluster.connection.client().await?;
        Ok(Api::namespaced(client, &self.settings.namespace))
    }
}
