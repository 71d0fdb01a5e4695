//! Durations out of files: CSV, JUnit, Ginkgo's JSON reports, and directories of them.

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use multibeam_conformance::junit::{Case, CaseState, Item, JunitError, JunitReader};
use multibeam_ginkgo::report::{ReportError, SpecSummary, read_reports};
use multibeam_ginkgo::spec::{SpecState, match_text};
use multibeam_history::file::{self, FileError, Mistake, Origin, Problems};
use multibeam_history::{History, Labels};
use multibeam_model::Timestamp;
use multibeam_model::lesson::{Lesson, Took};
use sha2::{Digest, Sha256};

use super::local::told;
use crate::results_of::{ResultsOf, nanos};

/// How deep results may lie in a directory.
const DEPTH: usize = 8;

/// What files that were named, and directories that were looked through, have taught.
#[derive(Debug, Default)]
pub(crate) struct Imported {
    lessons: Vec<Lesson>,
    /// How many files that were.
    pub(crate) files: usize,
    /// Lines of these that cannot be meant.
    pub(crate) problems: Vec<(PathBuf, Problems)>,
    /// Files that could not be read, and why.
    pub(crate) failed: Vec<(PathBuf, ImportError)>,
}

/// A file teaches nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ImportError {
    /// It cannot be opened or read.
    #[error("it cannot be read")]
    Read(#[from] io::Error),
    /// It is no CSV of durations.
    #[error(transparent)]
    Csv(#[from] FileError),
    /// It is no JUnit file.
    #[error("it is no JUnit file")]
    Junit(#[from] JunitError),
    /// It is no report.
    #[error("it is no JSON report of Ginkgo's")]
    Report(#[from] ReportError),
    /// The run's results cannot be read; that has been said.
    #[error("its run.json cannot be used")]
    Run,
    /// Its name does not tell.
    #[error(
        "expected a .csv, a JUnit file (.xml), a report of Ginkgo's (.json), or a directory that holds such"
    )]
    Kind,
}

// === impl Imported ===

impl Imported {
    /// All of it as a history.
    pub(crate) fn history(&self) -> History {
        told(&self.lessons)
    }
}

/// Reads all of these. `labels` are those of targets that a file says nothing of.
pub(crate) fn import(paths: &[PathBuf], labels: &Labels) -> Imported {
    let mut import = Import { labels, found: Imported::default() };
    for path in paths {
        match path.is_dir() {
            true => import.directory(path, 0, true),
            false => import.file(path, None),
        }
    }
    import.found
}

struct Import<'a> {
    labels: &'a Labels,
    found: Imported,
}

impl Import<'_> {
    /// Looks through a directory. One that was named and holds nothing is a mistake.
    fn directory(&mut self, path: &Path, depth: usize, named: bool) {
        let before = self.found.files + self.found.failed.len();
        if path.join("run.json").is_file() {
            self.run(path);
        } else if let Some(results) = results_in(path) {
            self.file(&results, None);
        }
        let entries = fs::read_dir(path).into_iter().flatten().flatten();
        // Links lead elsewhere, or round and round.
        let below = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        let mut below: Vec<PathBuf> = below.map(|entry| entry.path()).collect();
        below.sort();
        if depth < DEPTH && !path.join("run.json").is_file() {
            below.iter().for_each(|path| self.directory(path, depth + 1, false));
        }
        if named && self.found.files + self.found.failed.len() == before {
            self.found.failed.push((path.to_owned(), ImportError::Kind));
        }
    }

    /// The results of a run of our own: they say whose they are.
    fn run(&mut self, path: &Path) {
        let Ok(results) = ResultsOf::open(path, path.to_str()) else {
            return self.found.failed.push((path.to_owned(), ImportError::Run));
        };
        for target in &results.summary.targets {
            let report = path.join(&target.dir).join("report.json");
            let ended = target.ended.or(results.summary.ended);
            let origin = Origin {
                source: format!("{}/{}", results.summary.run, target.name),
                at: Timestamp(nanos(&ended.unwrap_or(results.summary.started))),
                labels: target.labels.clone(),
            };
            // A target that was never discovered has none.
            if report.is_file() {
                self.file(&report, Some(origin));
            }
        }
    }

    fn file(&mut self, path: &Path, origin: Option<Origin>) {
        let origin = origin.map_or_else(|| self.origin_of(path), Ok);
        let read = origin.map_err(ImportError::from).and_then(|origin| read(path, &origin));
        match read {
            Ok((lessons, problems)) => {
                self.found.files += 1;
                self.found.lessons.extend(lessons);
                if problems.count > 0 {
                    self.found.problems.push((path.to_owned(), problems));
                }
            }
            Err(error) => self.found.failed.push((path.to_owned(), error)),
        }
    }

    /// A file is known again by its content, wherever it lies.
    fn origin_of(&self, path: &Path) -> io::Result<Origin> {
        let mut file = File::open(path)?;
        let changed = file.metadata()?.modified()?;
        let since = changed.duration_since(UNIX_EPOCH).unwrap_or_default();
        let at = Timestamp(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX));
        let mut digest = Sha256::new();
        io::copy(&mut file, &mut digest)?;
        let source = format!("import {:.12x}", digest.finalize());
        Ok(Origin { source, at, labels: self.labels.clone() })
    }
}

/// The file of a directory that says most: a report has the texts of specs as they are.
fn results_in(directory: &Path) -> Option<PathBuf> {
    let names = ["report.json", "junit_01.xml"];
    names.iter().map(|name| directory.join(name)).find(|path| path.is_file())
}

fn read(path: &Path, origin: &Origin) -> Result<(Vec<Lesson>, Problems), ImportError> {
    let ending = path.extension().and_then(|it| it.to_str()).unwrap_or_default();
    let input = BufReader::new(File::open(path)?);
    let mut problems = Problems::default();
    let durations = match ending.to_ascii_lowercase().as_str() {
        "csv" => {
            let learned = file::read(input, origin)?;
            return Ok((learned.lessons, learned.problems));
        }
        "xml" => junit(input, &mut problems)?,
        "json" => report(input, &mut problems)?,
        _ => return Err(ImportError::Kind),
    };
    let Origin { source, at, labels } = origin.clone();
    Ok((vec![Lesson { source, at, labels, durations }], problems))
}

/// How long the specs of a JUnit file took that passed.
fn junit(input: impl Read, problems: &mut Problems) -> Result<Vec<Took>, JunitError> {
    let mut reader = JunitReader::new(input);
    let mut durations = Vec::new();
    while let Some(item) = reader.next_item()? {
        let Item::Case(case) = item else { continue };
        if case.state == CaseState::Passed && case.is_spec() {
            match took(&case) {
                Ok(took) => durations.push(took),
                Err(what) => problems.push(case.line, what),
            }
        }
    }
    Ok(durations)
}

fn took(case: &Case) -> Result<Took, Mistake> {
    let seconds = case.time.trim();
    let millis = seconds.parse().ok().and_then(file::millis);
    let millis = millis.ok_or_else(|| Mistake::seconds(seconds))?;
    Ok(Took { spec: case.required_name(), millis })
}

/// The same of Ginkgo's own report, which has no lines worth naming.
fn report(input: impl Read, problems: &mut Problems) -> Result<Vec<Took>, ReportError> {
    let mut durations = Vec::new();
    read_reports(input, |spec: SpecSummary| {
        if spec.state != SpecState::Passed || !spec.is_spec() || spec.is_flaked() {
            return;
        }
        let seconds = spec.run_time as f64 / 1e9;
        let spec = match_text(&spec.container_texts, &spec.leaf_text);
        match file::millis(seconds) {
            Some(millis) => durations.push(Took { spec, millis }),
            None => problems.push(0, Mistake::seconds(&seconds.to_string())),
        }
    })?;
    Ok(durations)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(directory: &Path, name: &str, content: &str) -> PathBuf {
        let path = directory.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    fn seen(found: &Imported) -> Vec<(String, u128)> {
        let history = found.history();
        let rows = history.rows().map(|row| (row.spec.to_owned(), row.seen[0].took.as_millis()));
        rows.collect()
    }

    const JUNIT: &str = r#"<testsuites><testsuite>
        <testcase name="[SynchronizedBeforeSuite]" time="5"/>
        <testcase name="[It] [sig-a]  x" time="1.5"/>
        <testcase name="[It] [sig-a] failed" time="9"><failure/></testcase>
        <testcase name="[It] [sig-a] skipped" time="0"><skipped/></testcase>
        <testcase name="[It] [sig-a] negative" time="-3"/>
        <testcase name="[It] [sig-a] silent"/>
        </testsuite></testsuites>"#;

    const REPORT: &str = r#"[{"SpecReports":[
        {"LeafNodeType":"BeforeSuite","State":"passed","RunTime":5000000000},
        {"LeafNodeType":"It","ContainerHierarchyTexts":["[sig-b]"],"LeafNodeText":"y","State":"passed","RunTime":2500000000},
        {"LeafNodeType":"It","LeafNodeText":"late","State":"timedout","RunTime":9000000000},
        {"LeafNodeType":"It","LeafNodeText":"wrong","State":"passed","RunTime":-1}]}]"#;

    #[test]
    fn passed_specs_teach_and_nonsense_is_named() {
        let home = tempfile::tempdir().unwrap();
        let paths = [
            write(home.path(), "junit_01.xml", JUNIT),
            write(home.path(), "report.json", REPORT),
            write(home.path(), "old.csv", "spec,seconds\n[sig-c] z,3\nw,1e9\n"),
            write(home.path(), "notes.txt", "?"),
            write(home.path(), "other.json", "{}"),
            home.path().join("absent.csv"),
        ];
        let found = import(&paths, &Labels::new());
        let expected = [("[sig-a] x", 1500), ("[sig-b] y", 2500), ("[sig-c] z", 3000)];
        assert_eq!(seen(&found), expected.map(|(spec, ms)| (spec.to_owned(), ms)));
        let problems: Vec<usize> = found.problems.iter().map(|(_, it)| it.count).collect();
        assert_eq!((found.files, problems), (3, vec![2, 1, 1]));
        assert_eq!(found.problems[0].1.told[0].line, 6);
        let failed: Vec<&str> = found
            .failed
            .iter()
            .map(|(path, _)| path.file_name().unwrap().to_str().unwrap())
            .collect();
        assert_eq!(failed, ["notes.txt", "other.json", "absent.csv"]);
    }

    #[test]
    fn a_directory_is_looked_through_and_a_file_counts_once() {
        let home = tempfile::tempdir().unwrap();
        write(home.path(), "a/plugins/e2e/results/global/junit_01.xml", JUNIT);
        write(home.path(), "b/target/junit_01.xml", "no results: there is a report beside it");
        write(home.path(), "b/target/report.json", REPORT);
        write(home.path(), "copy/junit_01.xml", JUNIT);
        let found = import(&[home.path().to_owned()], &Labels::new());
        assert_eq!((found.files, found.failed.len()), (3, 0), "{found:?}");
        assert_eq!(found.history().rows().map(|row| row.seen.len()).collect::<Vec<_>>(), [1, 1]);
        let empty = home.path().join("empty");
        fs::create_dir(&empty).unwrap();
        assert!(matches!(import(&[empty], &Labels::new()).failed[..], [(_, ImportError::Kind)]));
    }
}
