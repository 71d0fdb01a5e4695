//! Reads `metadata.managedFields`: which client made an object, a label, a taint.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use serde_json::Value;

use crate::mark::SuiteMark;

/// All marked suite processes that wrote to an object.
pub(super) fn marks(managed: &[ManagedFieldsEntry]) -> BTreeSet<SuiteMark> {
    managers(managed).filter_map(SuiteMark::of_manager).collect()
}

/// The client that wrote first, by the entries' times; statuses are written by others.
pub(super) fn creator(managed: &[ManagedFieldsEntry]) -> Option<String> {
    managed
        .iter()
        .filter(|entry| entry.subresource.as_deref().unwrap_or_default().is_empty())
        .min_by_key(|entry| entry.time.as_ref().map(|time| time.0))
        .and_then(|entry| entry.manager.clone())
}

/// The client that owns the field at `path`, such as `f:spec`, `f:unschedulable`.
pub(super) fn owner_of(managed: &[ManagedFieldsEntry], path: &[&str]) -> Option<String> {
    // Several may own a field they agree on; the last to write it is the one to ask.
    managed
        .iter()
        .filter(|entry| field(entry, path).is_some())
        .max_by_key(|entry| entry.time.as_ref().map(|time| time.0))
        .and_then(|entry| entry.manager.clone())
}

/// The owner of each label.
pub(super) fn label_owners(managed: &[ManagedFieldsEntry]) -> BTreeMap<String, String> {
    let mut keys = BTreeSet::new();
    for entry in managed {
        if let Some(Value::Object(labels)) = field(entry, &["f:metadata", "f:labels"]) {
            keys.extend(labels.keys().filter_map(|key| key.strip_prefix("f:")).map(str::to_owned));
        }
    }
    keys.into_iter()
        .filter_map(|key| {
            let owner = owner_of(managed, &["f:metadata", "f:labels", &format!("f:{key}")])?;
            Some((key, owner))
        })
        .collect()
}

/// Whether a field manager is a test program or a person's (or a spec's) kubectl.
pub(super) fn is_suite_like(manager: &str) -> bool {
    SuiteMark::of_manager(manager).is_some()
        || manager.starts_with("kubectl")
        || manager.ends_with(".test")
}

fn managers(managed: &[ManagedFieldsEntry]) -> impl Iterator<Item = &str> {
    managed.iter().filter_map(|entry| entry.manager.as_deref())
}

fn field<'a>(entry: &'a ManagedFieldsEntry, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(&entry.fields_v1.as_ref()?.0, |value, key| value.get(*key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn managed(value: Value) -> Vec<ManagedFieldsEntry> {
        serde_json::from_value(value).unwrap()
    }

    fn node() -> Vec<ManagedFieldsEntry> {
        managed(json!([
            {"manager": "kubelet", "operation": "Update", "apiVersion": "v1", "time": "2026-01-01T00:00:00Z",
             "fieldsType": "FieldsV1", "fieldsV1": {"f:metadata": {"f:labels": {".": {}, "f:kubernetes.io/os": {}}}}},
            {"manager": "e2e.test.mb-aaaa-1", "operation": "Update", "apiVersion": "v1", "time": "2026-01-02T00:00:00Z",
             "fieldsType": "FieldsV1", "fieldsV1": {"f:metadata": {"f:labels": {"f:kubernetes.io/e2e-1": {}}},
             "f:spec": {"f:taints": {}}}},
            {"manager": "kubectl-cordon", "operation": "Update", "apiVersion": "v1", "time": "2026-01-03T00:00:00Z",
             "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:unschedulable": {}}}},
            {"manager": "kubelet", "operation": "Update", "apiVersion": "v1", "time": "2025-01-03T00:00:00Z",
             "fieldsType": "FieldsV1", "fieldsV1": {"f:status": {}}, "subresource": "status"},
        ]))
    }

    #[test]
    fn each_field_has_its_owner() {
        let node = node();
        let owners = label_owners(&node);
        assert_eq!(owners["kubernetes.io/os"], "kubelet");
        assert_eq!(owners["kubernetes.io/e2e-1"], "e2e.test.mb-aaaa-1");
        assert_eq!(owners.len(), 2);
        assert_eq!(owner_of(&node, &["f:spec", "f:taints"]).as_deref(), Some("e2e.test.mb-aaaa-1"));
        assert_eq!(
            owner_of(&node, &["f:spec", "f:unschedulable"]).as_deref(),
            Some("kubectl-cordon")
        );
        assert_eq!(owner_of(&node, &["f:spec", "f:podCIDR"]), None);
    }

    #[test]
    fn the_creator_wrote_first_and_not_a_status() {
        assert_eq!(creator(&node()).as_deref(), Some("kubelet"));
        assert_eq!(creator(&[]), None);
    }

    #[test]
    fn marks_are_found_among_all_managers() {
        assert_eq!(marks(&node()), BTreeSet::from([SuiteMark::new("aaaa-1").unwrap()]));
    }

    #[test]
    fn suites_and_kubectl_are_told_from_components() {
        for manager in ["e2e.test", "e2e.test.mb-aaaa-1", "kubectl-create", "kubectl"] {
            assert!(is_suite_like(manager), "{manager}");
        }
        for manager in ["kubelet", "kube-controller-manager", "cilium-operator", ""] {
            assert!(!is_suite_like(manager), "{manager}");
        }
    }
}
