//! A ledger grows, and an empty member catches up with it.

use std::fs;
use std::time::Duration;

use tokio::time::Instant;

use super::Bench;
use crate::group::MEMBERS;
use crate::load;
use crate::processes::disk_bytes;
use crate::table::{Table, goal, mb};
use crate::{Outcome, note};

/// The most memory that a member may need for it.
const GOAL_BYTES: u64 = 256_000_000;

/// Rows of the growth's table.
const SAMPLES: u64 = 5;

/// Reports in one call: the ledger only has to become large.
const AT_ONCE: usize = 16;

/// How long nothing is put in at the end, so that what is tidied up meanwhile shows.
const REST: Duration = Duration::from_secs(15);

const LOOK: Duration = Duration::from_millis(100);

/// The longest that a member may take.
const PATIENCE: Duration = Duration::from_secs(600);

/// Prints both tables.
pub(crate) async fn measure(bench: &mut Bench) -> Outcome<()> {
    grow(bench).await?;
    replace(bench).await
}

async fn grow(bench: &mut Bench) -> Outcome<()> {
    let columns =
        ["reports", "live bytes", "on the disk of one node", "disk to live", "per second"];
    let mut table = Table::new("Growth of the disk", &columns);
    let payloads = match bench.plan.usual {
        true => &bench.payloads.packed,
        false => &bench.payloads.noise,
    };
    let mean = payloads.iter().map(bytes::Bytes::len).sum::<usize>() / payloads.len().max(1);
    let whole = bench.plan.ledger_bytes;
    let mut reports = 0;
    for sample in 1..=SAMPLES {
        let target = whole * sample / SAMPLES;
        let begun = (Instant::now(), reports);
        while bench.ours.live_bytes < target {
            let left = (target - bench.ours.live_bytes) as usize / mean + 1;
            let items = bench.ours.reports(left.min(10_000), payloads).await?;
            reports += items.len();
            let items = items.chunks(AT_ONCE).map(<[_]>::concat).collect();
            load::closed(&bench.ours.workers, bench.plan.callers / AT_ONCE + 1, items).await?;
        }
        let rate = (reports - begun.1) as f64 / begun.0.elapsed().as_secs_f64();
        table.row(&growth(bench, &format!("{reports} more"), &format!("{rate:.0}/s")));
        note(&format!("ledger of {} of {}", mb(bench.ours.live_bytes), mb(whole)));
    }
    tokio::time::sleep(REST).await;
    table.row(&growth(bench, &format!("the same after {} s of rest", REST.as_secs()), ""));
    table.print(
        "Live bytes are the payloads of all reports, as shipped: none of them may go. The disk's are \
         those of the largest of the three nodes, with its log, its state, and what is not tidied up \
         yet. Reports a second include their hand-outs.",
    );
    Ok(())
}

fn growth(bench: &Bench, reports: &str, rate: &str) -> [String; 5] {
    let disks = (1..=MEMBERS).map(|node| disk_bytes(&bench.ours.group.data(node)));
    let (live, disk) = (bench.ours.live_bytes, disks.max().unwrap_or_default());
    let ratio = format!("{:.2}", disk as f64 / live as f64);
    [reports.to_owned(), mb(live), mb(disk), ratio, rate.to_owned()]
}

async fn replace(bench: &mut Bench) -> Outcome<()> {
    let live = bench.ours.live_bytes;
    let group = &mut bench.ours.group;
    group.healthy().await?;
    let leader = group.leader().await?;
    let gone = if leader == MEMBERS { MEMBERS - 1 } else { MEMBERS };
    let new = MEMBERS + 1;
    group.member(gone)?.kill()?;
    group.members.remove(&gone);
    fs::remove_dir_all(group.data(gone))?;
    group.start_joining(new)?;
    let leader_before = group.member(leader)?.forget_peak()?;
    let begun = Instant::now();
    let admin = group.admin()?;
    admin.remove(gone).await?;
    admin.add(new).await?;
    loop {
        let list = group.list().await?;
        let member = list.members.iter().find(|member| member.node == new);
        if member.is_some_and(|member| member.votes && member.matched() >= list.commit) {
            break;
        }
        if begun.elapsed() > PATIENCE {
            return Err("the empty member does not catch up".into());
        }
        tokio::time::sleep(LOOK).await;
    }
    let elapsed = begun.elapsed();
    let columns = ["catching up of an empty member", "", "goal"];
    let mut table = Table::new("Catching up", &columns);
    let rate = live as f64 / 1e6 / elapsed.as_secs_f64();
    let cells = |name: &str, value: String, goal: String| [name.to_owned(), value, goal];
    table.row(&cells("ledger", mb(live), String::new()));
    let time = format!("{:.1} s", elapsed.as_secs_f64());
    table.row(&cells("until it votes and has everything", time, String::new()));
    table.row(&cells("throughput", format!("{rate:.1} MB/s"), String::new()));
    let peak = group.member(new)?.peak_bytes()?;
    let more = group.member(leader)?.peak_bytes()?.saturating_sub(leader_before);
    for (name, bytes) in [("peak memory of the new member", peak), ("more of the leader", more)] {
        table.row(&cells(name, mb(bytes), goal(&mb(GOAL_BYTES), bytes <= GOAL_BYTES)));
    }
    table.row(&cells("memory of the leader before", mb(leader_before), String::new()));
    table.print(
        "One of the three is killed, its directory removed, and a new one takes its place, by \
         `aggregator remove` and `add`. Peaks are of the resident memory (VmHWM); the leader's is what \
         it needed beyond what it had, after a load at its limit, the moment before.",
    );
    Ok(())
}
