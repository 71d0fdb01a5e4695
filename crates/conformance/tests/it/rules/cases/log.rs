//! Wrong things in e2e.log, and between it and junit_01.xml.

use multibeam_conformance::rules::Rule;

use super::Case;
use crate::rules::spoil::{OTHER, SPEC, append, cut_line, dots, rerun, utf16};

pub(super) const CASES: &[Case] = &[
    (Rule::LogReadable, "UTF-16", |s| utf16(s, "e2e.log"), "the encoding is UTF-16"),
    (Rule::LogSummary, "cut off", |s| cut_line(s, "SUCCESS! --"), "no line `SUCCESS!"),
    (
        Rule::LogSummary,
        "a failed suite",
        |s| s.replace("e2e.log", "SUCCESS! --", "FAIL! - Interrupted by User --"),
        "it says \"FAIL!",
    ),
    (
        Rule::LogSummary,
        "pending",
        |s| s.replace("e2e.log", "0 Pending", "1 Pending"),
        "it says \"SUCCESS!",
    ),
    (
        Rule::LogAfterSummary,
        "a second run begins",
        |s| append(s, "e2e.log", &format!("{SPEC}\n")),
        "a spec after the last summary",
    ),
    (
        Rule::LogVersion,
        "another server",
        |s| rerun(s, |run| run.server = "v1.35.4"),
        "the API server is v1.35.4",
    ),
    (
        Rule::LogVersion,
        "another suite",
        |s| rerun(s, |run| run.suite = "v1.37.0-alpha.1"),
        "the suite is v1.37.0",
    ),
    (
        Rule::LogVersionLines,
        "no line",
        |s| s.replace("e2e.log", "e2e test version", "e2e version"),
        "no line `e2e test version:`",
    ),
    (
        Rule::LogFlakes,
        "a flake",
        |s| {
            s.replace(
                "e2e.log",
                "• [1.500 seconds]",
                "↺ [FLAKEY TEST - TOOK 2 ATTEMPTS TO PASS] [1.500 seconds]",
            )
        },
        "a spec passed only",
    ),
    (
        Rule::LogFlakes,
        "a count",
        |s| s.replace("e2e.log", "0 Pending", "1 Flaked | 0 Pending"),
        "1 specs passed only",
    ),
    (Rule::LogVerbose, "dots", dots, "it names none of the 446 conformance tests that passed"),
    (
        Rule::JunitInLog,
        "not in the log",
        |s| s.replace("e2e.log", SPEC, "no spec"),
        "not in e2e.log: [sig-api-machinery] API",
    ),
    (
        Rule::JunitInLog,
        "no conformance test",
        |s| {
            rerun(s, |run| run.specs.push(OTHER.into()));
            s.replace("e2e.log", OTHER, "no spec");
        },
        "not in e2e.log: [sig-zoo] Felines should purr",
    ),
    (
        Rule::LogInJunit,
        "not in junit",
        |s| s.replace("e2e.log", SPEC, &format!("{OTHER} [Conformance]\n{SPEC}")),
        "not in junit_01.xml: [sig-zoo] Felines should purr [Conformance]",
    ),
    (
        Rule::LogInJunit,
        "no conformance test",
        |s| s.replace("e2e.log", SPEC, &format!("{OTHER}\n{SPEC}")),
        "not in junit_01.xml: [sig-zoo] Felines should purr",
    ),
    (
        Rule::LogOutcomes,
        "other counts",
        |s| s.replace("e2e.log", "446 Passed", "445 Passed"),
        "the log says 445 passed",
    ),
    (
        Rule::LogOutcomes,
        "failed in the log",
        |s| s.replace("e2e.log", "• [1.500 seconds]", "• [FAILED] [1.500 seconds]"),
        "the log says that it failed",
    ),
];
