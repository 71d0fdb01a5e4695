//! One suite process under its guard.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use thiserror::Error;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::{mpsc, watch};

use crate::guard::clock::BootMillis;
use crate::guard::wire::{Exit, Order, Report, Signal};
use crate::guard::{EXEC_COMMAND, GUARD_COMMAND};
use crate::spool::{self, Loss};

/// Orders are few and tiny; a full queue means that the guard does not read, which its lease ends.
const ORDER_QUEUE: usize = 64;

/// Keeps 64 MiB of a suite's output, and its end.
pub const DEFAULT_SPOOL_LIMIT: u64 = 64 << 20;

/// How to start a guard.
#[derive(Debug, Clone)]
pub struct GuardProgram {
    path: PathBuf,
}

impl GuardProgram {
    /// This program itself. Its `main` must hand its arguments to [`crate::guard::main`] when the
    /// first one is [`GUARD_COMMAND`] or [`EXEC_COMMAND`].
    ///
    /// # Errors
    /// When the system does not tell this program's path.
    pub fn this_program() -> io::Result<Self> {
        // The link goes on working after the file was replaced by another version; the path that it
        // shows does not, and is only looked at to see whether /proc is there.
        std::fs::read_link("/proc/self/exe")?;
        Ok(Self { path: "/proc/self/exe".into() })
    }

    /// Another program that does the same.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// True for a first argument that belongs to [`crate::guard::main`].
    pub fn is_command(argument: &std::ffi::OsStr) -> bool {
        argument == GUARD_COMMAND || argument == EXEC_COMMAND
    }
}

/// What to start.
#[derive(Debug, Clone)]
pub struct Launch {
    /// The suite binary.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Added to the environment of this process.
    pub env: Vec<(OsString, OsString)>,
    /// Working directory; it shows in reports as the suite's path.
    pub directory: PathBuf,
    /// File for its standard output and error.
    pub spool: PathBuf,
    /// Bytes of output kept from the beginning; the end is kept as well.
    pub spool_limit: u64,
    /// It is killed then, unless the lease is renewed.
    pub lease: BootMillis,
    /// What the program sees as its own name (`argv[0]`); the program's path when absent.
    pub name: Option<OsString>,
    /// An open file that the guard keeps open until nothing of the tree is alive. A lock on it
    /// tells others whether any process is left.
    pub alive: Option<std::sync::Arc<std::fs::File>>,
}

impl Launch {
    /// A process of a suite that speaks the parallel protocol over HTTP.
    pub fn new(program: &Path, directory: &Path, spool: &Path, lease: BootMillis) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            env: vec![("GINKGO_PARALLEL_PROTOCOL".into(), "HTTP".into())],
            directory: directory.into(),
            spool: spool.into(),
            spool_limit: DEFAULT_SPOOL_LIMIT,
            lease,
            name: None,
            alive: None,
        }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }
}

/// Why a suite process does not run.
#[derive(Debug, Error)]
pub enum SpawnError {
    /// The guard itself cannot be started.
    #[error("cannot start the guard {program}")]
    Guard {
        /// Path of the guard's program.
        program: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The guard runs, the suite does not.
    #[error("cannot start {program}: {reason}")]
    Suite {
        /// Path of the suite binary.
        program: PathBuf,
        /// What the guard said.
        reason: String,
    },
}

/// A running suite process. Dropping the last clone of its [`Control`] and this handle closes the
/// pipe to the guard, which kills the process and everything below it.
#[derive(Debug)]
pub struct Handle {
    control: Control,
    exit: watch::Receiver<Option<Exit>>,
    loss: watch::Receiver<Option<Loss>>,
    pid: i32,
    spool: PathBuf,
}

/// Gives orders to a guard; can be cloned.
#[derive(Debug, Clone)]
pub struct Control {
    orders: mpsc::Sender<Order>,
}

impl Control {
    /// Renews the lease. Orders to a process that has ended are lost without harm.
    pub async fn renew(&self, lease: BootMillis) {
        let _ = self.orders.send(Order::Lease(lease)).await;
    }

    /// Sends a signal to the suite process itself.
    pub async fn signal(&self, signal: Signal) {
        let _ = self.orders.send(Order::Signal(signal)).await;
    }

    /// Kills the process and everything below it.
    pub async fn kill(&self) {
        let _ = self.orders.send(Order::Kill).await;
    }
}

impl Handle {
    /// For orders from elsewhere.
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// Process id of the suite.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Renews the lease.
    pub async fn renew(&self, lease: BootMillis) {
        self.control.renew(lease).await;
    }

    /// Sends a signal to the suite process itself.
    pub async fn signal(&self, signal: Signal) {
        self.control.signal(signal).await;
    }

    /// Kills the process and everything below it; [`Self::wait`] tells when that is done.
    pub async fn kill(&self) {
        self.control.kill().await;
    }

    /// Waits until the process has ended and nothing below it is alive. May be dropped and called
    /// again, also after the end.
    pub async fn wait(&mut self) -> Exit {
        match self.exit.wait_for(Option::is_some).await {
            Ok(exit) => exit.unwrap_or(Exit::GuardLost),
            // The task that owns the guard is gone, and the guard with it.
            Err(_) => Exit::GuardLost,
        }
    }

    /// Output of it that is not kept, as far as that is known; all of it once it has ended.
    pub fn loss(&self) -> watch::Receiver<Option<Loss>> {
        self.loss.clone()
    }

    /// The last `length` bytes of its output; while it runs, of the part that is on disk.
    pub fn output_tail(&self, length: u64) -> String {
        spool::read_tail(&self.spool, length)
    }
}

/// Starts a suite process under a guard and waits until it runs.
///
/// A program that is no program at all (a text file, say) is started like any other and ends at
/// once with exit code 126: see its output.
///
/// # Errors
/// [`SpawnError`].
pub async fn spawn(guard: &GuardProgram, launch: Launch) -> Result<Handle, SpawnError> {
    let guard_error = |source| SpawnError::Guard { program: guard.path.clone(), source };
    let alive = match &launch.alive {
        // The guard's standard error is not used otherwise, and its suite gets another one.
        Some(file) => file.try_clone().map_err(guard_error)?.into(),
        None => Stdio::null(),
    };
    let mut child = Command::new(&guard.path)
        .arg(GUARD_COMMAND)
        .arg(&launch.spool)
        .arg(launch.spool_limit.to_string())
        .arg(launch.lease.0.to_string())
        .arg(launch.name.as_deref().unwrap_or(launch.program.as_os_str()))
        .arg(&launch.program)
        .args(&launch.args)
        .envs(launch.env.iter().map(|(name, value)| (name, value)))
        .current_dir(&launch.directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(alive)
        .spawn()
        .map_err(guard_error)?;
    let stdin = child.stdin.take().expect("standard input was asked for");
    let stdout = child.stdout.take().expect("standard output was asked for");

    let mut reports = Reports { lines: BufReader::new(stdout).lines() };
    let refused = |reason: String| SpawnError::Suite { program: launch.program.clone(), reason };
    let pid = match reports.next().await {
        Some(Report::Started(pid)) => pid,
        Some(Report::NotStarted(reason)) => {
            let _ = child.wait().await;
            return Err(refused(reason));
        }
        Some(_) | None => return Err(refused("the guard ended before it began".to_owned())),
    };

    let (orders_tx, orders_rx) = mpsc::channel(ORDER_QUEUE);
    let (exit_tx, exit_rx) = watch::channel(None);
    let (loss_tx, loss_rx) = watch::channel(None);
    #[expect(
        clippy::disallowed_methods,
        reason = "it ends with the guard, which ends when `orders_tx` is dropped, and must not end \
                  earlier: it reaps the guard and tells the exit"
    )]
    tokio::spawn(attend(child, stdin, reports, orders_rx, Told { exit: exit_tx, loss: loss_tx }));
    let control = Control { orders: orders_tx };
    Ok(Handle { control, exit: exit_rx, loss: loss_rx, pid, spool: launch.spool })
}

struct Reports {
    lines: tokio::io::Lines<BufReader<ChildStdout>>,
}

impl Reports {
    /// The next report. `None` when the guard is gone.
    async fn next(&mut self) -> Option<Report> {
        loop {
            let line = self.lines.next_line().await.ok()??;
            match Report::parse(&line) {
                Some(report) => return Some(report),
                None => tracing::warn!(%line, "unknown line from a guard"),
            }
        }
    }
}

/// What a guard has told of its suite.
struct Told {
    exit: watch::Sender<Option<Exit>>,
    loss: watch::Sender<Option<Loss>>,
}

async fn attend(
    mut child: Child,
    stdin: ChildStdin,
    mut reports: Reports,
    mut orders: mpsc::Receiver<Order>,
    told: Told,
) {
    let mut stdin = Some(stdin);
    let exit = loop {
        tokio::select! {
            report = reports.next() => match report {
                Some(Report::Ended(exit)) => break exit,
                Some(Report::Lost(loss)) => {
                    tracing::warn!(bytes = loss.bytes, error = loss.error, "output is not kept");
                    told.loss.send_replace(Some(loss));
                }
                Some(_) => {}
                None => break Exit::GuardLost,
            },
            order = orders.recv(), if stdin.is_some() => {
                let sent = match (order, &mut stdin) {
                    (Some(order), Some(pipe)) => {
                        pipe.write_all(format!("{order}\n").as_bytes()).await.is_ok()
                    }
                    _ => false,
                };
                if !sent {
                    // End of file for the guard.
                    stdin = None;
                }
            }
        }
    };
    drop(stdin);
    let _ = child.wait().await;
    told.exit.send_replace(Some(exit));
}
