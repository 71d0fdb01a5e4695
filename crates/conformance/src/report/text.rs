//! The table for people: short when all is well, and what to do when not.

use std::borrow::Cow;
use std::io::{self, Write};

use super::paint::{Paint, Role, printable};
use super::{not_checked, verdict};
use crate::rules::{Finding, Level, Outcome, Rule, Status};
use crate::verify::{Checked, ClaimSource, Verdict};

/// Findings of one rule that are shown; the other formats have all.
const SHOWN: usize = 10;

/// Characters of a message that are shown; the other formats have all. The longest name of a
/// conformance test has 218, and is shown whole.
const MESSAGE: usize = 300;

/// Columns of a list of rules.
const COLUMNS: usize = 98;

pub(super) fn write(out: &mut impl Write, paint: Paint, all: &[Checked]) -> io::Result<()> {
    for (index, checked) in all.iter().enumerate() {
        if index > 0 {
            writeln!(out)?;
        }
        one(out, paint, checked)?;
    }
    if all.len() > 1 {
        let count = |verdict| all.iter().filter(|checked| checked.verdict == verdict).count();
        let parts = [Verdict::Verified, Verdict::NotVerified, Verdict::CouldNotTell]
            .map(|verdict| (count(verdict), verdict))
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, verdict)| format!("{count} {verdict}"));
        let parts: Vec<String> = parts.collect();
        let all = paint.paint(role(verdict(all)), &parts.join(", "));
        writeln!(out, "\n{all}")?;
    }
    Ok(())
}

fn one(out: &mut impl Write, paint: Paint, checked: &Checked) -> io::Result<()> {
    let place = paint.paint(Role::Strong, &checked.place);
    let verdict = paint.paint(role(checked.verdict), &checked.verdict.to_string());
    writeln!(out, "{place}  {verdict}")?;
    if checked.claim.is_some() || checked.origin.is_some() {
        writeln!(out, "  {}: {}", release(checked), tests(checked))?;
    }
    for level in [Level::Error, Level::Warning] {
        let of_level = checked.outcomes.iter().filter(|o| o.rule.info().level == level);
        for outcome in of_level.filter(|outcome| !outcome.findings().is_empty()) {
            broken(out, paint, outcome)?;
        }
    }
    for outcome in &checked.outcomes {
        if let Status::CouldNotTell(reason) = &outcome.status {
            let word = paint.paint(Role::Warn, &format!("could not tell[{}]", outcome.rule));
            writeln!(out, "  {word} {}", printable(reason))?;
        }
    }
    for (reason, rules) in not_checked(&checked.outcomes) {
        for line in listed(format!("not checked, {reason}:"), &rules) {
            writeln!(out, "  {}", paint.paint(Role::Quiet, &line))?;
        }
    }
    Ok(())
}

/// What a place is held against.
fn release(checked: &Checked) -> String {
    let Some(claim) = checked.claim else { return "of no known release".to_owned() };
    let by = match claim.by {
        ClaimSource::Request => "as asked",
        ClaimSource::Directory => "by its directory",
        ClaimSource::Log => "by its log",
    };
    format!("{} {by}", claim.minor)
}

/// What came of the required tests.
fn tests(checked: &Checked) -> String {
    let Some(origin) = &checked.origin else {
        return "the required tests are not known".to_owned();
    };
    let (required, origin) = (checked.required, printable(&origin.to_string()));
    match checked.passed {
        Some(passed) => format!("{passed} of {required} required tests passed, by {origin}"),
        None => format!("how many of {required} required tests passed is not known, by {origin}"),
    }
}

/// Rules after what is said of them, in as many lines as it takes.
fn listed(begin: String, rules: &[Rule]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = begin;
    for (index, rule) in rules.iter().enumerate() {
        let id = rule.info().id;
        let comma = if index + 1 < rules.len() { "," } else { "" };
        if line.len() + 1 + id.len() + comma.len() > COLUMNS {
            lines.push(std::mem::replace(&mut line, " ".to_owned()));
        }
        line = format!("{line} {id}{comma}");
    }
    lines.push(line);
    lines
}

fn broken(out: &mut impl Write, paint: Paint, outcome: &Outcome) -> io::Result<()> {
    let info = outcome.rule.info();
    let role = if info.level == Level::Error { Role::Bad } else { Role::Warn };
    let word = paint.paint(role, &format!("{}[{}]", info.level, info.id));
    writeln!(out, "  {word} expected: {} ({})", info.title, info.origin)?;
    let findings = outcome.findings();
    for finding in findings.iter().take(SHOWN) {
        writeln!(out, "    {}", located(finding))?;
    }
    if findings.len() > SHOWN {
        writeln!(
            out,
            "    … and {} more (multibeam verify --format json has all)",
            findings.len() - SHOWN
        )?;
    }
    writeln!(out, "    {}", paint.paint(Role::Quiet, &format!("hint: {}", info.advice)))
}

fn located(finding: &Finding) -> String {
    let message = printable(&shortened(&finding.message));
    match (&finding.file, finding.line) {
        (Some(file), Some(line)) => format!("{}:{line}: {message}", printable(file)),
        (Some(file), None) => format!("{}: {message}", printable(file)),
        (None, _) => message,
    }
}

/// The begin of what is too long to be read.
fn shortened(message: &str) -> Cow<'_, str> {
    match message.char_indices().nth(MESSAGE) {
        None => Cow::Borrowed(message),
        Some((end, _)) => Cow::Owned(format!("{}…", &message[..end])),
    }
}

fn role(verdict: Verdict) -> Role {
    match verdict {
        Verdict::Verified => Role::Good,
        Verdict::NotVerified => Role::Bad,
        Verdict::CouldNotTell => Role::Warn,
    }
}

/// The table of all rules: name, level, who demands it, what holds, what to do.
///
/// # Errors
/// When the output takes no more.
pub fn rules_text(out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{:<22}{:<9}{:<18}what holds", "rule", "level", "demanded by")?;
    for rule in Rule::ALL {
        let info = rule.info();
        let (level, origin) = (info.level.to_string(), info.origin.to_string());
        writeln!(out, "{:<22}{level:<9}{origin:<18}{}", info.id, info.title)?;
        writeln!(out, "{:<49}otherwise: {}", "", info.advice)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_message_ends_with_an_ellipsis() {
        let long = format!("a|{}", "é".repeat(MESSAGE));
        let shown = shortened(&long);
        assert_eq!((shown.chars().count(), shown.chars().last()), (MESSAGE + 1, Some('…')));
        let whole = &long[..long.len() - "éé".len()];
        assert_eq!((whole.chars().count(), &*shortened(whole)), (MESSAGE, whole));
    }

    #[test]
    fn a_list_of_rules_goes_on_in_the_next_line() {
        let lines = listed("not checked, x:".to_owned(), Rule::ALL);
        assert!(lines.len() > 2 && lines.iter().all(|line| line.len() <= COLUMNS), "{lines:?}");
        assert!(lines[1].starts_with("  ") && lines[0].ends_with(','), "{lines:?}");
        let ids: Vec<&str> = Rule::ALL.iter().map(|rule| rule.info().id).collect();
        let words = lines.join(" ");
        let words = words.strip_prefix("not checked, x:").unwrap().split_whitespace();
        assert_eq!(words.collect::<Vec<_>>().join(" "), ids.join(", "));
        assert_eq!(listed("a:".to_owned(), &[Rule::PrTitle]), ["a: pr-title"]);
    }
}
