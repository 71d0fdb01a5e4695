//! Minor releases of Kubernetes.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// A minor release of Kubernetes, such as v1.36: what is certified, whatever the patch release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Minor {
    /// 1 until now.
    pub major: u16,
    /// The number after the point.
    pub minor: u16,
}

impl Minor {
    /// A minor release from its two numbers.
    #[must_use]
    pub const fn new(major: u16, minor: u16) -> Self {
        Self { major, minor }
    }

    /// Reads `v1.36`, `1.36`, or a full version such as `v1.36.2-rc.1+abc`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix('v').unwrap_or(text);
        let mut parts = text.splitn(3, '.');
        let major = number(parts.next()?)?;
        let minor = parts.next()?;
        // `1.36+` is what some clusters call their minor; `1.36-rc.1` has no patch number.
        let minor = minor.split(['-', '+']).next()?;
        Some(Self { major, minor: number(minor)? })
    }

    /// Reads the name of a submission's directory: `v1.` and two digits, as the CNCF's bot expects.
    #[must_use]
    pub fn of_directory(name: &str) -> Option<Self> {
        let digits = name.strip_prefix("v1.")?;
        (digits.len() == 2).then(|| number(digits))?.map(|minor| Self::new(1, minor))
    }

    /// The release `count` minors before this one; 0 is the first.
    #[must_use]
    pub const fn back(self, count: u16) -> Self {
        Self { major: self.major, minor: self.minor.saturating_sub(count) }
    }
}

/// A number of digits alone: no sign, no blank.
fn number(text: &str) -> Option<u16> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

impl fmt::Display for Minor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}.{}", self.major, self.minor)
    }
}

impl FromStr for Minor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text).ok_or_else(|| format!("expected a release such as v1.36, got {text:?}"))
    }
}

impl Serialize for Minor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_releases_are_called() {
        for text in ["v1.36", "1.36", "v1.36.2", "1.36.0-rc.1+abc", "v1.36-alpha", "1.36+"] {
            assert_eq!(Minor::parse(text), Some(Minor::new(1, 36)), "{text}");
        }
        for text in ["", "v1", "1.", "1.x", "v1.-3", "v1.+3", " v1.36", "master", "v1.99999"] {
            assert_eq!(Minor::parse(text), None, "{text}");
        }
        assert!(Minor::new(1, 9) < Minor::new(1, 30));
        assert_eq!(Minor::new(1, 36).back(2).to_string(), "v1.34");
    }

    #[test]
    fn directories_are_named_exactly() {
        assert_eq!(Minor::of_directory("v1.36"), Some(Minor::new(1, 36)));
        for text in ["1.36", "v1.9", "v1.360", "v1.36.2", "v1.3x", "v1.36-cilium"] {
            assert_eq!(Minor::of_directory(text), None, "{text}");
        }
    }
}
