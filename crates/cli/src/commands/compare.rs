//! `multibeam compare`: results on disk become outcomes, outcomes a comparison.

use std::io::BufReader;
use std::path::Path;

use multibeam_compare::input::{Run, Target};
use multibeam_compare::show::text::{Line as Pieces, Tone};
use multibeam_compare::{Comparison, compare, report, show};

use super::fail;
use crate::args::{ColorChoice, CompareArgs};
use crate::exit::Exit;
use crate::files::write_file;
use crate::results_of::{ResultsOf, nanos};
use crate::view::{Line, Role, Style};
use crate::{foreign, output};

/// Says what differs between targets.
pub(super) fn run(args: &CompareArgs, color: ColorChoice) -> Result<(), Exit> {
    let runs = match args.runs.as_slice() {
        [] => vec![read(&args.results, None)?],
        runs => read_all(&args.results, runs)?,
    };
    let earlier = read_all(&args.results, &args.earlier)?;
    let by = (!args.by.is_empty()).then_some(args.by.as_slice());
    let found = compare(&runs, &earlier, by).map_err(|error| fail(Exit::INPUT, &error))?;
    if let Some(path) = &args.html {
        write_file(path, show::html::page(&found).as_bytes())?;
    }
    output::print_text(&match (args.json, args.markdown) {
        (true, _) => show::json(&found),
        (false, true) => show::markdown::write(&found),
        (false, false) => text(&found, output::style(color)),
    })
}

fn read_all(results: &Path, runs: &[String]) -> Result<Vec<Run>, Exit> {
    runs.iter().map(|run| read(results, Some(run))).collect()
}

/// The outcomes of a run, or of what another tool left.
fn read(results: &Path, run: Option<&str>) -> Result<Run, Exit> {
    if let Some(path) = run.map(Path::new).filter(|path| is_foreign(results, path)) {
        return foreign::run(path);
    }
    let found = ResultsOf::open(results, run)?;
    let mut targets = Vec::new();
    for target in &found.summary.targets {
        let outcomes = match found.file(target, "report.json")? {
            Some((file, _)) => report::read(BufReader::new(file)).map_err(|error| {
                eprintln!("in the results of target {} of run {}:", target.name, found.summary.run);
                fail(Exit::INPUT, &error)
            })?,
            None => Default::default(),
        };
        targets.push(Target {
            name: target.name.clone(),
            labels: target.labels.clone(),
            ..outcomes
        });
    }
    Ok(Run { id: found.summary.run.clone(), started: nanos(&found.summary.started), targets })
}

/// Whether a path leads to something else than a run of our own.
fn is_foreign(results: &Path, path: &Path) -> bool {
    let is_run = |directory: &Path| directory.join("run.json").is_file();
    path.exists() && !is_run(path) && !is_run(&results.join(path))
}

fn text(found: &Comparison, style: Style) -> String {
    let mut text = String::new();
    for pieces in show::text::lines(found) {
        text.push_str(&painted(&pieces).paint(style));
        text.push('\n');
    }
    text
}

/// Pieces become clean when they enter a line.
fn painted(pieces: &Pieces) -> Line {
    let mut line = Line::new();
    for (tone, text) in pieces {
        let role = match tone {
            Tone::Plain => Role::Plain,
            Tone::Dim => Role::Dim,
            Tone::Bold => Role::Bold,
            Tone::Bad => Role::Bad,
            Tone::Warn => Role::Warn,
            Tone::Accent => Role::Accent,
        };
        line.push(role, text);
    }
    line
}
