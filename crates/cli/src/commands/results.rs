//! `multibeam results`

use std::path::PathBuf;

use multibeam_aggregator::render::RunJson;

use super::fail;
use crate::args::{ColorChoice, ResultsArgs};
use crate::exit::Exit;
use crate::files::fetch_all;
use crate::output;
use crate::place::{Found, look};
use crate::stored::{Stored, status_of};
use crate::view::summary;

/// Writes a run's files and shows its summary. Of a run that has not ended, what there is so far.
pub(super) async fn run(args: ResultsArgs, color: ColorChoice) -> Result<(), Exit> {
    let directory_of =
        |run: &str| args.to.clone().unwrap_or_else(|| args.place.results().join(run));
    let (written, directory) = match look(&args.place, args.run.as_deref()).await? {
        Found::Served(served) => {
            let directory = directory_of(&served.run);
            (fetch_all(&served.results, &served.run, &directory).await, directory)
        }
        Found::Left(left) => {
            let stored = Stored::open(&left).await?;
            let directory = directory_of(&stored.record.run.0);
            let written = fetch_all(&stored.results, &stored.record.run.0, &directory).await;
            stored.close().await;
            (written, directory)
        }
    };
    let found = written.map_err(|error| fail(error.exit(), &error))?;
    show(&found, directory, args.json, color)
}

fn show(found: &RunJson, directory: PathBuf, json: bool, color: ColorChoice) -> Result<(), Exit> {
    let text = if json {
        let text = serde_json::to_string_pretty(found);
        text.map_err(|error| fail(Exit::ENVIRONMENT, &error))? + "\n"
    } else {
        let directory = directory.display().to_string();
        summary(&status_of(found), Some(&directory), output::style(color))
    };
    output::print_text(&text)
}
