//! The coordinator's clocks.

use std::time::{SystemTime, UNIX_EPOCH};

use multibeam_model::{Moment, Timestamp};
use tokio::time::Instant;

/// Monotonic time since the hub began; follows tokio's clock, so that tests can pause it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    origin: Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { origin: Instant::now() }
    }

    pub(crate) fn now(&self) -> Moment {
        let micros = self.origin.elapsed().as_micros();
        Moment(u64::try_from(micros).unwrap_or(u64::MAX))
    }

    /// When a moment is, for timers.
    pub(crate) fn at(&self, moment: Moment) -> Instant {
        self.origin + moment.since(Moment(0))
    }
}

/// The wall clock, for reports only.
pub(crate) fn wall() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}
