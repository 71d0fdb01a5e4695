//! Which targets become which submissions.

use std::collections::{BTreeMap, BTreeSet};

use multibeam_conformance::Minor;

use crate::facts::{Run, Target};
use crate::{EXAMPLE, Product, ProductFile, parse};

/// One submission in the making.
#[derive(Debug, Clone)]
pub struct Submission<'a> {
    /// The run that it comes from, by its place among those given.
    pub run: usize,
    /// The target that it comes from.
    pub target: &'a Target,
    /// The release that it is for.
    pub release: Minor,
    /// The product.
    pub product: Product,
}

/// Why targets cannot become submissions.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// A target that is not there.
    #[error("expected one of the targets of the runs, got {name:?} (hint: known are {known})")]
    Unknown {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// A target without results.
    #[error(
        "target {target} of run {run} has no results: its suite was never discovered (hint: choose others with --target)"
    )]
    NoSuite {
        /// Its run.
        run: String,
        /// Its name.
        target: String,
    },
    /// A suite of no known release.
    #[error(
        "the suite of target {target} does not say its version, expected one such as v1.36.0 (hint: only Kubernetes' own e2e.test can certify)"
    )]
    NoRelease {
        /// Its name.
        target: String,
    },
    /// Two targets for one directory.
    #[error(
        "two targets for {directory}: {first} and {second} (hint: choose one with --target, or give one another directory under `targets` in the product file)"
    )]
    Twice {
        /// The directory.
        directory: String,
        /// Run and name of one.
        first: String,
        /// Run and name of the other.
        second: String,
    },
}

/// Makes one submission of each target; of `only` these when it names some. The order is that of the
/// runs and their targets.
///
/// # Errors
/// When a target cannot become a submission, or two would be the same.
pub fn plan<'a>(
    runs: &'a [Run],
    file: &ProductFile,
    only: &[String],
) -> Result<Vec<Submission<'a>>, PlanError> {
    let all = || runs.iter().flat_map(|run| &run.targets).map(|target| target.name.as_str());
    if let Some(name) = only.iter().find(|name| !all().any(|known| known == name.as_str())) {
        let known = all().collect::<Vec<_>>().join(", ");
        return Err(PlanError::Unknown { name: name.clone(), known });
    }
    let mut submissions = Vec::new();
    let mut taken: BTreeMap<String, String> = BTreeMap::new();
    for (index, run) in runs.iter().enumerate() {
        let wanted = |target: &&Target| only.is_empty() || only.contains(&target.name);
        for target in run.targets.iter().filter(wanted) {
            let submission = submission(index, run, target, file)?;
            let place = format!("{} of run {}", target.name, run.run);
            if let Some(first) = taken.insert(submission.directory(), place.clone()) {
                let directory = submission.directory();
                return Err(PlanError::Twice { directory, first, second: place });
            }
            submissions.push(submission);
        }
    }
    Ok(submissions)
}

fn submission<'a>(
    index: usize,
    run: &Run,
    target: &'a Target,
    file: &ProductFile,
) -> Result<Submission<'a>, PlanError> {
    let name = || target.name.clone();
    let no_suite = || PlanError::NoSuite { run: run.run.clone(), target: name() };
    let suite = target.suite.as_ref().ok_or_else(no_suite)?;
    let release = suite.version.as_deref().and_then(Minor::parse);
    let release = release.ok_or_else(|| PlanError::NoRelease { target: name() })?;
    Ok(Submission { run: index, target, release, product: file.product(release, &target.name) })
}

/// Targets of which the product file says something, and which none of the runs has.
#[must_use]
pub fn unused<'a>(runs: &[Run], file: &'a ProductFile) -> Vec<&'a str> {
    let all = runs.iter().flat_map(|run| &run.targets);
    let known: BTreeSet<&str> = all.map(|target| target.name.as_str()).collect();
    file.targets().filter(|name| !known.contains(name)).collect()
}

/// Keys of the product file under which submissions still have what [`EXAMPLE`] has, each once. What other
/// products may well have in common with it is left out.
///
/// # Panics
/// When the example is no good, which a test would have found.
#[must_use]
pub fn of_the_example(submissions: &[Submission<'_>]) -> Vec<&'static str> {
    let example = parse("", EXAMPLE.as_bytes()).expect("the example is good").file;
    let mut keys = Vec::new();
    for submission in submissions {
        let like = example.product(submission.release, &submission.target.name);
        for key in submission.product.in_common(&like) {
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
    }
    keys
}

// === impl Submission ===

impl Submission<'_> {
    /// Its directory in the repository of the CNCF: `vX.Y/PRODUCT`.
    #[must_use]
    pub fn directory(&self) -> String {
        format!("{}/{}", self.release, self.product.directory)
    }

    /// A name for files that go with it: `vX.Y-PRODUCT`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}-{}", self.release, self.product.directory)
    }
}
