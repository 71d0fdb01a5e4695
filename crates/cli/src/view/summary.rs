//! What remains on the screen when a run is over.

use std::collections::BTreeMap;
use std::time::Duration;

use multibeam_model::outcome::SpecState;
use multibeam_model::plan::Planned;
use multibeam_model::status::{RunStatus, TargetStatus};
use multibeam_model::time::Timestamp;

use super::failures::{by_spec, cut_short};
use super::narrator::{since_resumed, verdict_role};
use super::style::{Line, Role, Style};
use super::text::{clean, count, fit, width, without_colours};
use super::time::{between, short};

/// More failures than this are left to the reports.
const MOST_FAILURES: usize = 40;

/// Lines of a failure's message.
const MESSAGE_LINES: usize = 3;

/// Most columns of a message or name: what a terminal of common width shows.
const MOST_COLUMNS: usize = 110;

/// Most columns of a target's name in the table.
const MOST_NAME: usize = 40;

/// A table of the targets, the failures by spec, the warnings, and where the results are.
#[must_use]
pub fn summary(status: &RunStatus, results: Option<&str>, style: Style) -> String {
    let mut lines = table(status);
    planned(status, &mut lines);
    causes(status, &mut lines);
    failures(status, &mut lines);
    if !status.warnings.is_empty() {
        lines.push(Line::new());
    }
    for warning in &status.warnings {
        let mut line = Line::of(Role::Warn, "warning: ");
        line.push(Role::Plain, warning.trim());
        lines.push(line);
    }
    lines.push(Line::new());
    lines.push(verdict(status));
    if let Some(results) = results {
        let mut line = Line::of(Role::Plain, "results in ");
        line.push(Role::Bold, results);
        lines.push(line);
    }
    let mut out = String::new();
    for line in lines {
        out.push_str(&line.paint(style));
        out.push('\n');
    }
    out
}

/// Columns that every table has, and those that only a run that needs them has.
type Column = (&'static str, bool, fn(&TargetStatus) -> u32);

const COLUMNS: [Column; 10] = [
    ("passed", true, |t| state(t, SpecState::Passed)),
    ("failed", true, |t| state(t, SpecState::Failed)),
    ("panicked", false, |t| state(t, SpecState::Panicked)),
    ("timed out", false, |t| state(t, SpecState::TimedOut)),
    ("interrupted", false, |t| state(t, SpecState::Interrupted)),
    ("aborted", false, |t| state(t, SpecState::Aborted)),
    ("skipped", false, |t| state(t, SpecState::Skipped)),
    ("pending", false, |t| state(t, SpecState::Pending)),
    ("not run", false, |t| t.selected.saturating_sub(t.done)),
    ("lost attempts", false, |t| t.lost_attempts),
];

fn state(target: &TargetStatus, state: SpecState) -> u32 {
    target.states.get(&state).copied().unwrap_or(0)
}

fn table(status: &RunStatus) -> Vec<Line> {
    let shown = COLUMNS
        .iter()
        .filter(|(_, always, of)| *always || status.targets.iter().any(|t| of(t) > 0));
    let shown: Vec<&Column> = shown.collect();
    let names = status.targets.iter().map(|target| fit(&clean(&target.name), MOST_NAME));
    let names: Vec<String> = names.collect();
    let name_width = names.iter().map(|n| width(n)).max().unwrap_or(0).max(6);
    let verdicts = status
        .targets
        .iter()
        .map(|t| t.verdict.map_or_else(|| "running".to_owned(), |v| v.to_string()));
    let verdicts: Vec<String> = verdicts.collect();
    let verdict_width = verdicts.iter().map(String::len).max().unwrap_or(0).max(7);

    let mut head = Line::of(Role::Dim, &super::text::pad("target", name_width));
    head.push(Role::Dim, &format!("  {:verdict_width$}", "verdict"));
    for (title, _, _) in &shown {
        head.push(Role::Dim, &format!("  {title}"));
    }
    head.push(Role::Dim, "    time");
    let mut lines = vec![head];
    for ((target, name), verdict) in status.targets.iter().zip(names).zip(verdicts) {
        let role = target.verdict.map_or(Role::Plain, verdict_role);
        let mut line = Line::of(Role::Plain, &super::text::pad(&name, name_width));
        line.push(role, &format!("  {verdict:verdict_width$}"));
        for (title, _, of) in &shown {
            let number = of(target);
            let role = match *title {
                _ if number == 0 => Role::Dim,
                "passed" | "skipped" | "pending" => Role::Plain,
                "not run" | "lost attempts" => Role::Warn,
                _ => Role::Bad,
            };
            line.push(role, &format!("  {number:>0$}", title.len()));
        }
        line.push(Role::Plain, &format!("  {:>6}", time(status, target)));
        lines.push(line);
    }
    lines
}

fn time(status: &RunStatus, target: &TargetStatus) -> String {
    took(status, target).map_or_else(|| "–".to_owned(), short)
}

/// How long a target was at work; nothing when it never was, or when nobody knows until when.
fn took(status: &RunStatus, target: &TargetStatus) -> Option<Duration> {
    let until = target.ended.or_else(|| Some(status.updated).filter(is_known));
    until.filter(|_| target.prepared).map(|until| between(target.prepared_at, until))
}

/// A ledger that nobody serves does not say until when its run was at work.
fn is_known(updated: &Timestamp) -> bool {
    *updated != Timestamp::default()
}

/// What was planned against what it took.
fn planned(status: &RunStatus, lines: &mut Vec<Line>) {
    let ended = status.targets.iter().filter(|target| target.ended.is_some());
    let ended = ended.filter_map(|target| Some((target, target.planned?, took(status, target)?)));
    for (target, planned, took) in ended {
        let name = match status.targets.len() {
            1 => String::new(),
            _ => format!("{}: ", fit(&clean(&target.name), MOST_NAME)),
        };
        let Planned { expected, low, high } = planned;
        let text = format!(
            "{name}planned {} ({} to {}), took {}",
            short(expected),
            short(low),
            short(high),
            short(took)
        );
        lines.push(Line::of(Role::Dim, &text));
    }
}

fn causes(status: &RunStatus, lines: &mut Vec<Line>) {
    let mut by_cause: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for target in &status.targets {
        if let Some(cause) = &target.cause {
            by_cause.entry(cause.to_string()).or_default().push(&target.name);
        }
    }
    if !by_cause.is_empty() {
        lines.push(Line::new());
    }
    for (cause, targets) in by_cause {
        let mut line =
            Line::of(Role::Warn, &format!("not everything ran in {}: ", targets.join(", ")));
        line.push(Role::Plain, &cause);
        lines.push(line);
    }
}

/// What a cancel has cut short, in one line.
fn cancelled(status: &RunStatus, lines: &mut Vec<Line>) {
    let failures = status.targets.iter().flat_map(|target| &target.failures);
    let number = failures.filter(|failure| cut_short(status, failure)).count();
    if number > 0 {
        let text = format!("{} interrupted by the cancel", count(number, "spec"));
        lines.extend([Line::new(), Line::of(Role::Warn, &text)]);
    }
}

fn failures(status: &RunStatus, lines: &mut Vec<Line>) {
    cancelled(status, lines);
    let failing = by_spec(status);
    if failing.is_empty() {
        return;
    }
    lines.push(Line::new());
    let title = match failing.len() {
        1 => "1 spec failed".to_owned(),
        n => format!("{n} specs failed"),
    };
    lines.push(Line::of(Role::Bold, &title));
    let targets = status.targets.len();
    for one in failing.iter().take(MOST_FAILURES) {
        let mut line = Line::of(Role::Bad, &format!("  {} ", one.state));
        line.push(Role::Plain, one.spec);
        lines.push(line);
        if targets > 1 {
            let names = one.targets.iter().map(|index| status.targets[*index].name.as_str());
            let names: Vec<&str> = names.collect();
            let text = match names.len() {
                n if n == targets => format!("    fails in all {targets} targets"),
                1 => format!("    fails only in {}", names[0]),
                n => format!("    fails in {n} of {targets} targets: {}", names.join(", ")),
            };
            lines.push(Line::of(Role::Accent, &text));
        }
        for text in without_colours(one.message)
            .lines()
            .filter(|l| !l.trim().is_empty())
            .take(MESSAGE_LINES)
        {
            let line = Line::of(Role::Dim, &format!("    {}", text.trim_end()));
            lines.push(line.fit(MOST_COLUMNS));
        }
    }
    if failing.len() > MOST_FAILURES {
        let rest = failing.len() - MOST_FAILURES;
        let text = format!("  … and {rest} more, all in the targets' e2e.log and junit_01.xml");
        lines.push(Line::of(Role::Plain, &text));
    }
}

fn verdict(status: &RunStatus) -> Line {
    let run = if status.run.is_empty() { "?" } else { &status.run };
    let mut line = Line::of(Role::Plain, &format!("run {run}: "));
    match status.verdict {
        Some(verdict) => line.push(verdict_role(verdict), &verdict.to_string()),
        None => line.push(Role::Plain, "not ended"),
    }
    let targets = count(status.targets.len(), "target");
    line.push(Role::Plain, &format!(", {targets}"));
    if is_known(&status.updated) {
        let time = short(between(status.started, status.updated));
        line.push(Role::Plain, &format!(" in {time}{}", since_resumed(status)));
    }
    line
}
