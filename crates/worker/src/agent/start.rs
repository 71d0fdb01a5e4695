//! How a suite process is started: its server, its arguments, its environment.

use multibeam_ginkgo::argv::Process;
use multibeam_ginkgo::catalog::{Catalog, SerialIndex};
use multibeam_model::GroupId;
use multibeam_rt::tasks::TaskGroup;
use tokio::sync::mpsc;

use super::process::Context;
use crate::metrics::SPOOL;
use crate::suite::process::{self, Handle, Launch};
use crate::suite::server::{Incoming, Server};

/// Tells a suite process its target's name, unless the run file sets it.
const TARGET_VARIABLE: &str = "MULTIBEAM_TARGET";

/// Tells a suite process its cluster's name, unless the run file sets it.
const CLUSTER_VARIABLE: &str = "MULTIBEAM_CLUSTER";

/// A process that was started.
pub(super) struct Started {
    pub(super) handle: Handle,
    pub(super) requests: mpsc::Receiver<Incoming>,
    /// Dropping it ends the server.
    _server: TaskGroup,
}

/// Binds the process's server and starts the process. The error is for people.
pub(super) async fn start(context: &Context) -> Result<Started, String> {
    let directory = &context.directory;
    let reports = directory.join("reports");
    std::fs::create_dir_all(&reports)
        .map_err(|error| format!("cannot make {}: {error}", reports.display()))?;
    let server = Server::bind().await.map_err(|error| format!("no port on loopback: {error}"))?;
    let number = context.process.number.0;
    let args = arguments(context, &server.urls().of(number), &reports.to_string_lossy())?;
    let target = &context.target;
    let lease = *context.lease.borrow();
    let mut launch =
        Launch::new(&target.binary, &target.directory, &directory.join(SPOOL), lease).args(args);
    launch.spool_limit = target.limits.spool;
    launch.name = context.mark.as_ref().map(|mark| mark.argv0(&target.binary).into());
    launch.alive = context.alive.clone();
    launch = launch.env(TARGET_VARIABLE, &target.name).env(CLUSTER_VARIABLE, &context.cluster_name);
    if let Some(cluster) = &context.cluster {
        launch = launch.env("KUBECONFIG", cluster.kubeconfig());
    }
    for (name, value) in &target.suite.env {
        launch = launch.env(name, value);
    }
    let handle = process::spawn(&context.guard, launch).await.map_err(|error| error.to_string())?;
    let (requests_tx, requests) = mpsc::channel(16);
    let tasks = TaskGroup::new();
    let name = format!("server of {}", context.process);
    tasks.spawner().spawn(name, server.run(requests_tx, std::future::pending()));
    Ok(Started { handle, requests, _server: tasks })
}

fn arguments(context: &Context, host: &str, reports: &str) -> Result<Vec<String>, String> {
    let target = &context.target;
    let catalog = &target.catalog;
    let first = context.process.number.is_first();
    let not_here = if first {
        let share = context.start.serial_share.iter();
        let share = share.filter_map(|group| serial_index(catalog, *group)).collect();
        catalog.skip_all_serial_but(&share).map_err(|error| error.to_string())?
    } else {
        Vec::new()
    };
    Ok(target.options.process(&Process {
        process: context.process.number.0,
        total: context.start.total,
        host,
        seed: catalog.seed,
        randomize_all: catalog.randomize_all,
        filters: &catalog.filters,
        not_here: &not_here,
        output_directory: Some(reports),
    }))
}

/// Serial groups count on after the parallel ones.
fn serial_index(catalog: &Catalog, group: GroupId) -> Option<SerialIndex> {
    let parallel = u32::try_from(catalog.groups.len()).ok()?;
    group.0.checked_sub(parallel).map(SerialIndex)
}
