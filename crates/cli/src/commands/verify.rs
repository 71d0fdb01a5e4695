//! `multibeam verify`

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use multibeam_conformance::catalog::Catalog;
use multibeam_conformance::input::{self, InputError};
use multibeam_conformance::report::{self, Format, Paint};
use multibeam_conformance::{
    Checked, Evidence, Minor, PullRequest, Request, Verdict, claim, qualifying_with, urls, verify,
};

use super::fail;
use crate::args::{ColorChoice, ReportFormat, VerifyArgs};
use crate::exit::Exit;
use crate::results_of::ResultsOf;
use crate::view::clean;
use crate::{online, output, required};

/// Holds results against the rules of the certification.
#[must_use]
pub(super) fn run(args: &VerifyArgs, color: ColorChoice) -> Exit {
    if args.rules {
        return output::print(report::rules_text).err().unwrap_or(Exit::SUCCESS);
    }
    match checked(args) {
        Err(exit) => exit,
        Ok((all, whole)) => {
            let format = format(args, color);
            let exit = match report::verdict(&all) {
                Verdict::Verified if !whole => Exit::INCOMPLETE,
                verdict => exit_of_verdict(verdict),
            };
            output::print(|out| report::write(out, format, &all)).err().unwrap_or(exit)
        }
    }
}

/// The exit status that stands for a verdict.
pub(super) fn exit_of_verdict(verdict: Verdict) -> Exit {
    match verdict {
        Verdict::Verified => Exit::SUCCESS,
        Verdict::NotVerified => Exit::FAILED,
        Verdict::CouldNotTell => Exit::INCOMPLETE,
    }
}

/// What came of each place, and whether every target that was named has one.
fn checked(args: &VerifyArgs) -> Result<(Vec<Checked>, bool), Exit> {
    let mut request = request(args)?;
    let (paths, whole) = places(&args.paths);
    let evidence = input::collect(&paths).map_err(|error| fail(exit_of(&error), &error))?;
    let evidence = of_conformance(evidence);
    if request.catalog.is_some() {
        let claims = evidence.iter().filter_map(|evidence| claim(evidence, &request));
        let releases = claims.map(|claim| claim.minor).collect();
        of_one_release(&releases, "verify the places of one release at a time")?;
    }
    if args.online {
        request.online = Some(ask(&evidence)?);
    }
    Ok((evidence.iter().map(|evidence| verify(evidence, &request)).collect(), whole))
}

/// What to read: of a run its targets, and not what was exported beside them; of everything else all.
/// Also whether every target of those runs has results.
fn places(paths: &[PathBuf]) -> (Vec<PathBuf>, bool) {
    let mut places = Vec::new();
    let mut whole = true;
    for path in paths {
        let Some(ResultsOf { summary, .. }) = ResultsOf::of(path) else {
            places.push(path.clone());
            continue;
        };
        for target in &summary.targets {
            let directory = path.join(&target.dir);
            if directory.is_dir() {
                places.push(directory);
            } else {
                whole = false;
                eprintln!(
                    "note: target {} of run {} has no results, so they cannot be verified",
                    clean(&target.name),
                    clean(&summary.run)
                );
            }
        }
    }
    (places, whole)
}

/// Leaves out results of other tests, unless there is nothing else.
fn of_conformance(evidence: Vec<Evidence>) -> Vec<Evidence> {
    let (others, evidence): (Vec<_>, Vec<_>) =
        evidence.into_iter().partition(Evidence::is_of_other_tests);
    if evidence.is_empty() {
        return others;
    }
    for other in others {
        eprintln!(
            "note: {} holds no conformance tests, so it is not verified",
            clean(&other.place)
        );
    }
    evidence
}

fn request(args: &VerifyArgs) -> Result<Request, Exit> {
    let catalog = catalog(args.suite.as_deref(), args.required.as_deref())?;
    let files = args.changed_files.as_deref().map(changed_files).transpose()?;
    Ok(Request {
        version: args.release,
        qualifying: args.latest.map(qualifying_with).unwrap_or_default(),
        catalog,
        pull_request: PullRequest { title: args.pr_title.clone(), files, commits: args.commits },
        online: None,
        strict: args.strict,
    })
}

/// The list that the user names, if there is one.
pub(super) fn catalog(
    suite: Option<&Path>,
    required: Option<&Path>,
) -> Result<Option<Catalog>, Exit> {
    let catalog = match (suite, required) {
        (Some(suite), _) => Some(required::suite(suite)),
        (None, Some(file)) => Some(required::file(file)),
        (None, None) => None,
    };
    catalog.transpose().map_err(|error| fail(Exit::INPUT, &error))
}

/// A list that was named is that of one suite: it says nothing about other releases.
///
/// # Errors
/// [`Exit::INPUT`] when there are several releases; that has been said, with a hint.
pub(super) fn of_one_release(releases: &BTreeSet<Minor>, hint: &str) -> Result<(), Exit> {
    if releases.len() <= 1 {
        return Ok(());
    }
    let releases: Vec<String> = releases.iter().map(ToString::to_string).collect();
    eprintln!(
        "error: --suite and --required are of one release, and there are {} (hint: {hint})",
        releases.join(", ")
    );
    Err(Exit::INPUT)
}

/// The paths of a file, one per line.
fn changed_files(path: &Path) -> Result<Vec<String>, Exit> {
    let text = fs::read_to_string(path).map_err(|source| {
        fail(Exit::INPUT, &InputError::Io { path: path.display().to_string(), source })
    })?;
    Ok(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect())
}

fn ask(evidence: &[Evidence]) -> Result<multibeam_conformance::Online, Exit> {
    let all: BTreeSet<String> = evidence.iter().flat_map(urls).map(str::to_owned).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let asked = runtime.and_then(|runtime| runtime.block_on(online::ask(all)));
    asked.map_err(|error| fail(Exit::ENVIRONMENT, &error))
}

/// A path that is not there is a mistake of whoever typed it; a disk that fails is none.
pub(crate) fn exit_of(error: &InputError) -> Exit {
    match error {
        InputError::Io { source, .. } => match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied => Exit::INPUT,
            _ => Exit::ENVIRONMENT,
        },
        _ => Exit::INPUT,
    }
}

fn format(args: &VerifyArgs, color: ColorChoice) -> Format {
    match args.format {
        _ if args.json => Format::Json,
        ReportFormat::Text => Format::Text(paint(color)),
        ReportFormat::Json => Format::Json,
        ReportFormat::Junit => Format::Junit,
        ReportFormat::Sarif => Format::Sarif,
        ReportFormat::Github => Format::Github,
    }
}

/// Colours as the user wants them on standard output.
pub(super) fn paint(color: ColorChoice) -> Paint {
    Paint { color: output::style(color).color }
}
