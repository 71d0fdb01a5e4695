//! `multibeam status`

use multibeam_model::event::EVENT_FORMAT;
use multibeam_model::status::RunStatus;
use multibeam_proto::coordinator::v1::StatusRequest;
use serde::Serialize;

use super::{fail, fail_status};
use crate::args::{ColorChoice, StatusArgs};
use crate::exit::Exit;
use crate::files::summary;
use crate::follow::{CtrlC, Look, follow};
use crate::output;
use crate::place::{Found, look};
use crate::results_of::ResultsOf;
use crate::stored::{Stored, status_of};
use crate::view::{now, status_text};

/// A status with the format of the events that it is folded from.
#[derive(Serialize)]
struct Printed<'a> {
    format: u32,
    #[serde(flatten)]
    status: &'a RunStatus,
}

/// Shows how a run stands.
pub(super) async fn run(args: StatusArgs, color: ColorChoice) -> Result<(), Exit> {
    match look(&args.place, args.run.as_deref()).await? {
        Found::Served(mut served) if args.watch => {
            let look = Look { json: args.json, plain: false, color };
            let status = follow(&mut served, look, CtrlC::Leaves).await?;
            exit(&status)
        }
        Found::Served(mut served) => {
            let request = StatusRequest { run: served.run.clone() };
            let status = match served.coordinator.status(request).await {
                Ok(response) => serde_json::from_slice(&response.into_inner().status_json)
                    .map_err(|error| fail(Exit::ENVIRONMENT, &error))?,
                // The coordinator keeps the newest runs; the ledger has all of them.
                Err(status) if status.code() == tonic::Code::NotFound => {
                    let summary = summary(&served.results, &served.run).await;
                    status_of(&summary.map_err(|_| fail_status(&status))?)
                }
                Err(status) => return Err(fail_status(&status)),
            };
            show(&status, args.json, color)
        }
        // A coordinator elsewhere kept it: what it wrote here is all that there is.
        Found::Left(directory) if !directory.ledger().is_dir() => {
            let found = ResultsOf::open(directory.results(), Some(&directory.name()))?;
            let status = status_of(&found.summary);
            show(&status, args.json, color)?;
            if args.watch { exit(&status) } else { Ok(()) }
        }
        Found::Left(directory) => {
            let stored = Stored::open(&directory).await?;
            let summary = summary(&stored.results, &stored.record.run.0).await;
            let summary = summary.map_err(|error| fail(Exit::ENVIRONMENT, &error));
            let ended = stored.record.ended.is_some();
            stored.close().await;
            let status = status_of(&summary?);
            show(&status, args.json, color)?;
            if !ended {
                eprintln!(
                    "the program that ran it is gone (hint: `multibeam run --resume {}` goes on with it)",
                    status.run
                );
            }
            if args.watch { exit(&status) } else { Ok(()) }
        }
    }
}

/// How the run ended; nothing wrong while it has not.
fn exit(status: &RunStatus) -> Result<(), Exit> {
    match status.verdict.map(Exit::from) {
        Some(exit) if exit != Exit::SUCCESS => Err(exit),
        _ => Ok(()),
    }
}

fn show(status: &RunStatus, json: bool, color: ColorChoice) -> Result<(), Exit> {
    let text = if json {
        let printed = Printed { format: EVENT_FORMAT, status };
        let text =
            serde_json::to_string(&printed).map_err(|error| fail(Exit::ENVIRONMENT, &error))?;
        text + "\n"
    } else {
        let at = if status.verdict.is_some() { status.updated } else { now() };
        status_text(status, at, output::columns(), output::style(color))
    };
    output::print_text(&text)
}
