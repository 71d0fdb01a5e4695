//! Which tests a release of Kubernetes requires.
//!
//! Kubernetes itself keeps the list in `test/conformance/testdata/conformance.yaml`; `e2e.test
//! --list-conformance-tests` prints the one it was built with. The lists of v1.15 to v1.36 are built
//! in, as facts: text and release of each test, from that file on each release branch.

mod built_in;
pub mod diff;
mod parse;
pub mod stats;
mod test;

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

pub use parse::CatalogError;
pub use test::Test;
pub(crate) use test::{CONFORMANCE, SIG};

use crate::Minor;

/// The conformance tests of one build of Kubernetes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catalog {
    /// Where the list comes from.
    pub origin: Origin,
    tests: BTreeMap<String, Test>,
}

/// Where a list of tests comes from; the more a source knows of the suite that ran, the better.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind", content = "of")]
pub enum Origin {
    /// The suite binary's own list.
    Binary(String),
    /// A conformance.yaml.
    File(String),
    /// The list that is built in for a release.
    BuiltIn(Minor),
}

impl Catalog {
    /// The list built in for a release; nothing for a release that this build does not know.
    #[must_use]
    pub fn built_in(minor: Minor) -> Option<Self> {
        let tests = built_in::tests(minor);
        (!tests.is_empty()).then(|| Self::new(Origin::BuiltIn(minor), tests))
    }

    /// Releases whose lists are built in, oldest first.
    #[must_use]
    pub fn built_in_minors() -> Vec<Minor> {
        built_in::minors()
    }

    /// Reads a conformance.yaml, or what `--list-conformance-tests` prints, which is the same.
    ///
    /// # Errors
    /// When the text is no YAML, or no list of tests.
    pub fn parse(origin: Origin, text: &str) -> Result<Self, CatalogError> {
        Ok(Self::new(origin, parse::tests(text)?))
    }

    fn new(origin: Origin, tests: impl IntoIterator<Item = Test>) -> Self {
        Self { origin, tests: tests.into_iter().map(|test| (test.text.clone(), test)).collect() }
    }

    /// All tests, by text.
    pub fn tests(&self) -> impl Iterator<Item = &Test> {
        self.tests.values()
    }

    /// How many tests there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tests.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tests.is_empty()
    }

    /// The tests that a release requires: a list may hold tests that were promoted only later. All of them
    /// where no release is named.
    pub fn required(&self, minor: Option<Minor>) -> impl Iterator<Item = &Test> {
        self.tests().filter(move |test| minor.is_none_or(|minor| test.is_required(minor)))
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Binary(name) => write!(f, "the list of the suite {name}"),
            Self::File(name) => write!(f, "{name}"),
            Self::BuiltIn(minor) => write!(f, "the built-in list of {minor}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_minor_since_1_15_is_there_with_the_published_number_of_tests() {
        let expected = [
            213, 268, 272, 277, 305, 311, 339, 346, 346, 354, 360, 368, 378, 380, 388, 402, 404,
            411, 419, 424, 441, 446,
        ];
        let minors = Catalog::built_in_minors();
        let lengths: Vec<_> =
            minors.iter().map(|minor| Catalog::built_in(*minor).unwrap().len()).collect();
        assert_eq!(lengths, expected);
        assert_eq!(minors[0], Minor::new(1, 15));
        assert_eq!(Catalog::built_in(Minor::new(1, 14)), None);
        assert_eq!(Catalog::built_in(Minor::new(1, 99)), None);
    }

    #[test]
    fn a_release_requires_what_was_promoted_by_then() {
        // The list of the v1.33 branch holds two tests of v1.34.
        let minor = Minor::new(1, 33);
        let catalog = Catalog::built_in(minor).unwrap();
        assert_eq!(catalog.required(Some(minor)).count(), 417);
        for minor in Catalog::built_in_minors().into_iter().filter(|m| *m != minor) {
            let catalog = Catalog::built_in(minor).unwrap();
            assert_eq!(catalog.required(Some(minor)).count(), catalog.len(), "{minor}");
        }
    }
}
