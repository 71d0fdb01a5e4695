//! How long nothing is committed after the leader was killed.

use std::time::Duration;

use super::Bench;
use crate::load;
use crate::table::{Table, goal, median, ms};
use crate::{Outcome, note};

/// The median that is wanted.
const GOAL: Duration = Duration::from_millis(1_500);

/// Probes that are ready: more than an election takes.
const PROBES: usize = 1_500;

/// Prints the table.
pub(crate) async fn measure(bench: &mut Bench) -> Outcome<()> {
    let columns = ["from kill -9 to the next commit", "median", "least", "most", "kills", "goal"];
    let mut table = Table::new("Time without a leader", &columns);
    let ours = ours(bench).await?;
    let middle = median(ours.iter().copied()).unwrap_or_default();
    let met = middle <= GOAL.as_secs_f64();
    table.row(&row("multibeam", &ours, goal("median of 1.5 s", met)));
    if bench.yardstick.is_some() {
        let etcd = etcd(bench).await?;
        table.row(&row("etcd, with its default timeouts", &etcd, String::new()));
        let ratio = middle / median(etcd).unwrap_or_default();
        let mut cells = vec!["multibeam to etcd".to_owned(), format!("{ratio:.2}")];
        cells.resize(columns.len(), String::new());
        table.row(&cells);
    }
    table.print(
        "A new report leaves every 20 ms after the kill, over connections that lead to the killed \
         member, and is tried again as workers do it; the time until the first is durable.",
    );
    Ok(())
}

async fn ours(bench: &mut Bench) -> Outcome<Vec<f64>> {
    let mut times = Vec::new();
    for kill in 1..=bench.plan.kills {
        let items = bench.ours.reports(PROBES, &bench.payloads.packed).await?;
        let group = &mut bench.ours.group;
        group.healthy().await?;
        let leader = group.leader().await?;
        // The connections lead to the leader before it dies.
        let workers = group.workers(bench.plan.connections)?;
        let (first, probes) = items.split_at(workers.len());
        load::closed(&workers, workers.len(), first.to_vec()).await?;
        group.member(leader)?.kill()?;
        let time = load::first(&workers, probes.iter().cloned()).await?;
        note(&format!("kill {kill}: multibeam: {}", ms(time)));
        times.push(time.as_secs_f64());
        group.start_member(leader)?;
        group.healthy().await?;
    }
    Ok(times)
}

async fn etcd(bench: &mut Bench) -> Outcome<Vec<f64>> {
    let yardstick = bench.yardstick.as_mut().ok_or("there is no etcd")?;
    let mut times = Vec::new();
    for kill in 1..=bench.plan.kills {
        let items = yardstick.pairs(PROBES, &bench.payloads.packed);
        let leader = yardstick.etcd.leader().await?;
        let clients = yardstick.etcd.clients(bench.plan.connections).await?;
        let (first, probes) = items.split_at(clients.len());
        load::closed(&clients, clients.len(), first.to_vec()).await?;
        yardstick.etcd.kill(leader)?;
        let time = load::first(&clients, probes.iter().cloned()).await?;
        note(&format!("kill {kill}: etcd: {}", ms(time)));
        times.push(time.as_secs_f64());
        yardstick.etcd.restart(leader)?;
        yardstick.etcd.leader().await?;
    }
    Ok(times)
}

fn row(name: &str, times: &[f64], goal: String) -> [String; 6] {
    let cell = |seconds: f64| ms(Duration::from_secs_f64(seconds));
    let least = times.iter().copied().reduce(f64::min).unwrap_or_default();
    let most = times.iter().copied().reduce(f64::max).unwrap_or_default();
    let middle = median(times.iter().copied()).unwrap_or_default();
    [name.to_owned(), cell(middle), cell(least), cell(most), times.len().to_string(), goal]
}
