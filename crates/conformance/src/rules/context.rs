//! What the rules look at.

use std::collections::{BTreeMap, BTreeSet};

use crate::Minor;
use crate::catalog::{Catalog, Test};
use crate::evidence::{Evidence, Kind};
use crate::junit::Case;
use crate::verify::{Claim, Request};

/// Why what only a submission has is not checked.
pub(crate) const RESULTS_ONLY: &str = "these are results, not a submission";

/// Evidence, what is asked, and what follows from both.
pub(crate) struct Context<'a> {
    pub(crate) evidence: &'a Evidence,
    pub(crate) request: &'a Request,
    /// The release that the results are claimed for.
    pub(crate) claim: Option<Claim>,
    /// The tests of that release.
    pub(crate) catalog: Option<&'a Catalog>,
    /// Conformance cases of the JUnit file by the name that the bot compares.
    pub(crate) cases: BTreeMap<String, Vec<&'a Case>>,
}

// === impl Context ===

impl<'a> Context<'a> {
    pub(crate) fn new(
        evidence: &'a Evidence,
        request: &'a Request,
        claim: Option<Claim>,
        catalog: Option<&'a Catalog>,
    ) -> Self {
        let mut cases: BTreeMap<String, Vec<&Case>> = BTreeMap::new();
        if let Some((_, junit)) = evidence.read_junit() {
            for case in junit.cases.iter().filter(|case| case.is_conformance()) {
                cases.entry(case.required_name()).or_default().push(case);
            }
        }
        Self { evidence, request, claim, catalog, cases }
    }

    /// Whether the place claims to be a whole submission.
    pub(crate) fn is_submission(&self) -> bool {
        self.evidence.kind == Kind::Submission
    }

    /// Why something is not checked that only a submission has: `reason`, if this is one.
    pub(crate) fn without<'r>(&self, reason: &'r str) -> &'r str {
        if self.is_submission() { reason } else { RESULTS_ONLY }
    }

    /// The claimed release.
    pub(crate) fn minor(&self) -> Option<Minor> {
        self.claim.map(|claim| claim.minor)
    }

    /// The tests that must have passed; nothing while no list of them is known. A list that was given
    /// is that of the suite that ran: where no release is claimed, all of it is required.
    pub(crate) fn required(&self) -> Option<impl Iterator<Item = &'a Test> + use<'a>> {
        Some(self.catalog?.required(self.minor()))
    }

    /// Texts of the conformance tests that ran and passed.
    pub(crate) fn passed(&self) -> BTreeSet<&str> {
        let passed = |cases: &[&Case]| {
            cases.iter().any(|case| case.state.ran())
                && cases.iter().all(|case| !case.state.is_failure())
        };
        let passed = self.cases.iter().filter(|(_, cases)| passed(cases));
        passed.map(|(name, _)| name.as_str()).collect()
    }

    /// The path of a file for a finding.
    pub(crate) fn path(&self, name: &str) -> String {
        self.evidence.path(name)
    }
}
