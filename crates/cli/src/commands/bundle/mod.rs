//! `multibeam bundle`: submissions out of the results of runs.

pub(super) mod product;
mod write;

use std::collections::BTreeSet;
use std::io::{self, Write as _};
use std::path::PathBuf;

use multibeam_bundle::facts::Run;
use multibeam_bundle::{Submission, of_the_example, plan, unused};
use multibeam_conformance::report::{self, Format};
use multibeam_conformance::{Checked, Request, Verdict, qualifying_with};
use serde::Serialize;

use super::fail;
use super::verify::{catalog, exit_of_verdict, of_one_release, paint};
use crate::args::{BundleArgs, ColorChoice};
use crate::exit::Exit;
use crate::output;
use crate::results_of::ResultsOf;
use write::Writer;

/// What became of one submission.
struct Made {
    checked: Checked,
    /// Where it is; nothing when it was refused.
    directory: Option<PathBuf>,
}

/// Makes a submission of each target, and says where they are.
#[must_use]
pub(super) fn run(args: &BundleArgs, color: ColorChoice) -> Exit {
    match all(args, color) {
        Ok(made) => show(args, color, &made),
        Err(exit) => exit,
    }
}

fn all(args: &BundleArgs, color: ColorChoice) -> Result<Vec<Made>, Exit> {
    let results = match args.runs.as_slice() {
        [] => vec![ResultsOf::open(&args.results, None)?],
        runs => runs
            .iter()
            .map(|run| ResultsOf::open(&args.results, Some(run)))
            .collect::<Result<_, _>>()?,
    };
    let runs = results.iter().map(ResultsOf::facts).collect::<Result<Vec<Run>, _>>()?;
    let file = product::file(args, color)?;
    let submissions =
        plan(&runs, &file, &args.target).map_err(|error| fail(Exit::INPUT, &error))?;
    for name in unused(&runs, &file) {
        eprintln!("note: the product file speaks of a target {name}, which none of the runs has");
    }
    note_example(&submissions);
    let mut request = request(args, &submissions)?;
    if request.qualifying.is_empty() {
        request.qualifying.clone_from(&file.qualifying);
    }
    let writer = Writer { args, request };
    let fresh = !args.to.exists();
    let mut sums = write::checksums(&args.to)?;
    let made = submissions.iter().map(|submission| {
        let (run, results) = (&runs[submission.run], &results[submission.run]);
        writer.make(submission, run, &results.directory, &mut sums)
    });
    let made = made.collect();
    // Also when one could not be made: those before it are other files now.
    write::write_checksums(&args.to, sums)?;
    if fresh {
        // Goes only if it is empty: nothing is there where everything was refused.
        let _ = std::fs::remove_dir(&args.to);
    }
    made
}

/// A submission that nobody has filled in is good by every rule, and of a product that does not exist.
fn note_example(submissions: &[Submission<'_>]) {
    let keys = of_the_example(submissions);
    if !keys.is_empty() {
        let keys = keys.join(", ");
        eprintln!(
            "note: the product file still says what its example says: {keys} (hint: put your own product there)"
        );
    }
}

fn request(args: &BundleArgs, submissions: &[Submission<'_>]) -> Result<Request, Exit> {
    let releases: BTreeSet<_> = submissions.iter().map(|submission| submission.release).collect();
    if args.suite.is_some() || args.required.is_some() {
        of_one_release(&releases, "choose targets of one with --target")?;
    }
    Ok(Request {
        qualifying: args.latest.map(qualifying_with).unwrap_or_default(),
        catalog: catalog(args.suite.as_deref(), args.required.as_deref())?,
        strict: args.strict,
        ..Request::default()
    })
}

/// What was made, as one JSON object.
#[derive(Serialize)]
struct Document<'a, T> {
    #[serde(flatten)]
    checked: T,
    /// Places of submissions that are there now.
    written: Vec<&'a str>,
    /// Places of those that are not, since they are not verified.
    refused: Vec<&'a str>,
}

fn show(args: &BundleArgs, color: ColorChoice, made: &[Made]) -> Exit {
    let (written, refused): (Vec<&Made>, Vec<&Made>) =
        made.iter().partition(|made| made.directory.is_some());
    let worst = refused.iter().map(|made| made.checked.verdict).max();
    let exit = worst.map_or(Exit::SUCCESS, exit_of_verdict);
    let checked: Vec<Checked> = made.iter().map(|made| made.checked.clone()).collect();
    let printed = output::print(|out| match args.json {
        true => {
            let document = Document {
                checked: report::document(&checked),
                written: places(&written),
                refused: places(&refused),
            };
            serde_json::to_writer_pretty(&mut *out, &document)?;
            writeln!(out)
        }
        false => {
            report::write(out, Format::Text(paint(color)), &checked)?;
            writeln!(out)?;
            made.iter().try_for_each(|made| line(out, made))
        }
    });
    if let Err(exit) = printed {
        return exit;
    }
    if !refused.is_empty() {
        eprintln!("note: what is refused was not written; --force writes it all the same");
    }
    exit
}

fn places<'a>(made: &[&'a Made]) -> Vec<&'a str> {
    made.iter().map(|made| made.checked.place.as_str()).collect()
}

/// What became of one submission, in words.
fn line(out: &mut impl io::Write, made: &Made) -> io::Result<()> {
    let place = &made.checked.place;
    match (&made.directory, made.checked.verdict) {
        (Some(_), Verdict::Verified) => writeln!(out, "wrote {place}"),
        (Some(_), verdict) => writeln!(out, "wrote {place}, forced: it is {verdict}"),
        (None, verdict) => writeln!(out, "refused {place}: it is {verdict}"),
    }
}
