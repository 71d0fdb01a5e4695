//! `multibeam results`

use super::fail;
use crate::args::{ColorChoice, ResultsArgs};
use crate::exit::Exit;
use crate::files::fetch_all;
use crate::output;
use crate::place::{Found, look};
use crate::results_of::ResultsOf;
use crate::stored::{Stored, status_of};
use crate::view::{now, summary};

/// Writes a run's files and shows its summary. Of a run that has not ended, what there is so far.
pub(super) async fn run(args: ResultsArgs, color: ColorChoice) -> Result<(), Exit> {
    let directory_of =
        |run: &str| args.to.clone().unwrap_or_else(|| args.place.results().join(run));
    let (written, directory, served) = match look(&args.place, args.run.as_deref()).await? {
        Found::Served(served) => {
            let directory = directory_of(&served.run);
            (fetch_all(&served.results, &served.run, &directory).await, directory, true)
        }
        // A coordinator elsewhere kept it: its files are what there is.
        Found::Left(left) if !left.ledger().is_dir() && args.to.is_none() => {
            let found = ResultsOf::open(left.results(), Some(&left.name()))?;
            (Ok(found.summary), found.directory, false)
        }
        Found::Left(left) => {
            let stored = Stored::open(&left).await?;
            let directory = directory_of(&stored.record.run.0);
            let written = fetch_all(&stored.results, &stored.record.run.0, &directory).await;
            stored.close().await;
            (written, directory, false)
        }
    };
    let found = written.map_err(|error| fail(error.exit(), &error))?;
    let text = if args.json {
        let text = serde_json::to_string_pretty(&found);
        text.map_err(|error| fail(Exit::ENVIRONMENT, &error))? + "\n"
    } else {
        let mut status = status_of(&found);
        if served && found.ended.is_none() {
            status.updated = now();
        }
        let directory = directory.display().to_string();
        summary(&status, Some(&directory), output::style(color))
    };
    output::print_text(&text)
}
