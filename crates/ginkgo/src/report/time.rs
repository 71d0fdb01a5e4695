//! Go's `time.Time` as its JSON has it: an instant and the offset it was written with.

use std::cmp::Ordering;
use std::fmt;

use jiff::civil::DateTime;
use jiff::fmt::temporal::{Pieces, PiecesOffset};
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An instant with nanoseconds and the offset from UTC it is shown in. Ginkgo prints times in the
/// offset they were recorded with, so the offset is part of the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct GoTime {
    instant: Timestamp,
    offset: Offset,
}

// === impl GoTime ===

impl GoTime {
    /// Go's zero time, 1 January of the year 1, UTC: "never".
    pub fn zero() -> Self {
        let instant = Offset::UTC
            .to_timestamp(DateTime::constant(1, 1, 1, 0, 0, 0, 0))
            .expect("the year 1 is within the range of timestamps");
        Self { instant, offset: Offset::UTC }
    }

    /// A time in UTC from whole seconds and nanoseconds since 1970; `None` outside of the years
    /// 1 to 9999, which JSON cannot carry.
    pub fn from_unix(seconds: i64, nanos: u32) -> Option<Self> {
        let instant = Timestamp::new(seconds, i32::try_from(nanos).ok()?).ok()?;
        let time = Self { instant, offset: Offset::UTC };
        (time.wall().year() >= 1).then_some(time)
    }

    /// Reads RFC 3339 with up to nine digits of a second; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let pieces = Pieces::parse(text).ok()?;
        let offset = match pieces.offset()? {
            PiecesOffset::Zulu => Offset::UTC,
            PiecesOffset::Numeric(numeric) => numeric.offset(),
            _ => return None,
        };
        let wall = pieces.date().to_datetime(pieces.time()?);
        Some(Self { instant: offset.to_timestamp(wall).ok()?, offset })
    }

    /// Whether this is Go's zero time.
    pub fn is_zero(&self) -> bool {
        self.instant == Self::zero().instant
    }

    /// Seconds since 1970 and the nanoseconds after them.
    pub fn to_unix(self) -> (i64, u32) {
        let nanos = self.instant.as_nanosecond();
        let seconds = nanos.div_euclid(1_000_000_000);
        let rest = nanos.rem_euclid(1_000_000_000);
        (
            i64::try_from(seconds).expect("timestamps end with the year 9999"),
            u32::try_from(rest).expect("a remainder is smaller than its divisor"),
        )
    }

    /// Order in time, whatever the offsets.
    pub fn cmp_instant(&self, other: &Self) -> Ordering {
        self.instant.cmp(&other.instant)
    }

    /// Nanoseconds from `earlier` to this time, held at the ends of an `i64` as Go's `Sub` does.
    pub fn since(&self, earlier: &Self) -> i64 {
        let nanos = self.instant.as_nanosecond() - earlier.instant.as_nanosecond();
        i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX })
    }

    /// The time `nanos` nanoseconds later, or the zero time when that leaves the calendar.
    pub fn plus(&self, nanos: i64) -> Self {
        let instant = self.instant.checked_add(SignedDuration::from_nanos(nanos));
        instant.map_or_else(|_| Self::zero(), |instant| Self { instant, offset: self.offset })
    }

    /// What JUnit calls a timestamp: date and time without fraction and offset.
    pub fn junit(&self) -> String {
        let wall = self.wall();
        format!(
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
            wall.year(),
            wall.month(),
            wall.day(),
            wall.hour(),
            wall.minute(),
            wall.second()
        )
    }

    /// Ginkgo's `GINKGO_TIME_FORMAT`: month first, two digits of the year, up to three digits of a
    /// second without trailing zeros.
    pub fn console(&self) -> String {
        let wall = self.wall();
        let mut text = format!(
            "{:02}/{:02}/{:02} {:02}:{:02}:{:02}",
            wall.month(),
            wall.day(),
            wall.year().rem_euclid(100),
            wall.hour(),
            wall.minute(),
            wall.second()
        );
        push_fraction(&mut text, wall.subsec_nanosecond() / 1_000_000, 3);
        text
    }

    fn wall(&self) -> DateTime {
        self.offset.to_datetime(self.instant)
    }
}

/// Appends `.` and the digits of a fraction, without trailing zeros.
fn push_fraction(text: &mut String, fraction: i32, digits: usize) {
    if fraction != 0 {
        let all = format!("{fraction:0digits$}");
        text.push('.');
        text.push_str(all.trim_end_matches('0'));
    }
}

impl Default for GoTime {
    fn default() -> Self {
        Self::zero()
    }
}

impl fmt::Display for GoTime {
    /// RFC 3339 as Go's JSON has it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = self.junit();
        push_fraction(&mut text, self.wall().subsec_nanosecond(), 9);
        f.write_str(&text)?;
        let minutes = self.offset.seconds() / 60;
        if minutes == 0 {
            return f.write_str("Z");
        }
        let sign = if minutes < 0 { '-' } else { '+' };
        write!(f, "{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
    }
}

impl Serialize for GoTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for GoTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            D::Error::custom(format_args!(
                "expected a time such as 2026-01-31T08:00:00Z, got {text:?}"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips_what_go_writes() {
        for text in [
            "0001-01-01T00:00:00Z",
            "2026-11-21T03:03:51.123456789Z",
            "2026-11-21T03:03:51.1+05:30",
            "1969-12-31T23:59:59.000000001-08:00",
        ] {
            assert_eq!(GoTime::parse(text).unwrap().to_string(), text);
        }
        for bad in ["", "2026-11-21", "2026-11-21T03:03:51", "yesterday"] {
            assert_eq!(GoTime::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn shows_the_wall_clock_of_its_offset() {
        let time = GoTime::parse("2026-01-02T23:04:05.120999999-08:00").unwrap();
        assert_eq!(time.junit(), "2026-01-02T23:04:05");
        assert_eq!(time.console(), "01/02/26 23:04:05.12");
        assert_eq!(GoTime::zero().console(), "01/01/01 00:00:00");
    }

    #[test]
    fn differences_stop_at_the_ends_of_a_duration() {
        let now = GoTime::parse("2026-01-02T23:04:05Z").unwrap();
        assert_eq!(now.since(&GoTime::zero()), i64::MAX);
        assert_eq!(GoTime::zero().since(&now), i64::MIN);
        assert_eq!(now.plus(5).since(&now), 5);
        assert_eq!(now.plus(5).to_unix(), (1_767_395_045, 5));
        assert_eq!(GoTime::from_unix(1_767_395_045, 0), Some(now));
        assert!(GoTime::zero().is_zero() && !now.is_zero());
    }
}
