//! An aggregator that serves.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use multibeam_aggregator::peers::{PeerConfig, Peers};
use multibeam_aggregator::services::{Forward, group_server, ledger_server, results_server};
use multibeam_aggregator::store::{Acquaintances, Identity};
use multibeam_aggregator::{
    Aggregator, Handle, LedgerError, Limits, Looks, Member, Membership, NodeId, Setup, Store,
    retention,
};
use multibeam_rt::admin::{Latch, Readiness};
use multibeam_rt::metrics::Metrics;
use multibeam_rt::metrics::calls::CallMetrics;
use multibeam_rt::tasks::TaskGroup;
use multibeam_rt::tls::Security;
use multibeam_rt::trace::ExtractLayer;
use tokio::sync::mpsc;

use crate::args::AggregatorServeArgs;
use crate::commands::fail;
use crate::commands::serve::{admin, announce, end, keep_fresh, listen, signals};
use crate::embedded::host_name;
use crate::exit::Exit;
use crate::{connect, roles};

/// Events of other members that may wait for the thread that owns the ledger.
const EVENTS: usize = 1024;

/// How often it is looked whether there is a leader, for probes.
const LEADER_LOOK: Duration = Duration::from_millis(500);

pub(super) async fn run(args: AggregatorServeArgs) -> Result<(), Exit> {
    let readiness = Readiness::new();
    let (serving, led) = (readiness.latch("serving"), readiness.latch("leader"));
    let metrics = Metrics::new("aggregator", env!("CARGO_PKG_VERSION"));
    let admin = admin(args.admin, &readiness, &metrics)?;
    let security = connect::security(&args.tls)?;
    let (mut incoming, bound) = listen(args.listen, &security).await?;
    let node = node(&args)?;
    let (membership, address) = membership(&args, node, bound, &security)?;
    let disk = Store::open(&args.data).map_err(|error| fail(Exit::ENVIRONMENT, &error))?;
    let tasks = TaskGroup::new();
    let spawner = tasks.spawner();
    let (events_tx, events) = mpsc::channel(EVENTS);
    let acquaintances = Acquaintances::open(&args.data);
    let acquaintances = acquaintances.map_err(|error| fail(Exit::ENVIRONMENT, &error))?;
    let config = PeerConfig::new(node, args.group.clone(), address, acquaintances);
    let peers = Peers::new(config, Arc::new(security.clone()), events_tx, spawner.clone());
    let setup = Setup {
        disk,
        identity: Identity { node, group: args.group },
        membership,
        peers: Some((peers.clone(), events)),
        config: Aggregator::config(node),
        limits: Limits::default(),
        looks: Looks::default(),
    };
    let ledger = Aggregator::start(setup).map_err(|error| fail(Exit::ENVIRONMENT, &error))?;
    let dial = security.clone();
    let forward = Forward::new(Arc::new(move |address: &str| {
        dial.channel(address).map_err(|error| tonic::Status::internal(error.to_string()))
    }));
    metrics.register(|registry| ledger.register(registry));
    spawner.spawn("leader watch", watch_leader(ledger.clone(), led));
    if args.keep_days > 0 {
        let keep = Duration::from_secs(u64::from(args.keep_days) * 24 * 60 * 60);
        let drain = spawner.drain();
        let retention = retention::run(ledger.clone(), keep);
        spawner.spawn("retention", async move {
            tokio::select! {
                () = retention => {}
                () = drain.requested() => {}
            }
        });
    }
    let plaintext = matches!(security, Security::Plaintext);
    let calls = metrics.register(CallMetrics::register);
    let router = security
        .server()
        .layer(calls)
        .layer(roles::deadlines())
        .layer(roles::aggregator().accept_plaintext(plaintext))
        .layer(ExtractLayer)
        .add_service(ledger_server(ledger.clone(), Some(forward.clone())))
        .add_service(group_server(ledger.clone(), Some(forward)))
        .add_service(results_server(ledger.clone()))
        .add_service(peers.server());
    keep_fresh(&security, &spawner, &metrics);
    let (cutter, drain) = (incoming.cutter(), spawner.drain());
    spawner.spawn("aggregator", async move {
        let _cutter = cutter;
        let served = router.serve_with_incoming_shutdown(incoming, drain.requested()).await;
        if let Err(error) = served {
            tracing::error!(%error, "the server has ended");
        }
    });
    // Only now: what hangs while it starts has to die of the first signal.
    let mut signals = signals()?;
    announce(bound, args.address_file.as_deref())?;
    tracing::info!(address = %bound, %node, data = %args.data.display(), "aggregator ready");
    serving.ready();
    let cause = tokio::select! {
        asked = signals.asked() => Ok(asked),
        stopped = ledger.stopped() => Err(stopped.map_err(|error| {
            let exit = fail(Exit::ENVIRONMENT, &*error);
            if matches!(*error, LedgerError::Standstill { .. }) {
                // Any thread may hang behind the one that does, those that a drain needs among them.
                std::process::exit(exit.0.into());
            }
            exit
        })),
        panicked = tasks.panicked() => Err(Err(fail(Exit::ENVIRONMENT, &panicked))),
    };
    // The ledger first: what waits is answered, and another member leads before this one is gone.
    let finished = match &cause {
        Ok(_) => ledger.shutdown().await.map_err(|error| fail(Exit::ENVIRONMENT, &*error)),
        Err(_) => Ok(()),
    };
    let ended = end(cause, signals, &serving, tasks).await.and(finished);
    if let Some(admin) = admin {
        admin.shutdown();
    }
    ended
}

/// Keeps the latch as the ledger is: without a leader nothing is answered here.
async fn watch_leader(ledger: Handle, led: Latch) {
    loop {
        match ledger.status().leader {
            Some(_) => led.ready(),
            None => led.unready("no leader"),
        }
        tokio::select! {
            () = tokio::time::sleep(LEADER_LOOK) => {}
            _ = ledger.stopped() => return,
        }
    }
}

/// Which member this is.
fn node(args: &AggregatorServeArgs) -> Result<NodeId, Exit> {
    if !args.node_from_hostname {
        return Ok(NodeId(args.node));
    }
    let host = host_name();
    let digits = host.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    match host[digits..].parse::<u64>() {
        Ok(ordinal) if digits > 0 => Ok(NodeId(ordinal + 1)),
        _ => {
            eprintln!("error: expected a host name that ends with a number, got {host:?}");
            eprintln!("  (hint: --node says which member this is)");
            Err(Exit::INPUT)
        }
    }
}

/// What this member is on a fresh directory, and where the others reach it.
fn membership(
    args: &AggregatorServeArgs,
    node: NodeId,
    bound: SocketAddr,
    security: &Security,
) -> Result<(Membership, String), Exit> {
    if args.join {
        return Ok((Membership::Joining, args.address.clone().unwrap_or_default()));
    }
    let mut members = BTreeMap::new();
    for member in &args.members {
        let address = member.address.clone();
        if members.insert(NodeId(member.node), Member { address }).is_some() {
            eprintln!("error: two founding members have the number {}", member.node);
            return Err(Exit::INPUT);
        }
    }
    if members.is_empty() {
        let scheme = if matches!(security, Security::Plaintext) { "http" } else { "https" };
        let address = args.address.clone().unwrap_or_else(|| format!("{scheme}://{bound}"));
        members.insert(node, Member { address });
    }
    match members.get(&node) {
        Some(own) => {
            let address = own.address.clone();
            Ok((Membership::Founding(members), address))
        }
        None => {
            let known: Vec<String> = members.keys().map(ToString::to_string).collect();
            eprintln!("error: member {node} is none of the founding ones ({})", known.join(", "));
            eprintln!("  (hint: a member that comes later is started with --join)");
            Err(Exit::INPUT)
        }
    }
}
