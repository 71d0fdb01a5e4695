//! Writes one submission beside where it goes, verifies it there, and only then moves it.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use multibeam_bundle::archive::Checksums;
use multibeam_bundle::facts::Run;
use multibeam_bundle::{
    FILES, Reproduction, Submission, archive, product_yaml, pull_request, readme,
};
use multibeam_conformance::{Checked, PullRequest, Request, Verdict, input, verify};
use multibeam_export::Input;

use super::Made;
use crate::args::BundleArgs;
use crate::commands::export::whole;
use crate::commands::fail;
use crate::commands::verify::exit_of;
use crate::exit::Exit;
use crate::files::FilesError;

/// Where pull requests are described: not in a submission, which has four files.
const PULL_REQUESTS: &str = "pull-requests";

/// Checksums of what was archived.
const SUMS: &str = "SHA256SUMS";

/// Writes submissions.
pub(super) struct Writer<'a> {
    pub(super) args: &'a BundleArgs,
    /// What every submission is held against, besides what is its own.
    pub(super) request: Request,
}

// === impl Writer ===

impl Writer<'_> {
    /// Makes one submission of the target's files in the run's directory, and adds its checksums.
    pub(super) fn make(
        &self,
        submission: &Submission<'_>,
        run: &Run,
        results: &Path,
        sums: &mut Checksums,
    ) -> Result<Made, Exit> {
        let to = &self.args.to;
        let place = to.join(submission.directory());
        // Verified under its own name, in a directory that nobody takes for a submission.
        let staging = to.join(format!(".{}.part", submission.name()));
        let staged = staging.join(submission.directory());
        gone(&staging, fs::remove_dir_all(&staging))?;
        let made = self.fill(submission, run, results, &staged).and_then(|()| {
            let checked = self.check(submission, &staged, &place)?;
            if checked.verdict != Verdict::Verified && !self.args.force {
                return Ok(Made { checked, directory: None });
            }
            replace(&staged, &place)?;
            // An archive of what was here before would be of something else.
            let (archive, inside) = (archive_of(submission), submission.directory() + "/");
            let before = to.join(&archive);
            gone(&before, fs::remove_file(&before))?;
            sums.retain(|path| path != archive && !path.starts_with(&inside));
            self.describe(submission, &checked)?;
            if self.args.archive {
                self.archive(submission, &place, sums)?;
            }
            Ok(Made { checked, directory: Some(place) })
        });
        gone(&staging, fs::remove_dir_all(&staging))?;
        made
    }

    fn fill(
        &self,
        submission: &Submission<'_>,
        run: &Run,
        results: &Path,
        staged: &Path,
    ) -> Result<(), Exit> {
        let from = results.join(&submission.target.dir);
        let paths = ["e2e.log", "junit_01.xml"].map(|name| from.join(name));
        let found = input::collect(&paths).map_err(|error| fail(exit_of(&error), &error))?;
        let Some(evidence) = found.first() else { return Err(Exit::INPUT) };
        let readme = readme(&Reproduction { submission, run, evidence });
        text(&staged.join("README.md"), &readme)?;
        text(&staged.join("PRODUCT.yaml"), &product_yaml::text(&submission.product))?;
        for path in &paths {
            let copied = staged.join(path.file_name().unwrap_or_default());
            fs::copy(path, &copied).map_err(|error| unwritten(&copied, error))?;
        }
        Ok(())
    }

    fn check(
        &self,
        submission: &Submission<'_>,
        staged: &Path,
        place: &Path,
    ) -> Result<Checked, Exit> {
        let found = input::collect(&[staged.to_owned()]);
        let mut found = found.map_err(|error| fail(exit_of(&error), &error))?;
        let Some(evidence) = found.first_mut() else { return Err(Exit::INPUT) };
        evidence.place = place.display().to_string();
        let pull_request = PullRequest {
            title: Some(pull_request::title(submission)),
            files: Some(pull_request::files(submission)),
            commits: None,
        };
        Ok(verify(evidence, &Request { pull_request, ..self.request.clone() }))
    }

    /// Title and text of the pull request.
    fn describe(&self, submission: &Submission<'_>, checked: &Checked) -> Result<(), Exit> {
        let directory = self.args.to.join(PULL_REQUESTS).join(submission.name());
        text(&directory.join("title.txt"), &format!("{}\n", pull_request::title(submission)))?;
        text(&directory.join("body.md"), &pull_request::body(submission, checked))
    }

    fn archive(
        &self,
        submission: &Submission<'_>,
        place: &Path,
        sums: &mut Checksums,
    ) -> Result<(), Exit> {
        let unread = |error: io::Error| {
            eprintln!("error: cannot read {}: {error}", place.display());
            Exit::ENVIRONMENT
        };
        let opened = FILES.map(|name| File::open(place.join(name)));
        let mut files = opened.into_iter().collect::<io::Result<Vec<File>>>().map_err(unread)?;
        let mut inputs = Vec::new();
        for (name, file) in FILES.into_iter().zip(&mut files) {
            let bytes = file.metadata().map_err(unread)?.len();
            inputs.push(Input { name, bytes, content: file });
        }
        let name = archive_of(submission);
        let path = self.args.to.join(&name);
        whole(&path, |out| archive::write(submission, &mut inputs, out))?;
        let of_files =
            FILES.map(|name| (format!("{}/{name}", submission.directory()), place.join(name)));
        for (name, path) in of_files.into_iter().chain([(name, path)]) {
            File::open(path).and_then(|file| sums.add(name, file)).map_err(unread)?;
        }
        Ok(())
    }
}

/// Puts a submission where it goes. What lay there before may only have been one.
fn replace(staged: &Path, place: &Path) -> Result<(), Exit> {
    let failed = |error: io::Error| unwritten(place, error);
    if place.exists() {
        for entry in fs::read_dir(place).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            if !FILES.iter().any(|known| name == *known) {
                eprintln!(
                    "error: {} holds {}, which is no file of a submission (hint: move it away, or choose another --to)",
                    place.display(),
                    Path::new(&name).display()
                );
                return Err(Exit::INPUT);
            }
        }
        fs::remove_dir_all(place).map_err(failed)?;
    }
    fs::create_dir_all(place.parent().unwrap_or(place)).map_err(failed)?;
    fs::rename(staged, place).map_err(failed)
}

/// The checksums of earlier calls.
pub(super) fn checksums(to: &Path) -> Result<Checksums, Exit> {
    let path = to.join(SUMS);
    match fs::read_to_string(&path) {
        Ok(text) => Ok(Checksums::parse(&text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Checksums::default()),
        Err(error) => {
            eprintln!("error: cannot read {}: {error}", path.display());
            Err(Exit::ENVIRONMENT)
        }
    }
}

/// Writes checksums, of those files that are still there.
pub(super) fn write_checksums(to: &Path, mut sums: Checksums) -> Result<(), Exit> {
    sums.retain(|file| to.join(file).is_file());
    let path = to.join(SUMS);
    if sums.is_empty() {
        return gone(&path, fs::remove_file(&path));
    }
    text(&path, &sums.to_string())
}

/// Writes a small file, and the directories above it.
fn text(path: &Path, content: &str) -> Result<(), Exit> {
    whole(path, |out| Ok(out.write_all(content.as_bytes())?))
}

fn archive_of(submission: &Submission<'_>) -> String {
    format!("{}.tar.gz", submission.name())
}

/// What came of removing something that an earlier call may have left: it may as well not be there.
fn gone(path: &Path, removed: io::Result<()>) -> Result<(), Exit> {
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(unwritten(path, error)),
        _ => Ok(()),
    }
}

fn unwritten(path: &Path, source: io::Error) -> Exit {
    fail(Exit::ENVIRONMENT, &FilesError::Write { path: path.to_owned(), source })
}
