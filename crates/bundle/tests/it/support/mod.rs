//! Runs as a results directory holds them, and submissions made of them.

#[path = "../../../../conformance/tests/it/support/mod.rs"]
pub(crate) mod fixtures;
mod run_json;

use std::fs;
use std::path::{Path, PathBuf};

use multibeam_bundle::facts::Run;
use multibeam_bundle::{ProductFile, Reproduction, Submission, parse, plan, product_yaml, readme};
use multibeam_conformance::{Checked, PullRequest, Request, input, verify};
pub(crate) use run_json::{run_json, target};
use serde_json::Value;

/// The product file of the example, with a target that is different.
pub(crate) fn product_file() -> ProductFile {
    let target = "targets: {v1.36-ipvs: {directory: turbo-ipvs}}";
    let text = format!("{}\n{target}\n", multibeam_bundle::EXAMPLE);
    parse("product.yaml", text.as_bytes()).unwrap().file
}

/// Files of a run's target, and what is made of them.
pub(crate) struct Bundle {
    _directory: tempfile::TempDir,
    /// Where the submission is.
    pub(crate) place: PathBuf,
    /// What it is held against.
    pub(crate) request: Request,
}

impl Bundle {
    /// Makes a submission of the one target of a run, whose files are those of the fixture.
    pub(crate) fn of(run: &Value, file: &ProductFile, fixture: &fixtures::Run) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let runs = [Run::read(run.to_string().as_bytes()).unwrap()];
        let submissions = plan(&runs, file, &[]).unwrap();
        let [submission] = submissions.as_slice() else { panic!("one target") };
        let place = directory.path().join(submission.directory());
        fs::create_dir_all(&place).unwrap();
        let (junit, log) = fixture.render();
        fs::write(place.join("junit_01.xml"), junit).unwrap();
        fs::write(place.join("e2e.log"), log).unwrap();
        let text = readme_of(submission, &runs[0], &place);
        fs::write(place.join("README.md"), text).unwrap();
        fs::write(place.join("PRODUCT.yaml"), product_yaml::text(&submission.product)).unwrap();
        let pull_request = PullRequest {
            title: Some(multibeam_bundle::pull_request::title(submission)),
            files: Some(multibeam_bundle::pull_request::files(submission)),
            commits: Some(1),
        };
        let request = Request { pull_request, strict: true, ..Request::default() };
        Self { _directory: directory, place, request }
    }

    /// Verifies what lies there now.
    pub(crate) fn verify(&self) -> Checked {
        let found = input::collect(std::slice::from_ref(&self.place)).unwrap();
        verify(&found[0], &self.request)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        fs::read_to_string(self.place.join(name)).unwrap()
    }

    pub(crate) fn put(&self, name: &str, text: &str) {
        fs::write(self.place.join(name), text).unwrap();
    }
}

/// README.md of files that lie in a directory.
pub(crate) fn readme_of(submission: &Submission<'_>, run: &Run, files: &Path) -> String {
    let paths = ["e2e.log", "junit_01.xml"].map(|name| files.join(name));
    let evidence = input::collect(&paths).unwrap().remove(0);
    readme(&Reproduction { submission, run, evidence: &evidence })
}
