//! A comparison as lines for a terminal or a log. Whoever writes them gives tones their colours,
//! and makes foreign text harmless.

use super::words::{self, count};
use crate::compare::{Comparison, Group, TargetSummary};

/// Specs of a group that are listed.
const MOST_SPECS: usize = 20;

/// Groups that are listed, of each kind.
const MOST_GROUPS: usize = 30;

/// Lines of a message.
const MESSAGE_LINES: usize = 4;

/// What a piece of text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Text.
    Plain,
    /// What need not be read.
    Dim,
    /// What is to be seen first.
    Bold,
    /// A failure.
    Bad,
    /// What weakens something.
    Warn,
    /// An explanation.
    Accent,
}

/// A line in pieces.
pub type Line = Vec<(Tone, String)>;

/// The whole comparison.
#[must_use]
pub fn lines(comparison: &Comparison) -> Vec<Line> {
    let mut out = vec![vec![(Tone::Plain, words::scope(comparison))], Line::new()];
    table(comparison, &mut out);
    out.push(Line::new());
    out.push(vec![(Tone::Bold, words::result(comparison))]);
    for (group, number) in comparison.groups.iter().zip(1..).take(MOST_GROUPS) {
        out.push(Line::new());
        one_group(group, number, &mut out);
    }
    more(comparison.groups.len(), MOST_GROUPS, "group", "", &mut out);
    unsteady(comparison, &mut out);
    uneven(comparison, &mut out);
    out
}

/// The targets with their labels and numbers.
fn table(comparison: &Comparison, out: &mut Vec<Line>) {
    let own = |target: &TargetSummary, key: &String| target.labels.get(key).cloned();
    let mut columns: Vec<Vec<String>> = Vec::new();
    let column = |title: &str, of: &dyn Fn(&TargetSummary) -> String| {
        let cells = comparison.targets.iter().map(of);
        [title.to_owned()].into_iter().chain(cells).collect::<Vec<_>>()
    };
    columns.push(column("target", &|target| target.id.clone()));
    for key in &comparison.labels {
        columns.push(column(key, &|target| own(target, key).unwrap_or_else(|| "–".to_owned())));
    }
    let labels = columns.len();
    columns.push(column("passed", &|target| target.passed.to_string()));
    columns.push(column("failed", &|target| target.failed.to_string()));
    if comparison.targets.iter().any(|target| target.skipped > 0) {
        columns.push(column("skipped", &|target| target.skipped.to_string()));
    }
    let width = |column: &Vec<String>| column.iter().map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = columns.iter().map(|column| width(column).unwrap_or(0)).collect();
    for row in 0..=comparison.targets.len() {
        let mut line = Line::new();
        for (at, (cells, width)) in columns.iter().zip(&widths).enumerate() {
            let cell = &cells[row];
            let gap = if at == 0 { "" } else { "  " };
            let text = match at < labels {
                true => format!("{gap}{cell:width$}"),
                false => format!("{gap}{cell:>width$}"),
            };
            let tone = match (row, cells[0].as_str()) {
                (0, _) => Tone::Dim,
                (_, "failed") if cell != "0" => Tone::Bad,
                _ => Tone::Plain,
            };
            line.push((tone, text));
        }
        out.push(line);
    }
}

fn one_group(group: &Group, number: usize, out: &mut Vec<Line>) {
    let said = words::explanation(group);
    out.push(vec![(Tone::Bold, format!("{number}. ")), (Tone::Accent, said.headline)]);
    out.push(vec![(Tone::Plain, format!("   {}", said.support))]);
    for against in said.against {
        out.push(vec![(Tone::Warn, format!("   {against}"))]);
    }
    if !group.passing.is_empty() {
        out.push(vec![(Tone::Dim, format!("   failing: {}", words::list(&group.failing)))]);
    }
    if !group.undecided.is_empty() {
        let text = format!("   no result in {}", words::list(&group.undecided));
        out.push(vec![(Tone::Dim, text)]);
    }
    let specs = group.specs.len();
    if specs > 1 {
        let text = format!("   {} fail together and say the same", count(specs, "spec"));
        out.push(vec![(Tone::Plain, text)]);
    }
    for spec in group.specs.iter().take(MOST_SPECS) {
        let state = spec.states.join("/");
        out.push(vec![(Tone::Bad, format!("   {state} ")), (Tone::Plain, spec.spec.clone())]);
        for part in words::history(spec) {
            out.push(vec![(Tone::Dim, format!("     {part}"))]);
        }
        if spec.messages > 1 {
            let text =
                format!("     {} over its targets", count(spec.messages, "different message"));
            out.push(vec![(Tone::Dim, text)]);
        }
    }
    more(specs, MOST_SPECS, "spec", "   ", out);
    let message = group.message.lines().filter(|line| !line.trim().is_empty());
    for line in message.take(MESSAGE_LINES) {
        out.push(vec![(Tone::Dim, format!("   | {}", line.trim_end()))]);
    }
}

fn unsteady(comparison: &Comparison, out: &mut Vec<Line>) {
    if comparison.unsteady.is_empty() {
        return;
    }
    out.push(Line::new());
    let number = count(comparison.unsteady.len(), "spec");
    out.push(vec![(Tone::Bold, format!("passing now, not always: {number}"))]);
    for spec in comparison.unsteady.iter().take(MOST_SPECS) {
        out.push(vec![(Tone::Plain, format!("   {}", spec.spec))]);
        for part in words::unsteady(spec) {
            out.push(vec![(Tone::Dim, format!("     {part}"))]);
        }
    }
    more(comparison.unsteady.len(), MOST_SPECS, "spec", "   ", out);
}

fn uneven(comparison: &Comparison, out: &mut Vec<Line>) {
    if comparison.uneven.is_empty() {
        return;
    }
    out.push(Line::new());
    out.push(vec![(Tone::Bold, "not run everywhere".to_owned())]);
    for group in comparison.uneven.iter().take(MOST_GROUPS) {
        let number = count(group.specs.len(), "spec");
        let mut text = format!("   {number} only in {}", words::list(&group.ran));
        if group.absent.len() < group.ran.len() {
            text = format!("   {number} not in {}", words::list(&group.absent));
        }
        out.push(vec![(Tone::Plain, text)]);
    }
    more(comparison.uneven.len(), MOST_GROUPS, "group", "   ", out);
}

fn more(there: usize, shown: usize, one: &str, indent: &str, out: &mut Vec<Line>) {
    if there > shown {
        let text = format!("{indent}… and {} more, all in --json", count(there - shown, one));
        out.push(vec![(Tone::Plain, text)]);
    }
}
