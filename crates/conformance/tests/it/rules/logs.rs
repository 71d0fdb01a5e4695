//! What e2e.log says of specs and nodes, beside what junit_01.xml does.

use multibeam_conformance::rules::Rule;

use crate::rules::spoil::{OTHER, SPEC, dots, put, rerun};
use crate::support::{
    Change, OTHER_CASES, Submission, all_cases, broken, changed, found, other_case,
};

#[test]
fn a_spec_that_skipped_itself_need_not_be_in_both() {
    let mut submission = Submission::good();
    let block = format!("S [SKIPPED] [0.001 seconds]\n{OTHER}\n{SPEC}");
    submission.replace("e2e.log", SPEC, &block);
    assert_eq!(found(&submission.verify()), [""; 0]);
}

#[test]
fn a_node_that_failed_fails_the_suite() {
    let mut submission = Submission::good();
    let text = submission.text("junit_01.xml");
    let is_node = |part: &(usize, usize)| text[part.0..part.1].contains("[SynchronizedAfterSuite]");
    let node = all_cases(&text).into_iter().find(is_node).unwrap();
    let failed = changed(&text, node, Change::Flip, |part| other_case(part, OTHER_CASES[0]));
    put(&mut submission, "junit_01.xml", &failed);
    let checked = submission.verify();
    let expected = [Rule::JunitCounters, Rule::TestsOther, Rule::LogOutcomes];
    assert_eq!(broken(&checked), expected, "{:#?}", found(&checked));
}

#[test]
fn failures_between_dots_make_no_verbose_log() {
    let mut submission = Submission::good();
    rerun(&mut submission, |run| run.failed.push(OTHER.into()));
    dots(&mut submission);
    let heading = "• [FAILED] [1.500 seconds]\n";
    submission.replace("e2e.log", heading, &format!("{heading}{OTHER}\n"));
    let expected = [Rule::TestsOther, Rule::LogVerbose];
    let checked = submission.verify();
    assert_eq!(broken(&checked), expected, "{:#?}", found(&checked));
}
