//! The part of a cluster's state that clean-up looks at.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhookConfiguration, ValidatingWebhookConfiguration,
};
use k8s_openapi::api::core::v1::{Namespace, Node};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::kube_aggregator::pkg::apis::apiregistration::v1::APIService;
use serde::{Deserialize, Serialize};

use super::owner;
use crate::mark::SuiteMark;

/// The label that Kubernetes' e2e framework puts on every namespace: a UUID per suite process.
pub(super) const E2E_RUN: &str = "e2e-run";

/// Set by the API server on the APIServices it keeps itself: built-in groups and those of CRDs.
const AUTOMANAGED: &str = "kube-aggregator.kubernetes.io/automanaged";

/// A cluster's state at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Namespaces with an `e2e-run` label, by name.
    pub namespaces: BTreeMap<String, SuiteNamespace>,
    /// Validating webhook configurations, by name.
    pub validating_webhooks: BTreeMap<String, Object>,
    /// Mutating webhook configurations, by name.
    pub mutating_webhooks: BTreeMap<String, Object>,
    /// APIServices that are backed by a service, by name.
    pub api_services: BTreeMap<String, Object>,
    /// CustomResourceDefinitions, by name. None in baselines of older programs.
    #[serde(default)]
    pub custom_resources: BTreeMap<String, Object>,
    /// Nodes, by name.
    pub nodes: BTreeMap<String, NodeState>,
}

/// An object that may have to be deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Object {
    /// Its UID: an object of the same name that was made later is another one.
    pub uid: String,
    /// The field manager that made it.
    pub creator: Option<String>,
    /// The marked suite processes that wrote to it.
    pub marks: BTreeSet<SuiteMark>,
}

/// A namespace that a suite process made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuiteNamespace {
    /// The namespace as an object.
    pub object: Object,
    /// Value of its `e2e-run` label.
    pub e2e_run: String,
}

/// The part of a node that specs change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeState {
    /// Its UID.
    pub uid: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The field manager that owns each label.
    pub label_owners: BTreeMap<String, String>,
    /// Its taints.
    pub taints: BTreeSet<Taint>,
    /// The field manager that wrote the list of taints last.
    pub taints_owner: Option<String>,
    /// Whether it is cordoned.
    pub unschedulable: bool,
    /// The field manager that cordoned it.
    pub unschedulable_owner: Option<String>,
}

/// A node's taint.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Taint {
    /// Its key.
    pub key: String,
    /// Its value; often empty.
    pub value: String,
    /// `NoSchedule`, `PreferNoSchedule`, or `NoExecute`.
    pub effect: String,
}

/// A cluster's state when a run began: what was there then is never touched.
///
/// Take it once per run and cluster, before the first suite process starts, and keep it for a
/// resume: a later one would take leavings for belongings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Baseline(pub(super) Snapshot);

impl Baseline {
    /// Declares `state` the baseline.
    pub fn of(state: Snapshot) -> Self {
        Self(state)
    }

    /// The state when the run began.
    pub fn state(&self) -> &Snapshot {
        &self.0
    }
}

/// The stored form; its version goes up when an older program could misread it.
#[derive(Serialize, Deserialize)]
struct Stored {
    version: u32,
    state: Snapshot,
}

const VERSION: u32 = 1;

/// A stored baseline of a format that this program does not know.
#[derive(Debug, thiserror::Error)]
#[error(
    "the baseline has format version {0}, expected {VERSION} (hint: it was written by another version of this program)"
)]
pub struct UnknownFormat(u32);

impl TryFrom<Stored> for Baseline {
    type Error = UnknownFormat;

    fn try_from(stored: Stored) -> Result<Self, UnknownFormat> {
        if stored.version == VERSION {
            Ok(Self(stored.state))
        } else {
            Err(UnknownFormat(stored.version))
        }
    }
}

impl From<Baseline> for Stored {
    fn from(baseline: Baseline) -> Self {
        Self { version: VERSION, state: baseline.0 }
    }
}

impl Snapshot {
    pub(super) fn of(
        namespaces: Vec<Namespace>,
        validating: Vec<ValidatingWebhookConfiguration>,
        mutating: Vec<MutatingWebhookConfiguration>,
        api_services: Vec<APIService>,
        custom_resources: Vec<ObjectMeta>,
        nodes: Vec<Node>,
    ) -> Self {
        Self {
            namespaces: namespaces.into_iter().filter_map(suite_namespace).collect(),
            validating_webhooks: validating.into_iter().map(|o| named(&o.metadata)).collect(),
            mutating_webhooks: mutating.into_iter().map(|o| named(&o.metadata)).collect(),
            api_services: api_services
                .into_iter()
                .filter(served)
                .map(|o| named(&o.metadata))
                .collect(),
            custom_resources: custom_resources.iter().map(named).collect(),
            nodes: nodes.into_iter().map(node).collect(),
        }
    }
}

fn suite_namespace(namespace: Namespace) -> Option<(String, SuiteNamespace)> {
    let e2e_run = namespace.metadata.labels.as_ref()?.get(E2E_RUN)?.clone();
    let (name, object) = named(&namespace.metadata);
    Some((name, SuiteNamespace { object, e2e_run }))
}

fn served(service: &APIService) -> bool {
    let kept_by_server =
        service.metadata.labels.as_ref().is_some_and(|labels| labels.contains_key(AUTOMANAGED));
    !kept_by_server && service.spec.as_ref().is_some_and(|spec| spec.service.is_some())
}

fn named(metadata: &ObjectMeta) -> (String, Object) {
    let managed = metadata.managed_fields.as_deref().unwrap_or_default();
    let object = Object {
        uid: metadata.uid.clone().unwrap_or_default(),
        creator: owner::creator(managed),
        marks: owner::marks(managed),
    };
    (metadata.name.clone().unwrap_or_default(), object)
}

fn node(node: Node) -> (String, NodeState) {
    let managed = node.metadata.managed_fields.as_deref().unwrap_or_default();
    let spec = node.spec.unwrap_or_default();
    let state = NodeState {
        uid: node.metadata.uid.clone().unwrap_or_default(),
        label_owners: owner::label_owners(managed),
        taints_owner: owner::owner_of(managed, &["f:spec", "f:taints"]),
        unschedulable_owner: owner::owner_of(managed, &["f:spec", "f:unschedulable"]),
        labels: node.metadata.labels.unwrap_or_default(),
        taints: spec
            .taints
            .unwrap_or_default()
            .into_iter()
            .map(|taint| Taint {
                key: taint.key,
                value: taint.value.unwrap_or_default(),
                effect: taint.effect,
            })
            .collect(),
        unschedulable: spec.unschedulable.unwrap_or(false),
    };
    (node.metadata.name.unwrap_or_default(), state)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_suite_namespaces_and_served_api_services_count() {
        let namespaces = serde_json::from_value(json!([
            {"metadata": {"name": "default", "uid": "1"}},
            {"metadata": {"name": "pods-1", "uid": "2", "labels": {"e2e-run": "r", "e2e-framework": "pods"}}},
        ]))
        .unwrap();
        let services = serde_json::from_value(json!([
            {"metadata": {"name": "v1.", "labels": {"kube-aggregator.kubernetes.io/automanaged": "onstart"}},
             "spec": {"groupPriorityMinimum": 1, "versionPriority": 1}},
            {"metadata": {"name": "v1.crd.io", "labels": {"kube-aggregator.kubernetes.io/automanaged": "true"}},
             "spec": {"groupPriorityMinimum": 1, "versionPriority": 1, "service": {"name": "x"}}},
            {"metadata": {"name": "v1beta1.metrics.k8s.io"},
             "spec": {"groupPriorityMinimum": 1, "versionPriority": 1, "service": {"name": "metrics"}}},
        ]))
        .unwrap();
        let state = Snapshot::of(namespaces, vec![], vec![], services, vec![], vec![]);
        assert_eq!(state.namespaces.keys().collect::<Vec<_>>(), ["pods-1"]);
        assert_eq!(state.namespaces["pods-1"].e2e_run, "r");
        assert_eq!(state.api_services.keys().collect::<Vec<_>>(), ["v1beta1.metrics.k8s.io"]);
    }

    #[test]
    fn a_baseline_survives_storage_and_refuses_newer_formats() {
        let mut state = Snapshot::default();
        let taint = Taint { key: "k".into(), value: String::new(), effect: "NoSchedule".into() };
        let node = NodeState { taints: BTreeSet::from([taint]), ..NodeState::default() };
        state.nodes.insert("n1".into(), node);
        let text = serde_json::to_string(&Baseline::of(state.clone())).unwrap();
        assert_eq!(serde_json::from_str::<Baseline>(&text).unwrap().state(), &state);
        let newer = text.replacen("\"version\":1", "\"version\":2", 1);
        let error = serde_json::from_str::<Baseline>(&newer).unwrap_err().to_string();
        assert!(error.contains("format version 2"), "{error}");
    }
}
