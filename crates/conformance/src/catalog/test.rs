//! One conformance test.

use multibeam_model::spec_text::{sig, tags};
use serde::Serialize;

use crate::Minor;

/// The tag of conformance tests.
pub(crate) const CONFORMANCE: &str = "[Conformance]";

/// How the texts of Kubernetes' specs begin; those of some conformance tests did not before v1.21.
pub(crate) const SIG: &str = "[sig-";

/// A conformance test as conformance.yaml names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Test {
    /// The spec's full text (`codename` in the file): what a JUnit case is called.
    pub text: String,
    /// The release that promoted it, and those that changed it since, as the file says it: `v1.9`,
    /// `v1.9, v1.18`, or nothing.
    pub release: String,
}

impl Test {
    /// The releases that are named, in the order of the file.
    fn releases(&self) -> impl Iterator<Item = Minor> {
        self.release.split(',').filter_map(|release| Minor::parse(release.trim()))
    }

    /// The release that promoted it.
    #[must_use]
    pub fn promoted(&self) -> Option<Minor> {
        self.releases().min()
    }

    /// Whether a release requires it: it was promoted by then. A test without a readable release is
    /// required, too; leaving it out would prove nothing.
    #[must_use]
    pub fn is_required(&self, minor: Minor) -> bool {
        self.promoted().is_none_or(|promoted| promoted <= minor)
    }

    /// The `sig-...` it belongs to, or nothing.
    #[must_use]
    pub fn sig(&self) -> &str {
        sig(&self.text)
    }

    /// Whether the text has a tag, such as `Serial`.
    #[must_use]
    pub fn has_tag(&self, tag: &str) -> bool {
        tags(&self.text).any(|found| found == tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_lists_and_may_be_bare() {
        let test = |release: &str| Test { text: "[sig-a] x".into(), release: release.into() };
        assert_eq!(test("v1.17, v1.21, v1.27").promoted(), Some(Minor::new(1, 17)));
        assert_eq!(test("1.25").promoted(), Some(Minor::new(1, 25)));
        assert!(test("v1.9, v1.18").is_required(Minor::new(1, 10)));
        assert!(!test("v1.34").is_required(Minor::new(1, 33)));
        assert!(test("").is_required(Minor::new(1, 15)));
        assert!(test("&&&").is_required(Minor::new(1, 15)));
    }
}
