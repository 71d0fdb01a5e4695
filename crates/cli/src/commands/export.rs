//! `multibeam export`: results on disk in the formats of other tools.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use multibeam_aggregator::render::TargetJson;
use multibeam_export::{ExportError, Input, Subject, sonobuoy, testgrid};
use multibeam_ginkgo::version::Version;

use super::fail;
use crate::args::{ExportArgs, ExportFormat};
use crate::exit::Exit;
use crate::files::FilesError;
use crate::output;
use crate::results_of::ResultsOf;

/// Writes what was asked for and says where it is.
pub(super) fn run(args: &ExportArgs) -> Result<(), Exit> {
    let found = ResultsOf::open(&args.results, args.run.as_deref())?;
    let targets = chosen(&found, args.target.as_deref())?;
    let name = match args.format {
        ExportFormat::Sonobuoy => "sonobuoy",
        ExportFormat::Testgrid => "testgrid",
    };
    let to = args.to.clone().unwrap_or_else(|| found.directory.join(name));
    // Told at the end: a reader that goes away must not keep files from being written.
    let mut written = Vec::new();
    for target in targets {
        let Some(subject) = subject(&found, target) else {
            eprintln!("note: target {} has no results: its suite was not discovered", target.name);
            continue;
        };
        written.push(match args.format {
            ExportFormat::Sonobuoy => tarball(&found, target, &subject, &to)?,
            ExportFormat::Testgrid => build(&found, target, &subject, &to)?,
        });
    }
    let lines: String = written.iter().map(|path| format!("{}\n", path.display())).collect();
    output::print_text(&lines)
}

fn chosen<'a>(found: &'a ResultsOf, only: Option<&str>) -> Result<Vec<&'a TargetJson>, Exit> {
    let all = &found.summary.targets;
    let chosen = all.iter().filter(|target| only.is_none_or(|only| target.name == only));
    let chosen: Vec<&TargetJson> = chosen.collect();
    if chosen.is_empty() {
        let known: Vec<&str> = all.iter().map(|target| target.name.as_str()).collect();
        let only = only.unwrap_or_default();
        eprintln!("error: expected one of the run's targets, got {only:?}");
        eprintln!("  (hint: known are {})", known.join(", "));
        return Err(Exit::INPUT);
    }
    Ok(chosen)
}

/// What run.json says of a target; nothing if it was never discovered.
fn subject(found: &ResultsOf, target: &TargetJson) -> Option<Subject> {
    let suite = target.suite.as_ref()?;
    // "2.12.0 or newer, older than 2.18.0" where the suite does not say.
    let ginkgo = suite.ginkgo.split(' ').next().and_then(Version::parse);
    let run = &found.summary;
    let started = target.started.unwrap_or(run.started).to_unix().0;
    Some(Subject {
        run: run.run.clone(),
        target: target.name.clone(),
        labels: target.labels.clone(),
        started,
        ended: target.ended.map(|ended| ended.to_unix().0),
        verdict: target.verdict,
        cancelled: run.cancelled_by.is_some(),
        suite_version: suite.version.clone(),
        ginkgo: ginkgo.unwrap_or(multibeam_ginkgo::render::Dialect::OLDEST),
        arguments: suite.arguments.clone(),
    })
}

/// Opens a file that a discovered target has.
fn open(found: &ResultsOf, target: &TargetJson, name: &str) -> Result<(File, u64), Exit> {
    found.file(target, name)?.ok_or(Exit::INPUT)
}

fn tarball(
    found: &ResultsOf,
    target: &TargetJson,
    subject: &Subject,
    to: &Path,
) -> Result<PathBuf, Exit> {
    let (report, _) = open(found, target, "report.json")?;
    let (mut log, log_bytes) = open(found, target, "e2e.log")?;
    let (mut junit, junit_bytes) = open(found, target, "junit_01.xml")?;
    let files = sonobuoy::Files {
        report: &mut BufReader::new(report),
        log: Input { name: "e2e.log", bytes: log_bytes, content: &mut log },
        junit: Input { name: "junit_01.xml", bytes: junit_bytes, content: &mut junit },
    };
    let path = to.join(format!("{}.tar.gz", target.dir));
    whole(&path, |out| sonobuoy::write(subject, files, out))?;
    Ok(path)
}

fn build(
    found: &ResultsOf,
    target: &TargetJson,
    subject: &Subject,
    to: &Path,
) -> Result<PathBuf, Exit> {
    let directory = to.join(&target.dir).join(testgrid::build(subject));
    let small =
        |name: &str, bytes: Vec<u8>| whole(&directory.join(name), |out| Ok(out.write_all(&bytes)?));
    small("started.json", testgrid::started(subject).map_err(|error| failed(&error))?)?;
    for (file, place) in testgrid::PLACES {
        let (mut content, _) = open(found, target, file)?;
        whole(&directory.join(place), |mut out| {
            io::copy(&mut content, &mut out)?;
            Ok(())
        })?;
    }
    // The last one: whoever takes a build in waits for it.
    match testgrid::finished(subject) {
        Ok(bytes) => small("finished.json", bytes)?,
        Err(ExportError::NotEnded) => {
            eprintln!("note: target {} has not ended, so it has no finished.json", target.name);
        }
        Err(error) => return Err(failed(&error)),
    }
    Ok(directory)
}

/// Writes a file that gets its name when it is whole.
pub(super) fn whole(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> Result<(), ExportError>,
) -> Result<(), Exit> {
    let unwritten = |source: io::Error| {
        fail(Exit::ENVIRONMENT, &FilesError::Write { path: path.to_owned(), source })
    };
    fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).map_err(unwritten)?;
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".part");
    let file = File::create(&unfinished).map_err(unwritten)?;
    let mut out = BufWriter::new(file);
    let written = write(&mut out).and_then(|()| Ok(out.flush()?));
    if let Err(error) = written {
        let _ = fs::remove_file(&unfinished);
        eprintln!("while writing {}:", path.display());
        return Err(failed(&error));
    }
    fs::rename(&unfinished, path).map_err(unwritten)
}

fn failed(error: &ExportError) -> Exit {
    let exit = match error {
        ExportError::Io(_) => Exit::ENVIRONMENT,
        _ => Exit::INPUT,
    };
    fail(exit, error)
}
