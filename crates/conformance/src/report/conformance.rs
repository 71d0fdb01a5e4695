//! Lists of conformance tests, and what changed from one to the other.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::paint::{Paint, Role, printable};
use crate::catalog::diff::Diff;
use crate::catalog::stats::{Counts, Stats};
use crate::catalog::{Catalog, Origin, Test};

/// The number of the JSON formats.
const FORMAT: u32 = 1;

/// A list, one test per line, with the release that promoted each.
///
/// # Errors
/// When the output takes no more.
pub fn list_text(out: &mut impl Write, catalog: &Catalog) -> io::Result<()> {
    catalog.tests().try_for_each(|test| test_line(out, test))
}

fn test_line(out: &mut impl Write, test: &Test) -> io::Result<()> {
    writeln!(out, "{:<7} {}", promoted(test), printable(&test.text))
}

fn promoted(test: &Test) -> String {
    test.promoted().map_or_else(|| "-".to_owned(), |minor| minor.to_string())
}

/// The same as JSON.
///
/// # Errors
/// When the output takes no more.
pub fn list_json(out: &mut impl Write, catalog: &Catalog) -> io::Result<()> {
    let test = |test: &Test| {
        json!({
            "text": test.text, "release": test.release, "promoted": test.promoted(),
            "sig": test.sig(), "serial": test.has_tag("Serial"),
        })
    };
    let tests: Vec<Value> = catalog.tests().map(test).collect();
    json_line(out, &json!({"format": FORMAT, "from": catalog.origin, "tests": tests}))
}

/// What changed, by SIG.
///
/// # Errors
/// When the output takes no more.
pub fn diff_text(
    out: &mut impl Write,
    paint: Paint,
    from: &Origin,
    to: &Origin,
    diff: &Diff,
) -> io::Result<()> {
    let (from, to) = (printable(&from.to_string()), printable(&to.to_string()));
    writeln!(
        out,
        "from {from} to {to}: {} added, {} removed, {} renamed, {} unchanged",
        diff.added.len(),
        diff.removed.len(),
        diff.renamed.len(),
        diff.unchanged
    )?;
    let mut sigs: Vec<&str> = Vec::new();
    sigs.extend(diff.added.iter().chain(&diff.removed).map(|change| change.sig.as_str()));
    sigs.extend(diff.renamed.iter().map(|change| change.sig.as_str()));
    sigs.sort_unstable();
    sigs.dedup();
    for sig in sigs {
        let title = if sig.is_empty() { "no SIG" } else { sig };
        writeln!(out, "\n{}", paint.paint(Role::Strong, title))?;
        for (role, mark, changes) in
            [(Role::Good, "+", &diff.added), (Role::Bad, "-", &diff.removed)]
        {
            let mark = paint.paint(role, mark);
            for change in changes.iter().filter(|change| change.sig == sig) {
                write!(out, "  {mark} ")?;
                test_line(out, &change.test)?;
            }
        }
        for change in diff.renamed.iter().filter(|change| change.sig == sig) {
            let mark = paint.paint(Role::Warn, "~");
            let kind = if change.white_space_only { " (white space only)" } else { "" };
            writeln!(out, "  {mark} {}{kind}", printable(&change.from))?;
            writeln!(out, "    {}", printable(&change.to))?;
        }
    }
    Ok(())
}

/// The same as JSON.
///
/// # Errors
/// When the output takes no more.
pub fn diff_json(out: &mut impl Write, from: &Origin, to: &Origin, diff: &Diff) -> io::Result<()> {
    let mut document = json!({"format": FORMAT, "from": from, "to": to});
    if let (Value::Object(document), Ok(Value::Object(diff))) =
        (&mut document, serde_json::to_value(diff))
    {
        document.extend(diff);
    }
    json_line(out, &document)
}

/// A list in numbers.
///
/// # Errors
/// When the output takes no more.
pub fn stats_text(
    out: &mut impl Write,
    paint: Paint,
    origin: &Origin,
    stats: &Stats,
) -> io::Result<()> {
    let head = format!(
        "{:<22}{:>6}{:>8}{:>6}{:>12}{:>11}{:>6}{:>9}{:>9}",
        "", "tests", "Serial", "Slow", "Disruptive", "LinuxOnly", "Node", "minutes", "Serial"
    );
    writeln!(out, "{}", paint.paint(Role::Strong, &head))?;
    for (sig, counts) in &stats.sigs {
        row(out, if sig.is_empty() { "no SIG" } else { sig }, counts)?;
    }
    row(out, "all", &stats.all)?;
    writeln!(
        out,
        "\n{}; minutes are those of one process, by earlier runs where there were any, else by the built-in table",
        printable(&origin.to_string())
    )
}

fn row(out: &mut impl Write, name: &str, counts: &Counts) -> io::Result<()> {
    writeln!(
        out,
        "{:<22}{:>6}{:>8}{:>6}{:>12}{:>11}{:>6}{:>9.1}{:>9.1}",
        printable(name),
        counts.tests,
        counts.serial,
        counts.slow,
        counts.disruptive,
        counts.linux_only,
        counts.node,
        counts.seconds as f64 / 60.0,
        counts.serial_seconds as f64 / 60.0
    )
}

/// The same as JSON.
///
/// # Errors
/// When the output takes no more.
pub fn stats_json(out: &mut impl Write, origin: &Origin, stats: &Stats) -> io::Result<()> {
    let sigs: serde_json::Map<String, Value> =
        stats.sigs.iter().map(|(sig, counts)| (sig.clone(), json!(counts))).collect();
    json_line(out, &json!({"format": FORMAT, "from": origin, "all": stats.all, "sigs": sigs}))
}

fn json_line(out: &mut impl Write, value: &Value) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, value)?;
    writeln!(out)
}
