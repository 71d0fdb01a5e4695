//! Stands in for `multibeam guard` in the tests of this crate.

use std::process::ExitCode;

fn main() -> ExitCode {
    multibeam_worker::guard::main(std::env::args_os().skip(1))
}
