//! The program as a process.

use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Instant;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::wait::{LIMIT, wait_for};

/// Where the program is: built by cargo for the tests of this package, or what `MULTIBEAM_BIN` names.
#[must_use]
pub fn path() -> PathBuf {
    if let Some(path) = std::env::var_os("MULTIBEAM_BIN") {
        return path.into();
    }
    // Tests lie in target/PROFILE/deps, programs in target/PROFILE.
    let test = std::env::current_exe().unwrap();
    let path = test.ancestors().nth(2).unwrap().join("multibeam-under-test");
    assert!(path.is_file(), "no {} (hint: run the tests with cargo test)", path.display());
    path
}

/// Copies a program that is to be started from its copy. Another process does it: what another test
/// starts meanwhile would inherit a descriptor that writes to the copy, and nothing runs that somebody
/// writes to.
pub fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg(from).arg(to).status().unwrap();
    assert!(copied.success(), "cp {} {}: {copied}", from.display(), to.display());
}

/// A running program. It is killed when this is dropped; if a test fails, its last words are printed.
#[derive(Debug)]
pub struct Program {
    child: Child,
    what: String,
    stdout: Stream,
    stderr: Stream,
}

/// A program that has ended.
#[derive(Debug)]
pub struct Ended {
    what: String,
    /// How.
    pub status: ExitStatus,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

#[derive(Debug)]
struct Stream {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Stream {
    fn of(mut source: impl std::io::Read + Send + 'static) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&bytes);
        let reader = std::thread::spawn(move || {
            let mut buffer = [0; 8192];
            while let Ok(length @ 1..) = source.read(&mut buffer) {
                sink.lock().unwrap().extend_from_slice(&buffer[..length]);
            }
        });
        Self { bytes, reader: Some(reader) }
    }

    fn so_far(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().unwrap()).into_owned()
    }

    fn all(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        self.so_far()
    }
}

impl Program {
    /// Starts it.
    #[must_use]
    pub fn start(mut command: Command) -> Self {
        let what = format!("{command:?}");
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{what}: {error}"));
        let stdout = Stream::of(child.stdout.take().unwrap());
        let stderr = Stream::of(child.stderr.take().unwrap());
        Self { child, what, stdout, stderr }
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid()), signal).unwrap();
    }

    /// What it has written to standard output so far.
    #[must_use]
    pub fn stdout(&self) -> String {
        self.stdout.so_far()
    }

    /// What it has written to standard error so far.
    #[must_use]
    pub fn stderr(&self) -> String {
        self.stderr.so_far()
    }

    /// Waits until its standard output contains a text.
    pub fn wait_for_output(&self, text: &str) {
        wait_for(
            &format!("{text:?} from {}:\n{}{}", self.what, self.stdout(), self.stderr()),
            || self.stdout().contains(text).then_some(()),
        );
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits for its end.
    #[must_use]
    pub fn wait(mut self) -> Ended {
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if begun.elapsed() > LIMIT {
                let (out, err) = (self.stdout(), self.stderr());
                panic!("{} has not ended after {LIMIT:?}:\n{out}\n{err}", self.what);
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        };
        Ended {
            what: self.what.clone(),
            status,
            stdout: self.stdout.all(),
            stderr: self.stderr.all(),
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- {}\n{}{}", self.what, tail(&self.stdout()), tail(&self.stderr()));
        }
    }
}

/// The last lines of an output: what a failed test needs to be understood elsewhere.
fn tail(text: &str) -> String {
    const LINES: usize = 30;
    let lines: Vec<&str> = text.lines().collect();
    let rest = &lines[lines.len().saturating_sub(LINES)..];
    rest.iter().map(|line| format!("  {line}\n")).collect()
}

impl Ended {
    /// Its exit status; the signal's number plus 128 when one ended it.
    #[must_use]
    pub fn code(&self) -> i32 {
        self.status.code().or_else(|| Some(128 + self.status.signal()?)).unwrap()
    }

    /// Panics with all that was printed unless it ended with this exit status.
    #[must_use = "or `let _ =`"]
    pub fn expect(self, code: i32) -> Self {
        let Self { what, stdout, stderr, .. } = &self;
        assert_eq!(self.code(), code, "{what}\n--- stdout\n{stdout}\n--- stderr\n{stderr}");
        self
    }
}
