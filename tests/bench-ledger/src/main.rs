//! Measures the replicated ledger on this machine, beside etcd, and prints Markdown.
//!
//! Three aggregators and three members of etcd run as processes of their own on loopback, with
//! mutual TLS and everything synced; clients are those that workers have. Everything is made in one
//! directory, which goes at the end.

mod etcd;
mod group;
mod load;
mod measure;
mod processes;
mod reports;
mod runs;
mod store;
mod table;
mod workers;

use std::error::Error;
use std::future::pending;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use bytes::Bytes;
use clap::{Parser, ValueEnum};
use tokio::signal::unix::{SignalKind, signal};

use etcd::Etcd;
use group::{Authority, Group, MEMBERS};
use measure::{Bench, Ours, Yardstick};
use runs::Coordinator;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Different reports; they take turns.
const REPORTS: usize = 2_000;

/// The command line.
#[derive(Parser, Debug)]
#[command(about = "Measures the replicated ledger on this machine, beside etcd.")]
struct Args {
    /// What to measure.
    #[arg(value_enum, default_values_t = Measure::ALL)]
    measures: Vec<Measure>,
    /// The program under measurement.
    #[arg(long, value_name = "FILE")]
    multibeam: PathBuf,
    /// Where everything is made, on the disk that is to be measured.
    #[arg(long, value_name = "DIR", default_value_os_t = std::env::temp_dir())]
    dir: PathBuf,
    /// Seconds of each round of the throughput.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Rounds of it, and of the latency.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Seconds of each round of the latency.
    #[arg(long, default_value_t = 10)]
    latency_seconds: u64,
    /// Callers of the closed loop.
    #[arg(long, default_value_t = 512)]
    callers: usize,
    /// Connections that they share.
    #[arg(long, default_value_t = 8)]
    connections: usize,
    /// Times that a leader is killed.
    #[arg(long, default_value_t = 7)]
    kills: usize,
    /// Megabytes of reports that an empty member catches up with.
    #[arg(long, default_value_t = 1000)]
    ledger_mb: u64,
    /// Make that ledger of usual reports, as shipped: seven times as many as of incompressible ones.
    #[arg(long)]
    usual: bool,
    /// Workers that a coordinator hands groups out to.
    #[arg(long, default_value_t = 1_000)]
    workers: usize,
    /// Suite processes of each.
    #[arg(long, default_value_t = 8)]
    slots: u32,
    /// Clusters that they are on.
    #[arg(long, default_value_t = 10)]
    clusters: usize,
    /// Specs of their suite.
    #[arg(long, default_value_t = 100_000)]
    specs: usize,
    /// Hand-outs a second; each rate is measured by itself.
    #[arg(long, value_delimiter = ',', default_value = "250,500,1000,1500")]
    rates: Vec<f64>,
    /// When processes ask for their next group; each is measured by itself.
    #[arg(long, value_delimiter = ',', default_value = "ahead,late")]
    asks: Vec<workers::Asks>,
    /// Aggregators behind them.
    #[arg(long, default_value_t = 1)]
    members: u64,
    /// The seed of the reports.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The program to measure beside; nothing for none.
    #[arg(long, value_name = "FILE", default_value = "etcd")]
    etcd: String,
}

/// One measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Measure {
    /// Committed reports per second.
    Throughput,
    /// Latency at a quarter of that rate.
    Latency,
    /// Time without a leader.
    Leader,
    /// Kills in each step of the group's life while reports arrive; none may be lost.
    Trial,
    /// Growth of the disk, and catching up with what has grown.
    CatchUp,
    /// Hand-outs to many workers, by a coordinator.
    Workers,
}

impl Measure {
    /// In the order in which they are measured.
    const ALL: [Self; 6] =
        [Self::Throughput, Self::Latency, Self::Leader, Self::CatchUp, Self::Trial, Self::Workers];
}

/// How it is measured.
struct Plan {
    seconds: Duration,
    rounds: usize,
    latency_seconds: Duration,
    callers: usize,
    connections: usize,
    kills: usize,
    ledger_bytes: u64,
    usual: bool,
}

/// What is put into the stores.
struct Payloads {
    /// Reports as a suite sends them.
    plain: Vec<Bytes>,
    /// The same as a worker ships them.
    packed: Vec<Bytes>,
    /// As long as the plain ones, and incompressible.
    noise: Vec<Bytes>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error),
    };
    let measured = runtime.block_on(async {
        tokio::select! {
            measured = run(args) => measured,
            () = asked_to_end() => Err("interrupted".into()),
        }
    });
    match measured {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&*error),
    }
}

/// Returns when somebody wants this to end: what was made has to go all the same.
async fn asked_to_end() {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return pending().await };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

fn fail(error: &dyn Error) -> ExitCode {
    eprintln!("error: {error}");
    ExitCode::FAILURE
}

/// Says what is being done; the tables alone go to standard output.
fn note(text: &str) {
    eprintln!("  {text}");
}

async fn run(args: Args) -> Outcome<()> {
    let begun = Instant::now();
    let directory = tempfile::Builder::new().prefix("multibeam-bench-").tempdir_in(&args.dir)?;
    let dir = directory.path();
    let (workers, ledger): (Vec<_>, Vec<_>) =
        args.measures.iter().copied().partition(|it| *it == Measure::Workers);
    if !ledger.is_empty() {
        measure_ledger(&args, ledger, dir).await?;
    }
    if !workers.is_empty() {
        for asks in &args.asks {
            let dir = dir.join(format!("workers-{asks:?}"));
            measure_workers(&args, *asks, &dir).await?;
        }
    }
    println!("\nAll of it took {} s.", begun.elapsed().as_secs());
    Ok(())
}

async fn measure_ledger(args: &Args, measures: Vec<Measure>, dir: &Path) -> Outcome<()> {
    let version = Etcd::version(&args.etcd);
    let yardstick = match &version {
        Some(_) => {
            let pki = Authority::new(dir.join("etcd-pki"))?;
            let etcd = Etcd::start(&args.etcd, &dir.join("etcd"), &pki).await?;
            Some(Yardstick { etcd, keys: 0 })
        }
        None => None,
    };
    let ours = begin(args, &dir.join("group")).await?;
    let mut bench = Bench {
        payloads: Payloads::new(args.seed)?,
        plan: Plan {
            seconds: Duration::from_secs(args.seconds),
            rounds: args.rounds,
            latency_seconds: Duration::from_secs(args.latency_seconds),
            callers: args.callers,
            connections: args.connections,
            kills: args.kills,
            ledger_bytes: args.ledger_mb * 1_000_000,
            usual: args.usual,
        },
        ours,
        yardstick,
    };
    let cpus = std::thread::available_parallelism()?;
    let yardstick = version.map_or("no etcd".to_owned(), |version| format!("etcd {version}"));
    println!(
        "## The replicated ledger\n\n{cpus} processors, three nodes on loopback, {yardstick}."
    );
    let mut rate = 0.0;
    for (n, measure) in measures.into_iter().enumerate() {
        // Each replaces a member, and one has to begin with nothing.
        if n > 0 && matches!(measure, Measure::CatchUp | Measure::Trial) {
            bench.ours = begin(args, &dir.join(format!("group-{n}"))).await?;
        }
        match measure {
            Measure::Throughput => rate = measure::throughput::measure(&mut bench).await?,
            Measure::Latency => measure::latency::measure(&mut bench, rate).await?,
            Measure::Leader => measure::leader::measure(&mut bench).await?,
            Measure::Trial => measure::trial::measure(&mut bench).await?,
            Measure::CatchUp => {
                // What is over would only take memory and disk.
                bench.yardstick = None;
                measure::catch_up::measure(&mut bench).await?;
            }
            Measure::Workers => {}
        }
    }
    Ok(())
}

/// An empty group, and who speaks with it.
async fn begin(args: &Args, dir: &Path) -> Outcome<Ours> {
    let pki = Authority::new(dir.join("pki"))?;
    let group = Group::start(&args.multibeam, &dir.join("members"), &pki, MEMBERS).await?;
    let coordinator = Coordinator::take_office(group.coordinator()?).await?;
    let workers = group.workers(args.connections)?;
    Ok(Ours { group, coordinator, workers, live_bytes: 0 })
}

async fn measure_workers(args: &Args, asks: workers::Asks, dir: &Path) -> Outcome<()> {
    workers::measure(&workers::Plan {
        program: args.multibeam.clone(),
        dir: dir.to_owned(),
        members: args.members,
        workers: args.workers,
        slots: args.slots,
        clusters: args.clusters,
        specs: args.specs,
        rates: args.rates.clone(),
        seconds: Duration::from_secs(args.seconds),
        asks,
        seed: args.seed,
    })
    .await
}

// === impl Payloads ===

impl Payloads {
    fn new(seed: u64) -> Outcome<Self> {
        let reports = reports::usual(seed, REPORTS)?;
        let noise = reports::noise(seed, reports.iter().map(|report| report.plain.len()));
        let (plain, packed) =
            reports.into_iter().map(|it| (it.plain.into(), it.packed.into())).unzip();
        Ok(Self { plain, packed, noise: noise.into_iter().map(Bytes::from).collect() })
    }
}
