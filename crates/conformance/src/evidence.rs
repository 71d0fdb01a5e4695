//! What was found in one place: the files of a submission, or the results of a run.

use std::path::PathBuf;

use crate::Minor;
use crate::junit::{Case, Junit, JunitError};
use crate::log::{Log, LogError};
use crate::product::{Product, ProductError};

/// Whether a place claims to be a whole submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A directory `vX.Y/PRODUCT`, or one with the files that only a submission has.
    Submission,
    /// The results of a run: `e2e.log` and `junit_01.xml`.
    Results,
}

/// What lies under a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A file.
    File,
    /// A symbolic link, which is not followed.
    Link,
    /// A device, a pipe, or a socket, which is not opened.
    Special,
}

/// A name in the place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedFile {
    /// Path below the place.
    pub name: String,
    /// What it is.
    pub kind: FileKind,
    /// Bytes.
    pub size: u64,
}

/// README.md in so far as the rules ask for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Readme {
    /// Its text; what is no UTF-8 is replaced.
    pub text: String,
}

/// All that a place holds.
#[derive(Debug)]
pub struct Evidence {
    /// The place as the user knows it.
    pub place: String,
    /// Where it really lies, so that two ways to one place give one; empty for files that were named one
    /// by one.
    pub(crate) lies_at: PathBuf,
    /// What it claims to be.
    pub kind: Kind,
    /// Release and product, when the directory is called `vX.Y/PRODUCT`.
    pub folder: Option<(Minor, String)>,
    /// Every name in it, also in directories below.
    pub files: Vec<ListedFile>,
    /// junit_01.xml, under the name it has.
    pub junit: Option<(String, Result<Junit, JunitError>)>,
    /// e2e.log, under the name it has.
    pub log: Option<(String, Result<Log, LogError>)>,
    /// PRODUCT.yaml, under the name it has.
    pub product: Option<(String, Result<Product, ProductError>)>,
    /// README.md, under the name it has.
    pub readme: Option<(String, Readme)>,
}

// === impl Evidence ===

impl Evidence {
    /// Nothing yet.
    pub(crate) fn new(place: String) -> Self {
        Self {
            place,
            lies_at: PathBuf::new(),
            kind: Kind::Results,
            folder: None,
            files: Vec::new(),
            junit: None,
            log: None,
            product: None,
            readme: None,
        }
    }

    /// A path in the place as the user knows it.
    #[must_use]
    pub fn path(&self, name: &str) -> String {
        match self.place.as_str() {
            "" => name.to_owned(),
            place => format!("{place}/{name}"),
        }
    }

    /// Whether it is a JUnit file alone, without any conformance test: results of something else, such
    /// as those of another plugin in a tarball of Sonobuoy's.
    #[must_use]
    pub fn is_of_other_tests(&self) -> bool {
        self.kind == Kind::Results
            && self.log.is_none()
            && self
                .read_junit()
                .is_some_and(|(_, junit)| !junit.cases.iter().any(Case::is_conformance))
    }

    /// The JUnit file, if it could be read.
    #[must_use]
    pub fn read_junit(&self) -> Option<(&str, &Junit)> {
        self.junit.as_ref().and_then(|(name, junit)| Some((name.as_str(), junit.as_ref().ok()?)))
    }

    /// The log, if it could be read.
    #[must_use]
    pub fn read_log(&self) -> Option<(&str, &Log)> {
        self.log.as_ref().and_then(|(name, log)| Some((name.as_str(), log.as_ref().ok()?)))
    }

    /// PRODUCT.yaml, if it could be read.
    #[must_use]
    pub fn read_product(&self) -> Option<(&str, &Product)> {
        let (name, product) = self.product.as_ref()?;
        Some((name, product.as_ref().ok()?))
    }
}
