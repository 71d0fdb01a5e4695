//! Ginkgo's own reporters.

use std::path::Path;
use std::process::Command;

use crate::suites::built;

/// Panics unless junit_01.xml and e2e.log of a target are byte for byte what Ginkgo's own code, of
/// the version that built the suite, makes of the report.json beside them.
pub fn assert_rendered_as_by_ginkgo(version: &str, target: &Path) {
    let scratch = tempfile::tempdir().unwrap();
    let (junit, log) = (scratch.path().join("junit"), scratch.path().join("log"));
    let output = Command::new(built(version, "oracle"))
        .arg("--junit")
        .arg(&junit)
        .arg("--log")
        .arg(&log)
        .arg(target.join("report.json"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_equal(&target.join("junit_01.xml"), &junit);
    assert_equal(&target.join("e2e.log"), &log);
    // Strictly: no key that Ginkgo does not know.
    let check = Command::new(built(version, "oracle"))
        .arg("--check")
        .arg(target.join("report.json"))
        .output()
        .unwrap();
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stderr));
}

fn assert_equal(ours: &Path, theirs: &Path) {
    let (our, their) = (std::fs::read(ours).unwrap(), std::fs::read(theirs).unwrap());
    assert!(!our.is_empty(), "{} is empty", ours.display());
    if our == their {
        return;
    }
    let at = our.iter().zip(&their).take_while(|(a, b)| a == b).count();
    let near = |bytes: &[u8]| {
        let end = bytes.len().min(at + 200);
        String::from_utf8_lossy(&bytes[at.saturating_sub(200).min(end)..end]).into_owned()
    };
    panic!(
        "{} differs from Ginkgo's at byte {at}\n--- ours\n{}\n--- Ginkgo's\n{}",
        ours.display(),
        near(&our),
        near(&their)
    );
}
