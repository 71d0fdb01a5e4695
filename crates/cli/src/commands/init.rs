//! `multibeam init`

use multibeam_runfile as runfile;

use crate::args::{Example, InitArgs};
use crate::exit::Exit;
use crate::output;

/// Writes a commented example to standard output.
#[must_use]
pub fn run(args: &InitArgs) -> Exit {
    let text = match args.example {
        Example::Full => runfile::template(runfile::Example::Full),
        Example::Minimal => runfile::template(runfile::Example::Minimal),
        Example::Matrix => runfile::template(runfile::Example::Matrix),
        Example::Product => multibeam_bundle::EXAMPLE,
    };
    output::print_text(text).err().unwrap_or(Exit::SUCCESS)
}
