//! Writes inputs to begin with into `DIR/<target>/`: `seeds DIR`. They are made anew each time, so
//! that they follow the formats.

use std::collections::BTreeMap;
use std::path::Path;
use std::{env, fs, io};

use bytes::Bytes;
use libfuzzer_sys as _;
use multibeam_aggregator::store::{self, Disk as _, Identity};
use multibeam_aggregator::{Member, Store, StoreError};
use multibeam_fuzz::join;
use multibeam_ginkgo::admission::Admission;
use multibeam_ginkgo::catalog::{
    Catalog, GroupIndex, Placement, SerialIndex, Spec, SpecIndex as CatalogIndex,
};
use multibeam_ginkgo::dryrun::{PreRunStats, Selection};
use multibeam_ginkgo::sample;
use multibeam_ginkgo::spec::CodeLocation;
use multibeam_ledger::Ledger;
use multibeam_ledger::node::disk::{EntryKind, HardState, LogEntry, NodeId, Write};
use multibeam_ledger::node::founding;
use multibeam_model::command::{Change, Command, Decision, Report, SuiteNode};
use multibeam_model::outcome::{LossCause, ProcessEnd, SpecState, Verdict};
use multibeam_model::run::{ClusterSpec, Limits, RunSpec, TargetSpec};
use multibeam_model::{
    AttemptId, ClusterId, Epoch, GroupId, ProcessId, ProcessNumber, RunId, SessionId, SpecIndex,
    TargetId, Timestamp, WorkerId,
};
use multibeam_proto::aggregator::v1 as aggregator;
use multibeam_proto::aggregator::v1::install_request::Part;
use multibeam_proto::coordinator::v1 as wire;
use prost::Message as _;
use serde_json::json;
use sha2::{Digest, Sha256};

fn main() -> io::Result<()> {
    let dir = env::args().nth(1).unwrap_or_else(|| "corpus".to_owned());
    let write = |target: &str, inputs: Vec<Vec<u8>>| {
        let dir = Path::new(&dir).join(target);
        fs::create_dir_all(&dir)?;
        let mut inputs = inputs.iter().enumerate();
        inputs.try_for_each(|(number, input)| fs::write(dir.join(format!("seed-{number}")), input))
    };
    write("raft_envelope", raft_messages())?;
    write("state_parts", vec![state_parts()])?;
    write("command", vec![join(commands().iter().map(Vec::as_slice))])?;
    write("snapshot", snapshots())?;
    write("link_message", link_messages())?;
    write("spec_report", reports())?;
    write("junit", vec![JUNIT.into()])?;
    write("log", vec![LOG.into()])?;
    write("archive", archives()?)?;
    write("admission", admissions()?)?;
    write("submit", submissions())?;
    write("run_record", run_records())?;
    write("backup", vec![backup()?])
}

const JUNIT: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites tests="3" disabled="1" errors="0" failures="1" time="1.5">
  <testsuite name="a" tests="3" skipped="1" failures="1" timestamp="2026-01-01T00:00:00">
    <properties><property name="SkipStrings" value="a&#xA;b"></property></properties>
    <testcase name="[It] [sig-a] x &#34;y&#34; [Conformance]" status="passed" time="1"/>
    <testcase name="[It] [sig-a] z"><skipped message="pending"></skipped></testcase>
    <testcase name="[It] [sig-a] w"><failure message="no" type="failed">&lt;a&gt;</failure>
      <system-err><![CDATA[<testcase>]]></system-err></testcase>
  </testsuite>
</testsuites>
"#;

const LOG: &str = "\
  I0101 00:00:00.000000 21 e2e.go:109] e2e test version: v1.36.2
  I0101 00:00:00.000000 21 e2e.go:122] kube-apiserver version: v1.36.1
------------------------------
\u{1b}[38;5;10m• [0.1 seconds]\u{1b}[0m
2026-01-01T00:00:00.5Z [sig-a] x \"y\" [Conformance] [sig-a, Conformance]
------------------------------
• [FAILED] [0.1 seconds]
[sig-b] Pods [BeforeEach] should fail [Conformance]\r
S [SKIPPED] [0.000 seconds]
↺ [FLAKEY TEST - TOOK 2 ATTEMPTS TO PASS] [0.000 seconds]
FAIL! - one reason, another
1 Passed | 1 Failed | 1 Flaked | 0 Pending | 1 Skipped
";

const PRODUCT: &str = "vendor: V\nname: 'N'\nversion: \"1\"\ntype: installer\nlist: [a, {b: c}]\n";

/// A submission, plain and compressed.
fn archives() -> io::Result<Vec<Vec<u8>>> {
    let mut archive = tar::Builder::new(Vec::new());
    let place = "v1.36/turbo";
    for (name, text) in [
        ("PRODUCT.yaml", PRODUCT),
        ("README.md", "how to"),
        ("e2e.log", LOG),
        ("junit_01.xml", JUNIT),
        (&"long/".repeat(30), "behind a long name"),
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        archive.append_data(
            &mut header,
            format!("{place}/{name}").trim_end_matches('/'),
            text.as_bytes(),
        )?;
    }
    let plain = archive.into_inner()?;
    let packed = zstd::encode_all(&plain[..], 3)?;
    Ok(vec![plain, packed])
}

/// Messages as raft's library encodes them.
fn raft_messages() -> Vec<Vec<u8>> {
    let body = |number: u8, body: &[u8]| {
        let mut field = vec![number << 3 | 2];
        prost::encoding::encode_varint(body.len() as u64, &mut field);
        field.extend_from_slice(body);
        field
    };
    let head = |kind: u8| vec![8, kind, 16, 2, 24, 1, 32, 7, 40, 6, 48, 9, 64, 8];
    let entry = body(7, &[8, 0, 16, 7, 24, 9, 34, 3, 1, 2, 3, 48, 0]);
    let metadata = [body(1, &[8, 1, 8, 2, 8, 3, 16, 4, 40, 1]), vec![16, 9, 24, 7]].concat();
    let state = body(9, &body(2, &metadata));
    let mut messages: Vec<_> = (0..19).map(head).collect();
    messages.push([head(3), entry.clone(), entry].concat());
    messages.push([head(7), state].concat());
    messages.push([head(15), body(12, b"context"), vec![80, 1, 88, 4]].concat());
    messages
}

fn state_parts() -> Vec<u8> {
    let state = Bytes::from_static(b"the state");
    let metadata = [0x4a, 6, 0x12, 4, 16, 9, 24, 7];
    let message = [&[8, 7, 16, 2, 24, 1][..], &metadata].concat();
    let entry = |index, data: &'static [u8]| aggregator::EntryPart {
        index,
        term: 1,
        kind: aggregator::EntryKind::Command.into(),
        length: 6,
        data: Bytes::from_static(data),
    };
    let parts = [
        Part::Header(aggregator::InstallHeader {
            group: "east".to_owned(),
            from: 1,
            to: 2,
            message: message.into(),
            state_length: state.len() as u64,
            state_sha256: Bytes::copy_from_slice(&Sha256::digest(&state)),
            entries: 3,
        }),
        Part::State(state.slice(..4)),
        Part::State(state.slice(4..)),
        Part::Entries(aggregator::InstallEntries {
            parts: vec![entry(3, b"whole."), entry(4, b"in ")],
        }),
        Part::Entries(aggregator::InstallEntries {
            parts: vec![entry(4, b"two"), entry(9, b"123456")],
        }),
        Part::Trailer(aggregator::InstallTrailer { entries: 3 }),
    ];
    let encode = |part| {
        let request = aggregator::InstallRequest { part: Some(part), sum: Bytes::new() };
        request.encode_to_vec()
    };
    let parts = parts.map(encode);
    [vec![0], join(parts.iter().map(Vec::as_slice))].concat()
}

fn commands() -> Vec<Vec<u8>> {
    let at = Timestamp(1_767_225_600_000_000_000);
    let run = RunId::from("r");
    let target = TargetId(0);
    let session = SessionId(0);
    let process = ProcessId { session, number: ProcessNumber(1), incarnation: 1 };
    let attempt = |group, number| AttemptId { target, group: GroupId(group), number };
    let worker = WorkerId::from("w");
    let hand_out = |group, number, reports| Decision::HandOut {
        attempt: attempt(group, number),
        process,
        worker: worker.clone(),
        reports,
    };
    let cause = || LossCause::ProcessDied {
        end: ProcessEnd::Signal(9),
        last_output: "out of memory".to_owned(),
    };
    let decide = |decision| Change::Decide { epoch: Epoch(1), decision };
    let report = |group, ordinal, state| {
        Change::Report(Report {
            attempt: attempt(group, 1),
            ordinal,
            spec: SpecIndex(group),
            state,
            explained: false,
            cluster_lost: false,
            payload: b"{}".to_vec(),
        })
    };
    let node = SuiteNode { process, ordinal: 0, state: SpecState::Passed, payload: Vec::new() };
    let changes = [
        decide(Decision::AdmitCatalog {
            target,
            digest: "d".to_owned(),
            catalog: b"{}".to_vec(),
            at,
        }),
        decide(Decision::OpenSession { session, target, cluster: ClusterId(0) }),
        Change::SuiteNode(node),
        decide(hand_out(0, 1, 1)),
        report(0, 0, SpecState::Passed),
        decide(hand_out(1, 1, 2)),
        report(1, 0, SpecState::Failed),
        decide(Decision::Lose { attempt: attempt(1, 1), cause: cause() }),
        report(1, 1, SpecState::Passed),
        decide(hand_out(1, 2, 2)),
        decide(Decision::Return { attempt: attempt(1, 2) }),
        decide(Decision::GiveUp { target, group: GroupId(1), cause: cause() }),
        decide(Decision::Clean { cluster: ClusterId(0), removed: vec!["namespace x".to_owned()] }),
        Change::Cancel { by: "me".to_owned(), force: false, at },
        decide(Decision::CloseSession { session, lost: true }),
        decide(Decision::EndTarget { target, verdict: Verdict::Failed, cause: None, at }),
        decide(Decision::EndRun { at }),
        decide(Decision::Resume { at }),
    ];
    let spec = br#"{"name":"n","targets":[{"name":"t","clusters":["c"]}]}"#.to_vec();
    let mut commands = vec![
        Command::Claim { coordinator: "c".to_owned(), at, take_over: false },
        Command::CreateRun { run: run.clone(), spec, seed: 7, at },
    ];
    let in_run = |change| Command::Run { run: run.clone(), change };
    commands.extend(changes.into_iter().map(in_run));
    commands.push(Command::Witness { index: 3, hash: [0; 32] });
    commands.push(Command::Raise { format: 2 });
    commands.push(Command::Expire { runs: vec![run.clone()] });
    commands.iter().map(Command::encode).collect()
}

/// What stands behind the hash of a state: empty, in the middle of a run, and at its end.
fn snapshots() -> Vec<Vec<u8>> {
    let mut ledger = Ledger::default();
    let mut states = Vec::new();
    for bytes in commands() {
        states.push(ledger.snapshot().split_off(33));
        let command = Command::decode(&bytes).expect("it was just encoded");
        let _ = ledger.apply(ledger.applied() + 1, &command);
    }
    states
}

/// A suite's catalog and dry run, as they stand and packed.
fn admissions() -> io::Result<Vec<Vec<u8>>> {
    let spec = |index: u32, placement| Spec {
        containers: vec!["[sig-a] Pods".to_owned()],
        leaf: format!("spec {index}"),
        location: CodeLocation { file: "a_test.go".to_owned(), line: index },
        ordinal: 0,
        labels: vec!["slow".to_owned()],
        selection: Selection::Selected,
        placement,
    };
    let catalog = Catalog {
        pre_run_stats: PreRunStats { total_specs: 3, specs_that_will_run: 3 },
        specs: vec![
            spec(0, Placement::Parallel(GroupIndex(0))),
            spec(1, Placement::Parallel(GroupIndex(0))),
            spec(2, Placement::Serial(SerialIndex(0))),
        ],
        groups: vec![vec![CatalogIndex(0), CatalogIndex(1)]],
        serial_groups: vec![vec![CatalogIndex(2)]],
        ..sample::catalog([])
    };
    let dry_run = r#"[{"SuitePath": "/p", "SuiteConfig": {"RandomSeed": 7}, "SpecReports": [
        {"LeafNodeType": "BeforeSuite", "State": "passed"},
        {"LeafNodeType": "It", "LeafNodeText": "spec 0", "State": "passed"}]}]"#;
    let plain = Admission::encode(&catalog, dry_run.as_bytes());
    Admission::decode(&Bytes::from(plain.clone())).expect("the targets begin with a whole one");
    let packed = zstd::encode_all(&plain[..], 3)?;
    Ok(vec![plain, packed])
}

/// A run of two targets that share a cluster, as it is submitted and by itself.
fn submissions() -> Vec<Vec<u8>> {
    let suite = json!({
        "binary": "/e2e.test", "args": ["--x"], "env": {"A": "b"}, "workingDir": null,
        "focus": ["a"], "skip": [], "labelFilter": "x && !y",
        "timeout": {"secs": 3600, "nanos": 0}, "flakeAttempts": 1,
    });
    let target = |name: &str, clusters: &[u32]| TargetSpec {
        name: name.to_owned(),
        dir_name: name.to_owned(),
        labels: [("cni".to_owned(), "cilium".to_owned())].into(),
        suite: serde_json::from_value(suite.clone()).expect("it has every field"),
        clusters: clusters.to_vec(),
    };
    let cluster = |name: &str| ClusterSpec {
        name: name.to_owned(),
        kubeconfig: Some("/k".to_owned()),
        context: None,
        workers: 1,
        processes: 2,
    };
    let spec = RunSpec {
        name: "nightly".to_owned(),
        certified: false,
        mode: None,
        rerun_of: None,
        fail_fast: false,
        seed: Some(7),
        targets: vec![target("a", &[0, 1]), target("b", &[1])],
        clusters: vec![cluster("east"), cluster("west")],
        limits: Limits::default(),
        matrix_junit: true,
    };
    let spec_json = Bytes::from(serde_json::to_vec(&spec).expect("it has string keys only"));
    let request = wire::SubmitRequest { spec_json: spec_json.clone(), ..Default::default() };
    vec![spec_json.into(), request.encode_to_vec()]
}

fn run_records() -> Vec<Vec<u8>> {
    let mut ledger = Ledger::default();
    let mut records = Vec::new();
    for bytes in commands() {
        let command = Command::decode(&bytes).expect("it was just encoded");
        let _ = ledger.apply(ledger.applied() + 1, &command);
        for run in ledger.runs() {
            records.extend([run.encode(), run.line().encode()]);
        }
    }
    records
}

/// The frames of the backup of a ledger that was used.
fn backup() -> io::Result<Vec<u8>> {
    /// The first line, what stands before a frame's body behind its kind, and what behind it.
    const FRAME: (usize, usize, usize) = ("multibeam-backup 1\n".len(), 4, 8);
    multibeam_fuzz::allow(256 << 20);
    let directory = tempfile::tempdir()?;
    let failed = |error: StoreError| io::Error::other(error.to_string());
    let mut store = Store::open(directory.path()).map_err(failed)?;
    let identity = Identity { node: NodeId(1), group: "east".to_owned() };
    let members = BTreeMap::from([(NodeId(1), Member { address: "http://a:1".to_owned() })]);
    let founding = founding(&members);
    store.found(&identity, &founding.base, &founding.state).map_err(failed)?;
    let first = founding.base.index + 1;
    let entry = |(index, data): (u64, Vec<u8>)| LogEntry {
        index,
        term: 1,
        kind: EntryKind::Command,
        data: data.into(),
    };
    let entries: Vec<LogEntry> = (first..).zip(commands()).map(entry).collect();
    let commit = first + 2;
    let hard = HardState { term: 1, vote: 1, commit };
    store.write(&Write { entries, hard: Some(hard), sync: true }).map_err(failed)?;
    drop(store);
    let mut backup = Vec::new();
    store::backup(directory.path(), &mut backup).map_err(failed)?;
    let mut frames = Vec::new();
    let mut rest = &backup[FRAME.0..];
    while let Some((kind, behind)) = rest.split_first() {
        let (length, behind) = behind.split_at(FRAME.1);
        let length = u32::from_le_bytes(length.try_into().expect("four bytes")) as usize;
        frames.push([&[*kind][..], &behind[..length]].concat());
        rest = &behind[length + FRAME.2..];
    }
    Ok(join(frames.iter().map(Vec::as_slice)))
}

fn link_messages() -> Vec<Vec<u8>> {
    use wire::coordinator_message::Kind as ToWorker;
    use wire::process_news as news;
    use wire::process_order as order;
    use wire::worker_message::Kind as ToCoordinator;
    let run = || "run".to_owned();
    let process = || Some(wire::ProcessId { session: 1, number: 2, incarnation: 3 });
    let attempt = || wire::AttemptId { target: 1, group: 2, number: 3 };
    let processes = vec![wire::RunProcess { run: run(), process: process() }];
    let news = |kind| {
        ToCoordinator::Process(wire::ProcessReport {
            run: run(),
            process: process(),
            news: Some(wire::ProcessNews { kind: Some(kind) }),
        })
    };
    let died = wire::ProcessDied {
        end: Some(wire::ProcessEnd { kind: Some(wire::process_end::Kind::Signal(9)) }),
        last_output: "bye".to_owned(),
    };
    let cause = wire::LossCause { kind: Some(wire::loss_cause::Kind::ProcessDied(died)) };
    let fact = || wire::SessionFact {
        kind: Some(wire::session_fact::Kind::BeforeSuite(wire::BeforeSuite {
            state: 1,
            data: Some(Bytes::from_static(b"data")),
        })),
    };
    let to_coordinator = [
        ToCoordinator::Hello(wire::Hello { processes, ..wire::Hello::default() }),
        ToCoordinator::Heartbeat(wire::Heartbeat { sent_at_us: 7 }),
        ToCoordinator::Prepared(wire::PreparedTarget {
            run: run(),
            target: 1,
            result: Some(wire::prepared_target::Result::Ok(wire::Prepared {
                cluster: Some(wire::ClusterIdentity::default()),
                ..wire::Prepared::default()
            })),
        }),
        ToCoordinator::ClusterReady(wire::ClusterReady::default()),
        ToCoordinator::CleanedUp(wire::CleanedUp {
            process: process(),
            ..wire::CleanedUp::default()
        }),
        news(news::Kind::Fact(fact())),
        news(news::Kind::Started(attempt())),
        news(news::Kind::SpecDone(wire::SpecDone {
            attempt: Some(attempt()),
            state: 1,
            ..wire::SpecDone::default()
        })),
        news(news::Kind::Lost(wire::Lost { attempt: Some(attempt()), cause: Some(cause) })),
    ];
    let order = |kind| {
        ToWorker::Process(wire::ProcessCommand {
            run: run(),
            process: process(),
            order: Some(wire::ProcessOrder { kind: Some(kind) }),
            ..wire::ProcessCommand::default()
        })
    };
    let prepare = wire::Prepare {
        suite: Some(wire::SuiteSpec {
            env: [("NAME".to_owned(), "value".to_owned())].into(),
            ..wire::SuiteSpec::default()
        }),
        limits: Some(wire::Limits::default()),
        ..wire::Prepare::default()
    };
    let to_worker = [
        ToWorker::Welcome(wire::Welcome { epoch: 4 }),
        ToWorker::Prepare(Box::new(prepare)),
        ToWorker::SendCatalog(wire::RunTarget { run: run(), target: 1 }),
        ToWorker::Fact(wire::SessionNews { fact: Some(fact()), ..wire::SessionNews::default() }),
        ToWorker::CleanUp(wire::RunProcess { run: run(), process: process() }),
        ToWorker::Forget(run()),
        order(order::Kind::Start(wire::StartProcess::default())),
        order(order::Kind::HandOut(attempt())),
        order(order::Kind::Stop(1)),
    ];
    let coordinator = to_coordinator.map(|kind| {
        let message = wire::WorkerMessage { number: 1, acknowledged: 2, kind: Some(kind) };
        [vec![0], message.encode_to_vec()].concat()
    });
    let worker = to_worker.map(|kind| {
        let message = wire::CoordinatorMessage { kind: Some(kind), ..Default::default() };
        [vec![1], message.encode_to_vec()].concat()
    });
    coordinator.into_iter().chain(worker).collect()
}

fn reports() -> Vec<Vec<u8>> {
    let place = json!({"FileName": "a_test.go", "LineNumber": 7, "FullStackTrace": "a\n\tb:7"});
    let at = json!({"Order": 1, "Offset": 5, "Time": "2026-01-01T00:00:01.5+01:00"});
    let failure = json!({
        "Message": "expected {{red}}1{{/}} to be 2", "Location": place, "ForwardedPanic": "boom",
        "FailureNodeContext": 1, "FailureNodeType": "It", "FailureNodeLocation": place,
        "FailureNodeContainerIndex": 0, "TimelineLocation": at,
    });
    let progress = json!({
        "Message": "stuck", "ParallelProcess": 1, "RunningInParallel": true,
        "ContainerHierarchyTexts": ["a"], "LeafNodeText": "b", "LeafNodeLocation": place,
        "SpecStartTime": "2026-01-01T00:00:00Z", "CurrentNodeType": "It",
        "CurrentNodeText": "b", "CurrentNodeLocation": place,
        "CurrentNodeStartTime": "2026-01-01T00:00:00Z", "CurrentStepText": "c",
        "CurrentStepLocation": place, "CurrentStepStartTime": "2026-01-01T00:00:00Z",
        "TimelineLocation": at, "CapturedGinkgoWriterOutput": "w", "AdditionalReports": ["r"],
        "Goroutines": [{"ID": 1, "State": "running", "IsSpecGoroutine": true, "Stack": [
            {"Function": "f", "Filename": "a.go", "Line": 3, "Highlight": true,
             "Source": ["x", "y"], "SourceHighlight": 1},
        ]}],
    });
    let spec = json!({
        "ContainerHierarchyTexts": ["[sig-node]", "Pods"],
        "ContainerHierarchyLocations": [place, place],
        "ContainerHierarchyLabels": [["slow"], null],
        "ContainerHierarchySemVerConstraints": [[">1"], []],
        "ContainerHierarchyComponentSemVerConstraints": [{"a": [">1"]}, null],
        "LeafNodeType": "It", "LeafNodeLocation": place, "LeafNodeLabels": ["x"],
        "LeafNodeSemVerConstraints": ["<2"], "LeafNodeComponentSemVerConstraints": {"a": ["<2"]},
        "LeafNodeText": "works", "State": "failed", "StartTime": "2026-01-01T00:00:00Z",
        "EndTime": "2026-01-01T00:00:02Z", "RunTime": 2_000_000_000_i64, "ParallelProcess": 2,
        "Failure": failure, "NumAttempts": 2, "MaxFlakeAttempts": 2, "MaxMustPassRepeatedly": 0,
        "CapturedGinkgoWriterOutput": "one\ntwo\n", "CapturedStdOutErr": "out",
        "ReportEntries": [{"Visibility": "", "Location": place, "Time": "2026-01-01T00:00:01Z",
            "Name": "n", "TimelineLocation": at,
            "Value": {"Representation": "v", "AsJSON": "{\"a\":1}"}}],
        "ProgressReports": [progress],
        "AdditionalFailures": [{"State": "panicked", "Failure": failure}],
        "SpecEvents": [{"SpecEventType": "By", "CodeLocation": place, "TimelineLocation": at,
            "Message": "step", "Duration": 5, "NodeType": "It", "Attempt": 1}],
    });
    let passed = json!({
        "LeafNodeType": "BeforeSuite", "LeafNodeLocation": place, "State": "passed",
        "StartTime": "2026-01-01T00:00:00Z", "EndTime": "2026-01-01T00:00:02Z",
    });
    let suite = json!({
        "SuitePath": "/p", "SuiteDescription": "d", "SuiteLabels": ["l"], "SuiteSucceeded": false,
        "SpecialSuiteFailureReasons": ["r"],
        "PreRunStats": {"TotalSpecs": 3, "SpecsThatWillRun": 2},
        "StartTime": "2026-01-01T00:00:00Z", "EndTime": "2026-01-01T00:01:00Z",
        "RunTime": 60_000_000_000_i64,
        "SuiteConfig": {"RandomSeed": 7, "FocusStrings": ["f"], "ParallelTotal": 2},
        "SpecReports": [spec, passed],
    });
    let before = json!({"State": "passed", "Data": "ZGF0YQ=="});
    let list = json!([suite]);
    [spec, passed, suite, list, before].map(|value| value.to_string().into_bytes()).into()
}
