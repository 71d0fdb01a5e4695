//! e2e.log: how it ends, and which versions it tells.

use super::{Context, Finding, Rule, Sink};
use crate::Minor;
use crate::log::{Component, Log};

/// Rules that look into the file.
const WITHIN: [Rule; 5] = [
    Rule::LogSummary,
    Rule::LogAfterSummary,
    Rule::LogVersion,
    Rule::LogVersionLines,
    Rule::LogFlakes,
];

pub(super) fn check(context: &Context<'_>, sink: &mut Sink) {
    let Some((name, read)) = &context.evidence.log else {
        let reason = "there is no e2e.log";
        sink.not_checked(&[Rule::LogReadable], reason);
        return sink.not_checked(&WITHIN, reason);
    };
    let file = context.path(name);
    let log = match read {
        Ok(log) => log,
        Err(error) => {
            sink.check(Rule::LogReadable, |found| {
                found.push(Finding::at(file, None, error.to_string()));
            });
            return sink.not_checked(&WITHIN, "e2e.log is unreadable");
        }
    };
    sink.check(Rule::LogReadable, |_| {});
    if log.lines == 0 {
        return sink.not_checked(&WITHIN, "e2e.log is empty");
    }
    sink.check(Rule::LogSummary, |found| summary(context, log, &file, found));
    sink.check(Rule::LogAfterSummary, |found| {
        if let Some(line) = log.after_summary {
            let message = "a spec after the last summary; the log may be of more than one run";
            found.push(Finding::at(file.clone(), line, message));
        }
    });
    versions(context, log, &file, sink);
    sink.check(Rule::LogFlakes, |found| flakes(log, &file, found));
}

fn summary(context: &Context<'_>, log: &Log, file: &str, found: &mut Vec<Finding>) {
    let Some(summary) = &log.summary else {
        let message = "no line `SUCCESS! -- N Passed | 0 Failed | 0 Pending | M Skipped`";
        return found.push(Finding::at(file.to_owned(), log.lines, message));
    };
    let counts = summary.counts.unwrap_or_default();
    if summary.succeeded && counts.failed == 0 && counts.pending == 0 && summary.counts.is_some() {
        return;
    }
    // Cases that failed are named one by one; the summary would only repeat that there are some.
    let named = context.evidence.read_junit().map_or(0, |(_, junit)| {
        let failed = junit.cases.iter().filter(|case| case.state.is_failure());
        failed.filter(|case| case.is_spec()).count() as u64
    });
    if counts.failed > 0 && counts.failed == named && counts.pending == 0 {
        return;
    }
    found.push(Finding::at(file.to_owned(), summary.line, format!("it says {:?}", summary.text)));
}

fn versions(context: &Context<'_>, log: &Log, file: &str, sink: &mut Sink) {
    let of = |component| log.versions.iter().filter(move |line| line.component == component);
    sink.check(Rule::LogVersionLines, |found| {
        for (component, words) in [
            (Component::ApiServer, "kube-apiserver version:"),
            (Component::Suite, "e2e test version:"),
        ] {
            if of(component).next().is_none() {
                let message = format!("no line `{words}`");
                found.push(Finding::at(file.to_owned(), None, message));
            }
        }
    });
    let Some(claimed) = context.minor() else {
        return sink.not_checked(&[Rule::LogVersion], "the claimed release is not known");
    };
    if log.versions.is_empty() {
        return sink.not_checked(&[Rule::LogVersion], "e2e.log does not tell any version");
    }
    sink.check(Rule::LogVersion, |found| {
        for line in &log.versions {
            if Minor::parse(&line.version) != Some(claimed) {
                let whose = match line.component {
                    Component::ApiServer => "the API server",
                    Component::Suite => "the suite",
                };
                let message = format!("{whose} is {}, claimed is {claimed}", line.version);
                found.push(Finding::at(file.to_owned(), line.line, message));
            }
        }
    });
}

fn flakes(log: &Log, file: &str, found: &mut Vec<Finding>) {
    for line in &log.flaked {
        let message = "a spec passed only at a later attempt";
        found.push(Finding::at(file.to_owned(), *line, message));
    }
    if let Some(summary) = &log.summary
        && let Some(flaked) = summary.counts.map(|counts| counts.flaked)
        && flaked > 0
        && log.flaked.is_empty()
    {
        let message = format!("{flaked} specs passed only at a later attempt");
        found.push(Finding::at(file.to_owned(), summary.line, message));
    }
}
