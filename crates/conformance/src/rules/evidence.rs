//! junit_01.xml against e2e.log: both must be of one run.

use std::collections::{BTreeMap, BTreeSet};

use super::{Context, Finding, Rule, Sink};
use crate::catalog::SIG;
use crate::junit::Junit;
use crate::log::{Log, LoggedOutcome};

/// Lists that Ginkgo puts behind the text of a spec: labels, and constraints.
const LISTS: usize = 2;

/// A spec that ran, by the JUnit file.
struct Ran {
    /// The line of its first case.
    line: u64,
    /// Whether no case of it failed.
    passed: bool,
}

/// Specs that ran, by their text.
type Specs = BTreeMap<String, Ran>;

/// Both files, and what they are called.
struct Both<'a> {
    junit: &'a Junit,
    junit_file: String,
    log: &'a Log,
    log_file: String,
}

pub(super) fn check(context: &Context<'_>, sink: &mut Sink) {
    let rules = [Rule::JunitInLog, Rule::LogInJunit, Rule::LogOutcomes];
    let read = (context.evidence.read_junit(), context.evidence.read_log());
    let (Some((junit_name, junit)), Some((log_name, log))) = read else {
        let reason = "it takes both e2e.log and junit_01.xml";
        sink.not_checked(&[Rule::LogVerbose], reason);
        return sink.not_checked(&rules, reason);
    };
    if log.lines == 0 {
        sink.not_checked(&[Rule::LogVerbose], "e2e.log is empty");
        return sink.not_checked(&rules, "e2e.log is empty");
    }
    let (junit_file, log_file) = (context.path(junit_name), context.path(log_name));
    let both = Both { junit, junit_file, log, log_file };
    sink.check(Rule::LogVerbose, |found| {
        let passed = context.passed().len();
        if passed > 0 && !log.is_verbose() {
            let message = format!("it names none of the {passed} conformance tests that passed");
            found.push(Finding::at(both.log_file.clone(), None, message));
        }
    });
    let ran = specs(junit);
    if log.is_verbose() {
        names(context, &both, &ran, sink);
    } else {
        sink.not_checked(&rules[..2], "e2e.log does not name the specs that passed");
    }
    if sink.is_broken(rules[0]) || sink.is_broken(rules[1]) {
        return sink.not_checked(&rules[2..], "the names differ");
    }
    sink.check(Rule::LogOutcomes, |found| {
        outcomes(&both, &ran, found);
        counts(&both, found);
        nodes(&both, found);
    });
}

/// Specs that ran and that a log names, so that they can be found there.
fn specs(junit: &Junit) -> Specs {
    let mut specs = Specs::new();
    for case in junit.cases.iter().filter(|case| case.state.ran() && case.is_spec()) {
        let text = case.required_name();
        if case.is_conformance() || text.starts_with(SIG) {
            let ran = specs.entry(text).or_insert(Ran { line: case.line, passed: true });
            ran.passed &= !case.state.is_failure();
        }
    }
    specs
}

fn names(context: &Context<'_>, both: &Both<'_>, ran: &Specs, sink: &mut Sink) {
    let mut in_log = BTreeSet::new();
    let mut only_in_log = Vec::new();
    for (text, mention) in &both.log.specs {
        match spellings(text).find(|text| ran.contains_key(*text)) {
            Some(text) => {
                in_log.insert(text);
            }
            // A spec that skipped itself has a block in the log, and none of the cases that are kept.
            None if mention.outcome == Some(LoggedOutcome::DidNotRun) => {}
            None => only_in_log.push((text, mention.line)),
        }
    }
    sink.check(Rule::JunitInLog, |found| {
        for (text, ran) in ran.iter().filter(|(text, _)| !in_log.contains(text.as_str())) {
            let message = format!("not in e2e.log: {text}");
            found.push(Finding::at(both.junit_file.clone(), ran.line, message));
        }
    });
    sink.check(Rule::LogInJunit, |found| {
        for (text, line) in only_in_log {
            // Conformance tests that did not run are a matter of other rules.
            if !spellings(text).any(|text| context.cases.contains_key(text)) {
                let message = format!("not in junit_01.xml: {text}");
                found.push(Finding::at(both.log_file.clone(), line, message));
            }
        }
    });
}

/// A line of the log with ever fewer of the lists that may follow the text of a spec.
fn spellings(line: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(line), |text| without_list(text)).take(LISTS + 1)
}

fn without_list(text: &str) -> Option<&str> {
    let (before, _) = text.strip_suffix(']')?.rsplit_once(" [")?;
    Some(before.trim_end())
}

/// Specs that the log says something else of than that they passed. Cases that failed are named by
/// a rule of their own.
fn outcomes(both: &Both<'_>, ran: &Specs, found: &mut Vec<Finding>) {
    for (text, mention) in &both.log.specs {
        let Some(outcome) = mention.outcome else { continue };
        let passed = |text: &&str| ran.get(*text).is_some_and(|ran| ran.passed);
        let Some(text) = spellings(text).find(passed) else { continue };
        let how = match outcome {
            LoggedOutcome::Failed => "failed",
            LoggedOutcome::DidNotRun => "did not run",
        };
        let message = format!("the log says that it {how}, junit_01.xml that it passed: {text}");
        found.push(Finding::at(both.log_file.clone(), mention.line, message));
    }
}

fn counts(both: &Both<'_>, found: &mut Vec<Finding>) {
    let Some(summary) = &both.log.summary else { return };
    let Some(said) = summary.counts else { return };
    let specs = || both.junit.cases.iter().filter(|case| case.is_spec() && case.state.ran());
    let failed = specs().filter(|case| case.state.is_failure()).count() as u64;
    let passed = specs().count() as u64 - failed;
    if (said.passed, said.failed) != (passed, failed) {
        let message = format!(
            "the log says {} passed and {} failed, junit_01.xml has {passed} and {failed}",
            said.passed, said.failed
        );
        found.push(Finding::at(both.log_file.clone(), summary.line, message));
    }
}

/// Nodes of the suite, such as its before-suite, are not counted; one that failed fails the suite.
fn nodes(both: &Both<'_>, found: &mut Vec<Finding>) {
    if !both.log.summary.as_ref().is_some_and(|summary| summary.succeeded) {
        return;
    }
    let failed = both.junit.cases.iter().filter(|case| case.state.is_failure());
    for node in failed.filter(|case| !case.is_spec()) {
        let message = format!("it failed, and the log says SUCCESS: {}", node.name);
        found.push(Finding::at(both.junit_file.clone(), node.line, message));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_and_constraints_may_follow_a_text() {
        let line = "[sig-a] x [Conformance] [sig-a, Conformance] [>= 1.0.0, < 2.0.0]";
        let all: Vec<&str> = spellings(line).collect();
        assert_eq!(all[0], line);
        assert!(all.contains(&"[sig-a] x [Conformance]"), "{all:?}");
        assert_eq!(spellings("x").count(), 1);
    }
}
