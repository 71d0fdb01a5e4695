//! The hub without a ledger: what it is told and what its runs then know.

mod preparing;
mod waits;

use std::collections::{BTreeMap, BTreeSet};

use multibeam_model::adopt::AdoptedProcess;
use multibeam_model::link::{ORDER_FORMAT, ProcessOrder};
use multibeam_model::record::{CatalogRecord, PayloadRef};
use multibeam_model::run::{ClusterSpec, RunSpec, SuiteSpec, TargetSpec};
use multibeam_model::{
    AttemptId, GroupId, ProcessId, ProcessNumber, SessionId, TargetId, Timestamp,
};
use multibeam_proto::coordinator::v1 as wire;
use multibeam_rt::access::Peer;
use multibeam_rt::identity::{Identity, Role};
use multibeam_rt::tasks::TaskGroup;
use multibeam_sched::{Recovered, Takeover};
use tokio::sync::oneshot;
use tonic::Code;
use tonic::transport::Endpoint;

use super::*;
use crate::CoordinatorService;
use crate::messages::Watched;
use crate::office::Hub;

/// A hub whose ledger never answers.
fn hub() -> Task {
    let nowhere = Endpoint::from_static("http://127.0.0.1:1").connect_lazy();
    let (inbox, _) = mpsc::channel(8);
    Task::new(
        Ledger::new(nowhere.into()),
        &Term { epoch: Epoch(1), inbox },
        None,
        OfficeMetrics::default(),
    )
}

fn worker(name: &str) -> WorkerId {
    WorkerId(name.into())
}

fn a_hello(cluster: &str) -> Hello {
    Hello {
        worker: worker("w"),
        cluster: cluster.into(),
        slots: 1,
        epoch: Epoch(1),
        host: "h".into(),
        processes: Vec::new(),
        format: ORDER_FORMAT,
    }
}

fn connect(hub: &mut Task, name: &str, cluster: &str) {
    let (sender, _) = mpsc::channel(64);
    let hello = Hello { worker: worker(name), ..a_hello(cluster) };
    hub.handle(ToHub::Connected { hello, stream: 1, sender });
}

/// Connects a worker and gives what is sent to it.
fn listen(hub: &mut Task, name: &str) -> mpsc::Receiver<Result<wire::CoordinatorMessage, Status>> {
    let (sender, stream) = mpsc::channel(64);
    let hello = Hello { worker: worker(name), ..a_hello("a") };
    hub.handle(ToHub::Connected { hello, stream: 1, sender });
    stream
}

fn say(hub: &mut Task, name: &str, number: u64, message: WorkerMessage) {
    hub.handle(ToHub::Said { worker: worker(name), number, acknowledged: 0, message });
}

fn sent(
    stream: &mut mpsc::Receiver<Result<wire::CoordinatorMessage, Status>>,
) -> Vec<CoordinatorMessage> {
    let mut sent = Vec::new();
    while let Ok(Ok(frame)) = stream.try_recv() {
        sent.push(CoordinatorMessage::try_from(frame).unwrap());
    }
    sent
}

fn a_process() -> AdoptedProcess {
    let (session, number) = (SessionId(1), ProcessNumber(1));
    AdoptedProcess::new(ProcessId { session, number, incarnation: 1 })
}

#[tokio::test]
async fn leases_are_granted_only_while_the_office_is_confirmed() {
    let (confirmed, receiver) = watch::channel(Instant::now());
    let mut hub = Task { confirmed: Some(receiver), ..hub() };
    let mut stream = listen(&mut hub, "w");
    let welcome = CoordinatorMessage::Welcome { epoch: Epoch(1) };
    assert_eq!(sent(&mut stream), [welcome]);
    let beat = || WorkerMessage::Heartbeat { sent_at: Moment(7) };
    let granted = || [CoordinatorMessage::HeartbeatAck { sent_at: Moment(7) }];
    say(&mut hub, "w", 0, beat());
    assert_eq!(sent(&mut stream), granted());
    confirmed.send_replace(Instant::now().checked_sub(CONFIRMED).unwrap());
    say(&mut hub, "w", 0, beat());
    assert_eq!(sent(&mut stream), []);
    confirmed.send_replace(Instant::now());
    say(&mut hub, "w", 0, beat());
    assert_eq!(sent(&mut stream), granted());
}

#[tokio::test]
async fn an_order_that_a_worker_does_not_understand_is_not_sent() {
    let mut hub = hub();
    let mut stream = listen(&mut hub, "new");
    let (sender, mut older) = mpsc::channel(64);
    let hello = Hello { worker: worker("old"), format: 0, ..a_hello("a") };
    hub.handle(ToHub::Connected { hello, stream: 1, sender });
    let (target, group) = (TargetId(0), GroupId(3));
    let attempt = AttemptId { target, group, number: 1 };
    let process = a_process().process;
    let order = |order| CoordinatorMessage::Process { run: "r".into(), process, order };
    let orders = [ProcessOrder::HandOut { attempt }, ProcessOrder::TakeBack { attempt }].map(order);
    for (name, stream, understood) in
        [("new", &mut stream, &orders[..]), ("old", &mut older, &orders[..1])]
    {
        let _ = sent(stream);
        for order in &orders {
            hub.workers.send(&worker(name), order.clone(), Vec::new());
        }
        assert_eq!(sent(stream), understood, "{name}");
    }
}

#[tokio::test]
async fn what_nobody_needs_is_forgotten_when_a_worker_comes() {
    let mut hub = hub();
    begin(&mut hub, "here", &["a"]);
    let mut stream = listen(&mut hub, "w");
    let processes = vec![("here".into(), a_process()), ("gone".into(), a_process())];
    let standing = |epoch| WorkerMessage::Standing { epoch, processes: processes.clone() };
    let _ = sent(&mut stream);
    say(&mut hub, "w", 1, standing(Epoch(7)));
    assert_eq!(sent(&mut stream), [], "it was meant for another coordinator");
    assert!(!hub.workers.stands(&worker("w")));
    say(&mut hub, "w", 2, standing(Epoch(1)));
    assert_eq!(sent(&mut stream), [CoordinatorMessage::Forget { run: "gone".into() }]);
    assert!(hub.workers.stands(&worker("w")));
}

#[tokio::test]
async fn a_worker_that_has_met_a_newer_coordinator_is_sent_there() {
    let mut hub = hub();
    hub.epoch = Epoch(0);
    let mut stream = listen(&mut hub, "w");
    assert_eq!(stream.try_recv().unwrap().unwrap_err().code(), Code::Unavailable);
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
        mode: None,
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
        expected: Default::default(),
        run: RunId(run.into()),
        spec,
        seed: 1,
        created: Timestamp(1),
        resumed: None,
        recovered: None,
        catalogs: BTreeMap::new(),
        admitted: BTreeMap::new(),
        ended: Vec::new(),
        holder: "h".into(),
    }
}

fn begin(hub: &mut Task, run: &str, clusters: &[&str]) {
    begin_as(hub, a_run(run, clusters));
}

fn begin_as(hub: &mut Task, begin: Begin) {
    let (reply, mut answer) = oneshot::channel();
    hub.handle(ToHub::Begin(Box::new(begin), reply));
    assert!(answer.try_recv().unwrap().is_ok());
}

/// A catalog as the ledger has it, from the time before.
fn catalog(digest: &str) -> CatalogRecord {
    CatalogRecord { digest: digest.into(), payload: PayloadRef { index: 1 }, at: Timestamp(5) }
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
async fn a_run_says_which_clusters_nobody_has_come_from() {
    let mut hub = hub();
    connect(&mut hub, "b-1", "b");
    begin(&mut hub, "r", &["a", "b", "c"]);
    let now = hub.clock.now();
    let run = hub.runs.get_mut(&RunId("r".into())).unwrap();
    run.tick(now);
    assert!(run.watch().status.warnings.is_empty(), "they may be on their way");
    for seconds in [6, 60] {
        run.tick(now + Duration::from_secs(seconds));
        let said = ["waiting for a worker of cluster a, c"];
        assert_eq!(run.watch().status.warnings, said, "it is said once");
    }
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
async fn a_cancelled_run_that_is_taken_over_waits_for_no_cluster() {
    let mut hub = hub();
    begin(&mut hub, "r1", &["a"]);
    let taken = |run, cancelled| {
        let takeover = Takeover {
            patience: Duration::ZERO,
            sessions: BTreeMap::new(),
            served: BTreeMap::new(),
            queued: BTreeSet::new(),
            cancelled,
            resumed: false,
        };
        let recovered = Recovered { takeover: Some(takeover), ..Recovered::default() };
        Begin { recovered: Some(recovered), ..a_run(run, &["a"]) }
    };
    hub.take_over(vec![taken("r2", Some(false)), taken("r3", None)]);
    assert!(hub.runs[&RunId::from("r2")].is_over());
    assert!(hub.runs[&RunId::from("r3")].is_queued());
}

#[tokio::test]
async fn a_worker_sends_catalogs_of_what_its_own_cluster_serves() {
    let tasks = TaskGroup::new();
    let (inbox, messages) = mpsc::channel(8);
    let task = Task { inbox: inbox.clone(), ..hub() };
    let (ledger, spawner) = (task.ledger.clone(), tasks.spawner());
    let term = Term { epoch: task.epoch, inbox };
    let until = Until { fenced: std::future::pending(), shutdown: std::future::pending() };
    spawner.spawn("hub", task.run(messages, until));
    let hub = Hub::of(term, ledger, spawner);
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
