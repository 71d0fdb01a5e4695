//! Workers get targets ready, or cannot.

use multibeam_model::link::{PrepareError, Prepared};

use super::*;

/// A worker is done with the run's only target; its suite and catalog have this digest.
fn prepared(hub: &mut Task, name: &str, number: u64, digest: &str) {
    let prepared = Prepared {
        suite_digest: digest.to_owned(),
        catalog_digest: digest.to_owned(),
        cluster: None,
    };
    let (run, target) = (RunId("r".into()), TargetId(0));
    say(hub, name, number, WorkerMessage::Prepared { run, target, result: Ok(prepared) });
}

/// A worker cannot prepare the run's only target.
fn unable(hub: &mut Task, name: &str, number: u64, message: &str) {
    let error = PrepareError { input: false, message: message.to_owned() };
    let (run, target) = (RunId("r".into()), TargetId(0));
    say(hub, name, number, WorkerMessage::Prepared { run, target, result: Err(error) });
}

/// Whether the run is over, and its warnings.
fn stand(hub: &mut Task) -> (bool, Vec<String>) {
    let run = hub.runs.get(&RunId("r".into())).unwrap();
    (run.is_over(), run.watch().status.warnings)
}

#[tokio::test]
async fn a_worker_with_another_suite_is_refused_and_the_others_go_on() {
    let mut hub = hub();
    connect(&mut hub, "a-1", "a");
    begin(&mut hub, "r", &["a"]);
    prepared(&mut hub, "a-1", 1, "old");
    let mut stream = listen(&mut hub, "a-2");
    prepared(&mut hub, "a-2", 1, "new");
    let (over, warnings) = stand(&mut hub);
    assert!(!over);
    let [warning] = &warnings[..] else { panic!("{warnings:?}") };
    for part in ["worker a-2 cannot serve target t", "SHA-256 new", "worker a-1 has old", "hint"] {
        assert!(warning.contains(part), "{part:?} in {warning}");
    }
    // The first one is gone before anybody has its catalog: the other is as good as any.
    let mut asked = || {
        let sent = sent(&mut stream).into_iter();
        sent.filter(|it| !matches!(it, CoordinatorMessage::Welcome { .. })).collect::<Vec<_>>()
    };
    let before = asked();
    assert!(matches!(before[..], [CoordinatorMessage::Prepare(_)]), "{before:?}");
    let now = hub.clock.now();
    hub.with_run(&RunId("r".into()), |run| run.worker_lost(&worker("a-1"), "silent", now));
    assert_eq!(asked(), before, "it is asked again");
    prepared(&mut hub, "a-2", 2, "new");
    assert_eq!(stand(&mut hub).1.len(), 1);
    let catalog = asked();
    assert!(matches!(catalog[..], [CoordinatorMessage::SendCatalog { .. }]), "{catalog:?}");
}

#[tokio::test]
async fn a_target_without_a_worker_that_has_its_suite_ends() {
    let mut hub = hub();
    connect(&mut hub, "a-1", "a");
    connect(&mut hub, "b-1", "b");
    let begin = Begin {
        catalogs: BTreeMap::from([(TargetId(0), catalog("old"))]),
        ..a_run("r", &["a", "b"])
    };
    begin_as(&mut hub, begin);
    prepared(&mut hub, "a-1", 1, "new");
    assert!(!stand(&mut hub).0, "the other worker may have the old suite");
    prepared(&mut hub, "b-1", 1, "newer");
    let (over, warnings) = stand(&mut hub);
    assert!(over && warnings.len() == 2, "{warnings:?}");
    assert!(warnings[1].contains("not the one that this run began with"), "{warnings:?}");
}

#[tokio::test]
async fn a_worker_that_cannot_prepare_leaves_it_to_the_others_of_its_cluster() {
    let mut hub = hub();
    connect(&mut hub, "a-1", "a");
    let mut stream = listen(&mut hub, "a-2");
    begin(&mut hub, "r", &["a"]);
    unable(&mut hub, "a-1", 1, "its disk is full");
    let of_worker = "worker a-1 cannot serve target t: its disk is full";
    assert_eq!(stand(&mut hub), (false, vec![of_worker.to_owned()]));
    prepared(&mut hub, "a-2", 1, "suite");
    let asked = |it: &CoordinatorMessage| matches!(it, CoordinatorMessage::SendCatalog { .. });
    assert!(sent(&mut stream).iter().any(asked), "it is as good as a first one");
    // Now only the one that cannot is left.
    let now = hub.clock.now();
    hub.with_run(&RunId("r".into()), |run| run.worker_lost(&worker("a-2"), "silent", now));
    let of_cluster = "cluster a cannot serve target t: its disk is full";
    assert_eq!(stand(&mut hub), (true, vec![of_worker.to_owned(), of_cluster.to_owned()]));
}

#[tokio::test]
async fn a_cluster_is_out_when_none_of_its_workers_can_prepare() {
    let mut hub = hub();
    connect(&mut hub, "a-1", "a");
    connect(&mut hub, "b-1", "b");
    begin(&mut hub, "r", &["a", "b"]);
    unable(&mut hub, "b-1", 1, "no API server");
    let of_cluster = "cluster b cannot serve target t: no API server".to_owned();
    assert_eq!(stand(&mut hub), (false, vec![of_cluster]), "a is still there");
    unable(&mut hub, "a-1", 1, "nor here");
    assert!(stand(&mut hub).0);
}

#[tokio::test]
async fn workers_that_are_on_their_way_are_waited_for_until_the_roll_is_called() {
    let mut hub = hub();
    connect(&mut hub, "a-1", "a");
    let mut begin = a_run("r", &["a"]);
    begin.spec.clusters[0].workers = 2;
    begin_as(&mut hub, begin);
    unable(&mut hub, "a-1", 1, "its disk is full");
    assert!(!stand(&mut hub).0);
    let later = hub.clock.now() + Duration::from_secs(6);
    hub.with_run(&RunId("r".into()), |run| run.tick(later));
    assert!(stand(&mut hub).0);
}
