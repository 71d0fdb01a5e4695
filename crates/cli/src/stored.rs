//! A run whose program is gone: its ledger is read where it lies.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use multibeam_aggregator::render::{PlannedJson, RunJson};
use multibeam_aggregator::services::results_server;
use multibeam_aggregator::{Aggregator, Handle, Store};
use multibeam_model::RunId;
use multibeam_model::outcome::LossCause;
use multibeam_model::plan::Planned;
use multibeam_model::record::RunRecord;
use multibeam_model::status::{Failure, RunStatus, TargetStatus};
use multibeam_model::{ClusterId, Timestamp};
use multibeam_proto::aggregator::v1::results_client::ResultsClient;
use multibeam_rt::endpoints::Endpoints;
use multibeam_rt::memory;
use multibeam_rt::tasks::TaskGroup;

use crate::commands::fail;
use crate::exit::Exit;
use crate::place::RunDirectory;
use crate::roles;

/// The ledger of one run, open.
#[derive(Debug)]
pub struct Stored {
    tasks: TaskGroup,
    ledger: Handle,
    /// What the ledger has of the run.
    pub record: Arc<RunRecord>,
    /// The files made from it.
    pub results: ResultsClient<Endpoints>,
}

impl Stored {
    /// Opens the ledger of a run.
    ///
    /// # Errors
    /// When it is in use, damaged, or lacks the run.
    pub async fn open(directory: &RunDirectory) -> Result<Self, Exit> {
        if !directory.ledger().is_dir() {
            eprintln!("error: {} has results, and no ledger", directory.path().display());
            eprintln!(
                "  (hint: a coordinator kept this run, and --endpoint names it; `multibeam results` and `multibeam status` show what was written here)"
            );
            return Err(Exit::INPUT);
        }
        let store =
            Store::open(directory.ledger()).map_err(|error| fail(Exit::ENVIRONMENT, &error))?;
        let ledger = Aggregator::alone(store).map_err(|error| fail(Exit::ENVIRONMENT, &error))?;
        let Some(record) = ledger.record(&RunId(directory.name())) else {
            eprintln!(
                "error: the ledger in {} has no run of that name",
                directory.path().display()
            );
            eprintln!("  (hint: a run's directory must keep its name)");
            close(ledger).await;
            return Err(Exit::INPUT);
        };
        let tasks = TaskGroup::new();
        let (connector, incoming) = memory::duplex();
        let router =
            memory::server().layer(roles::aggregator()).add_service(results_server(ledger.clone()));
        let drain = tasks.spawner().drain();
        tasks.spawner().spawn("ledger", async move {
            let _ = router.serve_with_incoming_shutdown(incoming, drain.requested()).await;
        });
        let results = ResultsClient::new(connector.channel().into())
            .max_decoding_message_size(multibeam_proto::MAX_MESSAGE_BYTES);
        Ok(Self { tasks, ledger, record, results })
    }

    /// Closes the ledger.
    pub async fn close(self) {
        let _ = self.tasks.shutdown(Duration::from_secs(5)).await;
        close(self.ledger).await;
    }
}

/// Whatever becomes of the command: a ledger that outlives its runtime panics.
async fn close(ledger: Handle) {
    if let Err(error) = ledger.shutdown().await {
        tracing::warn!(%error, "the ledger did not close well");
    }
}

fn planned(json: PlannedJson) -> Planned {
    let time = |seconds| Duration::try_from_secs_f64(seconds).unwrap_or_default();
    Planned {
        expected: time(json.expected_seconds),
        low: time(json.low_seconds),
        high: time(json.high_seconds),
    }
}

/// The last status of a run, as far as its summary tells. Of one that has not ended it does not tell
/// until when it was at work: [`RunStatus::updated`] is zero then.
#[must_use]
pub fn status_of(summary: &RunJson) -> RunStatus {
    let time = |at: &multibeam_ginkgo::report::GoTime| {
        let (seconds, nanos) = at.to_unix();
        Timestamp(seconds.saturating_mul(1_000_000_000).saturating_add(i64::from(nanos)))
    };
    let resumed = summary.resumed.last().map(time);
    let killed = LossCause::Killed.to_string();
    let targets = summary.targets.iter().map(|target| {
        let (started, ended) = (target.started.as_ref().map(time), target.ended.as_ref().map(time));
        // One that was over before the resume was at work before it alone.
        let resumed = resumed.filter(|resumed| ended.is_none_or(|ended| ended > *resumed));
        let resumed = resumed.filter(|resumed| started.is_some_and(|started| started < *resumed));
        let specs = target.specs.clone().unwrap_or_default();
        let lost = target.lost_attempts.iter().filter(|lost| lost.last);
        let lost: BTreeMap<&str, &str> = lost
            .flat_map(|lost| lost.specs.iter().map(|spec| (spec.as_str(), lost.cause.as_str())))
            .collect();
        let failures = target.failures.iter().map(|failure| Failure {
            attempt: None,
            spec: failure.spec.clone(),
            state: failure.state,
            cluster: ClusterId(0),
            message: lost.get(failure.spec.as_str()).copied().unwrap_or_default().to_owned(),
            lost: lost.get(failure.spec.as_str()).is_some_and(|cause| *cause != killed),
        });
        TargetStatus {
            name: target.name.clone(),
            prepared: target.suite.is_some(),
            // The plan was of the whole.
            planned: target.planned.filter(|_| resumed.is_none()).map(planned),
            selected: specs.selected,
            done: specs.states.values().sum(),
            states: specs.states,
            lost_attempts: u32::try_from(target.lost_attempts.len()).unwrap_or(u32::MAX),
            prepared_at: resumed.or(started).unwrap_or_default(),
            ended,
            failures: failures.collect(),
            verdict: target.verdict,
            ..TargetStatus::default()
        }
    });
    RunStatus {
        run: summary.run.clone(),
        name: summary.name.clone(),
        certified: summary.not_certifiable.is_empty(),
        started: resumed.unwrap_or_else(|| time(&summary.started)),
        resumed: resumed.is_some(),
        updated: summary.ended.as_ref().map(time).unwrap_or_default(),
        targets: targets.collect(),
        cancelling: summary.cancelled_by.is_some(),
        verdict: summary.verdict,
        ..RunStatus::default()
    }
}

/// The status at the end of a run that was watched: what counts by its summary, and what only its
/// events tell. The events of a spec that was lost for good say nothing of how it ended, and those of
/// a run that was taken up again begin there.
#[must_use]
pub fn end_status(summary: &RunJson, watched: &RunStatus) -> RunStatus {
    let mut end = status_of(summary);
    end.warnings.clone_from(&watched.warnings);
    for (target, watched) in end.targets.iter_mut().zip(&watched.targets) {
        target.cause.clone_from(&watched.cause);
        let (specs, nodes): (Vec<&Failure>, Vec<&Failure>) =
            watched.failures.iter().partition(|failure| failure.attempt.is_some());
        let told: BTreeMap<&str, &Failure> =
            specs.into_iter().map(|failure| (failure.spec.as_str(), failure)).collect();
        for failure in &mut target.failures {
            if let Some(told) = told.get(failure.spec.as_str()) {
                failure.message.clone_from(&told.message);
            }
        }
        target.failures.extend(nodes.into_iter().cloned());
    }
    end
}

#[cfg(test)]
mod tests {
    use multibeam_model::outcome::{Cause, SpecState, Verdict};
    use multibeam_model::{AttemptId, GroupId, TargetId};
    use serde_json::json;

    use super::*;

    fn summary() -> RunJson {
        serde_json::from_value(json!({
            "format": 1, "run": "r", "name": "night", "rerunOf": null, "notCertifiable": [],
            "started": "2026-01-01T00:00:00Z", "ended": "2026-01-01T00:00:09Z", "cancelledBy": null,
            "resumed": [], "verdict": "incomplete", "seed": 1, "matrixJunit": false, "cleaned": [],
            "targets": [{
                "name": "t", "dir": "t", "labels": {}, "clusters": ["c"], "verdict": "incomplete",
                "cause": null, "started": null, "ended": null, "suite": null,
                "specs": {
                    "total": 9, "selected": 3, "lost": 1, "notRun": 1, "failedSuiteNodes": 1,
                    "states": {"failed": 1, "interrupted": 1},
                },
                "failures": [
                    {"spec": "fails", "state": "failed"}, {"spec": "hangs", "state": "interrupted"},
                ],
                "sessions": [],
                "lostAttempts": [{
                    "attempt": "t0g1#1", "specs": ["hangs"], "process": "s1p1", "worker": "w",
                    "cluster": "c", "cause": "it ran longer than 3 s", "reported": [], "final": true,
                }],
            }],
        }))
        .unwrap()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp((1_767_225_600 + second) * 1_000_000_000)
    }

    #[test]
    fn a_resumed_run_counts_from_there() {
        let mut summary = summary();
        let time = |text: &str| serde_json::from_value(json!(text)).unwrap();
        let target = &mut summary.targets[0];
        target.started = Some(time("2026-01-01T00:00:01Z"));
        target.ended = Some(time("2026-01-01T00:00:08Z"));
        let planned = json!({"expectedSeconds": 5.0, "lowSeconds": 4.0, "highSeconds": 6.0});
        target.planned = Some(serde_json::from_value(planned).unwrap());
        let status = status_of(&summary);
        assert_eq!((status.started, status.resumed), (at(0), false));
        assert_eq!(status.targets[0].prepared_at, at(1));
        assert!(status.targets[0].planned.is_some());

        summary.resumed = vec![time("2026-01-01T00:00:05Z")];
        let status = status_of(&summary);
        assert_eq!((status.started, status.resumed), (at(5), true));
        assert_eq!(status.targets[0].prepared_at, at(5));
        assert_eq!(status.targets[0].planned, None, "the plan was of the whole");

        summary.targets[0].ended = Some(time("2026-01-01T00:00:04Z"));
        let status = status_of(&summary);
        assert_eq!(status.targets[0].prepared_at, at(1), "it was over before");
    }

    #[test]
    fn what_a_kill_interrupts_is_not_lost_otherwise() {
        let mut summary = summary();
        let lost = |summary: &RunJson| {
            status_of(summary).targets[0].failures.iter().map(|it| it.lost).collect::<Vec<_>>()
        };
        assert_eq!(lost(&summary), [false, true]);
        summary.targets[0].lost_attempts[0].cause = LossCause::Killed.to_string();
        assert_eq!(lost(&summary), [false, false]);
    }

    #[test]
    fn the_end_counts_what_no_event_tells_and_keeps_what_only_events_tell() {
        let failure = |spec: &str, attempt, message: &str| Failure {
            attempt,
            spec: spec.to_owned(),
            state: SpecState::Failed,
            cluster: ClusterId(0),
            message: message.to_owned(),
            lost: false,
        };
        let attempt = AttemptId { target: TargetId(0), group: GroupId(0), number: 1 };
        let watched = RunStatus {
            warnings: vec!["clock skew".to_owned()],
            targets: vec![TargetStatus {
                selected: 3,
                done: 1,
                cause: Some(Cause::Cancelled),
                failures: vec![
                    failure("fails", Some(attempt), "expected 1"),
                    failure("AfterSuite", None, "expected 2"),
                ],
                ..TargetStatus::default()
            }],
            ..RunStatus::default()
        };
        let end = end_status(&summary(), &watched);
        assert_eq!((end.verdict, end.warnings.len()), (Some(Verdict::Incomplete), 1));
        let target = &end.targets[0];
        assert_eq!((target.selected, target.done), (3, 2), "one was not run");
        assert_eq!(target.states[&SpecState::Interrupted], 1);
        assert_eq!(target.cause, Some(Cause::Cancelled));
        let failures = target.failures.iter().map(|it| (it.spec.as_str(), it.message.as_str()));
        assert_eq!(
            failures.collect::<Vec<_>>(),
            [
                ("fails", "expected 1"),
                ("hangs", "it ran longer than 3 s"),
                ("AfterSuite", "expected 2"),
            ]
        );
    }
}
