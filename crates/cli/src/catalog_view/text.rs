//! `multibeam list` for people.

use std::io::{self, Write};

use multibeam_ginkgo::catalog::{Catalog, SpecIndex};

use super::counts::{Counts, by_frequency};
use super::{Listed, members, selected};
use crate::convert::shown;
use crate::view::{Line, Role, Style, count};

/// Digits of a digest that tell two suites apart.
const DIGEST: usize = 12;

/// Writes every suite with its targets, counts, and specs.
///
/// # Errors
/// When `out` cannot be written.
pub fn write(
    out: &mut impl Write,
    suites: &[Listed<'_>],
    only_counts: bool,
    style: Style,
) -> io::Result<()> {
    for (index, listed) in suites.iter().enumerate() {
        if index > 0 {
            writeln!(out)?;
        }
        let counts = Counts::of(&listed.catalog);
        for line in head(listed, &counts) {
            writeln!(out, "{}", line.paint(style))?;
        }
        if !only_counts {
            specs(out, &listed.catalog, style)?;
        }
    }
    Ok(())
}

fn head(listed: &Listed<'_>, counts: &Counts) -> Vec<Line> {
    let catalog = &listed.catalog;
    let mut lines = Vec::new();
    for target in &listed.targets {
        let mut line = Line::of(Role::Bold, &target.name);
        let labels = target.labels.iter().map(|(key, value)| format!("{key}={value}"));
        let labels: Vec<String> = labels.collect();
        line.push(Role::Dim, &format!("  {}", labels.join(" ")));
        lines.push(line);
    }
    let mut line = Line::of(Role::Plain, "  suite    ");
    line.push(Role::Plain, &shown(&listed.suite.binary));
    lines.push(line);
    let digest = catalog.suite_digest.get(..DIGEST).unwrap_or(&catalog.suite_digest);
    let version = catalog.suite_version.as_deref().map(|v| format!("{v}, ")).unwrap_or_default();
    let text = format!("  version  {version}Ginkgo {}, sha256 {digest}", catalog.ginkgo);
    lines.push(Line::of(Role::Plain, &text));
    let mut line = Line::of(Role::Plain, "  specs    ");
    line.push(Role::Good, &counts.selected.to_string());
    let mut text = format!(" of {} selected", counts.total);
    text += &format!(": {}", count(counts.parallel_groups, "parallel group"));
    text += &format!(", {}", count(counts.serial, "serial spec"));
    if counts.pending > 0 {
        text += &format!("; {} pending", counts.pending);
    }
    line.push(Role::Plain, &text);
    lines.push(line);

    // Newer suites say in labels what older ones say in brackets, and some say it twice.
    let known = |label: &&(&str, usize)| {
        !counts.sigs.contains_key(label.0) && !counts.tags.contains_key(label.0)
    };
    let labels: Vec<(&str, usize)> = by_frequency(&counts.labels);
    let labels: Vec<(&str, usize)> = labels.iter().filter(known).copied().collect();
    // Names of drivers and test patterns are no tags to choose by.
    let tags = by_frequency(&counts.tags);
    let tags: Vec<(&str, usize)> = tags.into_iter().filter(|(tag, _)| !tag.contains(' ')).collect();
    for (title, list) in [("SIGs", by_frequency(&counts.sigs)), ("tags", tags), ("labels", labels)]
    {
        for (index, (name, number)) in list.iter().enumerate() {
            let title = if index == 0 { title } else { "" };
            let mut line = Line::of(Role::Plain, &format!("  {title:<7}{number:>6}  "));
            line.push(Role::Plain, name);
            lines.push(line);
        }
    }
    lines
}

fn specs(out: &mut impl Write, catalog: &Catalog, style: Style) -> io::Result<()> {
    writeln!(out)?;
    for index in selected(catalog) {
        let serial = catalog.spec(index).is_serial();
        let mut line = Line::of(Role::Warn, if serial { "  serial " } else { "         " });
        line.push(Role::Dim, group_mark(catalog, index));
        line.push(Role::Plain, &catalog.full_text(index));
        writeln!(out, "{}", line.paint(style))?;
    }
    Ok(())
}

/// Specs of one group are bracketed: they run on one process, one after the other.
fn group_mark(catalog: &Catalog, index: SpecIndex) -> &'static str {
    let mates = members(catalog, catalog.spec(index).placement).iter().copied();
    let mates: Vec<SpecIndex> = mates.filter(|mate| catalog.spec(*mate).is_selected()).collect();
    match (mates.first(), mates.last()) {
        (first, last) if first == last => "  ",
        (Some(first), _) if *first == index => "┌ ",
        (_, Some(last)) if *last == index => "└ ",
        _ => "│ ",
    }
}
