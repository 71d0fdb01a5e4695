//! `specTimeout`: when a spec counts as hung.

use multibeam_document::diagnostic::{Code, Sink};
use multibeam_document::human::HumanDuration;
use multibeam_document::table::{OFF, Object, Ty, optional, required};
use multibeam_document::yaml::Node;
use serde::{Deserialize, Serialize};

use super::tag;

/// When a spec of a run that is not certified counts as hung: no conformance spec of any release
/// takes half as long, and a night is not lost. A certified run has no such limit unless the
/// file sets one, because a reference run has none.
pub const DEFAULT_SPEC_TIMEOUT: HumanDuration = HumanDuration::from_secs(3_600);

const BOUNDS: Ty = Ty::DurationOrOff {
    min: HumanDuration::from_secs(1),
    max: HumanDuration::from_secs(7 * 86_400),
};

static RULE: Object = Object {
    name: "a rule of specTimeout",
    doc: "A limit for some specs.",
    fields: &[
        required(
            "match",
            Ty::Text,
            "Specs whose full text contains this, or that have it as a label. Such as \"[Slow]\"; no pattern.",
        ),
        required("timeout", BOUNDS, "Their limit, such as 30m, or off."),
    ],
    extra: None,
};

static RULE_TY: Ty = Ty::Object(&RULE);

pub(crate) static SPEC_TIMEOUT: Object = Object {
    name: "specTimeout",
    doc: "When a spec counts as hung: a progress report is asked for, then it is interrupted, and after limits.grace its process is killed.",
    fields: &[
        optional(
            "default",
            BOUNDS,
            "The limit of specs that no rule matches, such as 20m, or off. Default 1h; off in a certified run.",
        ),
        optional(
            "byTag",
            Ty::List { item: &RULE_TY, min: 0 },
            "Limits of specs by what their name or labels contain. The first rule that matches counts.",
        ),
    ],
    extra: None,
};

/// When a spec counts as hung.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SpecTimeouts {
    /// For specs that no rule matches; nothing means never.
    pub default: Option<HumanDuration>,
    /// In the order in which they are tried.
    pub by_tag: Vec<SpecTimeoutRule>,
}

/// The limit of some specs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SpecTimeoutRule {
    /// What the full text of the spec contains, or what one of its labels is.
    #[serde(rename = "match")]
    pub matches: String,
    /// Nothing means never.
    pub timeout: Option<HumanDuration>,
}

/// Reads `specTimeout` of the run, if it is there.
pub(crate) fn read(run: &Node, certified: bool, sink: &mut Sink<'_>) -> SpecTimeouts {
    let fallback = (!certified).then_some(DEFAULT_SPEC_TIMEOUT);
    let Some(node) = run.get("specTimeout") else {
        return SpecTimeouts { default: fallback, by_tag: Vec::new() };
    };
    let mut by_tag: Vec<SpecTimeoutRule> = Vec::new();
    for rule in node.get("byTag").map(Node::items).unwrap_or_default() {
        let Some((matches, word)) = tag(rule, "specTimeout.default", sink) else { continue };
        if !word.trim().is_empty()
            && let Some(first) = by_tag.iter().find(|r| word.contains(r.matches.as_str()))
        {
            let message = format!(
                "this rule never counts: {} before it matches the same specs",
                multibeam_document::render::quote(&first.matches)
            );
            let hint = "the first rule that matches counts; put the narrower one first".to_owned();
            sink.warning(Code::BadValue, matches.span, message, Some(hint));
        }
        by_tag.push(SpecTimeoutRule {
            matches: word.to_owned(),
            timeout: or_off(rule, "timeout", None),
        });
    }
    SpecTimeouts { default: or_off(node, "default", fallback), by_tag }
}

fn or_off(node: &Node, key: &str, fallback: Option<HumanDuration>) -> Option<HumanDuration> {
    match node.get(key).and_then(Node::string) {
        None => fallback,
        Some(OFF) => None,
        Some(text) => text.parse().ok(),
    }
}
