//! The Ginkgo suites under tests/suites.

use std::path::{Path, PathBuf};

/// Every Ginkgo version that the suites are built with, oldest first.
pub const VERSIONS: [&str; 6] = ["2.15.0", "2.19.0", "2.21.0", "2.27.2", "2.28.0", "2.34.0"];

/// The Ginkgo version of the newest Kubernetes; there is a `ginkgo` command of it.
pub const KUBERNETES: &str = "2.28.0";

/// The newest Ginkgo; there is a `ginkgo` command of it.
pub const NEWEST: &str = "2.34.0";

/// A file that tests/suites/build makes, such as `zoo.test`, `oracle`, or `ginkgo`.
#[must_use]
pub fn built(version: &str, name: &str) -> PathBuf {
    let base = match std::env::var_os("MULTIBEAM_SUITES") {
        Some(directory) => PathBuf::from(directory),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../suites/bin"),
    };
    let path = base.join(version).join(name);
    std::fs::canonicalize(&path).unwrap_or_else(|error| {
        panic!("{}: {error} (hint: run tests/suites/build)", path.display())
    })
}

/// The zoo: a specimen of every state.
#[must_use]
pub fn zoo(version: &str) -> PathBuf {
    built(version, "zoo.test")
}

/// The conformance-shaped suite.
#[must_use]
pub fn shaped(version: &str) -> PathBuf {
    built(version, "shaped.test")
}
