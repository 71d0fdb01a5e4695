//! The coordinator's clocks.

use multibeam_model::{Moment, Timestamp};
use multibeam_rt::clock::wall_ns;
use tokio::time::Instant;

/// Monotonic time since the hub began; follows tokio's clock, so that tests can pause it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    origin: Instant,
}

impl Clock {
    /// When this coordinator took office, or a moment later.
    pub(crate) const OFFICE: Moment = Moment(0);

    pub(crate) fn start() -> Self {
        Self { origin: Instant::now() }
    }

    pub(crate) fn now(&self) -> Moment {
        let micros = self.origin.elapsed().as_micros();
        Moment(u64::try_from(micros).unwrap_or(u64::MAX))
    }

    /// When a moment is, for timers.
    pub(crate) fn at(&self, moment: Moment) -> Instant {
        self.origin + moment.since(Self::OFFICE)
    }
}

/// The wall clock, for reports only.
pub(crate) fn wall() -> Timestamp {
    Timestamp(wall_ns())
}
