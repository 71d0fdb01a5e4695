//! The same against a real API server, for trying by hand:
//!
//! ```text
//! MULTIBEAM_TEST_KUBECONFIG=... cargo test -p multibeam-kubernetes --test it real_cluster -- --ignored
//! ```
//!
//! It makes and removes namespaces, a webhook configuration, and a node object. No kubelet is
//! needed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::header::{HeaderValue, USER_AGENT};
use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Node};
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use multibeam_kubernetes::cleanup::{Entry, Kind, clean_up};
use multibeam_kubernetes::{
    Access, Baseline, Cluster, LockSettings, Member, Policy, Readiness, RunLock, Scope, SuiteMark,
    Timeouts,
};
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_secs(30);

fn access() -> Access {
    let path = std::env::var_os("MULTIBEAM_TEST_KUBECONFIG")
        .expect("MULTIBEAM_TEST_KUBECONFIG names a kubeconfig");
    Access { cluster: "real".into(), kubeconfig: Some(PathBuf::from(path)), context: None }
}

async fn cluster() -> Cluster {
    Cluster::connect(&access(), Timeouts::default()).await.unwrap()
}

/// A client as a suite process with this `argv[0]` has it.
async fn client(argv0: &str) -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let kubeconfig = Kubeconfig::read_from(access().kubeconfig.unwrap()).unwrap();
    let mut config =
        Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    let agent = format!("{argv0}/v1.36.2 (linux/amd64) kubernetes/abc -- [sig-x] something");
    config.headers.push((USER_AGENT, HeaderValue::from_str(&agent).unwrap()));
    Client::try_from(config).unwrap()
}

fn object<K: serde::de::DeserializeOwned>(value: Value) -> K {
    serde_json::from_value(value).unwrap()
}

async fn namespace(client: &Client, name: &str, e2e_run: &str) {
    let api: Api<Namespace> = Api::all(client.clone());
    let namespace = object(json!({"metadata": {"name": name, "labels": {"e2e-run": e2e_run}}}));
    api.create(&PostParams::default(), &namespace).await.unwrap();
}

fn sorted(entries: &[Entry]) -> BTreeSet<(Kind, &str)> {
    entries.iter().map(|entry| (entry.kind, entry.name.as_str())).collect()
}

#[tokio::test]
#[ignore = "needs a real cluster"]
async fn who_and_whether_ready() {
    let cluster = cluster().await;
    let identity = cluster.identify().await.unwrap();
    assert_eq!(identity.uid.len(), 36);
    assert!(identity.minor().is_some(), "{identity:?}");
    assert_eq!(cluster.ready(LIMIT).await, Readiness::Ready);
}

#[tokio::test]
#[ignore = "needs a real cluster"]
async fn the_lock_is_held_shared_and_freed() {
    let cluster = cluster().await;
    let settings = LockSettings { name: "multibeam-lock-test".into(), ..LockSettings::default() };
    let acquire = |run: &str, worker: &str| {
        let me = Member { run: run.into(), host: "here".into(), worker: worker.into() };
        RunLock::acquire(&cluster, settings.clone(), me, Policy::Fail, |_| {})
    };
    let first = acquire("r1", "a").await.unwrap();
    let second = acquire("r1", "b").await.unwrap();
    first.renew().await.unwrap();
    let error = acquire("r2", "x").await.unwrap_err().to_string();
    assert!(error.contains("multibeam run r1 on here"), "{error}");
    first.release().await.unwrap();
    acquire("r2", "x").await.unwrap_err();
    second.release().await.unwrap();
    acquire("r2", "x").await.unwrap().release().await.unwrap();
}

#[tokio::test]
#[ignore = "needs a real cluster"]
async fn a_killed_processs_leavings_are_found_by_its_argv0() {
    let cluster = cluster().await;
    let unique = std::process::id();
    let (dead, living) = (
        SuiteMark::new(format!("dead-{unique}")).unwrap(),
        SuiteMark::new(format!("live-{unique}")).unwrap(),
    );
    let program = Path::new("/opt/e2e.test");
    let (killed, other) =
        (client(&dead.argv0(program)).await, client(&living.argv0(program)).await);
    let nodes: Api<Node> = Api::all(other.clone());
    let node = format!("node-{unique}");
    nodes
        .create(
            &PostParams::default(),
            &object(json!({"metadata": {"name": node, "labels": {"zone": "a"}}})),
        )
        .await
        .unwrap();
    let baseline = Baseline::take(&cluster).await.unwrap();

    let names: Vec<String> = (0..4).map(|n| format!("mb-{n}-{unique}")).collect();
    namespace(&killed, &names[0], &format!("run-dead-{unique}")).await;
    namespace(&killed, &names[1], &format!("run-dead-{unique}")).await;
    namespace(&other, &names[2], &format!("run-living-{unique}")).await;
    namespace(&client("e2e.test").await, &names[3], &format!("run-unknown-{unique}")).await;
    let hold: ConfigMap =
        object(json!({"metadata": {"name": "hold", "finalizers": ["example.com/hold"]}}));
    let held: Api<ConfigMap> = Api::namespaced(killed.clone(), &names[1]);
    held.create(&PostParams::default(), &hold).await.unwrap();
    let webhooks: Api<ValidatingWebhookConfiguration> = Api::all(killed.clone());
    let webhook = format!("mb-hook-{unique}");
    let configuration = json!({"metadata": {"name": webhook}, "webhooks": [{
        "name": "nothing.example.com", "admissionReviewVersions": ["v1"], "sideEffects": "None",
        "failurePolicy": "Ignore", "clientConfig": {"url": "https://127.0.0.1:1/"},
        "rules": [{"apiGroups": ["none.example.com"], "apiVersions": ["v1"], "resources": ["nothings"],
                   "operations": ["CREATE"]}]}]});
    webhooks.create(&PostParams::default(), &object(configuration)).await.unwrap();
    let by_killed: Api<Node> = Api::all(killed.clone());
    let change = json!({"metadata": {"labels": {"zone": "b", "kubernetes.io/e2e-1": "42"}},
        "spec": {"unschedulable": true, "taints": [{"key": "kubernetes.io/e2e-t", "effect": "NoSchedule"}]}});
    by_killed.patch(&node, &PatchParams::default(), &Patch::Merge(change)).await.unwrap();

    let scope = Scope { dead: BTreeSet::from([dead]), ..Scope::default() };
    let report = clean_up(&cluster, &baseline, &scope, Duration::from_secs(10)).await.unwrap();
    println!("{report:#?}");
    let labels = [format!("{node} kubernetes.io/e2e-1"), format!("{node} zone")];
    let expected = BTreeSet::from([
        (Kind::Namespace, names[0].as_str()),
        (Kind::ValidatingWebhook, webhook.as_str()),
        (Kind::NodeLabel, labels[0].as_str()),
        (Kind::NodeLabel, labels[1].as_str()),
        (Kind::NodeCordon, node.as_str()),
    ]);
    assert_eq!(sorted(&report.removed), expected);
    assert_eq!(sorted(&report.failed), BTreeSet::from([(Kind::Namespace, names[1].as_str())]));
    assert!(report.failed[0].why.contains("example.com/hold"), "{report:?}");
    assert_eq!(sorted(&report.kept), BTreeSet::from([(Kind::Namespace, names[3].as_str())]));

    held.patch(
        "hold",
        &PatchParams::default(),
        &Patch::Merge(json!({"metadata": {"finalizers": null}})),
    )
    .await
    .unwrap();
    let scope = Scope { alone: true, ..scope };
    let report = clean_up(&cluster, &baseline, &scope, Duration::from_secs(60)).await.unwrap();
    println!("{report:#?}");
    let taint = format!("{node} kubernetes.io/e2e-t=:NoSchedule");
    let mut expected: BTreeSet<(Kind, &str)> =
        names[2..].iter().map(|name| (Kind::Namespace, name.as_str())).collect();
    expected.insert((Kind::NodeTaint, taint.as_str()));
    let removed: BTreeSet<_> =
        sorted(&report.removed).into_iter().filter(|(_, name)| *name != names[1]).collect();
    assert_eq!(removed, expected);
    assert!(report.is_clean());
    let back = nodes.get(&node).await.unwrap();
    assert_eq!(back.metadata.labels.unwrap().get("zone").map(String::as_str), Some("a"));
    assert_eq!(back.spec.unwrap().unschedulable, None);
    nodes.delete(&node, &DeleteParams::default()).await.unwrap();
}
