//! Each machine's own clock: it began at another time and runs at another rate.

use std::time::Duration;

use multibeam_model::Moment;

/// The clock of one machine, as a function of the true time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    offset: u64,
    /// How many microseconds it gains in a second; negative when it is slow.
    drift: i64,
}

const SECOND: i128 = 1_000_000;

impl Clock {
    pub(crate) fn new(offset: u64, drift: i64) -> Self {
        Self { offset, drift }
    }

    /// What it shows.
    pub(crate) fn at(self, now: Moment) -> Moment {
        let gained = i128::from(now.0) * i128::from(self.drift) / SECOND;
        let shown = i128::from(now.0) + gained + i128::from(self.offset);
        Moment(u64::try_from(shown).unwrap_or(0))
    }

    /// The true time that passes while it counts this.
    pub(crate) fn real(self, counted: Duration) -> Duration {
        let micros = i128::try_from(counted.as_micros()).unwrap_or(0);
        let real = micros * SECOND / (SECOND + i128::from(self.drift)) + 1;
        Duration::from_micros(u64::try_from(real).unwrap_or(0))
    }
}
