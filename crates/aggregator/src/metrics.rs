//! What a member tells about itself as metrics.

use std::fmt;
use std::time::Duration;

use multibeam_ledger::node::Role;
use multibeam_model::record::AttemptState;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::Handle;

/// From a fast disk to an election, in seconds.
const BUCKETS: [f64; 9] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.2, 1.0, 5.0];

/// How long commits take.
pub(crate) fn commit_times() -> Histogram {
    Histogram::new(BUCKETS)
}

/// Entries of one write.
const ENTRIES: [f64; 10] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];

/// The writes that are synced: how long each takes, and how many entries share it.
#[derive(Clone, Debug)]
pub(crate) struct Writes {
    seconds: Histogram,
    entries: Histogram,
}

impl Default for Writes {
    fn default() -> Self {
        Self { seconds: Histogram::new(BUCKETS), entries: Histogram::new(ENTRIES) }
    }
}

impl Writes {
    pub(crate) fn observe(&self, entries: usize, took: Duration) {
        self.seconds.observe(took.as_secs_f64());
        self.entries.observe(entries as f64);
    }
}

impl Handle {
    /// Registers `ledger_commit_seconds` (from a proposal to its answer), `ledger_write_*` (what is
    /// synced together), `raft_*` (how this member stands in its group), and `ledger_*` (what the
    /// ledger holds).
    pub fn register(&self, registry: &mut Registry) {
        registry.register_with_unit(
            "ledger_commit",
            "Time from a proposal until a majority has it",
            Unit::Seconds,
            self.commit_times(),
        );
        let Writes { seconds, entries } = self.writes();
        registry.register_with_unit(
            "ledger_write",
            "Time of a synced write to this member's disk",
            Unit::Seconds,
            seconds,
        );
        registry.register("ledger_write_entries", "Entries that share a synced write", entries);
        registry.register_collector(Box::new(Standing(self.clone())));
    }
}

/// How a member stands, asked for anew each time.
#[derive(Debug)]
struct Standing(Handle);

impl Collector for Standing {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let status = self.0.status();
        let others = status.members.iter().filter(|member| member.id != status.id);
        let behind =
            others.filter_map(|member| Some(status.commit.saturating_sub(member.matched?)));
        let (mut running, mut ended, mut live, mut lost) = (0, 0, 0, 0);
        self.0.read(|ledger| {
            for run in ledger.runs() {
                *if run.ended.is_some() { &mut ended } else { &mut running } += 1;
                for (_, attempt) in run.attempts() {
                    match attempt.state {
                        AttemptState::Live => live += 1,
                        AttemptState::Lost(_) => lost += 1,
                        AttemptState::Sealed | AttemptState::Returned => {}
                    }
                }
            }
        });
        let voters = status.members.iter().filter(|member| member.votes).count();
        let mut gauge = |name: &str, help: &str, value: u64| {
            let value = i64::try_from(value).unwrap_or(i64::MAX);
            let encoder = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            ConstGauge::new(value).encode(encoder)
        };
        gauge("raft_term", "The term that this member knows of", status.term)?;
        gauge("raft_leads", "Whether this member leads", u64::from(status.role == Role::Leader))?;
        gauge("raft_has_leader", "Whether a leader is known", u64::from(status.leader.is_some()))?;
        gauge("raft_commit_index", "The last entry on a majority's disks", status.commit)?;
        gauge("raft_applied_index", "The last entry in this member's state", status.applied)?;
        let log = (status.last + 1).saturating_sub(status.first);
        gauge("raft_log_entries", "Entries in this member's log", log)?;
        gauge("raft_voters", "Members that vote", voters as u64)?;
        let behind = behind.max().unwrap_or(0);
        gauge("raft_behind_entries", "How far the slowest member is behind the leader", behind)?;
        gauge("ledger_queue_bytes", "Proposals under way", self.0.queued_bytes())?;
        gauge("ledger_runs_under_way", "Runs that have not ended", running)?;
        gauge("ledger_runs_ended", "Ended runs that are kept", ended)?;
        gauge("ledger_attempts_live", "Attempts under way", live)?;
        gauge("ledger_attempts_lost", "Lost attempts of the runs that are kept", lost)
    }
}
