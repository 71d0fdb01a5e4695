//! The worker's lease, in its own clock: it counts from the moment the last acknowledged heartbeat
//! was *sent*, so it ends before the coordinator, which counts from receipt and adds a margin,
//! gives the worker up.

use std::time::Duration;

use multibeam_model::Moment;

use crate::guard::clock::BootMillis;

/// The time by the clock that leases count in (`CLOCK_BOOTTIME`: it goes on while the host sleeps).
pub(super) fn now() -> Moment {
    Moment(BootMillis::now().0 * 1000)
}

/// When a lease ends whose last acknowledged heartbeat was sent then.
pub(super) fn deadline(sent_at: Moment, lease: Duration) -> BootMillis {
    BootMillis((sent_at + lease).0 / 1000)
}
