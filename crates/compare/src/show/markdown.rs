//! A comparison as a piece of Markdown, for a release note or a pull request.

use std::fmt::Write as _;

use multibeam_model::markdown::{block, code};

use super::words::{self, count};
use crate::compare::{Comparison, Group};

/// Lines of a message.
const MESSAGE_LINES: usize = 12;

/// The whole comparison. All foreign text stands in code, where nothing is obeyed.
#[must_use]
pub fn write(comparison: &Comparison) -> String {
    let mut out = String::from("## What differs between the targets\n\n");
    let scope = words::scope(comparison);
    paragraph(&mut out, &format!("{}: {}.", words::result(comparison), code(&scope)));
    for (group, number) in comparison.groups.iter().zip(1..) {
        one_group(&mut out, group, number);
    }
    if !comparison.unsteady.is_empty() {
        out.push_str("### Passing now, not always\n\n");
        for spec in &comparison.unsteady {
            bullet(&mut out, &spec.spec, &words::unsteady(spec));
        }
        out.push('\n');
    }
    if !comparison.uneven.is_empty() {
        out.push_str("### Not run everywhere\n\n");
        for group in &comparison.uneven {
            let number = count(group.specs.len(), "spec");
            let _ = writeln!(out, "- {number} only in {}", codes(&group.ran));
        }
        out.push('\n');
    }
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

fn one_group(out: &mut String, group: &Group, number: usize) {
    let said = words::explanation(group);
    let _ = writeln!(out, "### {number}. {}\n", code(&said.headline));
    paragraph(out, &format!("{}.", code(&said.support)));
    for against in &said.against {
        paragraph(out, &format!("> {}", code(against)));
    }
    let mut places = format!("Fails in {}.", codes(&group.failing));
    if !group.undecided.is_empty() {
        let _ = write!(places, " No result in {}.", codes(&group.undecided));
    }
    paragraph(out, &places);
    for spec in &group.specs {
        bullet(out, &spec.spec, &words::history(spec));
    }
    out.push('\n');
    let lines: Vec<&str> = group.message.lines().take(MESSAGE_LINES).collect();
    if !group.message.trim().is_empty() {
        let _ = writeln!(out, "{}", block("text", &lines.join("\n")));
    }
}

fn paragraph(out: &mut String, text: &str) {
    let _ = writeln!(out, "{text}\n");
}

fn bullet(out: &mut String, spec: &str, history: &[String]) {
    let history: Vec<String> = history.iter().map(|part| code(part)).collect();
    let dash = if history.is_empty() { "" } else { " – " };
    let _ = writeln!(out, "- {}{dash}{}", code(spec), history.join(", "));
}

fn codes(words: &[String]) -> String {
    words::list(&words.iter().map(|word| code(word)).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_release_note_reads_as_it_should() {
        let note = write(&super::super::fixture::nightly());
        for expected in [
            "## What differs between the targets\n",
            "### 1. `kube-proxy=ipvs`\n",
            "`fails in all 3 targets with kube-proxy=ipvs, in none of the 6 others`.",
            "- `[sig-network] Services should serve [Conformance]` – `new: 2 earlier runs passed`",
            "```text\nTimed out after 300.001s.",
        ] {
            assert!(note.contains(expected), "{expected:?} in\n{note}");
        }
    }
}
