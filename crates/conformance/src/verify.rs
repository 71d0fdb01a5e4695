//! One place, one request, one verdict.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use crate::Minor;
use crate::catalog::{Catalog, Origin};
use crate::evidence::{Evidence, Kind};
use crate::log::Component;
use crate::rules::{self, Context, Level, Outcome, Status};

/// What is asked, besides the evidence itself.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The release that is claimed; else that of the directory, else that of the suite in the log.
    pub version: Option<Minor>,
    /// Releases that can be certified; else the newest whose tests are built in, and the two before.
    pub qualifying: BTreeSet<Minor>,
    /// The list of tests of the suite that ran, or one that was given; else the built-in one.
    pub catalog: Option<Catalog>,
    /// What is known of the pull request.
    pub pull_request: PullRequest,
    /// What web servers answered; `None` when they were not asked.
    pub online: Option<Online>,
    /// Whether warnings stand in the way of a verdict, too.
    pub strict: bool,
}

/// What is known of a pull request. What is not known is not checked.
#[derive(Debug, Clone, Default)]
pub struct PullRequest {
    /// Its title.
    pub title: Option<String>,
    /// Paths that it adds or changes, in the repository.
    pub files: Option<Vec<String>>,
    /// How many commits it has.
    pub commits: Option<u32>,
}

/// What web servers answered to a HEAD request, by URL.
#[derive(Debug, Clone, Default)]
pub struct Online {
    /// The answers.
    pub answers: BTreeMap<String, UrlAnswer>,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UrlAnswer {
    /// The content type, where the redirects end; may be empty.
    ContentType(String),
    /// There was none, and why.
    Failed(String),
}

/// The release that results are claimed for, and who says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Claim {
    /// The release.
    pub minor: Minor,
    /// Where it stands.
    pub by: ClaimSource,
}

/// Where a claim stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClaimSource {
    /// In the request.
    Request,
    /// In the name of the directory.
    Directory,
    /// In the log: the suite's own version.
    Log,
}

/// What came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// No rule that counts is broken.
    Verified,
    /// What is needed to tell is not known, and nothing that is known is wrong.
    CouldNotTell,
    /// At least one rule is broken.
    NotVerified,
}

/// A place, held against the rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// The place as the user knows it.
    pub place: String,
    /// Whether it is a submission.
    pub submission: bool,
    /// The product, by the name of the directory.
    pub product: Option<String>,
    /// The release that it was held against.
    pub claim: Option<Claim>,
    /// Where the list of required tests comes from.
    pub origin: Option<Origin>,
    /// Tests that the release requires.
    pub required: usize,
    /// Those of them that passed; of all conformance tests where the required ones are not known.
    /// Nothing where there is no JUnit file that can be read.
    pub passed: Option<usize>,
    /// Whether warnings counted.
    pub strict: bool,
    /// One outcome per rule.
    pub outcomes: Vec<Outcome>,
    /// What comes out of them.
    pub verdict: Verdict,
}

/// Holds one place against every rule.
#[must_use]
pub fn verify(evidence: &Evidence, request: &Request) -> Checked {
    let claim = claim(evidence, request);
    let built_in = match (&request.catalog, claim) {
        (None, Some(claim)) => Catalog::built_in(claim.minor),
        _ => None,
    };
    let catalog = request.catalog.as_ref().or(built_in.as_ref());
    let context = Context::new(evidence, request, claim, catalog);
    let outcomes = rules::check(&context);
    Checked {
        place: evidence.place.clone(),
        submission: evidence.kind == Kind::Submission,
        product: evidence.folder.as_ref().map(|(_, product)| product.clone()),
        claim,
        origin: catalog.map(|catalog| catalog.origin.clone()),
        required: context.required().map_or(0, Iterator::count),
        passed: passed_of_required(&context),
        strict: request.strict,
        verdict: verdict(&outcomes, request.strict),
        outcomes,
    }
}

fn passed_of_required(context: &Context<'_>) -> Option<usize> {
    context.evidence.read_junit()?;
    let passed = context.passed();
    Some(match context.required() {
        None => passed.len(),
        Some(required) => required.filter(|test| passed.contains(test.text.as_str())).count(),
    })
}

/// The URLs of a place that [`Request::online`] is to answer.
#[must_use]
pub fn urls(evidence: &Evidence) -> Vec<&str> {
    evidence.read_product().map_or_else(Vec::new, |(_, product)| rules::urls(product).collect())
}

/// The release that a place is claimed for, and who says so; nothing when nobody does.
#[must_use]
pub fn claim(evidence: &Evidence, request: &Request) -> Option<Claim> {
    let asked = request.version.map(|minor| Claim { minor, by: ClaimSource::Request });
    let folder = || {
        let (minor, _) = evidence.folder.as_ref()?;
        Some(Claim { minor: *minor, by: ClaimSource::Directory })
    };
    let logged = || {
        let (_, log) = evidence.read_log()?;
        let suite = log.versions.iter().find(|line| line.component == Component::Suite)?;
        Some(Claim { minor: Minor::parse(&suite.version)?, by: ClaimSource::Log })
    };
    asked.or_else(folder).or_else(logged)
}

fn verdict(outcomes: &[Outcome], strict: bool) -> Verdict {
    let of = |outcome: &Outcome| match &outcome.status {
        Status::Broken(_) if outcome.counts(strict) => Verdict::NotVerified,
        Status::CouldNotTell(_) => Verdict::CouldNotTell,
        _ => Verdict::Verified,
    };
    outcomes.iter().map(of).max().unwrap_or(Verdict::CouldNotTell)
}

// === impl Checked ===

impl Checked {
    /// How many findings there are of a level.
    #[must_use]
    pub fn count(&self, level: Level) -> usize {
        let of_level = self.outcomes.iter().filter(|outcome| outcome.rule.info().level == level);
        of_level.map(|outcome| outcome.findings().len()).sum()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Verified => "verified",
            Self::CouldNotTell => "could not tell",
            Self::NotVerified => "not verified",
        })
    }
}
