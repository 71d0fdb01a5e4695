//! junit_01.xml: whether it can be read, and whether every required test passed.

use std::collections::BTreeMap;

use super::{Context, Finding, Rule, Sink};
use crate::junit::{Case, CaseState, Counted, Header, Junit, SuiteFacts};

/// Rules that look into the file.
const WITHIN: [Rule; 6] = [
    Rule::JunitCounters,
    Rule::TestsPassed,
    Rule::TestsOnce,
    Rule::TestsOther,
    Rule::RunSkip,
    Rule::RunDry,
];

/// Those that need the list of required tests as well.
const REQUIRED: [Rule; 2] = [Rule::TestsRequired, Rule::TestsSkipped];

pub(super) fn check(context: &Context<'_>, sink: &mut Sink) {
    let Some((name, read)) = &context.evidence.junit else {
        let reason = "there is no junit_01.xml";
        sink.not_checked(&[Rule::JunitReadable], reason);
        sink.not_checked(&WITHIN, reason);
        return sink.not_checked(&REQUIRED, reason);
    };
    let empty = context.evidence.files.iter().any(|file| file.name == *name && file.size == 0);
    let junit = match read {
        Ok(junit) => {
            sink.check(Rule::JunitReadable, |_| {});
            junit
        }
        Err(error) => {
            let reason = if empty { "junit_01.xml is empty" } else { "junit_01.xml is unreadable" };
            if empty {
                sink.not_checked(&[Rule::JunitReadable], reason);
            } else {
                sink.check(Rule::JunitReadable, |found| {
                    let message = error.to_string();
                    found.push(Finding::at(context.path(name), error.line(), message));
                });
            }
            sink.not_checked(&WITHIN, reason);
            return sink.not_checked(&REQUIRED, reason);
        }
    };
    let file = context.path(name);
    required(context, &file, sink);
    states(junit, &file, sink);
    counters(junit, &file, sink);
    settings(junit, &file, sink);
}

fn required(context: &Context<'_>, file: &str, sink: &mut Sink) {
    let Some(required) = context.required().map(Vec::from_iter) else {
        let reason = match context.minor() {
            None => "the claimed release is not known; give --release vX.Y".to_owned(),
            Some(minor) => format!(
                "the required tests of {minor} are not built in; give --suite FILE or --required FILE"
            ),
        };
        sink.could_not_tell(Rule::TestsRequired, &reason);
        return sink.not_checked(&[Rule::TestsSkipped], &reason);
    };
    sink.check(Rule::TestsRequired, |found| {
        for test in required.iter().filter(|test| !context.cases.contains_key(&test.text)) {
            let message = format!("missing: {}", test.text);
            found.push(Finding::at(file.to_owned(), None, message));
        }
    });
    sink.check(Rule::TestsSkipped, |found| {
        for test in required {
            let Some(cases) = context.cases.get(&test.text) else { continue };
            if let Some(case) = cases.first()
                && cases.iter().all(|case| !case.state.ran())
            {
                let message = format!("skipped: {}", test.text);
                found.push(Finding::at(file.to_owned(), case.line, message));
            }
        }
    });
}

fn states(junit: &Junit, file: &str, sink: &mut Sink) {
    let failed = |found: &mut Vec<Finding>, conformance: bool| {
        let failed = junit.cases.iter().filter(|case| case.state.is_failure());
        for case in failed.filter(|case| case.is_conformance() == conformance) {
            let how = if case.state == CaseState::Error { "error" } else { "failed" };
            let message = format!("{how}: {}", case.required_name());
            found.push(Finding::at(file.to_owned(), case.line, message));
        }
    };
    sink.check(Rule::TestsPassed, |found| failed(found, true));
    sink.check(Rule::TestsOther, |found| failed(found, false));
    sink.check(Rule::TestsOnce, |found| {
        // Nodes of the suite run once on each process, under the same name.
        let mut first: BTreeMap<&str, &Case> = BTreeMap::new();
        for case in junit.cases.iter().filter(|case| case.state.ran() && case.is_spec()) {
            match first.get(case.name.as_str()) {
                None => {
                    first.insert(&case.name, case);
                }
                Some(before) if before.is_conformance() => {
                    let message =
                        format!("twice, first at line {}: {}", before.line, case.required_name());
                    found.push(Finding::at(file.to_owned(), case.line, message));
                }
                // Other specs may share a text.
                Some(_) => {}
            }
        }
    });
}

fn counters(junit: &Junit, file: &str, sink: &mut Sink) {
    sink.check(Rule::JunitCounters, |found| {
        let mut sum = Counted::default();
        for Counted { tests, failures, errors, pending, skipped } in
            junit.suites.iter().map(|suite| suite.counted)
        {
            sum.tests += tests;
            sum.failures += failures;
            sum.errors += errors;
            sum.pending += pending;
            sum.skipped += skipped;
        }
        let disabled = sum.pending + sum.skipped;
        let pairs =
            [("tests", junit.root.tests, sum.tests), ("disabled", junit.root.disabled, disabled)];
        compare(&junit.root, &sum, &pairs, "testsuites", file, found);
        for SuiteFacts { header, counted, .. } in &junit.suites {
            let pairs = [
                ("tests", header.tests, counted.tests),
                ("disabled", header.disabled, counted.pending),
                ("skipped", header.skipped, counted.skipped),
            ];
            compare(header, counted, &pairs, "testsuite", file, found);
        }
    });
}

fn compare(
    header: &Header,
    counted: &Counted,
    pairs: &[(&str, Option<u64>, u64)],
    element: &str,
    file: &str,
    found: &mut Vec<Finding>,
) {
    let mut differ: Vec<String> = pairs
        .iter()
        .filter_map(|(name, said, is)| {
            Some((name, (*said)?, is)).filter(|(_, said, is)| said != *is)
        })
        .map(|(name, said, is)| format!("{name}=\"{said}\" of {is}"))
        .collect();
    // Ginkgo counts an aborted spec as an error and writes a failure, so only the sum can be held
    // against the cases.
    if let (Some(errors), Some(failures)) = (header.errors, header.failures)
        && errors + failures != counted.errors + counted.failures
    {
        differ.push(format!(
            "errors=\"{errors}\" and failures=\"{failures}\" of {}",
            counted.errors + counted.failures
        ));
    }
    if !differ.is_empty() {
        let message = format!("<{element}> says {}", differ.join(", "));
        found.push(Finding::at(file.to_owned(), header.line, message));
    }
}

/// How the suite was called, as Ginkgo writes it into the file.
fn settings(junit: &Junit, file: &str, sink: &mut Sink) {
    let property =
        |sink: &mut Sink, rule, name, is_wrong: fn(&str) -> bool| match junit.property(name) {
            None => sink.not_checked(&[rule], "junit_01.xml does not say how the suite was called"),
            Some((value, line)) => sink.check(rule, |found| {
                if is_wrong(value) {
                    let message = format!("{name} is {value:?}");
                    found.push(Finding::at(file.to_owned(), line, message));
                }
            }),
        };
    property(sink, Rule::RunSkip, "SkipStrings", |value| !value.is_empty());
    property(sink, Rule::RunDry, "DryRun", |value| value == "true");
}
