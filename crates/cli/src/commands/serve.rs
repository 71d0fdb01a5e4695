//! `multibeam coordinator` and `multibeam worker`: services, each in a process of its own.

use std::fs::{File, TryLockError};
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use multibeam_coordinator::{CoordinatorService, Hub, ResultsProxy};
use multibeam_model::WorkerId;
use multibeam_proto::MAX_MESSAGE_BYTES;
use multibeam_proto::aggregator::v1::results_server::ResultsServer;
use multibeam_proto::coordinator::v1::coordinator_server::CoordinatorServer;
use multibeam_rt::admin::{Admin, Latch, Readiness};
use multibeam_rt::drain::{Asked, Signals, drain};
use multibeam_rt::limits;
use multibeam_rt::metrics::Metrics;
use multibeam_rt::metrics::calls::CallMetrics;
use multibeam_rt::tasks::{Spawner, TaskGroup};
use multibeam_rt::tls::{Incoming, Security};
use multibeam_worker::agent::{Agent, AgentConfig, AgentError, Probing, Starts};
use multibeam_worker::metrics::WorkerMetrics;
use multibeam_worker::suite::process::GuardProgram;
use tokio::net::TcpListener;

use super::fail;
use crate::args::{CoordinatorArgs, WorkerArgs};
use crate::embedded::host_name;
use crate::exit::Exit;
use crate::{cache, connect, roles};

/// Serves runs, as soon as no other coordinator does.
pub(super) async fn coordinator(args: CoordinatorArgs) -> Result<(), Exit> {
    let readiness = Readiness::new();
    let (serving, office) = (readiness.latch("serving"), readiness.latch("office"));
    let metrics = Metrics::new("coordinator", env!("CARGO_PKG_VERSION"));
    let admin = admin(args.admin, &readiness, &metrics)?;
    let security = connect::security(&args.tls)?;
    let (mut incoming, address) = listen(args.listen, &security).await?;
    let aggregator = connect::endpoints_by(&args.aggregator, &security)?;
    let tasks = TaskGroup::new();
    keep_fresh(&security, &tasks.spawner(), &metrics);
    let host = host_name();
    let name = args.name.unwrap_or_else(|| format!("{address} on {host}"));
    let spawner = tasks.spawner();
    let hub = Hub::stand_by(aggregator.clone(), name, host.clone(), args.take_over, &spawner);
    metrics.register(|registry| hub.register(registry));
    let (mut standing, drain) = (hub.clone(), spawner.drain());
    spawner.spawn("office watch", async move {
        let drained = drain.requested();
        tokio::pin!(drained);
        loop {
            tokio::select! {
                stands_by = standing.standing() => match stands_by {
                    None => office.ready(),
                    Some(who) => office.unready(format!("standing by; in office: {who}")),
                },
                () = &mut drained => return,
            }
        }
    });
    let service = CoordinatorServer::new(CoordinatorService::new(hub, host))
        .max_decoding_message_size(MAX_MESSAGE_BYTES)
        .max_encoding_message_size(MAX_MESSAGE_BYTES);
    let plaintext = matches!(security, Security::Plaintext);
    let calls = metrics.register(CallMetrics::register);
    let router = security
        .server()
        .layer(calls)
        .layer(roles::deadlines())
        .layer(roles::coordinator().accept_plaintext(plaintext))
        .add_service(service)
        .add_service(
            ResultsServer::new(ResultsProxy::new(aggregator, tasks.spawner()))
                .max_encoding_message_size(MAX_MESSAGE_BYTES),
        );
    let (cutter, drain) = (incoming.cutter(), tasks.spawner().drain());
    tasks.spawner().spawn("coordinator", async move {
        let _cutter = cutter;
        let served = router.serve_with_incoming_shutdown(incoming, drain.requested()).await;
        if let Err(error) = served {
            tracing::error!(%error, "the server has ended");
        }
    });
    // Only now: what hangs while it starts has to die of the first signal.
    let mut signals = signals()?;
    announce(address, args.address_file.as_deref())?;
    tracing::info!(%address, "coordinator ready");
    serving.ready();
    let cause = tokio::select! {
        asked = signals.asked() => Ok(asked),
        panicked = tasks.panicked() => Err(Err(fail(Exit::ENVIRONMENT, &panicked))),
    };
    let ended = end(cause, signals, &serving, tasks).await;
    if let Some(admin) = admin {
        admin.shutdown();
    }
    ended
}

/// Makes sure that no other worker uses the directory for as long as the file is open: each would
/// take the other's kubeconfig and processes for its own.
fn own_directory(data: &Path) -> Result<File, Exit> {
    let failed = |error: io::Error| {
        eprintln!("error: cannot use {}: {error}", data.display());
        Exit::ENVIRONMENT
    };
    std::fs::create_dir_all(data).map_err(failed)?;
    let path = data.join("lock");
    let file = File::options().create(true).append(true).open(path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            eprintln!("error: another worker uses the directory {}", data.display());
            eprintln!("  (hint: give every worker a directory of its own with --data)");
            Err(Exit::INPUT)
        }
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// Offers suite processes. A worker that was given up comes back as a new one.
pub(super) async fn worker(args: WorkerArgs) -> Result<(), Exit> {
    let readiness = Readiness::new();
    let serving = readiness.latch("serving");
    let metrics = Metrics::new("worker", env!("CARGO_PKG_VERSION"));
    let admin = admin(args.admin, &readiness, &metrics)?;
    let security = connect::security(&args.tls)?;
    let coordinator = connect::endpoints_by(&args.coordinator, &security)?;
    let aggregator = connect::endpoints_by(&args.aggregator, &security)?;
    let tasks = TaskGroup::new();
    keep_fresh(&security, &tasks.spawner(), &metrics);
    let guard = GuardProgram::this_program().map_err(|error| fail(Exit::ENVIRONMENT, &error))?;
    let starts = Starts::of_this_host();
    let host = host_name();
    let data = args.data.clone();
    let data = data.unwrap_or_else(|| format!("worker-{}", args.cluster).into());
    let _own = own_directory(&data)?;
    let counted = WorkerMetrics::default();
    metrics.register(|registry| counted.register(registry, data.clone()));
    let mut signals = signals()?;
    let end = async move {
        let asked = signals.asked().await;
        tracing::info!(%asked, "ending");
    };
    tokio::pin!(end);
    serving.ready();
    for start in 1u32.. {
        let config = AgentConfig {
            worker: WorkerId(format!("{}-{host}-{}-{start}", args.cluster, std::process::id())),
            cluster: args.cluster.clone(),
            kubeconfig: args.kubeconfig.clone(),
            context: args.context.clone(),
            slots: args.processes,
            suite: args.suite.clone(),
            data: std::path::absolute(&data).unwrap_or_else(|_| data.clone()),
            cache: cache::directory(),
            guard: guard.clone(),
            starts: starts.clone(),
            host: host.clone(),
            probing: Probing::from_environment(),
            alive: None,
            metrics: counted.clone(),
        };
        tracing::info!(worker = %config.worker, cluster = config.cluster, "worker starts");
        let agent = Agent::new(config, coordinator.clone(), aggregator.clone());
        match agent.run(&mut end).await {
            Ok(()) => break,
            Err(error @ AgentError::Refused(_)) => return Err(fail(Exit::INPUT, &error)),
            Err(error @ AgentError::GivenUp(_)) => {
                tracing::warn!(%error, "starting anew");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
    serving.unready("ending");
    let ended = tasks.shutdown(limits::DRAIN_GRACE).await;
    if let Some(admin) = admin {
        admin.shutdown();
    }
    ended.map(drop).map_err(|panicked| fail(Exit::ENVIRONMENT, &panicked))
}

pub(super) async fn listen(
    address: SocketAddr,
    security: &Security,
) -> Result<(Incoming, SocketAddr), Exit> {
    security.check_listen(address).map_err(|error| fail(Exit::INPUT, &error))?;
    let failed = |error: io::Error| {
        eprintln!("error: cannot listen on {address}: {error}");
        Exit::ENVIRONMENT
    };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((security.incoming(listener), bound))
}

/// Says where a service is to be found. Whoever waits for the file never sees half of it.
pub(super) fn announce(address: SocketAddr, file: Option<&Path>) -> Result<(), Exit> {
    let Some(file) = file else { return Ok(()) };
    let unfinished = file.with_extension("part");
    let written = std::fs::write(&unfinished, format!("{address}\n"))
        .and_then(|()| std::fs::rename(&unfinished, file));
    written.map_err(|error| {
        eprintln!("error: cannot write {}: {error}", file.display());
        Exit::ENVIRONMENT
    })
}

/// Changed certificates come into use without a restart, and at once on SIGHUP, which would end a
/// program that does not listen to it.
pub(super) fn keep_fresh(security: &Security, spawner: &Spawner, metrics: &Metrics) {
    if let Some(credentials) = security.credentials() {
        credentials.keep_fresh(spawner);
        metrics.register(|registry| credentials.register(registry));
    }
}

/// The pages for operators and probes, if they are wanted.
pub(super) fn admin(
    address: Option<SocketAddr>,
    readiness: &Readiness,
    metrics: &Metrics,
) -> Result<Option<Admin>, Exit> {
    let start = |address| Admin::start(address, readiness.clone(), metrics.clone());
    address.map(start).transpose().map_err(|error| fail(Exit::ENVIRONMENT, &error))
}

/// The signals that end a service.
pub(super) fn signals() -> Result<Signals, Exit> {
    Signals::new().map_err(|error| {
        eprintln!("error: cannot wait for signals: {error}");
        Exit::ENVIRONMENT
    })
}

/// Ends a service that was asked to, or one that cannot go on, whose result is known already.
pub(super) async fn end(
    cause: Result<Asked, Result<(), Exit>>,
    mut signals: Signals,
    serving: &Latch,
    tasks: TaskGroup,
) -> Result<(), Exit> {
    match cause {
        Ok(asked) => {
            let ended = drain(asked, &mut signals, serving, tasks, limits::DRAIN_GRACE).await;
            ended.map(|_| ()).map_err(|panicked| fail(Exit::ENVIRONMENT, &panicked))
        }
        Err(result) => {
            let _ = tasks.shutdown(limits::DRAIN_GRACE).await;
            result
        }
    }
}
