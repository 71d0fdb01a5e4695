//! `multibeam init`

use multibeam_runfile as runfile;

use crate::args::{Example, InitArgs};
use crate::exit::Exit;
use crate::output;

/// Writes a commented run file to standard output.
#[must_use]
pub fn run(args: &InitArgs) -> Exit {
    let example = match args.example {
        Example::Full => runfile::Example::Full,
        Example::Minimal => runfile::Example::Minimal,
        Example::Matrix => runfile::Example::Matrix,
    };
    output::print_text(runfile::template(example)).err().unwrap_or(Exit::SUCCESS)
}
