//! A comparison as one page: no other file, no network, no script needed.
//!
//! All text from reports goes through the escaping of the templates. The page forbids itself
//! everything by its content security policy, except its own style and script, by their digests.

mod palette;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest as _, Sha256};

use super::words::{self, count};
use crate::compare::{Comparison, FailingSpec, Group};
use crate::explain::Explanation;

const STYLE: &str = include_str!("html/style.css");
const SCRIPT: &str = include_str!("html/filter.js");

/// The whole page.
#[must_use]
pub fn page(comparison: &Comparison) -> String {
    let style = palette::css() + STYLE;
    let policy = format!(
        "default-src 'none'; style-src '{}'; script-src '{}'; base-uri 'none'; form-action 'none'",
        digest(&style),
        digest(SCRIPT)
    );
    let title = format!("Comparison: {}", comparison.runs.join(", "));
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                title { (visible(&title)) }
                style { (PreEscaped(&style)) }
            }
            body {
                a.skip href="#failures" { "Skip to the failures" }
                header {
                    h1 { "What differs, and what explains it" }
                    p { (visible(&words::scope(comparison))) }
                    p.result { (visible(&words::result(comparison))) "." }
                }
                main {
                    (overview(comparison))
                    (targets(comparison))
                    (failures(comparison))
                    (unsteady(comparison))
                    (uneven(comparison))
                    (legend(comparison))
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    page.into_string() + "\n"
}

/// As a policy names it.
fn digest(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text.as_bytes())))
}

/// Text without characters that browsers refuse, or that change how the text around them is read.
fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let obeyed = c.is_control() && c != '\n' && c != '\t'
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if obeyed {
            let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

/// A table that scrolls by itself where it is wider than the page; the keyboard reaches it.
fn scrolling(caption_id: &str, table: &Markup) -> Markup {
    html! {
        div.scroll role="group" aria-labelledby=(caption_id) tabindex="0" { (table) }
    }
}

/// Groups × targets.
fn overview(comparison: &Comparison) -> Markup {
    if comparison.groups.is_empty() {
        return html! {};
    }
    let table = html! {
        table.grid {
            caption #overview-caption { "Where each group of specs fails" }
            thead {
                tr {
                    th scope="col" { "Group" }
                    th.number scope="col" { "Specs" }
                    @for target in &comparison.targets {
                        th.turned scope="col" { span { (visible(&target.id)) } }
                    }
                }
            }
            tbody {
                @for (group, number) in comparison.groups.iter().zip(1..) {
                    tr {
                        th scope="row" {
                            a href=(format!("#group-{number}")) {
                                (number) ". " (visible(&words::explanation(group).headline))
                            }
                        }
                        td.number { (group.specs.len()) }
                        @for target in &comparison.targets { (mark(group, &target.id)) }
                    }
                }
            }
        }
    };
    html! {
        section aria-labelledby="overview" {
            h2 #overview { "Overview" }
            (scrolling("overview-caption", &table))
        }
    }
}

/// A sign for the eye, and a word for the ear.
fn mark(group: &Group, target: &String) -> Markup {
    let (class, sign, word) = if group.failing.contains(target) {
        ("bad", "✗", "fails")
    } else if group.passing.contains(target) {
        ("good", "✓", "passes")
    } else {
        ("none", "–", "no result")
    };
    html! {
        td class=(class) { span aria-hidden="true" { (sign) } span.unseen { (word) } }
    }
}

fn targets(comparison: &Comparison) -> Markup {
    let table = html! {
        table {
            caption #targets-caption { "Targets, their labels, and their specs" }
            thead {
                tr {
                    th scope="col" { "Target" }
                    @for key in &comparison.labels { th scope="col" { (visible(key)) } }
                    th.number scope="col" { "Passed" }
                    th.number scope="col" { "Failed" }
                    th.number scope="col" { "Skipped" }
                }
            }
            tbody {
                @for target in &comparison.targets {
                    tr {
                        th scope="row" { (visible(&target.id)) }
                        @for key in &comparison.labels {
                            td {
                                @match target.labels.get(key) {
                                    Some(value) => (visible(value)),
                                    None => span.muted { "none" },
                                }
                            }
                        }
                        td.number { (target.passed) }
                        td.number.bad[target.failed > 0] { (target.failed) }
                        td.number { (target.skipped) }
                    }
                }
            }
        }
    };
    html! {
        section aria-labelledby="targets" {
            h2 #targets { "Targets" }
            (scrolling("targets-caption", &table))
        }
    }
}

fn failures(comparison: &Comparison) -> Markup {
    html! {
        section aria-labelledby="failures" {
            h2 #failures tabindex="-1" { "Failures" }
            @if comparison.groups.is_empty() { p { "No spec fails." } }
            // Only a script can filter; without one nobody sees this.
            div #filter role="search" hidden[true] {
                label for="filter-text" { "Show only labels, specs, and messages with" }
                input #filter-text type="search" autocomplete="off" spellcheck="false";
                output #filter-count for="filter-text" aria-live="polite" {}
            }
            @for (group, number) in comparison.groups.iter().zip(1..) { (one_group(group, number)) }
        }
    }
}

fn one_group(group: &Group, number: usize) -> Markup {
    let said = words::explanation(group);
    let kind = match group.explanation {
        Explanation::Separated { .. } => "explained",
        Explanation::Partly { .. } | Explanation::Nothing => "open",
        Explanation::Everywhere => "everywhere",
    };
    let id = format!("group-{number}");
    html! {
        article.group.(kind) id=(id) aria-labelledby=(format!("{id}-title")) tabindex="-1" {
            h3 id=(format!("{id}-title")) { (number) ". " (visible(&said.headline)) }
            p.support { (visible(&said.support)) "." }
            @if !said.against.is_empty() {
                ul.against { @for against in &said.against { li { (visible(against)) } } }
            }
            dl {
                dt { "Fails in" } dd { (visible(&words::list(&group.failing))) }
                @if !group.passing.is_empty() {
                    dt { "Passes in" } dd { (visible(&words::list(&group.passing))) }
                }
                @if !group.undecided.is_empty() {
                    dt { "No result in" } dd { (visible(&words::list(&group.undecided))) }
                }
            }
            (specs(group, &id))
            @if !group.message.trim().is_empty() {
                p.label id=(format!("{id}-message")) { "What one of them says" }
                pre tabindex="0" role="group" aria-labelledby=(format!("{id}-message")) {
                    (visible(&group.message))
                }
            }
        }
    }
}

fn specs(group: &Group, id: &str) -> Markup {
    let has_history = group.specs.iter().any(|spec| !spec.history.is_empty());
    let caption = match group.specs.len() {
        1 => "1 spec".to_owned(),
        n => format!("{} fail together and say the same", count(n, "spec")),
    };
    let caption_id = format!("{id}-specs");
    let row = |spec: &FailingSpec| {
        html! {
            tr {
                td.bad { (visible(&spec.states.join(", "))) }
                th scope="row" {
                    (visible(&spec.spec))
                    @if spec.messages > 1 {
                        span.muted { " (" (spec.messages) " different messages over its targets)" }
                    }
                }
                @if has_history { td { (visible(&words::history(spec).join("; "))) } }
            }
        }
    };
    let table = html! {
        table.specs {
            caption id=(caption_id) { (caption) }
            thead {
                tr {
                    th scope="col" { "State" }
                    th scope="col" { "Spec" }
                    @if has_history { th scope="col" { "Earlier runs" } }
                }
            }
            tbody { @for spec in &group.specs { (row(spec)) } }
        }
    };
    scrolling(&caption_id, &table)
}

fn unsteady(comparison: &Comparison) -> Markup {
    if comparison.unsteady.is_empty() {
        return html! {};
    }
    let table = html! {
        table.specs {
            caption #unsteady-caption { "Specs that pass now, and did not always" }
            thead { tr { th scope="col" { "Spec" } th scope="col" { "Results" } } }
            tbody {
                @for spec in &comparison.unsteady {
                    tr {
                        th scope="row" { (visible(&spec.spec)) }
                        td { (visible(&words::unsteady(spec).join("; "))) }
                    }
                }
            }
        }
    };
    html! {
        section aria-labelledby="unsteady" {
            h2 #unsteady { "Passing now, not always" }
            (scrolling("unsteady-caption", &table))
        }
    }
}

fn uneven(comparison: &Comparison) -> Markup {
    if comparison.uneven.is_empty() {
        return html! {};
    }
    html! {
        section aria-labelledby="uneven" {
            h2 #uneven { "Not run everywhere" }
            p { "A spec without a result in a target counts there neither as passing nor as failing." }
            @for group in &comparison.uneven {
                details {
                    summary {
                        (count(group.specs.len(), "spec")) " only in "
                        (visible(&words::list(&group.ran)))
                    }
                    ul { @for spec in &group.specs { li { (visible(spec)) } } }
                }
            }
        }
    }
}

fn legend(comparison: &Comparison) -> Markup {
    html! {
        section aria-labelledby="legend" {
            h2 #legend { "How to read this" }
            p {
                "A condition explains a failure when it is true of all targets in which the specs fail, "
                "and of none in which they pass. The one with the fewest labels is shown. Where there is "
                "none, the closest one is shown with the targets that speak against it."
            }
            p {
                "An explanation is called weak when labels would explain many other choices of as many "
                "targets just as simply: more targets would tell a cause from a coincidence."
            }
            @if !comparison.earlier.is_empty() {
                p {
                    "Earlier runs: " (visible(&words::list(&comparison.earlier))) ". A result that "
                    "changed once is new or mended; one that changed more often is flaky."
                }
            }
        }
    }
}
