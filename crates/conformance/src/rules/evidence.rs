//! junit_01.xml against e2e.log: both must be of one run.

use std::collections::BTreeSet;

use super::{Context, Finding, Rule, Sink};
use crate::junit::Junit;
use crate::log::{Log, LoggedOutcome};

/// Lists that Ginkgo puts behind the text of a spec: labels, and constraints.
const LISTS: usize = 2;

pub(super) fn check(context: &Context<'_>, sink: &mut Sink) {
    let both = [Rule::JunitInLog, Rule::LogInJunit, Rule::LogOutcomes];
    let read = (context.evidence.read_junit(), context.evidence.read_log());
    let (Some((junit_name, junit)), Some((log_name, log))) = read else {
        let reason = "it takes both e2e.log and junit_01.xml";
        sink.not_checked(&[Rule::LogVerbose], reason);
        return sink.not_checked(&both, reason);
    };
    if log.lines == 0 {
        sink.not_checked(&[Rule::LogVerbose], "e2e.log is empty");
        return sink.not_checked(&both, "e2e.log is empty");
    }
    let ran = context.ran();
    let (log_file, junit_file) = (context.path(log_name), context.path(junit_name));
    sink.check(Rule::LogVerbose, |found| {
        if !ran.is_empty() && !log.is_verbose() {
            let message = format!("it names none of the {} conformance tests", ran.len());
            found.push(Finding::at(log_file.clone(), None, message));
        }
    });
    if !log.is_verbose() {
        sink.not_checked(&both[..2], "e2e.log names no specs");
    } else {
        names(context, &ran, log, &log_file, &junit_file, sink);
    }
    if sink.is_broken(both[0]) || sink.is_broken(both[1]) {
        return sink.not_checked(&both[2..], "the names differ");
    }
    sink.check(Rule::LogOutcomes, |found| {
        outcomes(&context.passed(), log, &log_file, found);
        counts(junit, log, &log_file, found);
    });
}

fn names(
    context: &Context<'_>,
    ran: &BTreeSet<&str>,
    log: &Log,
    log_file: &str,
    junit_file: &str,
    sink: &mut Sink,
) {
    let mut in_log = BTreeSet::new();
    let mut only_in_log = Vec::new();
    for (text, mention) in &log.specs {
        match spellings(text).find(|text| ran.contains(text)) {
            Some(text) => {
                in_log.insert(text);
            }
            None => only_in_log.push((text, mention.line)),
        }
    }
    sink.check(Rule::JunitInLog, |found| {
        for text in ran.difference(&in_log) {
            let case = context.cases.get(*text).and_then(|cases| cases.first());
            let message = format!("not in e2e.log: {text}");
            found.push(Finding::at(junit_file.to_owned(), case.map(|case| case.line), message));
        }
    });
    sink.check(Rule::LogInJunit, |found| {
        for (text, line) in only_in_log {
            // A spec that skipped itself has a block in the log, too.
            let skipped = spellings(text).any(|text| context.cases.contains_key(text));
            if !skipped {
                let message = format!("not in junit_01.xml: {text}");
                found.push(Finding::at(log_file.to_owned(), line, message));
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
fn outcomes(passed: &BTreeSet<&str>, log: &Log, file: &str, found: &mut Vec<Finding>) {
    for (text, mention) in &log.specs {
        let Some(outcome) = mention.outcome else { continue };
        let Some(text) = spellings(text).find(|text| passed.contains(text)) else { continue };
        let how = match outcome {
            LoggedOutcome::Failed => "failed",
            LoggedOutcome::DidNotRun => "did not run",
        };
        let message = format!("the log says that it {how}, junit_01.xml that it passed: {text}");
        found.push(Finding::at(file.to_owned(), mention.line, message));
    }
}

fn counts(junit: &Junit, log: &Log, file: &str, found: &mut Vec<Finding>) {
    let Some(summary) = &log.summary else { return };
    let Some(said) = summary.counts else { return };
    let specs = || junit.cases.iter().filter(|case| case.is_spec() && case.state.ran());
    let failed = specs().filter(|case| case.state.is_failure()).count() as u64;
    let passed = specs().count() as u64 - failed;
    if (said.passed, said.failed) != (passed, failed) {
        let message = format!(
            "the log says {} passed and {} failed, junit_01.xml has {passed} and {failed}",
            said.passed, said.failed
        );
        found.push(Finding::at(file.to_owned(), summary.line, message));
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
