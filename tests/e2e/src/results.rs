//! The files that a run leaves.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::junit::Junit;
use crate::report::Report;

/// A run's directory.
#[derive(Clone, Debug)]
pub struct Results {
    path: PathBuf,
}

impl Results {
    /// The run in a directory.
    #[must_use]
    pub fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// Its directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The run's name.
    #[must_use]
    pub fn run(&self) -> String {
        self.path.file_name().unwrap().to_string_lossy().into_owned()
    }

    /// A file of it.
    #[must_use]
    pub fn read(&self, file: &str) -> String {
        let path = self.path.join(file);
        let text = std::fs::read(&path);
        let text = text.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        String::from_utf8(text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// The summary.
    #[must_use]
    pub fn summary(&self) -> Value {
        serde_json::from_str(&self.read("run.json")).unwrap()
    }

    /// A target's part of the summary.
    #[must_use]
    pub fn target(&self, name: &str) -> Value {
        let summary = self.summary();
        let targets = summary["targets"].as_array().unwrap();
        let found = targets.iter().find(|target| target["name"] == name);
        found.unwrap_or_else(|| panic!("no target {name} in {summary:#}")).clone()
    }

    /// The directory of a target's files.
    #[must_use]
    pub fn target_dir(&self, name: &str) -> PathBuf {
        self.path.join(self.target(name)["dir"].as_str().unwrap())
    }

    /// A target's report.json.
    #[must_use]
    pub fn report(&self, target: &str) -> Report {
        Report::read(&self.target_dir(target).join("report.json"))
    }

    /// A target's junit_01.xml.
    #[must_use]
    pub fn junit(&self, target: &str) -> Junit {
        Junit::read(&self.target_dir(target).join("junit_01.xml"))
    }

    /// A target's e2e.log. Suites may print what is not UTF-8.
    #[must_use]
    pub fn log(&self, target: &str) -> String {
        let log = std::fs::read(self.target_dir(target).join("e2e.log")).unwrap();
        String::from_utf8_lossy(&log).into_owned()
    }
}
