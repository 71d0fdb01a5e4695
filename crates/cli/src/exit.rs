//! The exit status of the program, as `multibeam --help` lists it.

use std::io;
use std::process::ExitCode;

use multibeam_model::outcome::Verdict;

/// How the program ends. Whatever has to be said has been said when one of these is returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit(pub u8);

impl Exit {
    /// All is well.
    pub const SUCCESS: Self = Self(0);
    /// Specs failed.
    pub const FAILED: Self = Self(1);
    /// Something was left undone.
    pub const INCOMPLETE: Self = Self(2);
    /// The input is wrong; nothing was started.
    pub const INPUT: Self = Self(3);
    /// The environment gave out: a disk, a network, a cluster.
    pub const ENVIRONMENT: Self = Self(4);

    /// What follows from an error while making a directory or something in it: with a file in its
    /// place, the user has named the wrong one.
    #[must_use]
    pub fn of_directory(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => Self::INPUT,
            _ => Self::ENVIRONMENT,
        }
    }

    /// What follows from an error while writing to standard output. A reader that has seen enough
    /// (`| head`) is none.
    #[must_use]
    pub fn of_output(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::SUCCESS;
        }
        eprintln!("error: cannot write the output: {error}");
        Self::ENVIRONMENT
    }
}

impl From<Verdict> for Exit {
    fn from(verdict: Verdict) -> Self {
        Self(verdict.exit_status())
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.0)
    }
}
