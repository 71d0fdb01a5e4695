//! Latency at a quarter of the rate, open loop.

use std::time::Duration;

use super::Bench;
use super::throughput;
use crate::load::{self, Load};
use crate::table::{Table, goal, ms};
use crate::{Outcome, note};

/// What 99 of 100 reports stay below.
const GOAL: Duration = Duration::from_millis(20);

/// Prints the table. `measured` is the rate that was reached; a slow machine does not get an easier
/// rate than a quarter of the goal.
pub(crate) async fn measure(bench: &mut Bench, measured: f64) -> Outcome<()> {
    let per_second = measured.max(throughput::GOAL) / 4.0;
    let count = (per_second * bench.plan.latency_seconds.as_secs_f64()) as usize;
    let columns = ["latency", "p50", "p99", "p99.9", "most", "goal"];
    let mut table = Table::new("Latency at a quarter of that rate", &columns);
    note("latency: multibeam");
    let items = bench.ours.reports(count, &bench.payloads.packed).await?;
    let ours = load::open(&bench.ours.workers, per_second, items).await?;
    let met = goal("p99 of 20 ms", ours.quantile(0.99) <= GOAL);
    table.row(&row("multibeam", &ours, met));
    if let Some(yardstick) = &mut bench.yardstick {
        note("latency: etcd");
        let items = yardstick.pairs(count, &bench.payloads.packed);
        let clients = yardstick.etcd.clients(bench.plan.connections).await?;
        let etcd = load::open(&clients, per_second, items).await?;
        table.row(&row("etcd, the same bytes", &etcd, String::new()));
        let ratio = |share| {
            let (ours, etcd) = (ours.quantile(share), etcd.quantile(share));
            format!("{:.2}", ours.as_secs_f64() / etcd.as_secs_f64())
        };
        let ratios = [0.5, 0.99, 0.999, 1.0].map(ratio);
        let cells = std::iter::once("multibeam to etcd".to_owned()).chain(ratios);
        table.row(&cells.chain([String::new()]).collect::<Vec<_>>());
    }
    table.print(&format!(
        "Open loop: {per_second:.0} reports a second leave on schedule for {} s, and the time counts \
         from the moment at which each was due.",
        bench.plan.latency_seconds.as_secs(),
    ));
    Ok(())
}

fn row(name: &str, load: &Load, goal: String) -> [String; 6] {
    let at = |share| ms(load.quantile(share));
    [name.to_owned(), at(0.5), at(0.99), at(0.999), at(1.0), goal]
}
