//! What differs between the versions of Ginkgo that reports are rendered for.

use crate::version::Version;

/// The way one version of Ginkgo writes reports. Exact from 2.15.0 (Kubernetes 1.30) on; an older
/// version is written as 2.15.0, one that is newer than this crate as the newest known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dialect {
    version: Version,
}

// === impl Dialect ===

impl Dialect {
    /// The oldest version that is rendered exactly.
    pub const OLDEST: Version = Version::new(2, 15, 0);

    /// The dialect of a suite's Ginkgo.
    pub const fn new(version: Version) -> Self {
        Self { version }
    }

    /// The version it stands for.
    pub const fn version(self) -> Version {
        self.version
    }

    /// Whether reports of this version are rendered exactly as its own code does.
    pub fn is_exact(self) -> bool {
        self.version >= Self::OLDEST
    }

    /// JUnit property FailOnEmpty.
    pub(super) fn fail_on_empty(self) -> bool {
        self.since(2, 18)
    }

    /// Semantic version constraints of suite and specs.
    pub(super) fn constraints(self) -> bool {
        self.since(2, 24)
    }

    /// Semantic version constraints per component.
    pub(super) fn component_constraints(self) -> bool {
        self.since(2, 28)
    }

    /// A very verbose timeline repeats the writer output within progress reports.
    pub(super) fn progress_with_output(self) -> bool {
        self.since(2, 30)
    }

    /// JUnit cases have report entries as properties.
    pub(super) fn entry_properties(self) -> bool {
        self.since(2, 33)
    }

    fn since(self, major: u32, minor: u32) -> bool {
        self.version >= Version::new(major, minor, 0)
    }
}
