//! The ledger and the results over gRPC.

use crate::common::*;
use multibeam_model::Cause;
use multibeam_model::LossCause;
use multibeam_model::command::{Change, Command, Decision, Refusal, Reply};
use multibeam_model::link::SessionFact;
use multibeam_model::outcome::{ProcessEnd, Verdict};
use multibeam_model::record::{AttemptState, RunRecord};
use multibeam_model::{GroupId, SessionId, SpecState, Timestamp};
use multibeam_proto::aggregator::v1 as wire;
use multibeam_rt::access::Peer;
use multibeam_rt::identity::{Identity, Role};
use tonic::Code;

async fn send(served: &mut Served, commands: &[Command]) -> Result<Vec<Reply>, tonic::Status> {
    let commands = commands.iter().map(|command| command.encode().into()).collect();
    let response = served.ledger_client.report(wire::ReportRequest { commands }).await?;
    let replies = response.into_inner().replies;
    Ok(replies.iter().map(|reply| Reply::decode(reply).unwrap()).collect())
}

async fn fetch(
    served: &mut Served,
    target: Option<u32>,
    file: &str,
) -> Result<String, tonic::Status> {
    let request = wire::FetchRequest { run: run().0, target, file: file.to_owned() };
    let mut stream = served.results.fetch(request).await?.into_inner();
    let mut bytes = Vec::new();
    while let Some(chunk) = stream.message().await? {
        assert!(chunk.data.len() <= multibeam_proto::CHUNK_BYTES);
        bytes.extend_from_slice(&chunk.data);
    }
    Ok(String::from_utf8(bytes).unwrap())
}

/// Group 0 passes, group 1 is lost for good after its first spec, group 3 never begins.
async fn mixed_run(served: &Served) {
    let mut commands = opening();
    commands.extend([
        suite_node(0, "SynchronizedBeforeSuite"),
        hand_out(0, 1, 1),
        report(0, 1, 0, 0, "passed"),
        hand_out(1, 1, 2),
        report(1, 1, 0, 1, "failed"),
        decide(Decision::GiveUp {
            target: TARGET,
            group: GroupId(1),
            cause: LossCause::ProcessDied {
                end: ProcessEnd::Signal(9),
                last_output: "out of memory".to_owned(),
            },
        }),
        decide(Decision::EndTarget {
            target: TARGET,
            verdict: Verdict::Incomplete,
            cause: Some(Cause::Cancelled),
            at: Timestamp(START + 60_000_000_000),
        }),
    ]);
    done(&served.ledger, commands).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_counts_once_however_often_it_is_sent() {
    let mut served = serve().await;
    done(&served.ledger, opening()).await;
    done(&served.ledger, vec![hand_out(1, 1, 2)]).await;
    let (first, second) = (report(1, 1, 0, 1, "passed"), report(1, 1, 1, 2, "passed"));
    assert_eq!(send(&mut served, std::slice::from_ref(&first)).await.unwrap(), [Reply::Done]);
    let again = send(&mut served, &[first.clone(), second.clone()]).await.unwrap();
    assert_eq!(again, [Reply::Duplicate, Reply::Sealed]);
    let again = send(&mut served, &[second, first]).await.unwrap();
    assert_eq!(again, [Reply::Sealed, Reply::Sealed]);
    let record = RunRecord::decode(&read_run(&mut served).await).unwrap();
    let sealed = record.attempt(attempt(1, 1)).unwrap();
    assert_eq!(sealed.state, AttemptState::Sealed);
    assert_eq!(sealed.received.len(), 2);
    let late = report(0, 1, 0, 0, "passed");
    assert_eq!(send(&mut served, &[late]).await.unwrap(), [Reply::Refused(Refusal::Unknown)]);
}

/// The run's record, encoded.
async fn read_run(served: &mut Served) -> bytes::Bytes {
    let request = wire::ReadRunRequest { run: run().0, stale: false };
    served.ledger_client.read_run(request).await.unwrap().into_inner().record
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_only_report() {
    let mut served = serve().await;
    done(&served.ledger, opening()).await;
    let before = read_run(&mut served).await;
    let mixed = [report(0, 1, 0, 0, "passed"), hand_out(0, 1, 1)];
    assert_eq!(send(&mut served, &mixed).await.unwrap_err().code(), Code::PermissionDenied);
    let commands = vec![bytes::Bytes::from_static(&[77, 1, 2])];
    let error = served.ledger_client.report(wire::ReportRequest { commands }).await.unwrap_err();
    assert_eq!(error.code(), Code::InvalidArgument);
    assert_eq!(read_run(&mut served).await, before, "nothing of it was taken");
    served.ledger.shutdown().await.unwrap();
    let error = send(&mut served, &[report(0, 1, 0, 0, "passed")]).await.unwrap_err();
    assert_eq!((error.code(), error.message()), (Code::Unavailable, "the ledger has stopped"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_reports_for_its_own_cluster_only() {
    let worker = |name: &str| Peer::Certified(Identity { role: Role::Worker, name: name.into() });
    let fact = in_run(Change::Fact {
        session: SessionId(0),
        fact: SessionFact::ReportBeforeSuite { state: SpecState::Passed },
    });
    let all =
        [report(0, 1, 0, 0, "passed"), suite_node(0, "SynchronizedBeforeSuite"), fact.clone()];
    for (name, allowed) in [("c1", true), ("c2", false)] {
        let mut served = serve_for(worker(name)).await;
        done(&served.ledger, opening()).await;
        done(&served.ledger, vec![hand_out(0, 1, 1)]).await;
        for command in &all {
            let answer = send(&mut served, std::slice::from_ref(command)).await;
            match allowed {
                true => assert!(!matches!(answer.unwrap()[..], [Reply::Refused(_)])),
                false => assert_eq!(answer.unwrap_err().code(), Code::PermissionDenied),
            }
        }
        // What nobody knows is no secret.
        let unknown = send(&mut served, &[report(3, 1, 0, 3, "passed")]).await.unwrap();
        assert_eq!(unknown, [Reply::Refused(Refusal::Unknown)]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_and_catalogs_are_read() {
    let mut served = serve().await;
    mixed_run(&served).await;
    let list = |mut client: multibeam_proto::aggregator::v1::ledger_client::LedgerClient<_>| async move {
        client.list_runs(wire::ListRunsRequest { stale: false }).await.unwrap().into_inner().runs
    };
    let runs = list(served.ledger_client.clone()).await;
    assert_eq!((runs[0].run.as_str(), runs[0].name.as_str()), (run().0.as_str(), "nightly"));
    assert_eq!((runs[0].state(), runs[0].verdict), (wire::RunState::Running, None));
    done(&served.ledger, vec![decide(Decision::EndRun { at: Timestamp(START) })]).await;
    let runs = list(served.ledger_client.clone()).await;
    assert_eq!(
        (runs[0].state(), runs[0].verdict()),
        (wire::RunState::Ended, wire::Verdict::Incomplete)
    );

    let request = wire::ReadCatalogRequest { run: run().0, target: 0 };
    let mut stream = served.ledger_client.read_catalog(request).await.unwrap().into_inner();
    let mut packed = Vec::new();
    while let Some(chunk) = stream.message().await.unwrap() {
        packed.extend_from_slice(&chunk.data);
    }
    assert_eq!(zstd::stream::decode_all(&packed[..]).unwrap(), admission(&catalog()));
    let request = wire::ReadCatalogRequest { run: run().0, target: 5 };
    let error = served.ledger_client.read_catalog(request).await.unwrap_err();
    assert_eq!(error.code(), Code::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_report_has_every_spec_once_and_says_what_is_missing() {
    let mut served = serve().await;
    mixed_run(&served).await;
    let text = fetch(&mut served, Some(0), "report.json").await.unwrap();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let suite = &value[0];
    let specs: Vec<(String, String, String)> = suite["SpecReports"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|spec| spec["LeafNodeType"] == "It")
        .map(|spec| {
            let field = |value: &serde_json::Value| value.as_str().unwrap_or("").to_owned();
            let message = field(&spec["Failure"]["Message"]);
            (field(&spec["LeafNodeText"]), field(&spec["State"]), message)
        })
        .collect();
    let row = |index: u32, state: &str, message: &str| {
        (spec_name(index), state.to_owned(), message.to_owned())
    };
    assert_eq!(
        specs,
        [
            // Process 1 had group 0, process 2 group 1.
            row(0, "passed", ""),
            row(1, "failed", "expected 1 to be 2"),
            row(
                2,
                "interrupted",
                "interrupted: its suite process died (killed by signal 9); last output: \
                 out of memory"
            ),
            row(3, "skipped", "not run: the run was cancelled"),
            row(4, "pending", ""),
            row(5, "skipped", ""),
        ]
    );
    assert_eq!(suite["SuiteSucceeded"], false);
    assert_eq!(suite["SpecReports"].as_array().unwrap().len(), 7, "and one suite node");
    assert_eq!(
        suite["SpecialSuiteFailureReasons"],
        serde_json::json!([
            "1 spec was lost for good before giving a result",
            "1 spec was not run: the run was cancelled",
        ])
    );
    assert_eq!(suite["SuiteConfig"]["RandomSeed"], 7);
    assert_eq!(suite["SuiteConfig"]["ParallelTotal"], 2);
    assert_eq!(suite["StartTime"], "2026-01-01T00:00:00Z");
    assert_eq!(suite["RunTime"], 60_000_000_000_i64);

    let log = fetch(&mut served, Some(0), "e2e.log").await.unwrap();
    for part in ["e2e test version: v1.36.2", "spec 0 <&>", "out of memory", "FAIL!"] {
        assert!(log.contains(part), "{part}\n{log}");
    }
    let junit = fetch(&mut served, Some(0), "junit_01.xml").await.unwrap();
    assert_eq!(junit.matches("<testcase").count(), 7, "{junit}");
    assert!(junit.contains("status=\"interrupted\""), "{junit}");
    let matrix = fetch(&mut served, None, "junit_matrix.xml").await.unwrap();
    assert!(matrix.contains("[v1.36 / cilium] Zoo suite"), "{matrix}");
}

#[tokio::test(flavor = "multi_thread")]
async fn run_json_sums_up() {
    let mut served = serve().await;
    mixed_run(&served).await;
    let text = fetch(&mut served, None, "run.json").await.unwrap();
    let run: multibeam_aggregator::render::RunJson = serde_json::from_str(&text).unwrap();
    assert_eq!((run.format, run.verdict), (1, Some(Verdict::Incomplete)));
    assert_eq!(run.not_certifiable, ["v1.36 / cilium: incomplete"]);
    let target = &run.targets[0];
    let specs = target.specs.as_ref().unwrap();
    assert_eq!((specs.total, specs.selected, specs.lost, specs.not_run), (6, 4, 1, 1));
    assert_eq!(specs.states.values().sum::<u32>(), 3);
    let suite = target.suite.as_ref().unwrap();
    assert_eq!(
        (suite.digest.as_str(), suite.environment.as_slice()),
        ("abc", &["TOKEN".to_owned()][..])
    );
    assert!(!text.contains("secret"), "{text}");
    assert_eq!(target.failures.len(), 2);
    let lost = &target.lost_attempts[0];
    assert_eq!((lost.attempt.as_str(), lost.last), ("t0g1#1", true));
    assert_eq!(lost.reported.len(), 1);
    assert!(lost.cause.contains("killed by signal 9"), "{}", lost.cause);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_requests_are_told_apart() {
    let mut served = serve().await;
    let error = fetch(&mut served, None, "run.json").await.unwrap_err();
    assert_eq!(error.code(), Code::NotFound);
    mixed_run(&served).await;
    let code = |result: Result<String, tonic::Status>| result.unwrap_err().code();
    assert_eq!(code(fetch(&mut served, Some(0), "../run.json").await), Code::InvalidArgument);
    assert_eq!(code(fetch(&mut served, Some(0), "run.json").await), Code::InvalidArgument);
    assert_eq!(code(fetch(&mut served, Some(9), "e2e.log").await), Code::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_followed_log_tells_what_is_sealed_and_ends_with_the_target() {
    let mut served = serve().await;
    done(&served.ledger, opening()).await;
    done(&served.ledger, vec![hand_out(0, 1, 1), hand_out(1, 1, 2)]).await;
    let request = wire::FollowRequest { run: run().0, target: None, spec: None, until_now: false };
    let mut stream = served.results.follow(request).await.unwrap().into_inner();
    done(&served.ledger, vec![report(1, 1, 0, 1, "passed"), report(0, 1, 0, 0, "passed")]).await;
    let first = stream.message().await.unwrap().unwrap().lines;
    let head = "[v1.36 / cilium] passed [sig-test] Things spec 0 <&> [5.000 seconds]";
    assert_eq!(first, [head, "  some output"], "group 1 is not sealed yet");
    let now = wire::FollowRequest { run: run().0, target: None, spec: None, until_now: true };
    let mut so_far = served.results.follow(now).await.unwrap().into_inner();
    assert_eq!(so_far.message().await.unwrap().unwrap().lines, first);
    assert!(so_far.message().await.unwrap().is_none());
    done(&served.ledger, vec![report(1, 1, 1, 2, "failed")]).await;
    let second = stream.message().await.unwrap().unwrap().lines;
    assert!(second[0].contains("passed [sig-test] Things spec 1"), "{second:?}");
    let third = stream.message().await.unwrap().unwrap().lines;
    assert_eq!(third[1], "  expected 1 to be 2");
    let end = Decision::EndTarget {
        target: TARGET,
        verdict: Verdict::Failed,
        cause: None,
        at: Timestamp(START),
    };
    done(&served.ledger, vec![decide(end)]).await;
    assert!(stream.message().await.unwrap().is_none());

    let request = wire::FollowRequest {
        run: run().0,
        target: Some(0),
        spec: Some("spec 2".to_owned()),
        until_now: false,
    };
    let mut stream = served.results.follow(request).await.unwrap().into_inner();
    assert!(stream.message().await.unwrap().unwrap().lines[0].contains("failed"));
    assert!(stream.message().await.unwrap().is_none());
}
