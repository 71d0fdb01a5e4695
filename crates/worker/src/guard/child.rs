//! The step between the guard and its suite process: `guard-exec GUARD-PID NAME PROGRAM
//! ARGS...`.
//!
//! The kernel is asked to kill this process when the guard dies, then the suite's program takes its
//! place. That cannot be asked for from outside the new process, and asking between fork and exec
//! would need unsafe code. It is a second line only: it does not reach grandchildren.

use std::convert::Infallible;
use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::unistd::getppid;

/// Becomes the program. Gives the error if it cannot.
pub(super) fn exec(mut args: impl Iterator<Item = OsString>) -> io::Result<Infallible> {
    let missing =
        || io::Error::new(io::ErrorKind::InvalidInput, "expected GUARD-PID NAME PROGRAM ...");
    let guard =
        args.next().and_then(|pid| pid.to_str()?.parse::<i32>().ok()).ok_or_else(missing)?;
    let name = args.next().ok_or_else(missing)?;
    let program = args.next().ok_or_else(missing)?;
    set_pdeathsig(Signal::SIGKILL)?;
    // The guard may have died before the kernel was asked.
    if getppid().as_raw() != guard {
        return Err(io::Error::new(io::ErrorKind::BrokenPipe, "the guard is gone"));
    }
    Err(Command::new(program).arg0(name).args(args).exec())
}
