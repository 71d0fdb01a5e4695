//! How long things take. Leases and waits are shorter than in production, in the same proportions,
//! so that a whole run with its faults fits into two virtual minutes.

use std::time::Duration;

use multibeam_model::run::{Concurrency, Limits};

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Between two ticks of a node's election clock.
pub(crate) const TICK: Duration = ms(200);
/// Ticks without a leader before an election, from and to.
pub(crate) const ELECTION: (u64, u64) = (6, 12);
/// Ticks between a leader's signs of life.
pub(crate) const HEARTBEAT_TICKS: u32 = 2;
/// How long the coordinator in office may be silent before another one is admitted.
pub(crate) const SILENCE: Duration = ms(7_500);
/// Between two signs of life of the coordinator in office.
pub(crate) const ATTEND: Duration = ms(1_500);
/// How long after the sending of its last answered sign of life a coordinator takes itself to be in
/// office: less than the silence, for clocks that run differently.
pub(crate) const OFFICE: Duration = ms(6_000);
/// Between two tries of a standby.
pub(crate) const CLAIM: Duration = ms(1_200);
/// How often silent workers are looked for.
pub(crate) const LEASE_CHECK: Duration = ms(500);
/// How long a call waits for its answer before the next endpoint is asked.
pub(crate) const CALL: Duration = ms(1_500);
/// How long a worker waits for a welcome or an acknowledgement before it tries another coordinator.
pub(crate) const STREAM: Duration = ms(3_500);
/// How long after the end of all faults a run may take.
pub(crate) const BOUND: Duration = ms(1_200_000);

/// How long the nodes have after the run to come to the same end.
pub(crate) const AFTERWARDS: Duration = ms(8_000);

/// The run's limits.
pub(crate) fn limits(cleanup: bool) -> Limits {
    Limits {
        attempts: 3,
        lease: ms(12_000),
        heartbeat: ms(1_000),
        no_worker: ms(120_000),
        cluster_unready: ms(60_000),
        grace: ms(3_000),
        spec_timeouts: Vec::new(),
        spool: 0,
        cleanup,
        concurrency: Concurrency::default(),
    }
}
