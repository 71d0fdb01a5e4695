//! A run with one target on a ledger in memory, and clients of its services without a socket.
#![allow(clippy::unwrap_used, reason = "a failed test may panic")]
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::collections::BTreeMap;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use multibeam_aggregator::store::MemoryDisk;
use multibeam_aggregator::{Aggregator, Handle, services};
use multibeam_ginkgo::admission::Admission;
use multibeam_ginkgo::catalog::SpecIndex as CatalogIndex;
use multibeam_ginkgo::catalog::{Catalog, GroupIndex, Placement, SerialIndex, Spec};
use multibeam_ginkgo::dryrun::{PreRunStats, Selection};
use multibeam_ginkgo::sample;
use multibeam_ginkgo::spec::CodeLocation;
use multibeam_model::command::{Change, Command, Decision, Reply, Report, SuiteNode};
use multibeam_model::run::{ClusterSpec, Limits, RunSpec, SuiteSpec, TargetSpec};
use multibeam_model::{
    AttemptId, ClusterId, Epoch, GroupId, ProcessId, ProcessNumber, RunId, SessionId, SpecIndex,
    SpecState, TargetId, Timestamp, WorkerId,
};
use multibeam_proto::aggregator::v1::ledger_client::LedgerClient;
use multibeam_proto::aggregator::v1::results_client::ResultsClient;
use multibeam_rt::access::Peer;
use serde_json::json;
use tonic::service::InterceptorLayer;
use tonic::transport::{Channel, Endpoint, Server, Uri};

pub(crate) const TARGET: TargetId = TargetId(0);
/// 2026-01-01T00:00:00Z.
pub(crate) const START: i64 = 1_767_225_600_000_000_000;

/// A served ledger.
pub(crate) struct Served {
    pub(crate) ledger: Handle,
    pub(crate) ledger_client: LedgerClient<Channel>,
    pub(crate) results: ResultsClient<Channel>,
}

pub(crate) async fn serve() -> Served {
    serve_for(Peer::Embedded).await
}

/// Serves a ledger for one peer, as the layer that checks certificates does.
pub(crate) async fn serve_for(peer: Peer) -> Served {
    let ledger = Aggregator::alone(MemoryDisk::default()).unwrap();
    let (client, server) = tokio::io::duplex(1 << 20);
    let incoming = tokio_stream::iter([Ok::<_, std::io::Error>(server)]);
    let known = InterceptorLayer::new(move |mut request: tonic::Request<()>| {
        request.extensions_mut().insert(peer.clone());
        Ok(request)
    });
    let router = Server::builder()
        .layer(known)
        .add_service(services::ledger_server(ledger.clone(), None))
        .add_service(services::results_server(ledger.clone()));
    #[expect(clippy::disallowed_methods, reason = "tests end their own tasks")]
    tokio::spawn(router.serve_with_incoming(incoming));
    let mut client = Some(client);
    let connector = tower::service_fn(move |_: Uri| {
        let client = client.take().map(TokioIo::new);
        async move { client.ok_or(std::io::Error::from(std::io::ErrorKind::ConnectionRefused)) }
    });
    let endpoint = Endpoint::from_static("http://in-memory");
    let channel = endpoint.connect_with_connector(connector).await.unwrap();
    Served {
        ledger,
        ledger_client: LedgerClient::new(channel.clone())
            .max_decoding_message_size(multibeam_proto::MAX_MESSAGE_BYTES)
            .max_encoding_message_size(multibeam_proto::MAX_MESSAGE_BYTES),
        results: ResultsClient::new(channel),
    }
}

pub(crate) fn run() -> RunId {
    RunId::from("20260101-000000-abcd")
}

pub(crate) fn run_spec() -> RunSpec {
    let suite = SuiteSpec {
        binary: "/suites/zoo.test".to_owned(),
        args: Vec::new(),
        env: BTreeMap::from([("TOKEN".to_owned(), "secret".to_owned())]),
        working_dir: None,
        focus: Vec::new(),
        skip: Vec::new(),
        label_filter: None,
        timeout: Duration::from_secs(3600),
        flake_attempts: 1,
    };
    let cluster = ClusterSpec {
        name: "c1".to_owned(),
        kubeconfig: None,
        context: None,
        workers: 1,
        processes: 2,
    };
    let target = TargetSpec {
        name: "v1.36 / cilium".to_owned(),
        dir_name: "v1.36-cilium".to_owned(),
        labels: BTreeMap::from([("cni".to_owned(), "cilium".to_owned())]),
        suite,
        clusters: vec![0],
    };
    RunSpec {
        name: "nightly".to_owned(),
        certified: true,
        mode: None,
        rerun_of: None,
        fail_fast: false,
        seed: Some(7),
        targets: vec![target],
        clusters: vec![cluster],
        limits: Limits::default(),
        matrix_junit: true,
    }
}

pub(crate) fn spec_name(index: u32) -> String {
    format!("spec {index} <&>")
}

pub(crate) fn catalog() -> Catalog {
    let place = |index: u32| match index {
        0 => Placement::Parallel(GroupIndex(0)),
        1 | 2 => Placement::Parallel(GroupIndex(1)),
        3 => Placement::Serial(SerialIndex(0)),
        _ => Placement::Parallel(GroupIndex(2)),
    };
    let spec = |index: u32| Spec {
        containers: vec!["[sig-test] Things".to_owned()],
        leaf: spec_name(index),
        location: CodeLocation { file: "zoo_test.go".to_owned(), line: 10 + index },
        ordinal: 0,
        labels: Vec::new(),
        selection: match index {
            4 => Selection::Pending,
            5 => Selection::Skipped,
            _ => Selection::Selected,
        },
        placement: place(index),
    };
    let indices = |specs: &[u32]| specs.iter().copied().map(CatalogIndex).collect::<Vec<_>>();
    Catalog {
        suite_description: "Zoo suite".to_owned(),
        pre_run_stats: PreRunStats { total_specs: 6, specs_that_will_run: 4 },
        specs: (0..6).map(spec).collect(),
        groups: vec![indices(&[0]), indices(&[1, 2]), indices(&[4, 5])],
        serial_groups: vec![indices(&[3])],
        ..sample::catalog([])
    }
}

pub(crate) fn in_run(change: Change) -> Command {
    Command::Run { run: run(), change }
}

pub(crate) fn decide(decision: Decision) -> Command {
    in_run(Change::Decide { epoch: Epoch(1), decision })
}

/// Everything up to the first hand-out.
pub(crate) fn opening() -> Vec<Command> {
    let spec = serde_json::to_vec(&run_spec()).unwrap();
    vec![
        Command::Claim { coordinator: "test".to_owned(), at: Timestamp(START), take_over: true },
        Command::CreateRun { run: run(), spec, seed: 7, at: Timestamp(START) },
        decide(Decision::AdmitCatalog {
            target: TARGET,
            digest: "d1".to_owned(),
            catalog: pack(&admission(&catalog())),
            at: Timestamp(START),
        }),
        decide(Decision::OpenSession {
            session: SessionId(0),
            target: TARGET,
            cluster: ClusterId(0),
        }),
    ]
}

pub(crate) fn pack(bytes: &[u8]) -> Vec<u8> {
    zstd::stream::encode_all(bytes, 1).unwrap()
}

pub(crate) fn process(number: u32) -> ProcessId {
    ProcessId { session: SessionId(0), number: ProcessNumber(number), incarnation: 1 }
}

pub(crate) fn attempt(group: u32, number: u32) -> AttemptId {
    AttemptId { target: TARGET, group: GroupId(group), number }
}

pub(crate) fn hand_out(group: u32, number: u32, reports: u32) -> Command {
    decide(Decision::HandOut {
        attempt: attempt(group, number),
        process: process(1 + group % 2),
        worker: WorkerId::from("w1"),
        reports,
    })
}

/// A spec report as the suite sends it; it ends `second` seconds after the start.
pub(crate) fn spec_json(index: u32, state: &str, second: u32, output: &str) -> Vec<u8> {
    let mut report = json!({
        "ContainerHierarchyTexts": ["[sig-test] Things"],
        "ContainerHierarchyLocations": [{"FileName": "zoo_test.go", "LineNumber": 1}],
        "ContainerHierarchyLabels": [[]],
        "LeafNodeType": "It",
        "LeafNodeLocation": {"FileName": "zoo_test.go", "LineNumber": 10 + index},
        "LeafNodeText": spec_name(index),
        "State": state,
        "StartTime": "2026-01-01T00:00:00Z",
        "EndTime": format!("2026-01-01T00:00:{second:02}Z"),
        "RunTime": i64::from(second) * 1_000_000_000,
        "ParallelProcess": 1,
        "NumAttempts": 1,
        "CapturedStdOutErr": output,
    });
    if state == "failed" {
        report["Failure"] = json!({
            "Message": "expected 1 to be 2",
            "Location": {"FileName": "zoo_test.go", "LineNumber": 99},
            "FailureNodeContext": "leaf-node",
            "FailureNodeType": "It",
        });
    }
    serde_json::to_vec(&report).unwrap()
}

pub(crate) fn report(group: u32, number: u32, ordinal: u32, spec: u32, state: &str) -> Command {
    let payload = pack(&spec_json(spec, state, 5 + spec, "some output\n"));
    in_run(Change::Report(Report {
        attempt: attempt(group, number),
        ordinal,
        spec: SpecIndex(spec),
        state: SpecState::from_word(state).unwrap(),
        explained: false,
        cluster_lost: false,
        payload,
    }))
}

pub(crate) fn suite_node(ordinal: u32, node: &str) -> Command {
    let report = json!({
        "LeafNodeType": node,
        "LeafNodeLocation": {"FileName": "zoo_test.go", "LineNumber": 3},
        "State": "passed",
        "StartTime": "2026-01-01T00:00:00Z",
        "EndTime": "2026-01-01T00:00:01Z",
        "RunTime": 1_000_000_000,
        "ParallelProcess": 1,
        "CapturedGinkgoWriterOutput": "e2e test version: v1.36.2\n",
    });
    in_run(Change::SuiteNode(SuiteNode {
        process: process(1),
        ordinal,
        state: SpecState::Passed,
        payload: pack(&serde_json::to_vec(&report).unwrap()),
    }))
}

pub(crate) async fn done(ledger: &Handle, commands: Vec<Command>) {
    for reply in ledger.propose(commands).await.unwrap() {
        assert!(matches!(reply, Reply::Done | Reply::Sealed | Reply::Claimed(_)), "{reply:?}");
    }
}

/// What a worker would send for this catalog.
pub(crate) fn admission(catalog: &Catalog) -> Vec<u8> {
    let specs = catalog.specs.iter().map(|spec| {
        json!({
            "ContainerHierarchyTexts": spec.containers,
            "ContainerHierarchyLocations": vec![&spec.location; spec.containers.len()],
            "ContainerHierarchyLabels": vec![Vec::<&str>::new(); spec.containers.len()],
            "LeafNodeType": "It",
            "LeafNodeLocation": spec.location,
            "LeafNodeLabels": spec.labels,
            "LeafNodeText": spec.leaf,
            "State": match spec.selection {
                Selection::Selected => "passed",
                Selection::Skipped => "skipped",
                Selection::Pending => "pending",
            },
        })
    });
    let report = json!([{
        "SuitePath": catalog.suite_path,
        "SuiteDescription": catalog.suite_description,
        "SuiteConfig": { "RandomSeed": catalog.seed },
        "PreRunStats": {
            "TotalSpecs": catalog.pre_run_stats.total_specs,
            "SpecsThatWillRun": catalog.pre_run_stats.specs_that_will_run,
        },
        "SpecReports": specs.collect::<Vec<_>>(),
    }]);
    Admission::encode(catalog, report.to_string().as_bytes())
}
