//! `multibeam init`

use std::io::{self, Write as _};

use multibeam_runfile as runfile;

use crate::args::{Example, InitArgs};
use crate::exit::Exit;

/// Writes a commented run file to standard output.
#[must_use]
pub fn run(args: &InitArgs) -> Exit {
    let example = match args.example {
        Example::Full => runfile::Example::Full,
        Example::Minimal => runfile::Example::Minimal,
        Example::Matrix => runfile::Example::Matrix,
    };
    let mut out = io::stdout().lock();
    let written = out.write_all(runfile::template(example).as_bytes());
    match written.and_then(|()| out.flush()) {
        Ok(()) => Exit::SUCCESS,
        Err(error) => Exit::of_output(&error),
    }
}
