//! Kills while reports arrive at a steady rate: none that was answered may be missing afterwards.
//!
//! At this rate the ledger takes in a thousand entries a second, hand-outs included, so every step of a
//! few seconds also sees states written and logs cut (every 10,000 entries).

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::{sleep, timeout};
use tokio::try_join;

use super::Bench;
use crate::group::{Group, MEMBERS};
use crate::load::{self, Load};
use crate::table::{Table, ms};
use crate::{Outcome, note};

/// Reports per second.
const RATE: f64 = 500.0;

/// How long they arrive in each step.
const SECONDS: f64 = 8.0;

/// From the beginning of a step to its first kill.
const BEGIN: Duration = Duration::from_millis(1_500);

/// Between kills that come one after the other: not a divisor of anything.
const BETWEEN: Duration = Duration::from_millis(730);

/// From a change of members to the kill in the midst of it.
const MIDST: Duration = Duration::from_millis(120);

/// How long a step may take until every report is answered.
const PATIENCE: Duration = Duration::from_secs(300);

/// What happens while reports arrive.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// The leader dies, and the next one.
    Election,
    /// Followers die at odd moments: of a write, of a state that is written, of a log that is cut.
    Followers,
    /// All three die at once.
    All,
    /// A member goes, and the leader dies meanwhile.
    Removal,
    /// A new member comes; it dies while it is sent the state, then the leader does.
    Addition,
}

const STEPS: [Step; 5] =
    [Step::Election, Step::Followers, Step::All, Step::Removal, Step::Addition];

/// The member that goes, and the one that comes.
const GONE: u64 = MEMBERS;
const NEW: u64 = MEMBERS + 1;

/// Plays all steps and prints the table.
///
/// # Errors
/// When a report that was answered is missing, or the group does not come to itself.
pub(crate) async fn measure(bench: &mut Bench) -> Outcome<()> {
    let columns = ["kill -9 while 500 reports/s arrive", "reports", "p50", "p99", "longest wait"];
    let mut table = Table::new("Nothing that was answered is lost", &columns);
    let before = sealed(bench).await?;
    let mut sent = 0;
    for step in STEPS {
        note(&format!("trial: {}", step.name()));
        let played = timeout(PATIENCE, step.play(bench)).await;
        let load = played
            .map_err(|_| format!("{}: not over after {} s", step.name(), PATIENCE.as_secs()))??;
        sent += load.count();
        let at = |share| ms(load.quantile(share));
        table.row(&[step.name().into(), load.count().to_string(), at(0.5), at(0.99), at(1.0)]);
    }
    for (node, found) in sealed(bench).await? {
        let earlier = before.get(&node).or_else(|| before.values().next()).copied();
        let expected = earlier.unwrap_or_default() + sent;
        if found != expected {
            let error = format!("member {node} has {found} sealed reports of {expected}");
            return Err(error.into());
        }
    }
    table.print(&format!(
        "The longest wait is that of whoever sent a report just before a kill: workers try again \
         until it is durable. All {sent} reports were answered, and each of the members has all of \
         them, each once.",
    ));
    Ok(())
}

/// How many sealed reports each member has, by its own word after it has caught up.
async fn sealed(bench: &mut Bench) -> Outcome<BTreeMap<u64, usize>> {
    bench.ours.group.healthy().await?;
    let nodes: Vec<u64> = bench.ours.group.members.keys().copied().collect();
    let mut counts = BTreeMap::new();
    for node in nodes {
        let client = bench.ours.group.coordinator_of(node)?;
        counts.insert(node, bench.ours.coordinator.sealed(&client).await?);
    }
    Ok(counts)
}

// === impl Step ===

impl Step {
    fn name(self) -> &'static str {
        match self {
            Self::Election => "the leader, twice",
            Self::Followers => "a follower, five times",
            Self::All => "all three at once",
            Self::Removal => "the leader while a member is removed",
            Self::Addition => "the new member, then the leader, while it is added",
        }
    }

    /// Plays it while reports arrive; returns when all of them are answered.
    async fn play(self, bench: &mut Bench) -> Outcome<Load> {
        let count = (RATE * SECONDS) as usize;
        let items = bench.ours.reports(count, &bench.payloads.packed).await?;
        let workers = bench.ours.group.workers(bench.plan.connections)?;
        let group = &mut bench.ours.group;
        let kills = async {
            sleep(BEGIN).await;
            self.kill(group).await
        };
        let (load, ()) = try_join!(load::open(&workers, RATE, items), kills)?;
        Ok(load)
    }

    async fn kill(self, group: &mut Group) -> Outcome<()> {
        match self {
            Self::Election => {
                for _ in 0..2 {
                    let leader = group.leader().await?;
                    group.member(leader)?.kill()?;
                    group.start_member(leader)?;
                    group.healthy().await?;
                }
            }
            Self::Followers => {
                for _ in 0..5 {
                    let follower = follower(group).await?;
                    group.member(follower)?.kill()?;
                    group.start_member(follower)?;
                    sleep(BETWEEN).await;
                }
            }
            Self::All => {
                for node in 1..=MEMBERS {
                    group.member(node)?.kill()?;
                }
                for node in 1..=MEMBERS {
                    group.start_member(node)?;
                }
            }
            Self::Removal => {
                group.member(GONE)?.kill()?;
                group.members.remove(&GONE);
                let admin = group.admin()?;
                let kill = async {
                    sleep(MIDST).await;
                    restart_leader(group).await
                };
                try_join!(admin.remove(GONE), kill)?;
            }
            Self::Addition => {
                group.start_joining(NEW)?;
                let admin = group.admin()?;
                let kills = async {
                    sleep(MIDST).await;
                    group.member(NEW)?.kill()?;
                    group.start_joining(NEW)?;
                    sleep(MIDST).await;
                    restart_leader(group).await
                };
                try_join!(admin.add(NEW), kills)?;
            }
        }
        group.healthy().await
    }
}

async fn restart_leader(group: &mut Group) -> Outcome<()> {
    let leader = group.leader().await?;
    group.member(leader)?.kill()?;
    match leader {
        NEW => group.start_joining(leader),
        _ => group.start_member(leader),
    }
}

async fn follower(group: &Group) -> Outcome<u64> {
    let leader = group.leader().await?;
    let other = group.members.keys().find(|node| **node != leader);
    Ok(*other.ok_or("there is nobody but the leader")?)
}
