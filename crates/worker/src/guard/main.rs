//! The guard's own program: threads that wait, one loop that decides.

use std::ffi::OsString;
use std::io::{self, BufRead as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal as Unix, kill};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{Pid, getpid, setsid};

use super::clock::BootMillis;
use super::wire::{Exit, Order, Report, Signal};
use super::{child, tree};
use crate::spool::Spool;

/// First argument of a guard: `multibeam guard SPOOL LIMIT LEASE NAME PROGRAM
/// ARGS...`; NAME is what the program sees as its own name.
pub const GUARD_COMMAND: &str = "guard";

/// First argument of the step between guard and suite, see the `child` module.
pub const EXEC_COMMAND: &str = "guard-exec";

/// How often the tree is walked while it dies.
const KILL_INTERVAL: Duration = Duration::from_millis(20);

/// The wait for a deadline is cut into pieces of this length: timed waits stand still while the
/// host sleeps, the lease's clock does not.
const CLOCK_INTERVAL: Duration = Duration::from_secs(1);

/// Runs a guard, or the step between a guard and its suite, to its end. `args` are the program's
/// arguments from [`GUARD_COMMAND`] or [`EXEC_COMMAND`] on; the calling program must have started
/// no threads.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut args = args.into_iter();
    let command = args.next().unwrap_or_default();
    if command == EXEC_COMMAND {
        let Err(error) = child::exec(args);
        // Standard error is the suite's spool, the number is the shell's for "cannot be executed".
        eprintln!("multibeam: cannot start the suite: {error}");
        return ExitCode::from(126);
    }
    match Setup::parse(args) {
        Some(setup) => {
            setup.run();
            ExitCode::SUCCESS
        }
        None => {
            say(&Report::NotStarted(
                "expected guard SPOOL LIMIT LEASE NAME PROGRAM ARGS...".into(),
            ));
            ExitCode::FAILURE
        }
    }
}

struct Setup {
    spool: PathBuf,
    spool_limit: u64,
    lease: BootMillis,
    command: Vec<OsString>,
}

enum Event {
    Order(Order),
    /// The worker closed its end or died.
    WorkerGone,
    SuiteEnded(Exit),
    /// The guard has no child left, so nothing of the tree is alive: orphans become its children.
    TreeGone,
}

impl Setup {
    fn parse(mut args: impl Iterator<Item = OsString>) -> Option<Self> {
        fn number(arg: Option<OsString>) -> Option<u64> {
            arg?.to_str()?.parse().ok()
        }
        Some(Self {
            spool: args.next()?.into(),
            spool_limit: number(args.next())?,
            lease: BootMillis(number(args.next())?),
            command: Some(args.collect()).filter(|command: &Vec<_>| command.len() >= 2)?,
        })
    }

    fn run(self) {
        // Fails only for the leader of a process group, which then is out of the terminal's reach
        // already.
        let _ = setsid();
        let prepared = nix::sys::prctl::set_child_subreaper(true)
            .map_err(io::Error::from)
            .and_then(|()| Spool::create(&self.spool, self.spool_limit))
            .and_then(|spool| Ok((spool, io::pipe()?)));
        let (mut spool, (output, input)) = match prepared {
            Ok(prepared) => prepared,
            Err(error) => {
                let spool = self.spool.display();
                return say(&Report::NotStarted(format!("cannot spool to {spool}: {error}")));
            }
        };
        let suite = match start(&self.command, input) {
            Ok(suite) => suite,
            Err(error) => return say(&Report::NotStarted(error.to_string())),
        };
        say(&Report::Started(suite.as_raw()));

        let pump = thread::spawn(move || {
            spool.drain(output, |loss| say(&Report::Lost(loss)));
            let (_, loss) = spool.finish();
            loss
        });
        let (events_tx, events) = channel();
        let orders_tx = events_tx.clone();
        // Ends with the process: it may be blocked in a read for ever.
        thread::spawn(move || forward_orders(&orders_tx));
        let reaper = thread::spawn(move || reap(suite, &events_tx));

        let exit = supervise(suite, self.lease, &events);
        reaper.join().expect("the reaper does not panic");
        // All writers are dead, so the pump sees the end of the pipe.
        if let Some(loss) = pump.join().expect("the pump does not panic") {
            say(&Report::Lost(loss));
        }
        say(&Report::Ended(exit));
    }
}

/// Starts the suite in a process group of its own. Must be called on the main thread: the kernel
/// takes the end of the starting thread for the end of the guard.
fn start(command: &[OsString], output: io::PipeWriter) -> io::Result<Pid> {
    use std::os::unix::process::CommandExt as _;

    // The child inherits the pipe twice; this process keeps no copy, or it would never end.
    let errors = output.try_clone()?;
    let itself = Path::new("/proc/self/exe");
    let child = Command::new(itself)
        .arg(EXEC_COMMAND)
        .arg(getpid().to_string())
        .args(command)
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(errors)
        .process_group(0)
        .spawn()?;
    // Reaped by `reap`, which takes every child.
    Ok(Pid::from_raw(i32::try_from(child.id()).expect("process ids fit")))
}

fn forward_orders(events: &Sender<Event>) {
    for line in io::stdin().lock().lines() {
        let Ok(line) = line else { break };
        // Unknown orders of a newer worker are left alone; the lease still holds.
        if let Some(order) = Order::parse(&line)
            && events.send(Event::Order(order)).is_err()
        {
            return;
        }
    }
    // The loop may be over by now.
    let _ = events.send(Event::WorkerGone);
}

/// Reaps the suite process and every orphan that was left to this process.
fn reap(suite: Pid, events: &Sender<Event>) {
    loop {
        let exit = match waitpid(None, None) {
            Ok(WaitStatus::Exited(pid, code)) if pid == suite => Exit::Code(code),
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid == suite => Exit::Signal(signal as i32),
            Ok(_) | Err(nix::Error::EINTR) => continue,
            Err(_) => break,
        };
        if events.send(Event::SuiteEnded(exit)).is_err() {
            return;
        }
    }
    let _ = events.send(Event::TreeGone);
}

/// Waits until nothing of the tree is left. What the suite left behind dies with it.
fn supervise(suite: Pid, mut lease: BootMillis, events: &Receiver<Event>) -> Exit {
    // Set as soon as everything has to die: why, as far as the guard knows.
    let mut verdict: Option<Exit> = None;
    let mut ended: Option<Exit> = None;
    loop {
        let wait = match verdict.or(ended) {
            Some(_) => {
                tree::kill_descendants(getpid());
                KILL_INTERVAL
            }
            None => lease.until(BootMillis::now()).min(CLOCK_INTERVAL),
        };
        match events.recv_timeout(wait) {
            Ok(Event::Order(Order::Lease(deadline))) => lease = deadline,
            Ok(Event::Order(Order::Signal(signal))) if ended.is_none() => {
                let signal = match signal {
                    Signal::Interrupt => Unix::SIGINT,
                    Signal::Progress => Unix::SIGUSR1,
                };
                // It may have ended a moment ago.
                let _ = kill(suite, signal);
            }
            Ok(Event::Order(Order::Signal(_))) => {}
            Ok(Event::Order(Order::Kill) | Event::WorkerGone) => {
                verdict = verdict.or(Some(Exit::Killed));
            }
            Ok(Event::SuiteEnded(exit)) => ended = Some(exit),
            // A suite that ended by itself is reported so, whatever was ordered meanwhile.
            Ok(Event::TreeGone) | Err(RecvTimeoutError::Disconnected) => {
                let by_itself = ended.filter(|exit| *exit != Exit::Signal(Unix::SIGKILL as i32));
                return by_itself.or(verdict).or(ended).unwrap_or(Exit::GuardLost);
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
        if verdict.is_none() && ended.is_none() && lease.until(BootMillis::now()).is_zero() {
            verdict = Some(Exit::LeaseExpired);
        }
    }
}

/// Tells the worker. It may be gone, which the other pipe shows.
fn say(report: &Report) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{report}").and_then(|()| out.flush());
}
