//! `multibeam history`

use std::collections::BTreeSet;

use multibeam_conformance::catalog::Catalog;
use multibeam_history::{History, Labels, file};
use multibeam_model::spec_text::fold;

use super::{fail, with_causes};
use crate::args::{
    ColorChoice, HistoryArgs, HistoryCommand, HistoryExportArgs, HistoryImportArgs, HistoryListArgs,
};
use crate::exit::Exit;
use crate::files::write_file;
use crate::history::{Imported, Memory, import};
use crate::history_view::{Wanted, json, text};
use crate::output;
use crate::view::count;

/// Shows, writes, or adds durations.
pub(super) async fn run(args: HistoryArgs, color: ColorChoice) -> Result<(), Exit> {
    match args.command {
        HistoryCommand::List(args) => list(args, color).await,
        HistoryCommand::Export(args) => export(args).await,
        HistoryCommand::Import(args) => add(args).await,
    }
}

async fn list(args: HistoryListArgs, color: ColorChoice) -> Result<(), Exit> {
    let history = Memory::at(&args.place, args.place.results()).await?.recall().await?;
    let wanted = Wanted { spec: args.spec, labels: args.label.into_iter().collect() };
    output::print(|out| match args.json {
        true => json::write(out, &history, &wanted),
        false => text::write(out, &history, &wanted, output::style(color)),
    })
}

async fn export(args: HistoryExportArgs) -> Result<(), Exit> {
    let history = Memory::at(&args.place, args.place.results()).await?.recall().await?;
    let Some(path) = &args.output else {
        return output::print(|out| file::write(out, &history));
    };
    let mut csv = Vec::new();
    file::write(&mut csv, &history).map_err(|error| fail(Exit::ENVIRONMENT, &error))?;
    write_file(path, &csv)
}

/// What cannot be meant is said, and the rest is added.
async fn add(args: HistoryImportArgs) -> Result<(), Exit> {
    let labels: Labels = args.label.into_iter().collect();
    let found = import(&args.paths, &labels);
    for (path, problems) in &found.problems {
        for problem in &problems.told {
            eprintln!("warning: {}: {problem}", path.display());
        }
        if problems.more() > 0 {
            eprintln!("warning: {}: and {} more like these", path.display(), problems.more());
        }
    }
    for (path, error) in &found.failed {
        eprintln!("error: {}: {}", path.display(), with_causes(error));
    }
    let new = found.history();
    if !new.is_empty() {
        Memory::at(&args.place, args.place.results()).await?.learn(&new).await?;
    }
    eprintln!("{}", summary(&found, &new));
    match found.failed.is_empty() {
        true => Ok(()),
        false => Err(Exit::INPUT),
    }
}

fn summary(found: &Imported, new: &History) -> String {
    let specs = count(new.specs(), "spec");
    let mut text = format!("durations of {specs} from {}", count(found.files, "file"));
    let unknown = unknown(new);
    if unknown > 0 {
        text += &format!(
            "; {unknown} of them in no list of conformance tests that is built in, so they count for other suites only"
        );
    }
    text
}

/// Specs that no release of Kubernetes requires, whatever their tags.
fn unknown(history: &History) -> usize {
    let lists: Vec<Catalog> =
        Catalog::built_in_minors().into_iter().filter_map(Catalog::built_in).collect();
    let known: BTreeSet<String> =
        lists.iter().flat_map(Catalog::tests).map(|test| fold(&test.text)).collect();
    history.rows().filter(|row| !known.contains(&fold(row.spec))).count()
}
