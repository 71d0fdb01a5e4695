//! Times for people.

use std::time::Duration;

use multibeam_model::time::Timestamp;

/// The wall clock.
#[must_use]
pub fn now() -> Timestamp {
    Timestamp(multibeam_rt::clock::wall_ns())
}

/// The time from `from` to `to`; zero when `to` is earlier, as after a step of the clock.
pub(crate) fn between(from: Timestamp, to: Timestamp) -> Duration {
    let nanos = to.0.saturating_sub(from.0);
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(0))
}

/// `12s`, `3m05s`, `2h07m`, `3d04h`: two units, a width that does not jump.
pub(crate) fn short(time: Duration) -> String {
    let secs = time.as_secs();
    match secs {
        0..60 => format!("{secs}s"),
        60..3_600 => format!("{}m{:02}s", secs / 60, secs % 60),
        3_600..86_400 => format!("{}h{:02}m", secs / 3_600, secs / 60 % 60),
        _ => format!("{}d{:02}h", secs / 86_400, secs / 3_600 % 24),
    }
}

/// Like [`short`], with tenths below a minute: how long a spec took.
pub(crate) fn exact(time: Duration) -> String {
    if time.as_millis() < 59_950 { format!("{:.1}s", time.as_secs_f64()) } else { short(time) }
}

/// Time since the start, for the beginning of a line: `12.3s`, `4m12.3s`, `1h04m12s`.
pub(crate) fn offset(time: Duration) -> String {
    let tenths = u64::try_from(time.as_millis() / 100).unwrap_or(u64::MAX);
    let (secs, tenth) = (tenths / 10, tenths % 10);
    match secs {
        0..60 => format!("{secs}.{tenth}s"),
        60..3_600 => format!("{}m{:02}.{tenth}s", secs / 60, secs % 60),
        _ => format!("{}h{:02}m{:02}s", secs / 3_600, secs / 60 % 60, secs % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_change_at_their_bounds() {
        let at = |secs| short(Duration::from_secs(secs));
        assert_eq!([at(0), at(59), at(60)], ["0s", "59s", "1m00s"]);
        assert_eq!([at(3_599), at(3_600)], ["59m59s", "1h00m"]);
        assert_eq!([at(86_399), at(86_400)], ["23h59m", "1d00h"]);
        assert_eq!(exact(Duration::from_millis(59_949)), "59.9s");
        assert_eq!(exact(Duration::from_millis(59_960)), "59s");
        assert_eq!(offset(Duration::from_millis(12_345)), "12.3s");
        assert_eq!(offset(Duration::from_millis(252_300)), "4m12.3s");
        assert_eq!(offset(Duration::from_secs(3_852)), "1h04m12s");
    }

    #[test]
    fn a_clock_that_steps_back_gives_no_negative_time() {
        assert_eq!(between(Timestamp(5), Timestamp(3)), Duration::ZERO);
        assert_eq!(between(Timestamp(3), Timestamp(5)), Duration::from_nanos(2));
        assert_eq!(between(Timestamp(i64::MIN), Timestamp(i64::MAX)).as_secs(), 9_223_372_036);
    }
}
