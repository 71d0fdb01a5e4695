//! The coordinator's clocks.

use multibeam_model::event::{Event, What};
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

    /// Waits until a moment; for ever without one.
    pub(crate) async fn sleep_until(self, moment: Option<Moment>) {
        match moment {
            Some(moment) => {
                tokio::time::sleep_until(self.origin + moment.since(Self::OFFICE)).await;
            }
            None => std::future::pending().await,
        }
    }
}

/// An event that happens now.
pub(crate) fn event(what: What) -> Event {
    Event { at: wall(), what }
}

/// The wall clock, for reports only.
pub(crate) fn wall() -> Timestamp {
    Timestamp(wall_ns())
}
