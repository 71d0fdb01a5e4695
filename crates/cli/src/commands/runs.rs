//! `multibeam runs`

use std::io::{self, Write};

use multibeam_model::outcome::Verdict;
use multibeam_proto::aggregator::v1::RunState;
use multibeam_proto::coordinator::v1::ListRunsRequest;
use multibeam_proto::coordinator::v1::coordinator_client::CoordinatorClient;
use multibeam_rt::uds;
use serde::Serialize;

use super::fail_status;
use crate::args::RunsArgs;
use crate::connect;
use crate::exit::Exit;
use crate::output;
use crate::place::{RunDirectory, runs_in};
use crate::view::clean;

/// A run in the list.
#[derive(Debug, Serialize)]
struct Row {
    run: String,
    name: String,
    state: &'static str,
    verdict: Option<String>,
    /// The run that has its turn first.
    #[serde(rename = "waitsFor")]
    waits_for: Option<String>,
}

/// Lists the runs of a results directory or of a standing coordinator.
pub(super) async fn run(args: RunsArgs) -> Result<(), Exit> {
    let rows = match &args.place.endpoint {
        Some(endpoint) => {
            let channel = connect::coordinators(endpoint, &args.place.tls).await?;
            let runs = CoordinatorClient::new(channel).list_runs(ListRunsRequest {}).await;
            let runs = runs.map_err(|status| fail_status(&status))?.into_inner().runs;
            runs.into_iter().map(row).collect()
        }
        None => {
            let mut rows = Vec::new();
            for directory in runs_in(args.place.results()) {
                rows.push(local(&directory).await);
            }
            rows
        }
    };
    output::print(|out| write(out, &rows, args.json))
}

fn row(run: multibeam_proto::aggregator::v1::RunRow) -> Row {
    let state = match run.state() {
        RunState::Queued => "queued",
        RunState::Running => "running",
        RunState::Cancelling => "cancelling",
        RunState::Ended => "ended",
        RunState::Unspecified => "unknown",
    };
    let verdict = run.verdict.and_then(|verdict| {
        let wire = multibeam_proto::aggregator::v1::Verdict::try_from(verdict).ok()?;
        Verdict::try_from(wire).ok()
    });
    Row {
        run: run.run,
        name: run.name,
        state,
        verdict: verdict.map(|verdict| verdict.to_string()),
        waits_for: run.waits_for,
    }
}

async fn local(directory: &RunDirectory) -> Row {
    let summary = directory.read_summary();
    let state = match &summary {
        Some(summary) if summary.ended.is_some() => "ended",
        _ if uds::connect(&directory.socket()).await.is_ok() => "running",
        _ => "left",
    };
    Row {
        run: directory.name(),
        name: summary.as_ref().map_or_else(|| unfinished_name(directory), |it| it.name.clone()),
        state,
        verdict: summary.and_then(|summary| summary.verdict).map(|verdict| verdict.to_string()),
        waits_for: None,
    }
}

/// The name of a run that has no summary yet; empty when nobody wrote it down.
fn unfinished_name(directory: &RunDirectory) -> String {
    std::fs::read_to_string(directory.title()).unwrap_or_default()
}

fn write(out: &mut impl Write, rows: &[Row], json: bool) -> io::Result<()> {
    if json {
        let text = serde_json::to_string_pretty(rows)?;
        return writeln!(out, "{text}");
    }
    if rows.is_empty() {
        return writeln!(out, "no runs");
    }
    let width = rows.iter().map(|row| row.run.len()).max().unwrap_or_default();
    for row in rows {
        let verdict = row.verdict.as_deref().unwrap_or("-");
        let waits = row.waits_for.as_deref().map(|run| format!(" (waits for {run})"));
        let (name, waits) = (clean(&row.name), waits.unwrap_or_default());
        writeln!(out, "{:width$}  {:9}  {verdict:24}  {name}{waits}", row.run, row.state)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::run::new_directory;

    #[tokio::test]
    async fn a_run_without_a_summary_has_its_name() {
        let results = tempfile::tempdir().unwrap();
        let directory = new_directory(results.path(), "nightly / cilium").unwrap();
        let row = local(&directory).await;
        assert_eq!((row.name.as_str(), row.state, row.verdict), ("nightly / cilium", "left", None));
        // Somebody else may have made it.
        std::fs::remove_file(directory.title()).unwrap();
        assert_eq!(local(&directory).await.name, "");
    }
}
