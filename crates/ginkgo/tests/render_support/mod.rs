//! What the rendering tests share: the oracle, and reports to hold the renderers against it.

#![allow(dead_code, reason = "each test binary uses a part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

pub(crate) mod generate;
pub(crate) mod random;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use multibeam_ginkgo::render::{Dialect, MemorySource, console, junit};
use multibeam_ginkgo::report::parse_reports;
use multibeam_ginkgo::version::Version;

/// The versions that suites and oracle are built with.
pub(crate) const VERSIONS: [Version; 6] = [
    Version::new(2, 15, 0),
    Version::new(2, 19, 0),
    Version::new(2, 21, 0),
    Version::new(2, 27, 2),
    Version::new(2, 28, 0),
    Version::new(2, 34, 0),
];

/// A program of the fixture suites, in one version. Fails the test when it was not built.
pub(crate) fn fixture(version: Version, name: &str) -> PathBuf {
    let bin = std::env::var_os("MULTIBEAM_SUITES").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/suites/bin"),
        PathBuf::from,
    );
    let path = bin.join(version.to_string()).join(name);
    assert!(path.is_file(), "{} is missing (hint: run tests/suites/build)", path.display());
    path
}

/// A command that sees none of the variables that change what Ginkgo prints.
pub(crate) fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    for name in std::env::vars_os().map(|(name, _)| name) {
        if name.to_string_lossy().starts_with("GINKGO_") {
            command.env_remove(name);
        }
    }
    command
}

/// Has the oracle render every `.json` file of `dir` to `.xml` and `.log` beside it.
pub(crate) fn run_oracle(dir: &Path, version: Version) {
    let oracle = command(&fixture(version, "oracle")).arg("--batch").arg(dir).output().unwrap();
    let complaint = String::from_utf8_lossy(&oracle.stderr);
    assert!(oracle.status.success(), "the oracle of {version} failed: {complaint}");
}

/// Renders every `.json` file of `dir` with the oracle and with our code, and compares the bytes.
/// Gives the number of reports.
pub(crate) fn compare_with_oracle(dir: &Path, version: Version) -> usize {
    run_oracle(dir, version);
    let mut reports: Vec<PathBuf> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    reports.sort();
    for report in &reports {
        let json = fs::read(report).unwrap();
        let source = MemorySource::try_from(parse_reports(&json).unwrap().remove(0)).unwrap();
        let dialect = Dialect::new(version);
        let mut ours = Vec::new();
        junit::write(&source, dialect, &mut ours).unwrap();
        assert_same(&fs::read(report.with_extension("xml")).unwrap(), &ours, report, version);
        ours.clear();
        console::write(&source, dialect, &mut ours).unwrap();
        assert_same(&fs::read(report.with_extension("log")).unwrap(), &ours, report, version);
    }
    reports.len()
}

/// Fails with the surroundings of the first difference. With `MULTIBEAM_KEEP` set to a directory,
/// the report is left there.
fn assert_same(oracle: &[u8], ours: &[u8], report: &Path, version: Version) {
    if oracle == ours {
        return;
    }
    if let Some(keep) = std::env::var_os("MULTIBEAM_KEEP") {
        fs::copy(report, Path::new(&keep).join("differs.json")).unwrap();
        fs::write(Path::new(&keep).join("oracle.txt"), oracle).unwrap();
        fs::write(Path::new(&keep).join("ours.txt"), ours).unwrap();
    }
    let at = oracle.iter().zip(ours).take_while(|(a, b)| a == b).count();
    let around = |bytes: &[u8]| {
        let slice = &bytes[at.saturating_sub(300)..bytes.len().min(at + 300)];
        String::from_utf8_lossy(slice).escape_debug().to_string().replace("\\n", "\n")
    };
    panic!(
        "{} rendered for {version} differs at byte {at} (hint: set MULTIBEAM_KEEP to a directory \
         to keep the report)\n--- oracle\n{}\n--- ours\n{}",
        report.display(),
        around(oracle),
        around(ours)
    );
}
