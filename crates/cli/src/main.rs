//! Entry point: guards first, then the command line.

use std::process::ExitCode;

use clap::Parser as _;
use multibeam::args::{Cli, did_you_mean};
use multibeam::commands;
use multibeam::exit::Exit;
use multibeam_worker::suite::process::GuardProgram;

fn main() -> ExitCode {
    // A guard must start before any thread exists, and its arguments are not for people.
    let mut args = std::env::args_os().skip(1);
    if args.next().is_some_and(|first| GuardProgram::is_command(&first)) {
        return multibeam_worker::guard::main(std::env::args_os().skip(1));
    }
    match Cli::try_parse() {
        Ok(cli) => commands::dispatch(cli).into(),
        Err(error) => {
            // Help and version go to standard output and are no mistake. Nobody may read them.
            let _ = error.print();
            if let Some(hint) = did_you_mean(&error) {
                eprintln!("  {hint}");
            }
            if error.use_stderr() { Exit::INPUT.into() } else { ExitCode::SUCCESS }
        }
    }
}
