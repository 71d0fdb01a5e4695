//! Which Ginkgo a suite was built with.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A released version of Ginkgo. Pre-release suffixes of forks are dropped: what counts is the
/// behaviour of the release they started from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Version {
    /// 2 for everything this crate can drive.
    pub major: u32,
    /// Minor version.
    pub minor: u32,
    /// Patch version.
    pub patch: u32,
}

impl Version {
    /// A version from its three numbers.
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self { major, minor, patch }
    }

    /// Reads `v2.28.3` or `2.28.1-0.20250101-abcdef`; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix('v').unwrap_or(text);
        let release = text.split(['-', '+']).next()?;
        let mut numbers = release.split('.').map(|number| number.parse().ok());
        let version = Self::new(numbers.next()??, numbers.next()??, numbers.next()??);
        numbers.next().is_none().then_some(version)
    }

    /// Finds the version in the output of a dry run, see
    /// [`SuiteOptions::dry_run`](crate::argv::SuiteOptions::dry_run).
    pub fn in_output(output: &str) -> Option<Self> {
        let (_, rest) = output.rsplit_once("ACK_GINKGO_DEPRECATIONS=")?;
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !"._+-".contains(c));
        Self::parse(&rest[..end.unwrap_or(rest.len())])
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl From<Version> for String {
    fn from(version: Version) -> Self {
        version.to_string()
    }
}

impl TryFrom<String> for Version {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or_else(|| format!("expected a version such as 2.28.3, got {text:?}"))
    }
}

/// Keys of the suite report (or of its SuiteConfig) and the release that brought each.
const KEYS: [(&str, Version); 7] = [
    ("PollProgressAfter", Version::new(2, 2, 0)),
    ("GracePeriod", Version::new(2, 3, 0)),
    ("MustPassRepeatedly", Version::new(2, 12, 0)),
    ("FailOnEmpty", Version::new(2, 18, 0)),
    ("SemVerFilter", Version::new(2, 24, 0)),
    ("SuiteComponentSemVerConstraints", Version::new(2, 28, 0)),
    ("SleepOnFailure", Version::new(2, 32, 0)),
];

/// What is known about a suite's Ginkgo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct GinkgoVersion {
    /// As the suite says itself, unless the report's keys contradict it (a fork may carry any
    /// number).
    pub exact: Option<Version>,
    /// Oldest release whose reports have the keys that were seen.
    pub at_least: Version,
    /// First release whose reports have a key that was not seen.
    pub below: Option<Version>,
}

impl GinkgoVersion {
    /// Dates a suite by the keys of its report; `has` tells whether a key occurs.
    pub fn from_keys(has: impl Fn(&str) -> bool) -> Self {
        let mut at_least = Version::new(2, 0, 0);
        let mut below = None;
        for (key, since) in KEYS {
            if has(key) {
                at_least = since;
                below = None;
            } else if below.is_none() {
                below = Some(since);
            }
        }
        Self { exact: None, at_least, below }
    }

    /// Adds the version that the suite names itself, if it fits the keys.
    pub fn with_exact(mut self, exact: Option<Version>) -> Self {
        self.exact = exact.filter(|exact| {
            *exact >= self.at_least && self.below.is_none_or(|below| *exact < below)
        });
        self
    }

    /// The version to go by: the exact one, else the oldest possible.
    pub fn effective(&self) -> Version {
        self.exact.unwrap_or(self.at_least)
    }

    /// True when process and process may disagree on the order of specs that a suite makes by
    /// ranging over a Go map: nothing sorted them by text before 2.7.
    pub fn order_may_vary(&self) -> bool {
        self.effective() < Version::new(2, 7, 0)
    }
}

impl fmt::Display for GinkgoVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.exact, self.below) {
            (Some(exact), _) => write!(f, "{exact}"),
            (None, Some(below)) => write!(f, "{} or newer, older than {below}", self.at_least),
            (None, None) => write!(f, "{} or newer", self.at_least),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_releases_and_pseudo_versions() {
        assert_eq!(Version::parse("v2.28.3"), Some(Version::new(2, 28, 3)));
        assert_eq!(Version::parse("2.6.1-0.20240806-ab"), Some(Version::new(2, 6, 1)));
        for bad in ["", "v2", "2.1", "2.1.x", "1.2.3.4", "(devel)"] {
            assert_eq!(Version::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn finds_the_advice_at_the_end_of_the_output() {
        let output = "Ran 1 of 1\n  \u{1b}[38;5;243mACK_GINKGO_DEPRECATIONS=2.15.0\u{1b}[0m\nPASS";
        assert_eq!(Version::in_output(output), Some(Version::new(2, 15, 0)));
        let plain = "ACK_GINKGO_DEPRECATIONS=1.0.0\nACK_GINKGO_DEPRECATIONS=2.28.1";
        assert_eq!(Version::in_output(plain), Some(Version::new(2, 28, 1)));
        assert_eq!(Version::in_output("PASS"), None);
    }

    #[test]
    fn keys_bound_the_version() {
        let old = GinkgoVersion::from_keys(|_| false);
        assert_eq!((old.at_least, old.below), (Version::new(2, 0, 0), Some(Version::new(2, 2, 0))));
        assert!(old.order_may_vary());
        let middle = GinkgoVersion::from_keys(|key| {
            ["PollProgressAfter", "GracePeriod", "MustPassRepeatedly"].contains(&key)
        });
        assert_eq!(middle.to_string(), "2.12.0 or newer, older than 2.18.0");
        assert!(!middle.order_may_vary());
        let new = GinkgoVersion::from_keys(|_| true);
        assert_eq!((new.at_least, new.below), (Version::new(2, 32, 0), None));
    }

    #[test]
    fn a_number_that_the_keys_contradict_is_dropped() {
        let keys = GinkgoVersion::from_keys(|key| key != "SleepOnFailure");
        assert_eq!(keys.with_exact(Version::parse("2.28.3")).effective(), Version::new(2, 28, 3));
        assert_eq!(keys.with_exact(Version::parse("2.6.1")).effective(), Version::new(2, 28, 0));
        assert_eq!(keys.with_exact(Version::parse("2.40.0")).exact, None);
    }
}
