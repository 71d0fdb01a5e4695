//! What is wrong with a pull request.

use multibeam_conformance::rules::Rule;

use super::Case;
use crate::rules::spoil::{changed, title};

pub(super) const CASES: &[Case] = &[
    (Rule::PrTitle, "no title", |s| title(s, ""), "the title is empty"),
    (
        Rule::PrTitleFormat,
        "no release",
        |s| title(s, "Conformance results for turbo"),
        "the title \"Conformance results for turbo\" names no release",
    ),
    (
        Rule::PrTitleFormat,
        "nothing that the bot looks at",
        |s| title(s, "Results for v1.36/turbo"),
        "the title \"Results for v1.36/turbo\" does not say",
    ),
    (
        Rule::PrTitleVersion,
        "another release",
        |s| title(s, "conformance results for v1.35/turbo"),
        "the title says v1.35",
    ),
    (
        Rule::PrOneProduct,
        "two products",
        |s| changed(s, &["v1.36/turbo/e2e.log", "v1.36/other/e2e.log"]),
        "2 directories",
    ),
    (Rule::PrOneCommit, "two commits", |s| s.request.pull_request.commits = Some(2), "2 commits"),
    (Rule::PrOneCommit, "no commit", |s| s.request.pull_request.commits = Some(0), "0 commits"),
];
