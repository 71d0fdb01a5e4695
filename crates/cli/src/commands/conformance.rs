//! `multibeam conformance`

use multibeam_conformance::catalog::{Catalog, diff, stats};
use multibeam_conformance::report;
use multibeam_history::{Durations, Labels};

use super::fail;
use super::verify::paint;
use crate::args::{ColorChoice, ConformanceArgs, ConformanceCommand, ListsArgs, StatsArgs};
use crate::exit::Exit;
use crate::view::count;
use crate::{history, output, required};

/// Shows lists of conformance tests.
#[must_use]
pub(super) fn run(args: &ConformanceArgs, color: ColorChoice) -> Exit {
    let shown = match &args.command {
        ConformanceCommand::List(args) => list(args),
        ConformanceCommand::Diff(args) => difference(args, color),
        ConformanceCommand::Stats(args) => numbers(args, color),
    };
    shown.err().unwrap_or(Exit::SUCCESS)
}

fn list(args: &ListsArgs) -> Result<(), Exit> {
    let catalog = one(args)?;
    output::print(|out| match args.json {
        true => report::list_json(out, &catalog),
        false => report::list_text(out, &catalog),
    })
}

fn difference(args: &ListsArgs, color: ColorChoice) -> Result<(), Exit> {
    let lists: [Catalog; 2] = lists(args)?.try_into().map_err(|lists: Vec<Catalog>| {
        wrong_number(2, lists.len(), "multibeam conformance diff v1.35 v1.36")
    })?;
    let [old, new] = lists;
    let diff = diff::diff(&old, &new);
    output::print(|out| match args.json {
        true => report::diff_json(out, &old.origin, &new.origin, &diff),
        false => report::diff_text(out, paint(color), &old.origin, &new.origin, &diff),
    })
}

fn numbers(args: &StatsArgs, color: ColorChoice) -> Result<(), Exit> {
    let StatsArgs { lists: args, place } = args;
    let catalog = one(args)?;
    let history = history::recall(place, place.results())?;
    // Of whatever targets: the list is of none.
    let durations = Durations::of(&history, &Labels::new());
    let stats = stats::stats(&catalog, |text| durations.expect(text));
    output::print(|out| match args.json {
        true => report::stats_json(out, &catalog.origin, &stats),
        false => report::stats_text(out, paint(color), &catalog.origin, &stats),
    })
}

/// The list that is named; the newest that is built in when none is.
fn one(args: &ListsArgs) -> Result<Catalog, Exit> {
    let mut all = lists(args)?;
    match all.len() {
        0 => {
            let newest = Catalog::built_in_minors().last().and_then(|m| Catalog::built_in(*m));
            newest.ok_or_else(|| wrong_number(1, 0, "multibeam conformance list v1.36"))
        }
        1 => Ok(all.remove(0)),
        given => Err(wrong_number(1, given, "multibeam conformance list v1.36")),
    }
}

fn lists(args: &ListsArgs) -> Result<Vec<Catalog>, Exit> {
    let named = args.lists.iter().map(|name| required::named(name));
    let from = args.from.iter().map(|path| required::any_file(path));
    named.chain(from).collect::<Result<_, _>>().map_err(|error| fail(Exit::INPUT, &error))
}

fn wrong_number(expected: usize, given: usize, example: &str) -> Exit {
    let lists = count(expected, "list");
    eprintln!("error: expected {lists}, got {given} (hint: such as `{example}`)");
    Exit::INPUT
}
