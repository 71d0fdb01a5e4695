//! Committed reports per second, closed loop.

use std::time::Duration;

use bytes::Bytes;

use super::Bench;
use crate::load::{self, Load};
use crate::processes::Meter;
use crate::store::Store;
use crate::table::{Table, goal, median, ms};
use crate::{Outcome, note};

/// Reports per second that are wanted.
pub(crate) const GOAL: f64 = 5_000.0;

/// Items by which the rate is guessed, so that each round takes about as long as it should.
const WARM_UP: usize = 2_000;

/// One row.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Case {
    Usual,
    Noise,
    EtcdPacked,
    EtcdPlain,
}

impl Case {
    fn name(self, bench: &Bench) -> String {
        let payloads = &bench.payloads;
        let mean = |all: &[Bytes]| all.iter().map(Bytes::len).sum::<usize>() / all.len().max(1);
        let (plain, packed) = (mean(&payloads.plain), mean(&payloads.packed));
        match self {
            Self::Usual => format!("multibeam, reports of {plain} B, shipped as {packed} B"),
            Self::Noise => format!("multibeam, incompressible reports of {plain} B"),
            Self::EtcdPacked => format!("etcd, the same {packed} B as values"),
            Self::EtcdPlain => format!("etcd, the {plain} B as they are"),
        }
    }
}

struct Round {
    per_second: f64,
    p50: f64,
    p99: f64,
    /// Processor time per item, in microseconds: of the three nodes, and of the client.
    nodes: f64,
    client: f64,
}

/// Prints the table; the median rate of the usual reports comes back.
pub(crate) async fn measure(bench: &mut Bench) -> Outcome<f64> {
    let mut cases = vec![Case::Usual, Case::Noise];
    if bench.yardstick.is_some() {
        cases = vec![Case::Usual, Case::EtcdPacked, Case::Noise, Case::EtcdPlain];
    }
    let mut rounds: Vec<Vec<Round>> = cases.iter().map(|_| Vec::new()).collect();
    let mut counts = vec![WARM_UP; cases.len()];
    // The cases take turns, so that all of them see the same machine. The first turn warms up.
    for turn in 0..=bench.plan.rounds {
        for (place, case) in cases.iter().enumerate() {
            let round = one(bench, *case, counts[place]).await?;
            let name = case.name(bench);
            note(&format!("turn {turn}: {name}: {:.0}/s", round.per_second));
            if turn == 0 {
                let count = round.per_second * bench.plan.seconds.as_secs_f64();
                counts[place] = (count as usize).max(WARM_UP);
            } else {
                rounds[place].push(round);
            }
        }
    }
    Ok(print(bench, &cases, &rounds))
}

async fn one(bench: &mut Bench, case: Case, count: usize) -> Outcome<Round> {
    let callers = bench.plan.callers;
    match case {
        Case::Usual | Case::Noise => {
            let payloads = match case {
                Case::Noise => &bench.payloads.noise,
                _ => &bench.payloads.packed,
            };
            let items = bench.ours.reports(count, payloads).await?;
            timed(&bench.ours.workers, callers, items, bench.ours.group.ids()).await
        }
        Case::EtcdPacked | Case::EtcdPlain => {
            let yardstick = bench.yardstick.as_mut().ok_or("there is no etcd")?;
            let values = match case {
                Case::EtcdPlain => &bench.payloads.plain,
                _ => &bench.payloads.packed,
            };
            let items = yardstick.pairs(count, values);
            let clients = yardstick.etcd.clients(bench.plan.connections).await?;
            timed(&clients, callers, items, yardstick.etcd.ids()).await
        }
    }
}

async fn timed<S: Store>(
    clients: &[S],
    callers: usize,
    items: Vec<S::Item>,
    nodes: Vec<u32>,
) -> Outcome<Round> {
    let nodes = Meter::start(nodes)?;
    let client = Meter::start(vec![std::process::id()])?;
    let load: Load = load::closed(clients, callers, items).await?;
    let each = |used: Duration| used.as_secs_f64() * 1e6 / load.count() as f64;
    Ok(Round {
        per_second: load.per_second(),
        p50: load.quantile(0.5).as_secs_f64(),
        p99: load.quantile(0.99).as_secs_f64(),
        nodes: each(nodes.read()?),
        client: each(client.read()?),
    })
}

fn print(bench: &Bench, cases: &[Case], rounds: &[Vec<Round>]) -> f64 {
    let middle = |place: usize, of: fn(&Round) -> f64| {
        median(rounds[place].iter().map(of)).unwrap_or_default()
    };
    let rate = |case: Case| {
        let place = cases.iter().position(|it| *it == case)?;
        Some(middle(place, |round| round.per_second))
    };
    let usual = rate(Case::Usual).unwrap_or_default();
    let columns = [
        "committed per second",
        "median",
        "multibeam's usual reports to it",
        "p50",
        "p99",
        "CPU per report, three nodes",
        "CPU per report, client",
        "goal",
    ];
    let mut table = Table::new("Throughput", &columns);
    for (place, case) in cases.iter().enumerate() {
        let per_second = middle(place, |round| round.per_second);
        let seconds = |of| ms(Duration::from_secs_f64(middle(place, of)));
        table.row(&[
            case.name(bench),
            format!("{per_second:.0}/s"),
            if *case == Case::Usual { String::new() } else { format!("{:.2}", usual / per_second) },
            seconds(|round| round.p50),
            seconds(|round| round.p99),
            format!("{:.0} us", middle(place, |round| round.nodes)),
            format!("{:.0} us", middle(place, |round| round.client)),
            match case {
                Case::Usual => goal(&format!("{GOAL:.0}/s"), per_second >= GOAL),
                _ => String::new(),
            },
        ]);
    }
    let plan = &bench.plan;
    table.print(&format!(
        "Closed loop: {} callers over {} connections, {} rounds of about {} s that take turns; medians \
         of the rounds. Reports are compressed before the clock runs, as workers do it elsewhere.",
        plan.callers,
        plan.connections,
        plan.rounds,
        plan.seconds.as_secs(),
    ));
    usual
}
