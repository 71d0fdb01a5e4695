//! What the tests of the program share.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The program, with a cache of its own.
pub(crate) fn multibeam(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_multibeam"));
    command.env("XDG_CACHE_HOME", home.join("cache")).current_dir(home);
    command.env_remove("MULTIBEAM_LOG").env_remove("MULTIBEAM_RESULTS").stdin(Stdio::null());
    command
}

pub(crate) fn run(command: &mut Command) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

/// The oldest fixture suite of that name; fails the test when there is none.
pub(crate) fn suite(name: &str) -> PathBuf {
    let built = match std::env::var_os("MULTIBEAM_SUITES") {
        Some(directory) => PathBuf::from(directory),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/suites/bin"),
    };
    let entries = std::fs::read_dir(&built)
        .unwrap_or_else(|e| panic!("{}: {e} (hint: run tests/suites/build)", built.display()));
    let mut found: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap())
        .filter(|entry| {
            entry.file_name().to_string_lossy().starts_with(|c: char| c.is_ascii_digit())
        })
        .map(|entry| entry.path().join(name))
        .filter(|path| path.is_file())
        .collect();
    found.sort();
    let path = found.first().expect("a fixture suite (hint: run tests/suites/build)");
    std::fs::canonicalize(path).unwrap()
}
