//! `multibeam list`

use multibeam_model::run::RunSpec;

use crate::args::{ColorChoice, ListArgs};
use crate::catalog_view::{Listed, json, text};
use crate::discovery::{discover_all_blocking, distinct};
use crate::exit::Exit;
use crate::on_disk::Extent;
use crate::written::Written;
use crate::{load, output};

/// The seed of a listing when neither run file nor command line has one. A run draws its own.
pub(crate) const SEED: i64 = 1;

/// Prints what a run file would run.
#[must_use]
pub fn run(args: &ListArgs, color: ColorChoice) -> Exit {
    let mode = args.mode.map(Into::into);
    // Of other targets than the chosen one nothing needs to be here.
    let extent = if args.target.is_some() { Extent::NOTHING } else { Extent::SUITES };
    let loaded = match load::load(&args.file, mode, extent, color) {
        Ok(loaded) => loaded,
        Err(exit) => return exit,
    };
    let run = &loaded.run;
    let targets = match chosen(run, args.target.as_deref()) {
        Ok(targets) => targets,
        Err(message) => {
            eprintln!("error: {message}");
            return Exit::INPUT;
        }
    };
    let seed = args.seed.or(run.seed).unwrap_or(SEED);
    let suites = distinct(run, &targets);
    let written = Written::In(&loaded, color);
    let found = match discover_all_blocking(run, &suites, seed, written) {
        Ok(found) => found,
        Err(exit) => return exit,
    };
    let suites = suites.into_iter().zip(found);
    let suites = suites.map(|((suite, targets), found)| Listed {
        suite,
        targets: targets.into_iter().map(|index| &run.targets[index]).collect(),
        catalog: found.catalog,
    });
    let suites: Vec<Listed<'_>> = suites.collect();

    let printed = output::print(|out| match args.json {
        true => json::write(out, run, &suites, seed, args.counts),
        false => text::write(out, &suites, args.counts, output::style(color)),
    });
    printed.err().unwrap_or(Exit::SUCCESS)
}

/// Indices of the targets to list.
fn chosen(run: &RunSpec, only: Option<&str>) -> Result<Vec<usize>, String> {
    let all = 0..run.targets.len();
    let Some(only) = only else {
        return Ok(all.collect());
    };
    let found: Vec<usize> = all.filter(|index| run.targets[*index].name == only).collect();
    if found.is_empty() {
        let known: Vec<String> = run.targets.iter().map(|t| format!("{:?}", t.name)).collect();
        return Err(format!(
            "expected one of the run file's targets, got {only:?} (hint: known are {})",
            known.join(", ")
        ));
    }
    Ok(found)
}
