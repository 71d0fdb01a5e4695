//! The table for people: short when all is well, and what to do when not.

use std::io::{self, Write};

use super::paint::{Paint, Role, printable};
use super::{not_checked, verdict};
use crate::rules::{Finding, Level, Outcome, Rule, Status};
use crate::verify::{Checked, ClaimSource, Verdict};

/// Findings of one rule that are shown; the other formats have all.
const SHOWN: usize = 10;

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
    if let Some(claim) = checked.claim {
        let by = match claim.by {
            ClaimSource::Request => "as asked",
            ClaimSource::Directory => "by its directory",
            ClaimSource::Log => "by its log",
        };
        let tests = match &checked.origin {
            Some(origin) => {
                let origin = printable(&origin.to_string());
                format!(
                    "{} of {} required tests passed, by {origin}",
                    checked.passed, checked.required
                )
            }
            None => "the required tests are not known".to_owned(),
        };
        writeln!(out, "  {} {by}: {tests}", claim.minor)?;
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
        let rules: Vec<&str> = rules.iter().map(|rule| rule.info().id).collect();
        let line = format!("not checked, {reason}: {}", rules.join(", "));
        writeln!(out, "  {}", paint.paint(Role::Quiet, &line))?;
    }
    Ok(())
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
    let message = printable(&finding.message);
    match (&finding.file, finding.line) {
        (Some(file), Some(line)) => format!("{}:{line}: {message}", printable(file)),
        (Some(file), None) => format!("{}: {message}", printable(file)),
        (None, _) => message,
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
