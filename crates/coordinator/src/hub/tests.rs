//! The hub without a ledger: what it is told and what its runs then know.

use std::collections::BTreeMap;

use multibeam_model::TargetId;
use multibeam_model::run::{ClusterSpec, SuiteSpec, TargetSpec};
use multibeam_rt::access::Peer;
use multibeam_rt::identity::{Identity, Role};
use multibeam_rt::tasks::TaskGroup;
use tonic::Code;
use tonic::transport::Endpoint;

use super::*;
use crate::CoordinatorService;
use crate::messages::Watched;

/// A hub whose ledger never answers.
fn hub() -> Task {
    let nowhere = Endpoint::from_static("http://127.0.0.1:1").connect_lazy();
    let (inbox, _) = mpsc::channel(8);
    Task {
        clock: Clock::start(),
        ledger: Ledger::new(nowhere.into()),
        epoch: Epoch(1),
        inbox,
        workers: Workers::default(),
        runs: BTreeMap::new(),
        doubts: Doubts::default(),
        committers: JoinSet::new(),
    }
}

fn worker(name: &str) -> WorkerId {
    WorkerId(name.into())
}

fn connect(hub: &mut Task, name: &str, cluster: &str) {
    let (sender, _) = mpsc::channel(64);
    let hello = Hello {
        worker: worker(name),
        cluster: cluster.into(),
        slots: 1,
        epoch: Epoch(1),
        host: "h".into(),
        processes: Vec::new(),
    };
    hub.handle(ToHub::Connected { hello, stream: 1, sender });
}

fn ready(hub: &mut Task, name: &str, number: u64, ready: bool) {
    let message = WorkerMessage::ClusterReady { ready, detail: "refused".into() };
    hub.handle(ToHub::Said { worker: worker(name), number, acknowledged: 0, message });
}

/// A run of one target on these clusters.
fn a_run(run: &str, clusters: &[&str]) -> Begin {
    let suite = SuiteSpec {
        binary: "/suite".into(),
        args: Vec::new(),
        env: BTreeMap::new(),
        working_dir: None,
        focus: Vec::new(),
        skip: Vec::new(),
        label_filter: None,
        timeout: Duration::from_secs(60),
        flake_attempts: 1,
    };
    let cluster = |name: &&str| ClusterSpec {
        name: (*name).to_owned(),
        kubeconfig: None,
        context: None,
        workers: 1,
        processes: 1,
    };
    let spec = RunSpec {
        name: run.into(),
        certified: false,
        rerun_of: None,
        fail_fast: false,
        seed: None,
        targets: vec![TargetSpec {
            name: "t".into(),
            dir_name: "t".into(),
            labels: BTreeMap::new(),
            suite,
            clusters: (0..).zip(clusters).map(|(index, _)| index).collect(),
        }],
        clusters: clusters.iter().map(cluster).collect(),
        limits: Limits::default(),
        matrix_junit: false,
    };
    Begin {
        run: RunId(run.into()),
        spec,
        seed: 1,
        recovered: None,
        catalogs: BTreeMap::new(),
        holder: "h".into(),
    }
}

fn begin(hub: &mut Task, run: &str, clusters: &[&str]) {
    let (reply, mut answer) = oneshot::channel();
    hub.handle(ToHub::Begin(Box::new(a_run(run, clusters)), reply));
    assert!(answer.try_recv().unwrap().is_ok());
}

fn watch(hub: &mut Task, run: &str) -> Watched {
    let (reply, mut answer) = oneshot::channel();
    hub.handle(ToHub::Watch { run: RunId(run.into()), reply });
    answer.try_recv().unwrap().unwrap()
}

/// Whether each cluster is unready, as the run's watchers see it.
fn unready(hub: &mut Task, run: &str) -> Vec<bool> {
    watch(hub, run).status.clusters.iter().map(|cluster| cluster.unready).collect()
}

#[tokio::test]
async fn a_run_knows_from_its_beginning_which_clusters_do_not_answer() {
    let mut hub = hub();
    for (name, cluster) in [("a-1", "a"), ("a-2", "a"), ("b-1", "b")] {
        connect(&mut hub, name, cluster);
    }
    ready(&mut hub, "a-2", 1, false);
    ready(&mut hub, "b-1", 1, false);
    ready(&mut hub, "b-1", 2, true);
    begin(&mut hub, "r", &["a", "b"]);
    assert_eq!(unready(&mut hub, "r"), [true, false]);
    ready(&mut hub, "a-2", 2, true);
    assert_eq!(unready(&mut hub, "r"), [false, false]);
}

#[tokio::test]
async fn a_run_that_waited_for_its_turn_knows_as_well() {
    let mut hub = hub();
    connect(&mut hub, "a-1", "a");
    begin(&mut hub, "r1", &["a"]);
    begin(&mut hub, "r2", &["a"]);
    ready(&mut hub, "a-1", 1, false);
    assert_eq!(unready(&mut hub, "r2"), [false], "it does not use the cluster yet");
    hub.runs.remove(&RunId("r1".into()));
    let now = hub.clock.now();
    hub.activate_runs(now);
    assert_eq!(unready(&mut hub, "r2"), [true]);
}

#[tokio::test]
async fn a_worker_sends_catalogs_of_what_its_own_cluster_serves() {
    let tasks = TaskGroup::new();
    let (inbox, messages) = mpsc::channel(8);
    let task = Task { inbox: inbox.clone(), ..hub() };
    let (ledger, epoch, spawner) = (task.ledger.clone(), task.epoch, tasks.spawner());
    spawner.spawn("hub", task.run(messages, std::future::pending()));
    let hub = Hub { inbox, spawner, ledger, epoch };
    let run = Box::new(a_run("r", &["a", "b"]));
    assert!(hub.ask(|reply| ToHub::Begin(run, reply)).await.unwrap().is_ok());

    let service = CoordinatorService::new(hub, "h".into());
    let worker = |name: &str| Peer::Certified(Identity { role: Role::Worker, name: name.into() });
    let code = async |peer: Peer, run: &str, target| {
        let run = RunId(run.into());
        let sent = service.may_send_catalog(Some(peer), &run, TargetId(target));
        sent.await.map_err(|status| status.code())
    };
    assert_eq!(code(worker("b"), "r", 0).await, Ok(()));
    assert_eq!(code(Peer::Embedded, "r", 0).await, Ok(()));
    assert_eq!(code(worker("c"), "r", 0).await, Err(Code::PermissionDenied));
    assert_eq!(code(worker("a"), "r", 1).await, Err(Code::NotFound));
    assert_eq!(code(worker("a"), "other", 0).await, Err(Code::NotFound));
}
