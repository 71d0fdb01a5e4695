//! How long groups take beside what was expected of them.

use std::time::Duration;

/// What groups took that have come to an end, and what they were expected to take.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Record {
    took: Duration,
    expected: Duration,
}

/// The records of a session.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pace {
    parallel: Record,
    serial: Record,
}

// === impl Record ===

impl Record {
    /// A group has come to its end.
    pub(crate) fn note(&mut self, took: Duration, expected: Duration) {
        self.took += took;
        self.expected += expected;
    }

    /// What a group takes for each second that is expected of it, if it was `before` for as much as
    /// `weight`.
    pub(crate) fn ratio(&self, weight: Duration, before: f64) -> f64 {
        let weight = weight.as_secs_f64().max(0.001);
        (self.took.as_secs_f64() + weight * before) / (self.expected.as_secs_f64() + weight)
    }

    fn is_empty(&self) -> bool {
        self.expected.is_zero()
    }
}

// === impl Pace ===

impl Pace {
    /// A group has come to its end.
    pub(crate) fn note(&mut self, serial: bool, took: Duration, expected: Duration) {
        let record = if serial { &mut self.serial } else { &mut self.parallel };
        record.note(took, expected);
    }

    /// What a serial group takes for each second that is expected of it. Before as much of them is
    /// known as `weight`, the parallel ones speak for them; before anything is known, 1.
    pub(crate) fn of_serial(&self, weight: Duration) -> f64 {
        let before = match self.parallel.is_empty() {
            true => 1.0,
            false => self.parallel.ratio(Duration::ZERO, 1.0),
        };
        self.serial.ratio(weight, before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn parallel_groups_speak_for_serial_ones_until_those_are_known() {
        let mut pace = Pace::default();
        assert!((pace.of_serial(s(10)) - 1.0).abs() < 1e-3);
        pace.note(false, s(1), s(10));
        assert!((pace.of_serial(s(10)) - 0.1).abs() < 1e-3);
        pace.note(true, s(20), s(10));
        assert!((pace.of_serial(s(10)) - 1.05).abs() < 1e-3);
    }
}
