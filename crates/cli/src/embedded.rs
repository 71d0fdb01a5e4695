//! A run in one process: a coordinator, a one-node aggregator, and local workers, which speak gRPC
//! over memory. It is the same code that runs as separate services; only the transport differs.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use multibeam_aggregator::services::{ledger_server, results_server};
use multibeam_aggregator::{Aggregator, Handle, Store};
use multibeam_coordinator::{CoordinatorService, Hub};
use multibeam_history::History;
use multibeam_model::lesson::Lesson;
use multibeam_model::run::{ClusterSpec, RunSpec};
use multibeam_model::status::RunStatus;
use multibeam_model::{RunId, WorkerId};
use multibeam_proto::MAX_MESSAGE_BYTES;
use multibeam_proto::coordinator::v1::SubmitRequest;
use multibeam_proto::coordinator::v1::coordinator_server::CoordinatorServer;
use multibeam_rt::tasks::{Spawner, TaskGroup};
use multibeam_rt::trace::ExtractLayer;
use multibeam_rt::{memory, uds};
use multibeam_worker::agent::{Agent, AgentConfig, Probing, Starts};
use multibeam_worker::metrics::WorkerMetrics;
use multibeam_worker::suite::process::GuardProgram;

use crate::commands::{fail, fail_status};
use crate::exit::Exit;
use crate::follow::{CtrlC, Look, follow};
use crate::place::{RunDirectory, Served};
use crate::{cache, kubeconfigs, roles};

/// How long the parts may take to end.
const GRACE: Duration = Duration::from_secs(20);

/// A run's own coordinator, aggregator, and workers.
#[derive(Debug)]
pub struct Embedded {
    tasks: TaskGroup,
    ledger: Handle,
    /// Clients of the run.
    pub served: Served,
    /// Held for as long as the run is served.
    _socket: uds::SocketFile,
}

/// What to run.
#[derive(Debug)]
pub enum Start {
    /// A new run.
    New(Box<RunSpec>),
    /// One that did not end.
    Resume {
        /// Also when it was cancelled.
        force: bool,
    },
}

impl Embedded {
    /// Starts everything and the run itself; `known` are the durations of earlier runs.
    ///
    /// # Errors
    /// What went wrong was said.
    pub async fn start(
        start: Start,
        directory: &RunDirectory,
        known: History,
    ) -> Result<Self, Exit> {
        let environment = |error: &dyn std::error::Error| fail(Exit::ENVIRONMENT, error);
        let store = Store::open(directory.ledger()).map_err(|error| environment(&error))?;
        let ledger = Aggregator::alone(store).map_err(|error| environment(&error))?;
        let tasks = TaskGroup::new();
        match begin(start, directory, known, &ledger, &tasks.spawner()).await {
            Ok((served, socket)) => Ok(Self { tasks, ledger, served, _socket: socket }),
            Err(exit) => {
                // That is what the user has to know of; a ledger left open would only panic.
                let _ = end(tasks, ledger).await;
                Err(exit)
            }
        }
    }

    /// Shows the run until it ends, or until one of its parts has failed.
    ///
    /// # Errors
    /// What went wrong was said.
    pub async fn follow(&mut self, look: Look) -> Result<RunStatus, Exit> {
        let (ledger, tasks) = (&self.ledger, &self.tasks);
        let run = self.served.run.clone();
        let following = follow(&mut self.served, look, CtrlC::Cancels);
        match unless(failure(ledger, tasks), following).await {
            Ok(followed) => followed,
            Err(exit) => {
                eprintln!(
                    "  (hint: `multibeam run --resume {run}` goes on with it once that is mended)"
                );
                Err(exit)
            }
        }
    }

    /// What its targets have taught, and what `files` gives, when the run is over. A ledger that stands
    /// still holds nobody up for longer than it takes to notice that.
    ///
    /// # Errors
    /// When one of the parts has failed; what went wrong was said.
    pub async fn bring_in<T>(
        &self,
        files: impl Future<Output = T>,
    ) -> Result<(Vec<Lesson>, T), Exit> {
        let ledger = self.ledger.clone();
        // It waits for the ledger's lock.
        let lessons =
            tokio::task::spawn_blocking(move || ledger.read(|ledger| ledger.history().lessons()));
        let all = async { (lessons.await.unwrap_or_default(), files.await) };
        let found = unless(failure(&self.ledger, &self.tasks), all).await;
        found.inspect_err(|_| {
            let run = &self.served.run;
            eprintln!(
                "  (hint: the run is over: `multibeam results {run}` writes its files once that is mended)"
            );
        })
    }

    /// Ends everything. What the ledger has stays.
    ///
    /// # Errors
    /// When a part panicked or the ledger could not be closed.
    pub async fn end(self) -> Result<(), Exit> {
        end(self.tasks, self.ledger).await
    }
}

/// How one of the parts failed, which was said; waits until one does.
async fn failure(ledger: &Handle, tasks: &TaskGroup) -> Exit {
    tokio::select! {
        stopped = ledger.stopped() => match stopped {
            Ok(()) => {
                eprintln!("error: the ledger has stopped");
                Exit::ENVIRONMENT
            }
            Err(error) => fail(Exit::ENVIRONMENT, &*error),
        },
        panicked = tasks.panicked() => fail(Exit::ENVIRONMENT, &panicked),
    }
}

/// What comes of something that needs all parts, unless one fails first.
async fn unless<T>(
    failure: impl Future<Output = Exit>,
    what: impl Future<Output = T>,
) -> Result<T, Exit> {
    tokio::select! {
        done = what => Ok(done),
        exit = failure => Err(exit),
    }
}

/// Starts the servers, submits the run, and starts its workers.
async fn begin(
    start: Start,
    directory: &RunDirectory,
    known: History,
    ledger: &Handle,
    spawner: &Spawner,
) -> Result<(Served, uds::SocketFile), Exit> {
    let environment = |error: &dyn std::error::Error| fail(Exit::ENVIRONMENT, error);
    let alive = alive_file(&directory.alive()).await?;
    let (connector, incoming) = memory::duplex();
    let channel = connector.channel();

    // The hub's first call goes to a server that does not exist yet: the ledger's comes first.
    let (ledger_connector, ledger_incoming) = memory::duplex();
    let ledger_tasks = spawner.clone();
    let ledger_router = memory::server()
        .layer(roles::aggregator())
        .layer(ExtractLayer)
        .add_service(ledger_server(ledger.clone(), None))
        .add_service(results_server(ledger.clone()));
    let drain = ledger_tasks.drain();
    spawner.spawn("aggregator", async move {
        let served = ledger_router.serve_with_incoming_shutdown(ledger_incoming, drain.requested());
        log_end("aggregator", served.await);
    });
    let aggregator = ledger_connector.channel();

    let host = host_name();
    let name = format!("embedded in {host} (pid {})", std::process::id());
    let hub = Hub::start(aggregator.clone().into(), &name, spawner)
        .await
        .map_err(|error| environment(&error))?;
    // The lock on `alive` has shown that no earlier suite process of this run lives.
    let service = CoordinatorService::new(hub, host.clone()).alone().remembering(known);
    let service = CoordinatorServer::new(service)
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .max_encoding_message_size(MAX_MESSAGE_BYTES);
    let router = memory::server()
        .layer(roles::coordinator())
        .add_service(service.clone())
        .add_service(results_server(ledger.clone()));
    let drain = spawner.drain();
    spawner.spawn("coordinator", async move {
        let served = router.serve_with_incoming_shutdown(incoming, drain.requested());
        log_end("coordinator", served.await);
    });

    let listener = uds::listen(&directory.socket()).await.map_err(|error| environment(&error))?;
    let (connections, socket) = listener.into_incoming();
    let router = uds::server()
        .layer(roles::coordinator())
        .add_service(service)
        .add_service(results_server(ledger.clone()));
    let drain = spawner.drain();
    spawner.spawn("control socket", async move {
        let served = router.serve_with_incoming_shutdown(connections, drain.requested());
        log_end("control socket", served.await);
    });

    let (spec, resume_run, force) = match start {
        Start::New(spec) => (*spec, None, false),
        Start::Resume { force } => {
            let spec = stored_spec(ledger, directory)?;
            kubeconfigs::check(&spec)?;
            (spec, Some(directory.name()), force)
        }
    };
    let mut served = Served::over(channel.clone().into(), directory.name());
    let spec_json = serde_json::to_vec(&spec).map_err(|error| environment(&error))?;
    let (spec_json, run) = (spec_json.into(), directory.name());
    let request = SubmitRequest { spec_json, resume_run, force, run };
    let submitted = served.coordinator.submit(request).await;
    served.run = submitted.map_err(|status| fail_status(&status))?.into_inner().run;
    start_workers(&spec, directory, &alive, spawner, &channel, &aggregator, &host)?;
    Ok((served, socket))
}

fn start_workers(
    spec: &RunSpec,
    directory: &RunDirectory,
    alive: &Arc<File>,
    spawner: &Spawner,
    coordinator: &tonic::transport::Channel,
    aggregator: &tonic::transport::Channel,
    host: &str,
) -> Result<(), Exit> {
    let guard = GuardProgram::this_program().map_err(|error| fail(Exit::ENVIRONMENT, &error))?;
    let starts = Starts::of_this_host();
    for cluster in &spec.clusters {
        for number in 1..=cluster.workers {
            let config = worker_config(cluster, number, directory, alive, &guard, &starts, host);
            let agent = Agent::new(config, coordinator.clone().into(), aggregator.clone().into());
            let drain = spawner.drain();
            let name = format!("worker {} {number}", cluster.name);
            spawner.spawn(name, async move {
                if let Err(error) = agent.run(drain.requested()).await {
                    tracing::error!(%error, "a worker has ended");
                }
            });
        }
    }
    Ok(())
}

/// Ends all parts, the ledger last.
async fn end(tasks: TaskGroup, ledger: Handle) -> Result<(), Exit> {
    match tasks.shutdown(GRACE).await {
        Ok(late) if late.is_empty() => {}
        Ok(late) => tracing::warn!(?late, "parts did not end in time"),
        Err(panicked) => return Err(fail(Exit::ENVIRONMENT, &panicked)),
    }
    match tokio::time::timeout(GRACE, ledger.shutdown()).await {
        Ok(closed) => closed.map_err(|error| fail(Exit::ENVIRONMENT, &*error)),
        Err(_) => {
            eprintln!("error: the ledger does not close (hint: does its disk answer?)");
            Err(Exit::ENVIRONMENT)
        }
    }
}

/// The run as it was submitted.
fn stored_spec(ledger: &Handle, directory: &RunDirectory) -> Result<RunSpec, Exit> {
    let record = ledger.record(&RunId(directory.name()));
    let spec = record.and_then(|record| serde_json::from_slice(&record.spec).ok());
    spec.ok_or_else(|| {
        eprintln!("error: the ledger in {} has no such run", directory.path().display());
        eprintln!("  (hint: a run's directory must keep its name and its version of multibeam)");
        Exit::INPUT
    })
}

fn worker_config(
    cluster: &ClusterSpec,
    number: u32,
    directory: &RunDirectory,
    alive: &Arc<File>,
    guard: &GuardProgram,
    starts: &Starts,
    host: &str,
) -> AgentConfig {
    let name = format!("{}-{number}", cluster.name);
    AgentConfig {
        worker: WorkerId(format!("{name}-{}", std::process::id())),
        cluster: cluster.name.clone(),
        kubeconfig: cluster.kubeconfig.as_ref().map(PathBuf::from),
        context: cluster.context.clone(),
        slots: cluster.processes,
        suite: None,
        data: absolute(directory.workers().join(name)),
        cache: cache::directory(),
        guard: guard.clone(),
        starts: starts.clone(),
        host: host.to_owned(),
        probing: Probing::from_environment(),
        alive: Some(Arc::clone(alive)),
        metrics: WorkerMetrics::default(),
    }
}

/// Suite processes have another working directory than this program.
fn absolute(path: PathBuf) -> PathBuf {
    std::path::absolute(&path).unwrap_or(path)
}

/// The host's name, for people.
#[must_use]
pub fn host_name() -> String {
    nix::unistd::gethostname()
        .map_or_else(|_| "localhost".to_owned(), |name| name.to_string_lossy().into_owned())
}

/// Makes sure that no suite process of an earlier program of this run is alive, and gives the file
/// that the new ones hold. A lock belongs to the open file, which every guard inherits.
async fn alive_file(path: &Path) -> Result<Arc<File>, Exit> {
    let failed = |error: std::io::Error| {
        eprintln!("error: cannot lock {}: {error}", path.display());
        Exit::ENVIRONMENT
    };
    let open = || File::options().create(true).append(true).open(path).map_err(failed);
    let probe = open()?;
    let mut told = false;
    // Guards notice the death of their worker at once, and at the end of its lease at the latest.
    loop {
        match probe.try_lock() {
            Ok(()) => break,
            Err(TryLockError::WouldBlock) => {
                if !std::mem::replace(&mut told, true) {
                    eprintln!("waiting for suite processes of this run that are still alive");
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
    }
    drop(probe);
    let held = open()?;
    held.lock_shared().map_err(failed)?;
    Ok(Arc::new(held))
}

fn log_end(what: &str, result: Result<(), tonic::transport::Error>) {
    if let Err(error) = result {
        tracing::error!(%error, "the {what}'s server has ended");
    }
}
