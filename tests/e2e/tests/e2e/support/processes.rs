//! The processes of one test, as the system shows them.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use multibeam_e2e::wait_for;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A process that belongs to a test: the test's directory stands in its environment.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    /// Its id.
    pub(crate) pid: i32,
    /// Its arguments.
    pub(crate) args: Vec<String>,
    environment: Vec<u8>,
}

impl Process {
    /// Sends it a signal. It may have ended by now.
    pub(crate) fn signal(&self, signal: Signal) {
        let _ = kill(Pid::from_raw(self.pid), signal);
    }

    /// Whether it runs for a cluster.
    pub(crate) fn is_of(&self, cluster: &str) -> bool {
        let variable = format!("MULTIBEAM_CLUSTER={cluster}");
        self.environment.split(|byte| *byte == 0).any(|entry| entry == variable.as_bytes())
    }
}

fn all(directory: &Path) -> Vec<Process> {
    let needle = directory.as_os_str().as_bytes();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // What ends meanwhile or belongs to others cannot be read.
        let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
        if !environment.windows(needle.len()).any(|window| window == needle) {
            continue;
        }
        let args = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let args = args.split(|byte| *byte == 0);
        let args = args.map(|arg| String::from_utf8_lossy(arg).into_owned()).collect();
        found.push(Process { pid, args, environment });
    }
    found
}

/// The suite processes that take part in a run (not those of a discovery).
pub(crate) fn suites(directory: &Path) -> Vec<Process> {
    let takes_part = |process: &Process| {
        let own = process.args.first().is_some_and(|name| name.contains(".test"));
        own && process.args.iter().any(|arg| arg.starts_with("--ginkgo.parallel.process="))
    };
    all(directory).into_iter().filter(takes_part).collect()
}

/// The guards of suite processes that take part in a run.
pub(crate) fn guards(directory: &Path) -> Vec<Process> {
    let guards = |process: &Process| {
        process.args.get(1).is_some_and(|arg| arg == "guard")
            && process.args.iter().any(|arg| arg.starts_with("--ginkgo.parallel.process="))
    };
    all(directory).into_iter().filter(guards).collect()
}

/// Waits until no suite process of a test is alive.
pub(crate) fn wait_until_gone(directory: &Path) {
    wait_for("the end of all suite processes", || suites(directory).is_empty().then_some(()));
}
