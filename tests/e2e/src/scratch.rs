//! A directory of one test.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::program::{Ended, Program};
use crate::results::Results;
use crate::runfile::RunFile;
use crate::trace::{self, Line};
use crate::wait::wait_for;

/// A directory with everything that one test makes: run files, results, caches, traces. It goes
/// with its owner, except when the owner panics: then its path is printed.
#[derive(Debug)]
pub struct Scratch {
    directory: Option<TempDir>,
    path: PathBuf,
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

impl Scratch {
    /// A new directory.
    #[must_use]
    pub fn new() -> Self {
        // A short path: sockets lie below it.
        let directory = tempfile::Builder::new().prefix("mb-e2e-").tempdir().unwrap();
        let path = std::fs::canonicalize(directory.path()).unwrap();
        Self { directory: Some(directory), path }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a run file whose suites watch themselves: one trace and one lock per cluster.
    pub fn run_file(&self, name: &str, file: RunFile) -> PathBuf {
        let at = |kind: &str| self.path.join(format!("%c.{kind}")).to_string_lossy().into_owned();
        let file = file.env("MULTIBEAM_TRACE", &at("trace")).env("MULTIBEAM_LOCK", &at("lock"));
        self.write(name, &file.text())
    }

    /// Writes a file.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The program, to be run in this directory: results go to `results`, the cache is private.
    pub fn multibeam<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Command {
        self.multibeam_at(&crate::program::path(), args)
    }

    /// The same with a copy of the program.
    pub fn multibeam_at<A: AsRef<OsStr>>(
        &self,
        program: &Path,
        args: impl IntoIterator<Item = A>,
    ) -> Command {
        let mut command = Command::new(program);
        command.args(args).current_dir(&self.path).stdin(Stdio::null());
        command.env("XDG_CACHE_HOME", self.path.join("cache"));
        for name in ["MULTIBEAM_LOG", "MULTIBEAM_RESULTS", "MULTIBEAM_ENDPOINT", "NO_COLOR"] {
            command.env_remove(name);
        }
        command
    }

    /// Starts the program.
    pub fn start<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Program {
        Program::start(self.multibeam(args))
    }

    /// Runs the program to its end.
    pub fn run<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Ended {
        self.start(args).wait()
    }

    /// Makes a CA, and a certificate for an aggregator, a coordinator, the workers of clusters a and b,
    /// and a user; each of them is asked for with `more`.
    pub fn certificates(&self, more: &[&str]) {
        let _ = self.run(["pki", "ca"]).expect(0);
        for (role, name) in [
            ("aggregator", "one"),
            ("coordinator", "one"),
            ("worker", "a"),
            ("worker", "b"),
            ("user", "me"),
        ] {
            let _ = self.run([&["pki", "issue", role, "--name", name], more].concat()).expect(0);
        }
    }

    /// Runs a run file to its end, and gives what it left.
    pub fn run_to_end(&self, file: RunFile) -> (Ended, Results) {
        let path = self.run_file("run.yaml", file);
        let ended = self.run([OsStr::new("run"), "--plain".as_ref(), "-f".as_ref(), path.as_ref()]);
        let results = self.results();
        (ended, results)
    }

    /// The only run in `results`.
    #[must_use]
    pub fn results(&self) -> Results {
        let mut runs = self.runs();
        assert_eq!(runs.len(), 1, "expected one run in {}: {runs:?}", self.path.display());
        runs.remove(0)
    }

    /// All runs in `results`, oldest first.
    #[must_use]
    pub fn runs(&self) -> Vec<Results> {
        let entries = std::fs::read_dir(self.path.join("results")).into_iter().flatten();
        let paths = entries.map(|entry| entry.unwrap().path());
        // What the runs have learned lies beside them.
        let mut paths: Vec<PathBuf> = paths.filter(|path| path.is_dir()).collect();
        paths.sort();
        paths.into_iter().map(Results::at).collect()
    }

    /// What the suites on a cluster wrote about themselves; nothing if none ran a spec.
    #[must_use]
    pub fn trace(&self, cluster: &str) -> Vec<Line> {
        trace::read(&self.path.join(format!("{cluster}.trace")))
    }

    /// Waits until a spec has begun on a cluster.
    pub fn wait_for_a_spec(&self, cluster: &str) {
        let begun = |line: &Line| line.event == "start";
        wait_for("a spec", || self.trace(cluster).iter().any(begun).then_some(()));
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Some(directory) = self.directory.take()
        {
            eprintln!("what the test made is kept in {}", directory.keep().display());
        }
    }
}
