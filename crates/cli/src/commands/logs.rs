//! `multibeam logs`

use std::io::Write as _;

use multibeam_proto::aggregator::v1::FollowRequest;
use multibeam_proto::aggregator::v1::results_client::ResultsClient;
use multibeam_rt::endpoints::Endpoints;

use super::{fail, fail_status};
use crate::args::LogsArgs;
use crate::exit::Exit;
use crate::files::summary;
use crate::place::{Found, look};
use crate::stored::Stored;

/// Prints the log of a run's targets, as it stands or as it grows.
pub(super) async fn run(args: LogsArgs) -> Result<(), Exit> {
    match look(&args.place, args.run.as_deref()).await? {
        Found::Served(served) => print(&served.results, &served.run, &args, args.follow).await,
        Found::Left(directory) => {
            let stored = Stored::open(&directory).await?;
            let printed = print(&stored.results, &stored.record.run.0, &args, false).await;
            stored.close().await;
            printed
        }
    }
}

async fn print(
    results: &ResultsClient<Endpoints>,
    run: &str,
    args: &LogsArgs,
    follow: bool,
) -> Result<(), Exit> {
    let summary = summary(results, run).await.map_err(|error| fail(error.exit(), &error))?;
    let target = match &args.target {
        None => None,
        Some(name) => match (0u32..).zip(&summary.targets).find(|(_, t)| t.name == *name) {
            Some((place, _)) => Some(place),
            None => {
                let known: Vec<&str> = summary.targets.iter().map(|t| t.name.as_str()).collect();
                eprintln!("error: no target {name}, expected one of {}", known.join(", "));
                return Err(Exit::INPUT);
            }
        },
    };
    let request =
        FollowRequest { run: run.to_owned(), target, spec: args.spec.clone(), until_now: !follow };
    let lines = results.clone().follow(request).await;
    let mut lines = lines.map_err(|status| fail_status(&status))?.into_inner();
    let mut out = std::io::stdout().lock();
    let mut printed = false;
    while let Some(part) = lines.message().await.map_err(|status| fail_status(&status))? {
        printed |= !part.lines.is_empty();
        for line in part.lines {
            writeln!(out, "{line}").map_err(|error| Exit::of_output(&error))?;
        }
    }
    if let Some(spec) = args.spec.as_ref().filter(|_| !printed) {
        eprintln!("note: no spec with {spec:?} in its text has run");
    }
    Ok(())
}
