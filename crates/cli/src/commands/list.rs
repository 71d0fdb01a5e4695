//! `multibeam list`

use std::io::{self, IsTerminal as _};
use std::time::{Duration, Instant};

use multibeam_model::run::{RunSpec, SuiteSpec};
use multibeam_worker::agent::discover_suite;
use multibeam_worker::discover::Discovery;
use multibeam_worker::suite::process::GuardProgram;

use crate::args::{ColorChoice, ListArgs};
use crate::catalog_view::{Listed, json, text};
use crate::convert::shown;
use crate::embedded::cache_directory;
use crate::exit::Exit;
use crate::view::{clean, fit};
use crate::{load, output};

/// The seed of a listing when neither run file nor command line has one. A run draws its own.
pub(crate) const SEED: i64 = 1;

/// A discovery shorter than this (one from the cache) shows no progress.
const PATIENCE: Duration = Duration::from_millis(800);

/// How often the progress is drawn.
const FRAME: Duration = Duration::from_millis(200);

/// Prints what a run file would run.
#[must_use]
pub fn run(args: &ListArgs, color: ColorChoice) -> Exit {
    let loaded = match load::load(&args.file, args.mode.map(Into::into), color) {
        Ok(loaded) => loaded,
        Err(exit) => return exit,
    };
    let run = loaded.run;
    let targets = match chosen(&run, args.target.as_deref()) {
        Ok(targets) => targets,
        Err(message) => {
            eprintln!("error: {message}");
            return Exit::INPUT;
        }
    };
    let seed = args.seed.or(run.seed).unwrap_or(SEED);
    let suites = distinct(&run, &targets);
    let found = match discover_all(&run, &suites, seed) {
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
        true => json::write(out, &run, &suites, seed, args.counts),
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

/// Each different suite once, with the targets that have it.
pub(crate) fn distinct<'a>(
    run: &'a RunSpec,
    targets: &[usize],
) -> Vec<(&'a SuiteSpec, Vec<usize>)> {
    let mut out: Vec<(&SuiteSpec, Vec<usize>)> = Vec::new();
    for index in targets {
        let suite = &run.targets[*index].suite;
        match out.iter_mut().find(|(known, _)| *known == suite) {
            Some((_, users)) => users.push(*index),
            None => out.push((suite, vec![*index])),
        }
    }
    out
}

pub(crate) fn discover_all(
    run: &RunSpec,
    suites: &[(&SuiteSpec, Vec<usize>)],
    seed: i64,
) -> Result<Vec<Discovery>, Exit> {
    let system = |error: io::Error| {
        eprintln!("error: cannot start a suite: {error}");
        Exit::ENVIRONMENT
    };
    let guard = GuardProgram::this_program().map_err(system)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(system)?;
    let cache = cache_directory();
    let mut found = Vec::new();
    let mut failed = false;
    for (suite, targets) in suites {
        let work = discover_suite(&guard, suite, None, &cache, seed, run.certified);
        match runtime.block_on(with_progress(&shown(&suite.binary), work)) {
            Ok(discovery) => found.push(discovery),
            Err(error) => {
                failed = true;
                // The text may hold what the suite has printed.
                let text = format!("target {}: {error}", run.targets[targets[0]].name);
                let lines: Vec<String> = text.lines().map(clean).collect();
                eprintln!("error: {}", lines.join("\n"));
            }
        }
    }
    if failed { Err(Exit::INPUT) } else { Ok(found) }
}

/// Shows on a terminal that something takes its time.
async fn with_progress<T>(suite: &str, work: impl Future<Output = T>) -> T {
    let terminal = io::stderr().is_terminal();
    let begun = Instant::now();
    let mut frames = tokio::time::interval(FRAME);
    let mut shown = false;
    tokio::pin!(work);
    let result = loop {
        tokio::select! {
            result = &mut work => break result,
            _ = frames.tick() => {
                let elapsed = begun.elapsed();
                if terminal && elapsed >= PATIENCE {
                    shown = true;
                    let room = terminal_size::terminal_size().map_or(80, |(width, _)| usize::from(width.0));
                    let text = format!("looking into {} … {}s", clean(suite), elapsed.as_secs());
                    eprint!("\r\x1b[K{}", fit(&text, room.saturating_sub(1)));
                }
            }
        }
    };
    if shown {
        eprint!("\r\x1b[K");
    }
    result
}
