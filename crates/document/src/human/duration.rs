//! Durations such as `90s` and `1h30m`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A duration, written like Go's: hours, minutes, seconds and milliseconds in this order, each
/// at most once (`1h30m`, `90s`, `250ms`, `0s`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HumanDuration(pub Duration);

/// What the text of a duration matches, as a JSON schema pattern (with at least two characters).
pub(crate) const PATTERN: &str = "^([0-9]{1,9}h)?([0-9]{1,9}m)?([0-9]{1,9}s)?([0-9]{1,9}ms)?$";

/// Longest run of digits before a unit: 9 digits of hours fit any arithmetic here.
const MAX_DIGITS: usize = 9;

/// Largest unit first.
const UNITS: [(&str, u64); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Why a text is no duration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseDurationError {
    hint: String,
}

// === impl HumanDuration ===

impl HumanDuration {
    /// A whole number of seconds.
    pub const fn from_secs(seconds: u64) -> Self {
        HumanDuration(Duration::from_secs(seconds))
    }
}

impl fmt::Display for HumanDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        if rest == 0 {
            return f.write_str("0s");
        }
        for (unit, millis) in UNITS {
            if rest >= millis {
                write!(f, "{}{unit}", rest / millis)?;
                rest %= millis;
            }
        }
        Ok(())
    }
}

impl FromStr for HumanDuration {
    type Err = ParseDurationError;

    fn from_str(text: &str) -> Result<Self, ParseDurationError> {
        let fail = |hint: String| Err(ParseDurationError { hint });
        let mut rest = text;
        let mut next = 0;
        let mut millis = 0_u64;
        while !rest.is_empty() {
            let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            if digits == 0 {
                return fail("write numbers with units, such as 90s, 5m, or 1h30m".into());
            }
            if digits > MAX_DIGITS {
                return fail(format!("numbers have at most {MAX_DIGITS} digits"));
            }
            let (number, tail) = rest.split_at(digits);
            let length = tail.len() - tail.trim_start_matches(|c: char| c.is_alphabetic()).len();
            let (unit, tail) = tail.split_at(length);
            let number: u64 = number.parse().expect("at most nine ASCII digits");
            let Some(index) = UNITS.iter().position(|(name, _)| *name == unit) else {
                return fail(match unit {
                    "" if tail.starts_with('.') => "write 1h30m instead of 1.5h".into(),
                    "" if tail.is_empty() => {
                        format!("add a unit: {text}s for seconds, {text}m for minutes")
                    }
                    "" => "write numbers with units, such as 90s, 5m, or 1h30m".into(),
                    "d" => format!("write {}h for {number} days", number * 24),
                    _ => "the units are h, m, s, and ms".into(),
                });
            };
            if index < next {
                return fail("write each unit once, the largest first: 1h30m".into());
            }
            next = index + 1;
            millis += number * UNITS[index].1;
            rest = tail;
        }
        if next == 0 {
            return fail("write a number with a unit, such as 90s".into());
        }
        Ok(HumanDuration(Duration::from_millis(millis)))
    }
}

impl Serialize for HumanDuration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for HumanDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

// === impl ParseDurationError ===

impl ParseDurationError {
    /// How to write it.
    pub fn hint(&self) -> &str {
        &self.hint
    }
}

impl fmt::Display for ParseDurationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a duration (hint: {})", self.hint)
    }
}

impl std::error::Error for ParseDurationError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(text: &str) -> u128 {
        text.parse::<HumanDuration>().unwrap().0.as_millis()
    }

    #[test]
    fn reads_units_in_order() {
        assert_eq!(millis("90s"), 90_000);
        assert_eq!(millis("1h30m"), 5_400_000);
        assert_eq!(millis("1h2m3s4ms"), 3_723_004);
        assert_eq!(millis("0s"), 0);
        assert_eq!(millis("999999999h"), 999_999_999 * 3_600_000);
    }

    #[test]
    fn refuses_with_a_hint() {
        for (text, hint) in [
            ("", "such as 90s"),
            ("30", "30s for seconds"),
            ("1.5h", "1h30m"),
            ("2d", "48h"),
            ("5min", "h, m, s, and ms"),
            ("1m1h", "largest first"),
            ("1s1s", "largest first"),
            ("-5s", "with units"),
            ("1 h", "with units"),
            ("5 minutes", "with units"),
            ("1000000000h", "9 digits"),
            ("١s", "with units"),
        ] {
            let error = text.parse::<HumanDuration>().unwrap_err();
            assert!(error.hint().contains(hint), "{text:?}: {error}");
        }
    }

    #[test]
    fn prints_what_it_reads() {
        for text in ["0s", "90ms", "1m30s", "24h", "1h1m1s1ms"] {
            assert_eq!(text.parse::<HumanDuration>().unwrap().to_string(), text);
        }
    }
}
