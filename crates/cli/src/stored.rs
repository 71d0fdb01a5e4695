//! A run whose program is gone: its ledger is read where it lies.

use multibeam_aggregator::render::RunJson;
use multibeam_aggregator::services::results_server;
use multibeam_aggregator::{Aggregator, Handle, Store};
use multibeam_model::RunId;
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
    pub record: RunRecord,
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
            eprintln!("  (hint: a coordinator kept this run; --endpoint names it)");
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
        let _ = self.tasks.shutdown(std::time::Duration::from_secs(5)).await;
        close(self.ledger).await;
    }
}

/// Whatever becomes of the command: a ledger that outlives its runtime panics.
async fn close(ledger: Handle) {
    if let Err(error) = ledger.shutdown().await {
        tracing::warn!(%error, "the ledger did not close well");
    }
}

/// The last status of a run, as far as its summary tells.
#[must_use]
pub fn status_of(summary: &RunJson) -> RunStatus {
    let time = |at: &multibeam_ginkgo::report::GoTime| {
        let (seconds, nanos) = at.to_unix();
        Timestamp(seconds.saturating_mul(1_000_000_000).saturating_add(i64::from(nanos)))
    };
    let targets = summary.targets.iter().map(|target| {
        let specs = target.specs.clone().unwrap_or_default();
        let failures = target.failures.iter().map(|failure| Failure {
            attempt: None,
            spec: failure.spec.clone(),
            state: failure.state,
            cluster: ClusterId(0),
            message: String::new(),
        });
        TargetStatus {
            name: target.name.clone(),
            prepared: target.suite.is_some(),
            selected: specs.selected,
            done: specs.states.values().sum(),
            states: specs.states,
            lost_attempts: u32::try_from(target.lost_attempts.len()).unwrap_or(u32::MAX),
            prepared_at: target.started.as_ref().map(time).unwrap_or_default(),
            ended: target.ended.as_ref().map(time),
            failures: failures.collect(),
            verdict: target.verdict,
            ..TargetStatus::default()
        }
    });
    RunStatus {
        run: summary.run.clone(),
        name: summary.name.clone(),
        certified: summary.not_certifiable.is_empty(),
        started: time(&summary.started),
        updated: summary.ended.as_ref().map(time).unwrap_or_default(),
        targets: targets.collect(),
        cancelling: summary.cancelled_by.is_some(),
        verdict: summary.verdict,
        ..RunStatus::default()
    }
}
