//! What each command of the program does.

mod aggregator;
mod attach;
mod bundle;
mod cancel;
pub mod check;
mod compare;
mod conformance;
mod export;
mod history;
pub mod init;
pub mod list;
mod logs;
mod pki;
pub mod plan;
mod results;
mod run;
mod runs;
mod serve;
mod status;
pub(crate) mod verify;

use std::future::Future;

use multibeam_rt::telemetry::{LogFormat, Telemetry};

use crate::args::{Cli, Command};
use crate::exit::Exit;
use crate::view::clean;

/// Where traces go, as every program that speaks OTLP understands it; unset exports nothing.
const OTLP_VARIABLE: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

/// Does what the command line says.
#[must_use]
pub fn dispatch(cli: Cli) -> Exit {
    let Cli { command, color, log } = cli;
    match command {
        Command::Init(args) => init::run(&args),
        Command::Check(args) => check::run(&args, color),
        Command::List(args) => list::run(&args, color),
        Command::Plan(args) => plan::run(&args, color),
        Command::Pki(args) => pki::run(&args),
        Command::Compare(args) => compare::run(&args, color).err().unwrap_or(Exit::SUCCESS),
        Command::Export(args) => export::run(&args).err().unwrap_or(Exit::SUCCESS),
        Command::Verify(args) => verify::run(&args, color),
        Command::Bundle(args) => bundle::run(&args, color),
        Command::Conformance(args) => conformance::run(&args, color),
        // What a run's parts have to say is in the view; the log is for looking closer.
        Command::Run(args) => asynchronous(log, "error", "multibeam", run::run(*args, color)),
        Command::Status(args) => asynchronous(log, "error", "multibeam", status::run(args, color)),
        Command::Logs(args) => asynchronous(log, "error", "multibeam", logs::run(args)),
        Command::Results(args) => {
            asynchronous(log, "error", "multibeam", results::run(args, color))
        }
        Command::Attach(args) => asynchronous(log, "error", "multibeam", attach::run(args, color)),
        Command::Cancel(args) => asynchronous(log, "error", "multibeam", cancel::run(args)),
        Command::History(args) => {
            asynchronous(log, "error", "multibeam", history::run(args, color))
        }
        Command::Runs(args) => asynchronous(log, "error", "multibeam", runs::run(args)),
        Command::Coordinator(args) => {
            asynchronous(log, "info", "multibeam-coordinator", serve::coordinator(args))
        }
        Command::Aggregator(args) => {
            let filter = if args.command.is_none() { "info" } else { "error" };
            asynchronous(log, filter, "multibeam-aggregator", aggregator::run(*args))
        }
        Command::Worker(args) => asynchronous(log, "info", "multibeam-worker", serve::worker(args)),
    }
}

/// What is not logged unless somebody asks for it: the client of the API server logs failed calls as
/// errors, which are tried again, and told where they matter.
const QUIET: &str = "kube_client=off";

/// Runs a command that needs a runtime.
fn asynchronous(
    log: Option<String>,
    default_filter: &str,
    service: &'static str,
    command: impl Future<Output = Result<(), Exit>>,
) -> Exit {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: cannot start: {error}");
            return Exit::ENVIRONMENT;
        }
    };
    let exit = runtime.block_on(async {
        let telemetry = Telemetry {
            service,
            filter: log.unwrap_or_else(|| format!("{default_filter},{QUIET}")),
            format: LogFormat::Human,
            otlp_endpoint: std::env::var(OTLP_VARIABLE).ok().filter(|url| !url.is_empty()),
        };
        let guard = match telemetry.init() {
            Ok(guard) => guard,
            Err(error) => {
                eprintln!("error: {error}");
                return Exit::INPUT;
            }
        };
        let exit = command.await.err().unwrap_or(Exit::SUCCESS);
        guard.flush();
        exit
    });
    // A blocked thread (an exec plugin that hangs, say) must not hold the program.
    runtime.shutdown_timeout(std::time::Duration::from_secs(5));
    exit
}

/// Says what went wrong, and everything that led to it.
pub(crate) fn fail(exit: Exit, error: &dyn std::error::Error) -> Exit {
    // It may repeat a name from an archive, or what a suite has printed.
    let lines: Vec<String> = with_causes(error).lines().map(clean).collect();
    eprintln!("error: {}", lines.join("\n"));
    exit
}

/// What went wrong and everything that led to it; what an error repeats of its cause only once.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

/// Says what a service answered.
pub(crate) fn fail_status(status: &tonic::Status) -> Exit {
    eprintln!("error: {}", status.message());
    exit_of(status.code())
}

/// Whose fault a service's answer is: the user's or the environment's.
pub(crate) fn exit_of(code: tonic::Code) -> Exit {
    match code {
        tonic::Code::InvalidArgument
        | tonic::Code::NotFound
        | tonic::Code::FailedPrecondition
        | tonic::Code::AlreadyExists
        // The certificate is of another role.
        | tonic::Code::PermissionDenied => Exit::INPUT,
        _ => Exit::ENVIRONMENT,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    enum Wrapped {
        #[error("cannot connect")]
        Silent(#[source] std::io::Error),
        #[error("cannot connect: {0}")]
        Repeating(#[source] std::io::Error),
    }

    #[test]
    fn a_cause_is_told_once() {
        let cause = || std::io::Error::other("no such host");
        for error in [Wrapped::Silent(cause()), Wrapped::Repeating(cause())] {
            assert_eq!(with_causes(&error), "cannot connect: no such host");
        }
    }
}
