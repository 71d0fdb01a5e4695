//! Many workers at once, each with connections of its own: how long a process waits for its group,
//! which is in the ledger by then, and what that costs.
//!
//! Coordinator and aggregators are the real programs; only the suite processes are made up
//! (`process`). They ask as those of real workers do, or only when they have nothing left: then every
//! request has to be answered at once.

mod office;
mod process;
mod suite;
mod times;
mod worker;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use multibeam_rt::identity::Role;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::group::{Authority, Group, security};
use crate::processes::Meter;
use crate::table::{Table, goal, mb, ms};
use crate::{Outcome, note, reports};
use office::Office;
pub(crate) use process::Asks;
use suite::Suite;
use times::Times;
use worker::{Shared, Worker, hello};

/// What a hand-out may take at the 99th percentile, ...
const GOAL: Duration = Duration::from_millis(5);

/// ... at so many hand-outs and reports a second.
const GOAL_RATE: f64 = 500.0;

/// Different reports; they take turns.
const REPORTS: usize = 500;

/// How long a rate settles before it is measured.
const SETTLE: Duration = Duration::from_secs(4);

/// Workers that connect at the same time.
const CONNECTING: usize = 32;

/// How it is measured.
pub(crate) struct Plan {
    pub(crate) program: PathBuf,
    pub(crate) dir: PathBuf,
    pub(crate) members: u64,
    pub(crate) workers: usize,
    pub(crate) slots: u32,
    pub(crate) clusters: usize,
    pub(crate) specs: usize,
    /// Hand-outs a second.
    pub(crate) rates: Vec<f64>,
    pub(crate) seconds: Duration,
    pub(crate) asks: Asks,
    pub(crate) seed: u64,
}

/// Measures each rate and prints a table.
pub(crate) async fn measure(plan: &Plan) -> Outcome<()> {
    let pki = Authority::new(plan.dir.join("pki"))?;
    note(&format!("starting {} aggregators and a coordinator", plan.members));
    let group = Group::start(&plan.program, &plan.dir.join("group"), &pki, plan.members).await?;
    let office = Office::start(plan, &pki, &group).await?;
    let processes = plan.workers as f64 * f64::from(plan.slots);
    let pace = |rate: f64| Duration::from_secs_f64(processes / rate);
    // First slowly: it is enough that all processes start at once.
    let slowest = plan.rates.iter().copied().fold(GOAL_RATE, f64::min);
    let shared = Arc::new(Shared {
        suite: Suite::new(plan.specs)?,
        reports: reports::usual(plan.seed, REPORTS)?
            .into_iter()
            .map(|report| report.packed.into())
            .collect(),
        times: Times::default(),
        pace: watch::Sender::new(pace(slowest)),
        asks: plan.asks,
    });
    let when = match plan.asks {
        Asks::Ahead => "one group ahead as those of real workers do",
        Asks::Late => "when they have nothing left",
    };
    let mut workers = connect(plan, &pki, &group, &office, &shared).await?;
    let run = office.submit(plan).await?;
    note(&format!("run {run} begins: {processes} processes start"));
    tokio::select! {
        failed = any_end(&mut workers) => return failed,
        measured = measure_all(plan, &group, &office, &shared, pace) => measured?.print(&format!(
            "{} workers with {} processes each, which ask {}, on {} clusters, {} specs; {} \
             aggregator(s) and one coordinator, everything synced, mutual TLS, all on this machine \
             together with the workers. Processor time in parts of one processor.",
            plan.workers, plan.slots, when, plan.clusters, plan.specs, plan.members
        )),
    }
    Ok(())
}

async fn measure_all(
    plan: &Plan,
    group: &Group,
    office: &Office,
    shared: &Shared,
    pace: impl Fn(f64) -> Duration,
) -> Outcome<Table> {
    let mut table = Table::new(
        "Hand-outs to many workers",
        &[
            "asked for",
            "hand-outs/s",
            "p50",
            "p99",
            "reports p50",
            "p99",
            "coordinator",
            "aggregators",
            "workers",
            "coordinator's memory",
            "goal",
        ],
    );
    office.all_busy(plan.workers * plan.slots as usize).await?;
    for &rate in &plan.rates {
        note(&format!("{rate} hand-outs and reports a second"));
        shared.pace.send_replace(pace(rate));
        sleep(SETTLE).await;
        let meter = |ids| Meter::start(ids);
        let (coordinator, aggregators, here) = (
            meter(vec![office.process.id()])?,
            meter(group.ids())?,
            meter(vec![std::process::id()])?,
        );
        let begun = Instant::now();
        shared.times.begin();
        sleep(plan.seconds).await;
        let elapsed = begun.elapsed();
        let (hand_outs, reports) = shared.times.end(elapsed);
        let share = |meter: &Meter| -> Outcome<String> {
            Ok(format!("{:.2}", meter.read()?.as_secs_f64() / elapsed.as_secs_f64()))
        };
        let p99 = hand_outs.quantile(0.99);
        table.row(&[
            format!("{rate:.0}/s"),
            format!("{:.0}", hand_outs.per_second()),
            ms(hand_outs.quantile(0.5)),
            ms(p99),
            ms(reports.quantile(0.5)),
            ms(reports.quantile(0.99)),
            share(&coordinator)?,
            share(&aggregators)?,
            share(&here)?,
            mb(office.process.peak_bytes()?),
            goal(&format!("≤ {}", ms(GOAL)), p99 <= GOAL),
        ]);
    }
    Ok(table)
}

/// Connects all workers; they work from then on.
async fn connect(
    plan: &Plan,
    pki: &Authority,
    group: &Group,
    office: &Office,
    shared: &Arc<Shared>,
) -> Outcome<JoinSet<Outcome<()>>> {
    note(&format!("connecting {} workers", plan.workers));
    let mut workers = JoinSet::new();
    let identities = (0..plan.clusters).map(|n| security(&pki.issue(Role::Worker, &cluster(n))?));
    let identities = identities.collect::<Outcome<Vec<_>>>()?;
    for number in 0..plan.workers {
        let place = number % plan.clusters;
        let hello = hello(number, &cluster(place), plan.slots);
        let coordinator = office.endpoints(&identities[place])?;
        let ledger = group.ledger(&identities[place])?;
        let seed = plan.seed + number as u64;
        workers.spawn(Worker::run(Arc::clone(shared), hello, coordinator, ledger, seed));
        if number % CONNECTING == CONNECTING - 1 {
            office.connected(number + 1).await?;
        }
    }
    office.connected(plan.workers).await?;
    Ok(workers)
}

/// The end of any worker is the end of the measurement.
async fn any_end(workers: &mut JoinSet<Outcome<()>>) -> Outcome<()> {
    match workers.join_next().await {
        Some(ended) => ended?.and(Err("a worker has ended".into())),
        None => Err("there are no workers".into()),
    }
}

fn cluster(number: usize) -> String {
    format!("c{number}")
}
