//! The format, one file per group of settings: its table, what is read from it, its defaults.

pub(crate) mod args;
pub(crate) mod cluster;
pub(crate) mod concurrency;
pub(crate) mod limits;
pub(crate) mod matrix;
pub(crate) mod results;
pub(crate) mod run;
pub(crate) mod spec_timeout;
pub(crate) mod suite;
pub(crate) mod target;

pub(crate) use run::RUN;

use std::str::FromStr;

use multibeam_document::diagnostic::{Code, Sink};
use multibeam_document::render::quote;
use multibeam_document::table::{Extra, KeyRule, Ty};
use multibeam_document::yaml::{Node, Spanned};

use crate::template::{Scope, Template};

pub(crate) static TEXT: Ty = Ty::Text;
pub(crate) static SCALAR: Ty = Ty::Scalar;

/// `key: value` pairs of labels.
pub(crate) static LABELS: Extra = Extra {
    keys: KeyRule {
        what: "a label",
        pattern: "^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$",
        rule: "up to 63 letters, digits, and . _ / -, beginning with a letter or digit",
        allows: crate::name::is_label,
    },
    value: Ty::Scalar,
};

/// A string or another scalar with references in it.
pub(crate) fn text(node: &Node, key: &str, scope: Scope, sink: &mut Sink<'_>) -> Option<Template> {
    let value = node.get(key)?;
    value.string()?;
    Template::read(value, scope, sink)
}

/// A list of strings with references in them. What is no string was reported before.
pub(crate) fn texts(node: &Node, key: &str, sink: &mut Sink<'_>) -> Option<Spanned<Vec<Template>>> {
    let list = node.get(key)?;
    let value = list
        .items()
        .iter()
        .filter(|item| item.string().is_some())
        .filter_map(|item| Template::read(item, Scope::Target, sink))
        .collect();
    Some(Spanned { value, span: list.span })
}

/// Keys of the user's choice with scalars.
pub(crate) fn pairs(
    node: &Node,
    key: &str,
    sink: &mut Sink<'_>,
) -> Vec<(Spanned<String>, Template)> {
    let entries = node.get(key).map(Node::entries).unwrap_or_default();
    entries
        .iter()
        .filter_map(|entry| {
            warn_number(&entry.value, sink);
            let value = Template::read(&entry.value, Scope::Target, sink)?;
            Some((entry.key.clone(), value))
        })
        .collect()
}

/// A whole number that the type check found good.
pub(crate) fn number(node: &Node, key: &str) -> Option<u32> {
    u32::try_from(node.get(key)?.integer()?).ok()
}

/// What the specs of a rule have in their text or labels; nothing when it is no string. An empty one
/// is a mistake: `instead` holds for every spec.
pub(crate) fn tag<'a>(
    rule: &'a Node,
    instead: &str,
    sink: &mut Sink<'_>,
) -> Option<(&'a Node, &'a str)> {
    let node = rule.get("match")?;
    let word = node.string()?;
    if word.trim().is_empty() {
        let hint = format!("every spec contains it; use {instead}");
        sink.error(Code::BadValue, node.span, "match is empty", Some(hint));
    }
    Some((node, word))
}

/// A value with a unit that the type check found good.
pub(crate) fn unit<T: FromStr>(node: &Node, key: &str) -> Option<T> {
    node.get(key)?.string()?.parse().ok()
}

/// `1.30` without quotes is 1.30 here and 1.3 to every other YAML reader.
pub(crate) fn warn_number(node: &Node, sink: &mut Sink<'_>) {
    let Some(text) = node.plain().filter(|_| node.describe() == "a number") else {
        return;
    };
    let same = text.parse::<f64>().is_ok_and(|n| n.to_string() == text);
    if !same {
        let message =
            format!("{} is a number to other readers of YAML, and not written so", quote(text));
        let hint = format!("taken as the text {text:?} here; put it in quotes");
        sink.warning(Code::WrongType, node.span, message, Some(hint));
    }
}
