//! The lines that worker and guard exchange: orders on the guard's standard input, reports on its
//! standard output. Text, because both are the same binary and a human may have to look.

use std::fmt;

use super::clock::BootMillis;
use crate::spool::Loss;

/// Signals a worker may send to the suite process itself (not to its children: they are needed for
/// its cleanup).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGINT: end the running node, clean up, report.
    Interrupt,
    /// SIGUSR1: a progress report.
    Progress,
}

/// From the worker to the guard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The tree may live until then.
    Lease(BootMillis),
    /// Pass a signal on to the suite process.
    Signal(Signal),
    /// Kill the whole tree now.
    Kill,
}

/// How a suite process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It ended by itself.
    Code(i32),
    /// A signal ended it that its guard did not send.
    Signal(i32),
    /// Its guard killed it because the worker ordered so or is gone.
    Killed,
    /// Its guard killed it because the lease had run out.
    LeaseExpired,
    /// The guard itself died, and the suite process with it.
    GuardLost,
}

impl Exit {
    /// True for exit status 0. It proves nothing about specs: only reports count.
    pub fn is_success(self) -> bool {
        self == Self::Code(0)
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit status {code}"),
            Self::Signal(signal) => match nix::sys::signal::Signal::try_from(*signal) {
                Ok(signal) => write!(f, "killed by {signal}"),
                Err(_) => write!(f, "killed by signal {signal}"),
            },
            Self::Killed => write!(f, "killed on request"),
            Self::LeaseExpired => write!(f, "killed because its lease ran out"),
            Self::GuardLost => write!(f, "lost together with its guard"),
        }
    }
}

/// From the guard to the worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// The suite process runs under this process id.
    Started(i32),
    /// The suite process could not be started.
    NotStarted(String),
    /// The suite process has ended and nothing of its tree is left.
    Ended(Exit),
    /// Output of the suite is not kept: once when that begins, once at the end with all of it.
    Lost(Loss),
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lease(deadline) => write!(f, "lease {}", deadline.0),
            Self::Signal(Signal::Interrupt) => write!(f, "signal INT"),
            Self::Signal(Signal::Progress) => write!(f, "signal USR1"),
            Self::Kill => write!(f, "kill"),
        }
    }
}

impl Order {
    /// Reads a line without its end.
    pub fn parse(line: &str) -> Option<Self> {
        Some(match line {
            "kill" => Self::Kill,
            "signal INT" => Self::Signal(Signal::Interrupt),
            "signal USR1" => Self::Signal(Signal::Progress),
            line => Self::Lease(BootMillis(line.strip_prefix("lease ")?.parse().ok()?)),
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let one_line = |text: &str| text.replace(['\n', '\r'], " ");
        match self {
            Self::Started(pid) => write!(f, "started {pid}"),
            Self::NotStarted(why) => write!(f, "not-started {}", one_line(why)),
            Self::Ended(Exit::Code(code)) => write!(f, "ended code {code}"),
            Self::Ended(Exit::Signal(signal)) => write!(f, "ended signal {signal}"),
            Self::Ended(Exit::Killed) => write!(f, "ended killed"),
            Self::Ended(Exit::LeaseExpired) => write!(f, "ended lease-expired"),
            Self::Ended(Exit::GuardLost) => write!(f, "ended guard-lost"),
            Self::Lost(Loss { bytes, error: None }) => write!(f, "lost {bytes}"),
            Self::Lost(Loss { bytes, error: Some(error) }) => {
                write!(f, "lost {bytes} {}", one_line(error))
            }
        }
    }
}

impl Report {
    /// Reads a line without its end.
    pub fn parse(line: &str) -> Option<Self> {
        let (word, rest) = line.split_once(' ')?;
        Some(match (word, rest) {
            ("started", pid) => Self::Started(pid.parse().ok()?),
            ("not-started", why) => Self::NotStarted(why.to_owned()),
            ("lost", what) => {
                let (bytes, error) = match what.split_once(' ') {
                    Some((bytes, error)) => (bytes, Some(error.to_owned())),
                    None => (what, None),
                };
                Self::Lost(Loss { bytes: bytes.parse().ok()?, error })
            }
            ("ended", "killed") => Self::Ended(Exit::Killed),
            ("ended", "lease-expired") => Self::Ended(Exit::LeaseExpired),
            ("ended", "guard-lost") => Self::Ended(Exit::GuardLost),
            ("ended", how) => Self::Ended(match how.split_once(' ')? {
                ("code", code) => Exit::Code(code.parse().ok()?),
                ("signal", signal) => Exit::Signal(signal.parse().ok()?),
                _ => return None,
            }),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_and_reports_survive_their_lines() {
        let orders = [
            Order::Lease(BootMillis(u64::MAX)),
            Order::Signal(Signal::Interrupt),
            Order::Signal(Signal::Progress),
            Order::Kill,
        ];
        for order in orders {
            assert_eq!(Order::parse(&order.to_string()), Some(order));
        }
        let ends =
            [Exit::Code(197), Exit::Signal(9), Exit::Killed, Exit::LeaseExpired, Exit::GuardLost];
        let losses = [None, Some("disk full".to_owned())];
        let losses = losses.map(|error| Report::Lost(Loss { bytes: 7, error }));
        let others = [Report::Started(7), Report::NotStarted("no such".into())];
        let others = losses.into_iter().chain(others);
        for report in ends.map(Report::Ended).into_iter().chain(others) {
            assert_eq!(Report::parse(&report.to_string()), Some(report));
        }
        assert_eq!(Report::NotStarted("a\nb".into()).to_string(), "not-started a b");
    }

    #[test]
    fn other_lines_are_nothing() {
        for line in ["", "lease", "lease x", "signal KILL", "kill now"] {
            assert_eq!(Order::parse(line), None, "{line}");
        }
        for line in ["", "ended", "ended code", "ended code x", "started", "lost x"] {
            assert_eq!(Report::parse(line), None, "{line}");
        }
    }
}
