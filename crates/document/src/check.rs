//! Compares a tree with the table: unknown and missing keys, types, bounds.

use crate::diagnostic::{Code, Sink};
use crate::human::{ByteSize, HumanDuration};
use crate::render::quote;
use crate::suggest;
use crate::table::{Extra, OFF, Object, Rule, Ty};
use crate::yaml::{Kind, Node, Pos, Span};

/// Reports everything in which the node differs from the type.
pub(crate) fn check(node: &Node, ty: &Ty, place: &str, sink: &mut Sink<'_>) {
    match ty {
        Ty::Const(text) => {
            if node.string() != Some(text) {
                wrong_type(node, place, &quote(text), sink);
            }
        }
        Ty::Text => {
            if node.string().is_none() {
                wrong_type(node, place, "a string", sink);
            }
        }
        Ty::Ruled(rule) => ruled(node, rule, place, sink),
        Ty::Scalar => {
            if node.scalar().is_none() {
                wrong_type(node, place, "a string, number, or boolean", sink);
            }
        }
        Ty::Bool => {
            if node.boolean().is_none() {
                wrong_type(node, place, "true or false", sink);
            }
        }
        Ty::Int { min, max } => integer(node, (*min, *max), place, sink),
        Ty::Duration { min, max } => duration(node, (*min, *max), false, place, sink),
        Ty::DurationOrOff { min, max } => duration(node, (*min, *max), true, place, sink),
        Ty::Size { min, max } => size(node, (*min, *max), place, sink),
        Ty::Choice(words) => {
            if !node.string().is_some_and(|s| words.contains(&s)) {
                let expected = words.join(" or ");
                match node.string() {
                    Some(found) => {
                        let message =
                            format!("{place}: expected {expected}, found {}", quote(found));
                        sink.error(Code::BadValue, node.span, message, suggest::hint(found, words));
                    }
                    None => wrong_type(node, place, &expected, sink),
                }
            }
        }
        Ty::List { item, min } => match &node.kind {
            Kind::List(items) => {
                if items.len() < *min {
                    let message = format!("{place}: the list is empty, at least {min} is needed");
                    sink.error(Code::BadValue, node.span, message, None);
                }
                for (index, node) in items.iter().enumerate() {
                    check(node, item, &format!("{place}[{index}]"), sink);
                }
            }
            _ => wrong_type(node, place, "a list", sink),
        },
        Ty::Object(object) => mapping(node, object, place, sink),
    }
}

fn mapping(node: &Node, object: &Object, place: &str, sink: &mut Sink<'_>) {
    let Kind::Map(entries) = &node.kind else {
        wrong_type(node, place, "a mapping", sink);
        return;
    };
    let below = |key: &str| match place {
        "" => key.to_owned(),
        _ => format!("{place}.{key}"),
    };
    for entry in entries {
        let key = entry.key.value.as_str();
        match (object.fields.iter().find(|f| f.key == key), object.extra) {
            (Some(field), _) => check(&entry.value, &field.ty, &below(field.key), sink),
            (None, Some(extra)) => own_key(entry, extra, &below(&cut(key)), sink),
            (None, None) => {
                let known: Vec<&str> = object.fields.iter().map(|f| f.key).collect();
                let message = format!("unknown key {} in {}", quote(key), object.name);
                sink.error(Code::UnknownKey, entry.key.span, message, suggest::hint(key, &known));
            }
        }
    }
    for field in object.fields.iter().filter(|f| f.required) {
        if node.get(field.key).is_none() {
            let message = format!("{} needs the key \"{}\"", object.name, field.key);
            let first = field.doc.split_once(". ").map_or(field.doc, |(first, _)| first);
            let hint = match field.ty {
                Ty::Const(text) => format!("write {}: {text}", field.key),
                _ => format!("{}: {}", field.key, first.trim_end_matches('.')),
            };
            sink.error(Code::MissingKey, head(node), message, Some(hint));
        }
    }
}

fn own_key(entry: &crate::yaml::Entry, extra: &Extra, place: &str, sink: &mut Sink<'_>) {
    let key = entry.key.value.as_str();
    if !(extra.keys.allows)(key) {
        let message = format!("{} cannot be called {}", extra.keys.what, quote(key));
        sink.error(Code::BadName, entry.key.span, message, Some(extra.keys.rule.to_owned()));
    }
    check(&entry.value, &extra.value, place, sink);
}

/// A key within a place, short enough for a message.
fn cut(key: &str) -> String {
    crate::render::printable(&key.chars().take(40).collect::<String>())
}

/// The first line of a node: what to point at when something is missing in it.
fn head(node: &Node) -> Span {
    match node.entries().first() {
        Some(entry) if !entry.merged => entry.key.span,
        _ => {
            let Pos { line, column } = node.span.start;
            Span::at(line, column)
        }
    }
}

fn wrong_type(node: &Node, place: &str, expected: &str, sink: &mut Sink<'_>) {
    let found = match node.scalar() {
        Some(text) => format!("{} ({})", node.describe(), quote(text)),
        None => node.describe().to_owned(),
    };
    let hint = match (expected, node.describe()) {
        ("a string", "a number" | "a boolean") => Some("put it in quotes".to_owned()),
        ("a string", "a list") => Some("put text that begins with [ in quotes".to_owned()),
        ("a string", "a mapping") => {
            Some("put text that begins with { or contains \": \" in quotes".to_owned())
        }
        ("a list", "a string" | "a number" | "a boolean") => Some(
            "write a list, also for one entry: [...] or \"- ...\" on a line of its own".to_owned(),
        ),
        ("true or false", "a string") => match node.scalar() {
            Some("yes" | "Yes" | "on" | "On" | "y") => Some("write true".to_owned()),
            Some("no" | "No" | "off" | "Off" | "n") => Some("write false".to_owned()),
            Some(text) if node.plain().is_none() && matches!(text, "true" | "false") => {
                Some("remove the quotes".to_owned())
            }
            _ => None,
        },
        ("a whole number", "a string") => match node.scalar() {
            Some(text) if text.contains("${") => {
                Some("numbers cannot be taken from the matrix; write two targets".to_owned())
            }
            Some(text) if node.plain().is_none() && text.parse::<i64>().is_ok() => {
                Some("remove the quotes".to_owned())
            }
            _ => None,
        },
        (_, "nothing") => Some("remove the key, or give it a value".to_owned()),
        _ => None,
    };
    let span = match node.kind {
        Kind::Scalar { .. } => node.span,
        Kind::List(_) | Kind::Map(_) => head(node),
    };
    let place = if place.is_empty() { "the file" } else { place };
    sink.error(Code::WrongType, span, format!("{place}: expected {expected}, found {found}"), hint);
}

fn ruled(node: &Node, rule: &Rule, place: &str, sink: &mut Sink<'_>) {
    match node.string() {
        None => wrong_type(node, place, "a string", sink),
        Some(text) if !(rule.allows)(text) => {
            let message = format!("{place}: {} is not {}", quote(text), rule.what);
            sink.error(Code::BadValue, node.span, message, Some(rule.hint.to_owned()));
        }
        Some(_) => {}
    }
}

fn integer(node: &Node, (min, max): (i64, i64), place: &str, sink: &mut Sink<'_>) {
    match node.integer() {
        None => wrong_type(node, place, "a whole number", sink),
        Some(n) if n < i128::from(min) || n > i128::from(max) => {
            let message = format!("{place}: {n} is not between {min} and {max}");
            sink.error(Code::BadValue, node.span, message, None);
        }
        Some(_) => {}
    }
}

type DurationBounds = (HumanDuration, HumanDuration);

fn duration(node: &Node, (min, max): DurationBounds, off: bool, place: &str, sink: &mut Sink<'_>) {
    let or_off = if off { " or off" } else { "" };
    let Some(text) = unit_text(node) else {
        return wrong_type(node, place, &format!("a duration such as 90s{or_off}"), sink);
    };
    if off && text == OFF {
        return;
    }
    match text.parse::<HumanDuration>() {
        Err(error) => {
            let message = format!("{place}: {} is not a duration", quote(text));
            sink.error(Code::BadValue, node.span, message, Some(error.hint().to_owned()));
        }
        Ok(found) if found < min || found > max => {
            let message = format!("{place}: {found} is not between {min} and {max}");
            let hint = off.then(|| "off switches it off".to_owned());
            sink.error(Code::BadValue, node.span, message, hint);
        }
        Ok(_) => {}
    }
}

fn size(node: &Node, (min, max): (ByteSize, ByteSize), place: &str, sink: &mut Sink<'_>) {
    let Some(text) = unit_text(node) else {
        return wrong_type(node, place, "a size such as 64MiB", sink);
    };
    match text.parse::<ByteSize>() {
        Err(error) => {
            let message = format!("{place}: {} is not a size", quote(text));
            sink.error(Code::BadValue, node.span, message, Some(error.hint().to_owned()));
        }
        Ok(found) if found < min || found > max => {
            let message = format!("{place}: {found} is not between {min} and {max}");
            sink.error(Code::BadValue, node.span, message, None);
        }
        Ok(_) => {}
    }
}

/// A string, or a number whose unit was forgotten: the parser of the unit says so best.
fn unit_text(node: &Node) -> Option<&str> {
    node.string().or_else(|| node.integer().and(node.plain()))
}
