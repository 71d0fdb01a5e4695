//! Sizes such as `64MiB`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A number of bytes, written with one binary unit: `512B`, `64KiB`, `64MiB`, `2GiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(pub u64);

/// What the text of a size matches, as a JSON schema pattern.
pub(crate) const PATTERN: &str = "^[0-9]{1,9}(B|KiB|MiB|GiB)$";

/// Longest run of digits: 9 digits of GiB still fit 64 bits.
const MAX_DIGITS: usize = 9;

/// Largest unit first.
const UNITS: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// Why a text is no size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseSizeError {
    hint: String,
}

// === impl ByteSize ===

impl ByteSize {
    /// A whole number of MiB.
    pub const fn from_mib(mib: u64) -> Self {
        ByteSize(mib << 20)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, bytes) = UNITS
            .into_iter()
            .find(|(_, b)| self.0 >= *b && self.0.is_multiple_of(*b))
            .unwrap_or(("B", 1));
        write!(f, "{}{unit}", self.0 / bytes)
    }
}

impl FromStr for ByteSize {
    type Err = ParseSizeError;

    fn from_str(text: &str) -> Result<Self, ParseSizeError> {
        let fail = |hint: String| Err(ParseSizeError { hint });
        let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        if digits == 0 {
            return fail("write a number with a unit, such as 64MiB".into());
        }
        if digits > MAX_DIGITS {
            return fail(format!("numbers have at most {MAX_DIGITS} digits"));
        }
        let (number, unit) = text.split_at(digits);
        match UNITS.iter().find(|(name, _)| *name == unit) {
            Some((_, bytes)) => {
                let number: u64 = number.parse().expect("at most nine ASCII digits");
                Ok(ByteSize(number * bytes))
            }
            None => fail(match unit {
                "" => format!("add a unit: {number}MiB"),
                "k" | "K" | "kB" | "KB" | "Ki" => format!("write {number}KiB"),
                "m" | "M" | "MB" | "Mi" => format!("write {number}MiB"),
                "g" | "G" | "GB" | "Gi" => format!("write {number}GiB"),
                _ => "the units are B, KiB, MiB, and GiB".into(),
            }),
        }
    }
}

impl Serialize for ByteSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

// === impl ParseSizeError ===

impl ParseSizeError {
    /// How to write it.
    pub fn hint(&self) -> &str {
        &self.hint
    }
}

impl fmt::Display for ParseSizeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a size (hint: {})", self.hint)
    }
}

impl std::error::Error for ParseSizeError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_prints_binary_units() {
        for (text, bytes) in
            [("512B", 512), ("64KiB", 65_536), ("64MiB", 64 << 20), ("2GiB", 2 << 30)]
        {
            let size: ByteSize = text.parse().unwrap();
            assert_eq!((size.0, size.to_string().as_str()), (bytes, text));
        }
        assert_eq!(ByteSize(0).to_string(), "0B");
        assert_eq!(ByteSize(1536).to_string(), "1536B");
    }

    #[test]
    fn refuses_with_a_hint() {
        for (text, hint) in [
            ("", "64MiB"),
            ("64", "64MiB"),
            ("64MB", "64MiB"),
            ("64M", "64MiB"),
            ("1.5GiB", "units are"),
            ("64 MiB", "units are"),
            ("9999999999B", "9 digits"),
        ] {
            let error = text.parse::<ByteSize>().unwrap_err();
            assert!(error.hint().contains(hint), "{text:?}: {error}");
        }
    }
}
