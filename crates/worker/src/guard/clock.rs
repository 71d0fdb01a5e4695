//! The clock of leases: milliseconds since boot, sleep included, the same for all processes of a
//! host.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// A moment on the boot clock, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct BootMillis(pub u64);

impl BootMillis {
    /// The present moment (CLOCK_BOOTTIME).
    pub fn now() -> Self {
        let now = clock_gettime(ClockId::CLOCK_BOOTTIME).expect("Linux has CLOCK_BOOTTIME");
        Self(u64::try_from(Duration::from(now).as_millis()).expect("boot was not that long ago"))
    }

    /// This moment and `duration`; the end of time at most.
    pub fn after(self, duration: Duration) -> Self {
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(millis))
    }

    /// Time from `now` until this moment; zero when it is over.
    pub fn until(self, now: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(now.0))
    }
}
