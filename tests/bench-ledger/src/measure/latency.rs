//! Latency at a quarter of the rate, open loop.

use std::time::Duration;

use super::Bench;
use super::throughput;
use crate::load::{self, Load};
use crate::table::{Table, goal, median, ms};
use crate::{Outcome, note};

/// What 99 of 100 reports stay below.
const GOAL: Duration = Duration::from_millis(20);

/// The shares of reports whose latency is told.
const SHARES: [f64; 4] = [0.5, 0.99, 0.999, 1.0];

/// Prints the table. `measured` is the rate that was reached; a slow machine does not get an easier
/// rate than a quarter of the goal.
pub(crate) async fn measure(bench: &mut Bench, measured: f64) -> Outcome<()> {
    let per_second = measured.max(throughput::GOAL) / 4.0;
    let count = (per_second * bench.plan.latency_seconds.as_secs_f64()) as usize;
    let (mut ours, mut etcd) = (Vec::new(), Vec::new());
    // In turns, so that both see the same machine; what it wrote before may still be on its way to the
    // disk in the first one.
    for round in 1..=bench.plan.rounds {
        note(&format!("latency, round {round}: multibeam"));
        let items = bench.ours.reports(count, &bench.payloads.packed).await?;
        ours.push(load::open(&bench.ours.workers, per_second, items).await?);
        if let Some(yardstick) = &mut bench.yardstick {
            note(&format!("latency, round {round}: etcd"));
            let items = yardstick.pairs(count, &bench.payloads.packed);
            let clients = yardstick.etcd.clients(bench.plan.connections).await?;
            etcd.push(load::open(&clients, per_second, items).await?);
        }
    }
    let columns =
        ["latency", "p50", "p99", "p99.9", "most", "p99 of the best and the worst round", "goal"];
    let mut table = Table::new("Latency at a quarter of that rate", &columns);
    let met = goal("p99 of 20 ms", middle(&ours, 0.99) <= GOAL);
    table.row(&row("multibeam", &ours, met));
    if !etcd.is_empty() {
        table.row(&row("etcd, the same bytes", &etcd, String::new()));
        let ratio = |share| {
            let (ours, etcd) = (middle(&ours, share), middle(&etcd, share));
            format!("{:.2}", ours.as_secs_f64() / etcd.as_secs_f64())
        };
        let cells = std::iter::once("multibeam to etcd".to_owned()).chain(SHARES.map(ratio));
        table.row(&cells.chain([String::new(), String::new()]).collect::<Vec<_>>());
    }
    table.print(&format!(
        "Open loop: {per_second:.0} reports a second leave on schedule for {} s, and the time counts \
         from the moment at which each was due; medians of {} rounds that take turns.",
        bench.plan.latency_seconds.as_secs(),
        bench.plan.rounds,
    ));
    Ok(())
}

/// The median of what the rounds say.
fn middle(rounds: &[Load], share: f64) -> Duration {
    let each = rounds.iter().map(|load| load.quantile(share).as_secs_f64());
    Duration::from_secs_f64(median(each).unwrap_or_default())
}

fn row(name: &str, rounds: &[Load], goal: String) -> [String; 7] {
    let [p50, p99, p999, most] = SHARES.map(|share| ms(middle(rounds, share)));
    let each = || rounds.iter().map(|load| load.quantile(0.99));
    let (best, worst) = (each().min().unwrap_or_default(), each().max().unwrap_or_default());
    let spread = format!("{}, {}", ms(best), ms(worst));
    [name.to_owned(), p50, p99, p999, most, spread, goal]
}
