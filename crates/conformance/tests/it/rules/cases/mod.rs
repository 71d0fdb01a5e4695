//! Every wrong thing that is tried, by what it is about.

mod files;
mod junit;
mod log;
mod product;
mod pull_request;

use multibeam_conformance::rules::Rule;

use crate::support::Submission;

/// The rule that is broken, what was done, how it is done, and how the finding begins.
pub(crate) type Case = (Rule, &'static str, fn(&mut Submission), &'static str);

/// All of them.
pub(crate) fn all() -> impl Iterator<Item = &'static Case> {
    let families = [pull_request::CASES, files::CASES, product::CASES, junit::CASES, log::CASES];
    families.into_iter().flatten()
}
