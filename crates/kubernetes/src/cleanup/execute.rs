//! The shell of clean-up: takes snapshots, performs plans, reports.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

use futures::future::join_all;
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration,
};
use k8s_openapi::api::core::v1::{Namespace, Node};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::kube_aggregator::pkg::apis::apiregistration::v1::APIService;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, Preconditions};
use kube::{Api, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::plan::{Action, Kind, Scope, Step, plan};
use super::state::{Baseline, E2E_RUN, Snapshot, Taint};
use crate::cluster::Cluster;
use crate::error::ClusterError;

/// Time between two looks at what is on its way out.
const POLL: Duration = Duration::from_millis(500);

/// A node is patched again this often when something else wrote to it at the same time.
const COLLISIONS: u32 = 5;

/// A step is tried this often when the API server does not answer or asks to come back later.
const TRIES: u32 = 3;

/// How this program names itself as a field manager.
const MANAGER: &str = "multibeam";

/// One line of a [`CleanupReport`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// What kind of thing.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Why it was removed, could not be removed, or was kept.
    pub why: String,
}

/// What a clean-up did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CleanupReport {
    /// Gone, or back to what it was.
    pub removed: Vec<Entry>,
    /// Should have been removed, and is still there.
    pub failed: Vec<Entry>,
    /// New since the run began, but left alone.
    pub kept: Vec<Entry>,
}

impl CleanupReport {
    /// Whether nothing of what was to be removed is left.
    pub fn is_clean(&self) -> bool {
        self.failed.is_empty()
    }
}

impl Baseline {
    /// Looks at the cluster and declares what is there the baseline.
    ///
    /// # Errors
    /// If the cluster cannot be read.
    pub async fn take(cluster: &Cluster) -> Result<Self, ClusterError> {
        Ok(Self::of(Snapshot::take(cluster).await?))
    }
}

impl Snapshot {
    /// Looks at the cluster.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn take(cluster: &Cluster) -> Result<Self, ClusterError> {
        let suites = ListParams::default().labels(E2E_RUN);
        let all = ListParams::default();
        Ok(Self::of(
            list::<Namespace>(cluster, "namespaces", &suites).await?,
            list::<ValidatingWebhookConfiguration>(cluster, "validating webhooks", &all).await?,
            list::<MutatingWebhookConfiguration>(cluster, "mutating webhooks", &all).await?,
            list::<APIService>(cluster, "API services", &all).await?,
            custom_resources(cluster).await?,
            list::<Node>(cluster, "nodes", &all).await?,
        ))
    }
}

/// Removes what is in `scope` and was not there at `baseline`. Namespaces are deleted all at once.
/// They and CustomResourceDefinitions are waited for, together at most `patience`; those that are
/// still there then (usually held by a finalizer) are reported as failed with what holds them.
/// Finalizers are never forced.
///
/// # Errors
/// Only if the cluster's state cannot be read; whatever cannot be removed is in the report.
pub async fn clean_up(
    cluster: &Cluster,
    baseline: &Baseline,
    scope: &Scope,
    patience: Duration,
) -> Result<CleanupReport, ClusterError> {
    let now = Snapshot::take(cluster).await?;
    let plan = plan(baseline, &now, scope);
    let mut report = CleanupReport::default();
    for kept in plan.kept {
        report.kept.push(Entry { kind: kept.kind, name: kept.name, why: kept.why });
    }
    let (namespaces, others): (Vec<Step>, Vec<Step>) =
        plan.steps.into_iter().partition(|step| step.action.kind() == Kind::Namespace);
    // In order: a webhook without its backend can hold up everything after it.
    let mut leaving = Vec::new();
    for step in others {
        match perform(cluster, &step.action).await {
            Ok(()) if step.action.kind() == Kind::CustomResource => leaving.push(step),
            outcome => report.note(&step, outcome.err().map(|error| error.to_string())),
        }
    }
    let outcomes = join_all(namespaces.iter().map(|step| perform(cluster, &step.action))).await;
    for (step, outcome) in namespaces.into_iter().zip(outcomes) {
        match outcome {
            Ok(()) => leaving.push(step),
            Err(error) => report.note(&step, Some(error.to_string())),
        }
    }
    wait_for_end(cluster, leaving, patience, &mut report).await;
    Ok(report)
}

impl CleanupReport {
    fn note(&mut self, step: &Step, failure: Option<String>) {
        let entry = |why| Entry { kind: step.action.kind(), name: step.action.name(), why };
        match failure {
            None => self.removed.push(entry(step.why.to_string())),
            Some(why) => self.failed.push(entry(why)),
        }
    }
}

async fn wait_for_end(
    cluster: &Cluster,
    mut leaving: Vec<Step>,
    patience: Duration,
    report: &mut CleanupReport,
) {
    let deadline = Instant::now() + patience;
    while !leaving.is_empty() {
        let over = Instant::now() >= deadline;
        let custom_resources =
            leaving.iter().any(|step| step.action.kind() == Kind::CustomResource);
        match still_there(cluster, custom_resources).await {
            Ok(there) => {
                leaving.retain(|step| {
                    let Action::Delete { uid, .. } = &step.action else {
                        return false;
                    };
                    let held = there.get(uid);
                    match held {
                        None => report.note(step, None),
                        Some(held_by) if over => report.note(step, Some(stuck(held_by, patience))),
                        Some(_) => {}
                    }
                    held.is_some() && !over
                });
            }
            Err(error) if over || !error.is_transient() => {
                for step in leaving.drain(..) {
                    report.note(&step, Some(error.to_string()));
                }
            }
            Err(_) => {}
        }
        if !leaving.is_empty() {
            sleep(POLL).await;
        }
    }
}

/// What there is of what is waited for, by UID, and what holds it.
async fn still_there(
    cluster: &Cluster,
    with_custom_resources: bool,
) -> Result<BTreeMap<String, Vec<String>>, ClusterError> {
    let suites = ListParams::default().labels(E2E_RUN);
    let namespaces = list::<Namespace>(cluster, "namespaces", &suites).await?;
    let namespaces = namespaces.into_iter().map(|namespace| {
        let held_by = held_by(&namespace);
        (namespace.metadata.uid.unwrap_or_default(), held_by)
    });
    let mut there: BTreeMap<String, Vec<String>> = namespaces.collect();
    if with_custom_resources {
        let definitions = custom_resources(cluster).await?;
        there.extend(definitions.into_iter().map(|metadata| {
            let held_by = finalizers(&metadata);
            (metadata.uid.unwrap_or_default(), held_by.into_iter().collect())
        }));
    }
    Ok(there)
}

/// What keeps a namespace from ending, in the namespace controller's words.
fn held_by(namespace: &Namespace) -> Vec<String> {
    let conditions = namespace
        .status
        .as_ref()
        .and_then(|status| status.conditions.as_deref())
        .unwrap_or_default();
    let mut held_by: Vec<String> = conditions
        .iter()
        .filter(|condition| condition.status == "True")
        .map(|condition| {
            let message = condition.message.as_deref().unwrap_or_default();
            format!("{}: {message}", condition.type_)
        })
        .collect();
    // An own finalizer on the namespace object is in no condition.
    if held_by.is_empty() {
        held_by.extend(finalizers(&namespace.metadata));
    }
    held_by
}

fn finalizers(metadata: &ObjectMeta) -> Option<String> {
    let finalizers = metadata.finalizers.as_deref().filter(|all| !all.is_empty())?;
    Some(format!("finalizers {}", finalizers.join(", ")))
}

fn stuck(held_by: &[String], patience: Duration) -> String {
    let held_by = match held_by {
        [] => "its controller gave no reason".to_owned(),
        held_by => held_by.join("; "),
    };
    format!("still there {} s after its deletion ({held_by})", patience.as_secs_f64())
}

/// Performs an action, again after a second when the API server was out of breath.
async fn perform(cluster: &Cluster, action: &Action) -> Result<(), ClusterError> {
    let mut tries = 1;
    loop {
        match attempt(cluster, action).await {
            Err(error) if error.is_transient() && tries < TRIES => {
                tries += 1;
                sleep(Duration::from_secs(1)).await;
            }
            other => return other,
        }
    }
}

async fn attempt(cluster: &Cluster, action: &Action) -> Result<(), ClusterError> {
    let done = match action {
        Action::Delete { kind, name, uid } => match kind {
            Kind::ValidatingWebhook => {
                delete::<ValidatingWebhookConfiguration>(cluster, name, uid).await
            }
            Kind::MutatingWebhook => {
                delete::<MutatingWebhookConfiguration>(cluster, name, uid).await
            }
            Kind::ApiService => delete::<APIService>(cluster, name, uid).await,
            Kind::CustomResource => delete::<CustomResourceDefinition>(cluster, name, uid).await,
            _ => delete::<Namespace>(cluster, name, uid).await,
        },
        Action::RestoreLabel { node, key, value } => {
            patch_node(cluster, node, json!({"metadata": {"labels": {key: value}}})).await
        }
        Action::Uncordon { node } => {
            patch_node(cluster, node, json!({"spec": {"unschedulable": null}})).await
        }
        Action::RemoveTaint { node, taint } => remove_taint(cluster, node, taint).await,
    };
    match done {
        // Gone already, or replaced by another of the same name.
        Err(error) if error.is_not_found() => Ok(()),
        Err(error) if error.is_conflict() && matches!(action, Action::Delete { .. }) => Ok(()),
        other => other,
    }
}

async fn delete<K>(cluster: &Cluster, name: &str, uid: &str) -> Result<(), ClusterError>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    let preconditions = Preconditions { uid: Some(uid.to_owned()), resource_version: None };
    let params = DeleteParams { preconditions: Some(preconditions), ..DeleteParams::default() };
    let api: Api<K> = Api::all(cluster.connection.client().await?);
    let operation = format!("delete {} {name}", K::kind(&()));
    cluster.connection.bounded(&operation, api.delete(name, &params)).await?;
    Ok(())
}

async fn remove_taint(cluster: &Cluster, node: &str, taint: &Taint) -> Result<(), ClusterError> {
    let api: Api<Node> = Api::all(cluster.connection.client().await?);
    let mut tries = 0;
    loop {
        let current = cluster.connection.bounded("read a node", api.get(node)).await?;
        let version = current.resource_version();
        let taints = current.spec.and_then(|spec| spec.taints).unwrap_or_default();
        let is_it = |t: &k8s_openapi::api::core::v1::Taint| {
            t.key == taint.key
                && t.effect == taint.effect
                && t.value.as_deref().unwrap_or_default() == taint.value
        };
        let rest: Vec<_> = taints.iter().filter(|t| !is_it(t)).collect();
        if rest.len() == taints.len() {
            return Ok(());
        }
        // The version makes the server refuse the list when somebody changed it meanwhile.
        let patch = json!({"metadata": {"resourceVersion": version}, "spec": {"taints": rest}});
        tries += 1;
        match patch_node(cluster, node, patch).await {
            Err(error) if error.is_conflict() && tries < COLLISIONS => {}
            other => return other,
        }
    }
}

async fn patch_node(cluster: &Cluster, node: &str, patch: Value) -> Result<(), ClusterError> {
    let api: Api<Node> = Api::all(cluster.connection.client().await?);
    let params = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
    let operation = format!("patch the node {node}");
    cluster.connection.bounded(&operation, api.patch(node, &params, &Patch::Merge(patch))).await?;
    Ok(())
}

/// Metadata of all CustomResourceDefinitions: their schemas are large.
async fn custom_resources(cluster: &Cluster) -> Result<Vec<ObjectMeta>, ClusterError> {
    let api: Api<CustomResourceDefinition> = Api::all(cluster.connection.client().await?);
    let all = ListParams::default();
    let listed = cluster.connection.bounded("list custom resources", api.list_metadata(&all));
    Ok(listed.await?.items.into_iter().map(|definition| definition.metadata).collect())
}

async fn list<K>(cluster: &Cluster, what: &str, params: &ListParams) -> Result<Vec<K>, ClusterError>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    let api: Api<K> = Api::all(cluster.connection.client().await?);
    let operation = format!("list {what}");
    Ok(cluster.connection.bounded(&operation, api.list(params)).await?.items)
}
