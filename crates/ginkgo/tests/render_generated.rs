//! Generated reports are rendered byte for byte as Ginkgo's own code renders them, in every version.

mod render_support;

use std::fs;

use render_support::generate::report;
use render_support::{VERSIONS, compare_with_oracle};

/// Reports per version.
const CASES: u64 = 100;

/// Set `MULTIBEAM_SEED` to try other reports; a failure names the file, and thus the case.
#[test]
fn generated_reports_are_rendered_as_ginkgo_does() {
    let seed: u64 = std::env::var("MULTIBEAM_SEED").map_or(1, |seed| seed.parse().unwrap());
    for version in VERSIONS {
        let dir = tempfile::tempdir().unwrap();
        for case in 0..CASES {
            let json = report(seed * 1_000_003 + case, version).to_string();
            fs::write(dir.path().join(format!("seed{seed}-case{case:03}.json")), json).unwrap();
        }
        assert_eq!(compare_with_oracle(dir.path(), version), usize::try_from(CASES).unwrap());
    }
}
