//! Wrong things in junit_01.xml.

use multibeam_conformance::rules::Rule;
use serde_json::json;

use super::Case;
use crate::rules::spoil::{OTHER, cut, move_first, put, rerun};

pub(super) const CASES: &[Case] = &[
    (Rule::JunitReadable, "no XML", |s| put(s, "junit_01.xml", "<testsuites>"), "not well-formed"),
    (
        Rule::JunitReadable,
        "another root",
        |s| put(s, "junit_01.xml", "<testsuite/>"),
        "the root element is",
    ),
    (
        Rule::JunitCounters,
        "a counter",
        |s| s.replace("junit_01.xml", "errors=\"0\"", "errors=\"1\""),
        "<testsuites> says errors=\"1\"",
    ),
    (
        Rule::JunitCounters,
        "an unselected case",
        |s| cut(s, "[It] [sig-zoo] Ungulates should graze 3\""),
        "<testsuites> says tests=",
    ),
    (
        Rule::TestsRequired,
        "a missing test",
        |s| rerun(s, |run| drop(run.specs.remove(0))),
        "missing: [sig-",
    ),
    (
        Rule::TestsSkipped,
        "a skipped test",
        |s| move_first(s, |run| &mut run.skipped),
        "skipped: [sig-",
    ),
    (Rule::TestsPassed, "a failed test", |s| move_first(s, |run| &mut run.failed), "failed: [sig-"),
    (
        Rule::TestsOnce,
        "a test twice",
        |s| rerun(s, |run| run.specs.push(run.specs[0].clone())),
        "twice, first at line",
    ),
    (
        Rule::TestsOther,
        "another failed",
        |s| rerun(s, |run| run.failed.push(OTHER.into())),
        "failed: [sig-zoo]",
    ),
    (
        Rule::RunSkip,
        "a skip",
        |s| rerun(s, |run| run.config["SkipStrings"] = json!(["Serial"])),
        "SkipStrings is \"Serial\"",
    ),
    (
        Rule::RunDry,
        "a dry run",
        |s| rerun(s, |run| run.config["DryRun"] = json!(true)),
        "DryRun is",
    ),
];
