//! The run lock against a stand-in API server.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::stand_in::{Entrance, Reply, StandIn};
use http::Method;
use jiff::{SignedDuration, Timestamp};
use multibeam_kubernetes::lock::LockError;
use multibeam_kubernetes::{Cluster, LockSettings, Member, Policy, RunLock};
use serde_json::{Value, json};

const LEASE: &str = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/multibeam-run";

fn worker(run: &str, worker: &str) -> Member {
    Member { run: run.into(), host: format!("host-of-{worker}"), worker: worker.into() }
}

fn settings() -> LockSettings {
    LockSettings { poll: Duration::from_millis(20), ..LockSettings::default() }
}

async fn acquire(cluster: &Cluster, me: &Member, policy: Policy) -> Result<RunLock, LockError> {
    RunLock::acquire(cluster, settings(), me.clone(), policy, |_| {}).await
}

fn lease(server: &StandIn) -> Option<Value> {
    server.objects(|objects| objects.all.get(LEASE).cloned())
}

#[tokio::test]
async fn a_second_run_stops_with_the_holders_name() {
    let server = StandIn::start().await;
    let cluster = server.connect().await;
    let first = acquire(&cluster, &worker("run-1", "w1"), Policy::Fail).await.unwrap();
    let spec = lease(&server).unwrap()["spec"].clone();
    assert_eq!(spec["holderIdentity"], "multibeam run run-1 on host-of-w1");
    assert_eq!(spec["leaseDurationSeconds"], 60);

    let error = acquire(&cluster, &worker("run-2", "w2"), Policy::Fail).await.unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("cluster `lab-a`: in use by multibeam run run-1 on host-of-w1"),
        "{text}"
    );

    first.release().await.unwrap();
    assert!(lease(&server).is_none());
    acquire(&cluster, &worker("run-2", "w2"), Policy::Fail).await.unwrap();
}

#[tokio::test]
async fn a_run_that_waits_gets_the_cluster_when_it_is_free() {
    let server = StandIn::start().await;
    let cluster = server.connect().await;
    let first = acquire(&cluster, &worker("run-1", "w1"), Policy::Fail).await.unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    #[expect(clippy::disallowed_methods, reason = "tests end their own tasks")]
    let second = tokio::spawn({
        let (cluster, seen) = (cluster.clone(), Arc::clone(&seen));
        async move {
            let policy = Policy::Wait { at_most: None };
            let told = |holder: &str| seen.lock().unwrap().push(holder.to_owned());
            RunLock::acquire(&cluster, settings(), worker("run-2", "w2"), policy, told).await
        }
    });
    while seen.lock().unwrap().len() < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(!second.is_finished());
    first.release().await.unwrap();
    second.await.unwrap().unwrap();
    assert_eq!(seen.lock().unwrap()[0], "multibeam run run-1 on host-of-w1");
    assert_eq!(lease(&server).unwrap()["metadata"]["annotations"]["multibeam.io/run"], "run-2");
}

#[tokio::test]
async fn waiting_ends_with_the_holders_name() {
    let server = StandIn::start().await;
    let cluster = server.connect().await;
    acquire(&cluster, &worker("run-1", "w1"), Policy::Fail).await.unwrap();
    let policy = Policy::Wait { at_most: Some(Duration::from_millis(100)) };
    let error = acquire(&cluster, &worker("run-2", "w2"), policy).await.unwrap_err();
    assert!(matches!(error, LockError::Held { .. }), "{error}");
}

#[tokio::test]
async fn workers_of_one_run_share_the_lock_and_the_last_one_frees_it() {
    let server = StandIn::start().await;
    let cluster = server.connect().await;
    let first = acquire(&cluster, &worker("run-1", "w1"), Policy::Fail).await.unwrap();
    let second = acquire(&cluster, &worker("run-1", "w2"), Policy::Fail).await.unwrap();
    // The same worker again, after a restart.
    let again = acquire(&cluster, &worker("run-1", "w2"), Policy::Fail).await.unwrap();
    first.release().await.unwrap();
    let error = acquire(&cluster, &worker("run-2", "x"), Policy::Fail).await.unwrap_err();
    assert!(matches!(error, LockError::Held { .. }), "{error}");
    second.release().await.unwrap();
    assert!(lease(&server).is_none());
    again.release().await.unwrap();
}

fn put_lease(server: &StandIn, run: &str, renewed: Timestamp) {
    let lease = json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"namespace": "kube-system", "annotations": {"multibeam.io/run": run}},
        "spec": {"holderIdentity": format!("multibeam run {run} on far-away"), "leaseDurationSeconds": 60,
                 "renewTime": renewed.to_string(), "leaseTransitions": 4},
    });
    server.objects(|objects| objects.put(LEASE, lease));
}

#[tokio::test]
async fn the_lock_of_a_dead_run_is_taken_over() {
    let server = StandIn::start().await;
    let cluster = server.connect().await;
    put_lease(&server, "run-0", Timestamp::now() - SignedDuration::from_secs(100));
    acquire(&cluster, &worker("run-1", "w1"), Policy::Fail).await.unwrap();
    let spec = lease(&server).unwrap()["spec"].clone();
    assert_eq!(
        (&spec["holderIdentity"], &spec["leaseTransitions"]),
        (&json!("multibeam run run-1 on host-of-w1"), &json!(5))
    );
}

#[tokio::test]
async fn a_resumed_run_takes_its_own_old_lock() {
    let server = StandIn::start().await;
    let cluster = server.connect().await;
    put_lease(&server, "run-1", Timestamp::now() - SignedDuration::from_secs(10));
    acquire(&cluster, &worker("run-1", "w1"), Policy::Fail).await.unwrap();
}

#[tokio::test]
async fn a_conflict_is_decided_anew() {
    let server = StandIn::start().await;
    let cluster = server.connect().await;
    // Another run creates the Lease between our read and our write.
    server.on(|asked, objects| {
        if asked.method == Method::POST && asked.path.ends_with("/leases") {
            let lease = json!({"metadata": {"annotations": {"multibeam.io/run": "run-0"}},
                "spec": {"holderIdentity": "multibeam run run-0 on far-away", "leaseDurationSeconds": 60,
                         "renewTime": Timestamp::now().to_string()}});
            objects.put(LEASE, lease);
        }
        None
    });
    let error = acquire(&cluster, &worker("run-1", "w1"), Policy::Fail).await.unwrap_err();
    assert!(error.to_string().contains("run-0"), "{error}");

    // Another worker of the same run renews between our read and our write.
    server.on(|_, _| None);
    server.objects(|objects| objects.all.remove(LEASE));
    let lock = acquire(&cluster, &worker("run-1", "w1"), Policy::Fail).await.unwrap();
    let collisions = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&collisions);
    server.on(move |asked, objects| {
        if asked.method == Method::PUT && count.fetch_add(1, Ordering::SeqCst) < 2 {
            let other = objects.all[LEASE].clone();
            objects.put(LEASE, other);
        }
        None
    });
    lock.renew().await.unwrap();
    assert_eq!(collisions.load(Ordering::SeqCst), 3, "two conflicts, then the write");
}

#[tokio::test]
async fn a_stolen_lock_is_noticed_by_the_holder() {
    let server = StandIn::start().await;
    let cluster = server.connect().await;
    let short = LockSettings { duration: Duration::from_secs(1), ..settings() };
    let lock = RunLock::acquire(&cluster, short, worker("run-1", "w1"), Policy::Fail, |_| {})
        .await
        .unwrap();
    // The API server is away for one renewal, then another run has the Lease.
    let asked = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&asked);
    server.on(move |_, _| {
        (count.fetch_add(1, Ordering::SeqCst) == 0).then(|| Reply::failure(503, "", "away"))
    });
    put_lease(&server, "run-2", Timestamp::now());
    let lost = tokio::time::timeout(Duration::from_secs(60), lock.hold()).await.unwrap();
    assert!(matches!(&lost, LockError::Lost { holder, .. } if holder.contains("run-2")), "{lost}");
    lock.release().await.unwrap();
    assert!(lease(&server).is_some(), "the other run's lock must stay");
}

#[tokio::test]
async fn renewals_keep_the_lock() {
    let server = StandIn::start().await;
    let cluster = server.connect().await;
    let short = LockSettings { duration: Duration::from_millis(60), ..settings() };
    let lock = RunLock::acquire(&cluster, short, worker("run-1", "w1"), Policy::Fail, |_| {})
        .await
        .unwrap();
    let renewals = || server.log().iter().filter(|asked| asked.method == Method::PUT).count();
    tokio::select! {
        lost = lock.hold() => panic!("{lost}"),
        () = async { while renewals() < 3 { tokio::time::sleep(Duration::from_millis(5)).await; } } => {}
    }
}

#[tokio::test]
async fn a_refusal_is_passed_on() {
    let server = StandIn::start().await;
    let cluster = server.connect().await;
    server.on(|asked, _| {
        asked
            .path
            .contains("/leases")
            .then(|| Reply::failure(403, "Forbidden", "leases is forbidden"))
    });
    let policy = Policy::Wait { at_most: None };
    let error = acquire(&cluster, &worker("run-1", "w1"), policy).await.unwrap_err();
    assert!(error.to_string().contains("403 Forbidden: leases is forbidden"), "{error}");
}
