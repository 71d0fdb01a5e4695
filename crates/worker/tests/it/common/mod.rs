//! Shared by the tests that start real processes.

pub(crate) mod session;

use std::path::{Path, PathBuf};
use std::time::Duration;

use multibeam_worker::suite::process::GuardProgram;

/// The guard these tests start.
pub(crate) fn guard() -> GuardProgram {
    GuardProgram::at(env!("CARGO_BIN_EXE_guard-fixture"))
}

/// Where the fixture suites lie.
pub(crate) fn suites() -> PathBuf {
    match std::env::var_os("MULTIBEAM_SUITES") {
        Some(directory) => directory.into(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/suites/bin"),
    }
}

/// A fixture suite; fails the test when it is not built.
pub(crate) fn suite(version: &str, name: &str) -> PathBuf {
    let path = suites().join(version).join(name);
    assert!(path.is_file(), "{} is missing (hint: run tests/suites/build)", path.display());
    path
}

/// All Ginkgo versions that fixture suites are built with; at least one.
pub(crate) fn versions() -> Vec<String> {
    let directory = suites();
    let entries = std::fs::read_dir(&directory).unwrap_or_else(|error| {
        panic!("{}: {error} (hint: run tests/suites/build)", directory.display())
    });
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut versions: Vec<String> =
        names.filter(|name| name.starts_with(|first: char| first.is_ascii_digit())).collect();
    versions.sort();
    assert!(!versions.is_empty(), "no fixture suites (hint: run tests/suites/build)");
    versions
}

/// The newest version at hand.
pub(crate) fn newest() -> String {
    let number = |version: &String| -> Vec<u32> {
        version.split('.').map(|part| part.parse().unwrap()).collect()
    };
    versions().into_iter().max_by_key(number).unwrap()
}

/// True while a process exists and is no zombie.
pub(crate) fn alive(pid: i32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().unwrap().trim_start().starts_with(['Z', 'X']))
}

/// Waits for something that must come; a minute is for a busy machine only.
pub(crate) async fn eventually<T>(what: &str, mut poll: impl FnMut() -> Option<T>) -> T {
    for _ in 0..6000 {
        if let Some(found) = poll() {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never happened: {what}");
}

/// A number that a fixture has written to a file with a line end behind it.
pub(crate) async fn number_in(path: &Path) -> i32 {
    eventually(&format!("a number in {}", path.display()), || {
        let text = std::fs::read_to_string(path).ok()?;
        text.strip_suffix('\n')?.parse().ok()
    })
    .await
}
