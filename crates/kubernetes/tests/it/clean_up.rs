//! Baseline and clean-up against a stand-in API server.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::stand_in::{Entrance, Objects, Reply, StandIn};
use http::Method;
use multibeam_kubernetes::cleanup::{Kind, clean_up};
use multibeam_kubernetes::{Baseline, Scope, SuiteMark};
use serde_json::{Value, json};

const LONG: Duration = Duration::from_secs(60);
const NODE: &str = "/api/v1/nodes/n1";
const WEBHOOKS: &str = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";
const CUSTOM_RESOURCES: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

fn by(manager: &str) -> Value {
    json!([{"manager": manager, "operation": "Update", "apiVersion": "v1", "time": "2026-01-01T00:00:00Z",
            "fieldsType": "FieldsV1", "fieldsV1": {"f:metadata": {"f:labels": {"f:e2e-run": {}}}}}])
}

fn namespace(objects: &mut Objects, name: &str, e2e_run: &str, manager: &str) {
    let object =
        json!({"metadata": {"labels": {"e2e-run": e2e_run}, "managedFields": by(manager)}});
    objects.put(&format!("/api/v1/namespaces/{name}"), object);
}

fn webhook(objects: &mut Objects, name: &str, manager: &str) {
    objects.put(
        &format!("{WEBHOOKS}/{name}"),
        json!({"metadata": {"managedFields": by(manager)}, "webhooks": []}),
    );
}

fn dead(mark: &str) -> Scope {
    Scope { dead: BTreeSet::from([SuiteMark::new(mark).unwrap()]), ..Scope::default() }
}

fn names(entries: &[multibeam_kubernetes::cleanup::Entry]) -> Vec<&str> {
    entries.iter().map(|entry| entry.name.as_str()).collect()
}

#[tokio::test]
async fn a_killed_processs_leavings_go_and_a_living_ones_stay() {
    let server = StandIn::start().await;
    let cluster = server.connect().await;
    server.objects(|objects| {
        namespace(objects, "old", "run-o", "e2e.test");
        webhook(objects, "vendor", "helm");
        objects.linger = 2;
    });
    let baseline = Baseline::take(&cluster).await.unwrap();
    // As a resume would read it.
    let stored = serde_json::to_string(&baseline).unwrap();
    let baseline: Baseline = serde_json::from_str(&stored).unwrap();

    server.objects(|objects| {
        namespace(objects, "pods-1", "run-a", "e2e.test.mb-aaaa");
        namespace(objects, "pods-2", "run-a", "e2e.test.mb-aaaa");
        namespace(objects, "jobs-1", "run-b", "e2e.test.mb-bbbb");
        webhook(objects, "deny-a", "e2e.test.mb-aaaa");
        webhook(objects, "deny-b", "e2e.test.mb-bbbb");
    });
    let report = clean_up(&cluster, &baseline, &dead("aaaa"), LONG).await.unwrap();
    assert!(report.is_clean() && report.kept.is_empty(), "{report:?}");
    assert_eq!(names(&report.removed), ["deny-a", "pods-1", "pods-2"]);
    assert_eq!(report.removed[0].kind, Kind::ValidatingWebhook);
    assert!(report.removed[1].why.contains("aaaa"), "{report:?}");
    server.objects(|objects| {
        let left: Vec<&str> =
            objects.all.keys().map(|path| path.rsplit('/').next().unwrap()).collect();
        assert_eq!(left, ["jobs-1", "kube-system", "old", "deny-b", "vendor"]);
    });

    let again = clean_up(&cluster, &baseline, &dead("aaaa"), LONG).await.unwrap();
    assert_eq!(again, multibeam_kubernetes::CleanupReport::default(), "nothing is left to do");
}

#[tokio::test]
async fn a_namespace_held_by_a_finalizer_is_reported() {
    let server = StandIn::start().await;
    let cluster = server.connect().await;
    let baseline = Baseline::take(&cluster).await.unwrap();
    server.objects(|objects| {
        namespace(objects, "free", "run-a", "e2e.test.mb-aaaa");
        let stuck = json!({
            "metadata": {"labels": {"e2e-run": "run-a"}, "managedFields": by("e2e.test.mb-aaaa"),
                         "finalizers": ["example.com/hold"]},
            "status": {"conditions": [
                {"type": "NamespaceFinalizersRemaining", "status": "True", "reason": "SomeFinalizersRemain",
                 "message": "example.com/hold in 1 resource instances", "lastTransitionTime": "2026-01-01T00:00:00Z"},
                {"type": "NamespaceContentRemaining", "status": "False", "lastTransitionTime": "2026-01-01T00:00:00Z"}]},
        });
        objects.put("/api/v1/namespaces/stuck", stuck);
        let bare = json!({"metadata": {"labels": {"e2e-run": "run-a"}, "managedFields": by("e2e.test.mb-aaaa"),
                                       "finalizers": ["example.com/bare"]}});
        objects.put("/api/v1/namespaces/bare", bare);
    });
    let report =
        clean_up(&cluster, &baseline, &dead("aaaa"), Duration::from_millis(50)).await.unwrap();
    assert!(!report.is_clean());
    let mut failed = report.failed.clone();
    failed.sort_by(|a, b| a.name.cmp(&b.name));
    assert_eq!(names(&failed), ["bare", "stuck"]);
    assert!(failed[0].why.contains("finalizers example.com/bare"), "{failed:?}");
    assert!(
        failed[1].why.contains("NamespaceFinalizersRemaining: example.com/hold in 1"),
        "{failed:?}"
    );
    assert!(!failed[1].why.contains("ContentRemaining"), "{failed:?}");
    assert_eq!(names(&report.removed), ["free"]);
}

#[tokio::test]
async fn custom_resources_are_removed_and_waited_for() {
    let server = StandIn::start().await;
    let cluster = server.connect().await;
    let baseline = Baseline::take(&cluster).await.unwrap();
    server.objects(|objects| {
        let free = json!({"metadata": {"managedFields": by("e2e.test.mb-aaaa")}});
        objects.put(&format!("{CUSTOM_RESOURCES}/noxus.example.com"), free);
        let held = json!({"metadata": {"managedFields": by("e2e.test.mb-aaaa"),
                                       "finalizers": ["customresourcecleanup"]}});
        objects.put(&format!("{CUSTOM_RESOURCES}/held.example.com"), held);
    });
    let patience = Duration::from_millis(50);
    let report = clean_up(&cluster, &baseline, &dead("aaaa"), patience).await.unwrap();
    assert_eq!(names(&report.removed), ["noxus.example.com"]);
    assert_eq!(report.removed[0].kind, Kind::CustomResource);
    assert_eq!(names(&report.failed), ["held.example.com"]);
    assert!(report.failed[0].why.contains("finalizers customresourcecleanup"), "{report:?}");
}

#[tokio::test]
async fn a_node_gets_its_labels_taints_and_schedulability_back() {
    let server = StandIn::start().await;
    let cluster = server.connect().await;
    let kept_taint = json!({"key": "dedicated", "value": "x", "effect": "NoSchedule"});
    server.objects(|objects| {
        objects.put(
            NODE,
            json!({"metadata": {"labels": {"zone": "a"}}, "spec": {"taints": [kept_taint]}}),
        );
    });
    let baseline = Baseline::take(&cluster).await.unwrap();
    server.objects(|objects| {
        let mut node = objects.all[NODE].clone();
        node["metadata"]["labels"] = json!({"zone": "b", "kubernetes.io/e2e-1": "42"});
        node["metadata"]["managedFields"] = json!([
            {"manager": "e2e.test.mb-aaaa", "operation": "Update", "apiVersion": "v1", "time": "2026-01-01T00:00:00Z",
             "fieldsType": "FieldsV1",
             "fieldsV1": {"f:metadata": {"f:labels": {"f:zone": {}, "f:kubernetes.io/e2e-1": {}}},
                          "f:spec": {"f:taints": {}, "f:unschedulable": {}}}}]);
        let new_taint = json!({"key": "kubernetes.io/e2e-evict", "effect": "NoExecute"});
        node["spec"] = json!({"unschedulable": true, "taints": [kept_taint, new_taint]});
        objects.put(NODE, node);
    });
    // Something else writes to the node between our read and our patch, once.
    let mut collided = false;
    server.on(move |asked, objects| {
        if asked.method == Method::PATCH && !asked.body["spec"]["taints"].is_null() && !collided {
            collided = true;
            let node = objects.all[NODE].clone();
            objects.put(NODE, node);
        }
        None
    });
    let scope = Scope { alone: true, ..dead("aaaa") };
    let report = clean_up(&cluster, &baseline, &scope, LONG).await.unwrap();
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(report.removed.len(), 4, "{report:?}");
    server.objects(|objects| {
        let node = &objects.all[NODE];
        assert_eq!(node["metadata"]["labels"], json!({"zone": "a"}));
        assert_eq!(node["spec"], json!({"taints": [kept_taint]}));
    });
    let lists = server
        .log()
        .iter()
        .filter(|asked| asked.method == Method::PATCH && !asked.body["spec"]["taints"].is_null())
        .count();
    assert_eq!(lists, 2, "one conflict, one success");
}

#[tokio::test]
async fn what_cannot_be_removed_is_reported_and_does_not_stop_the_rest() {
    let server = StandIn::start().await;
    let cluster = server.connect().await;
    let baseline = Baseline::take(&cluster).await.unwrap();
    server.objects(|objects| {
        webhook(objects, "locked", "e2e.test.mb-aaaa");
        namespace(objects, "pods-1", "run-a", "e2e.test.mb-aaaa");
        namespace(objects, "raced", "run-a", "e2e.test.mb-aaaa");
    });
    server.on(|asked, objects| {
        if asked.method != Method::DELETE {
            return None;
        }
        if asked.path.ends_with("/raced") {
            // Deleted, and made anew by another process, just before our request.
            objects.all.remove("/api/v1/namespaces/raced");
            namespace(objects, "raced", "run-b", "e2e.test.mb-bbbb");
        }
        asked.path.ends_with("/locked").then(|| Reply::failure(403, "Forbidden", "not you"))
    });
    let report = clean_up(&cluster, &baseline, &dead("aaaa"), LONG).await.unwrap();
    assert_eq!(names(&report.failed), ["locked"]);
    assert!(report.failed[0].why.contains("not you"), "{report:?}");
    assert_eq!(names(&report.removed), ["pods-1", "raced"]);
    server.objects(|objects| {
        assert_eq!(
            objects.all["/api/v1/namespaces/raced"]["metadata"]["labels"]["e2e-run"],
            "run-b"
        )
    });
}

#[tokio::test]
async fn a_busy_api_server_is_asked_again() {
    let server = StandIn::start().await;
    let cluster = server.connect().await;
    let baseline = Baseline::take(&cluster).await.unwrap();
    server.objects(|objects| webhook(objects, "deny", "e2e.test.mb-aaaa"));
    let mut busy = true;
    server.on(move |asked, _| {
        (asked.method == Method::DELETE && std::mem::take(&mut busy))
            .then(|| Reply::failure(429, "TooManyRequests", "busy"))
    });
    let report = clean_up(&cluster, &baseline, &dead("aaaa"), LONG).await.unwrap();
    assert_eq!(names(&report.removed), ["deny"]);
    assert!(!server.objects(|objects| objects.has(&format!("{WEBHOOKS}/deny"))));
}
