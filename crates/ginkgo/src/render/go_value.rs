//! Values of report entries, which Ginkgo decodes from JSON and writes again: as JSON into the
//! JUnit file, as `%+v` into a timeline.

use std::fmt::Write as _;

use serde_json::Value;

use super::go_text::shortest;
use crate::report::EntryValue;

/// What a timeline shows of an entry's value: nothing for nil, else the suite's own representation,
/// else the value itself.
pub(super) fn representation(value: &EntryValue) -> String {
    match decode(value) {
        Value::Null => String::new(),
        _ if !value.representation.is_empty() => value.representation.clone(),
        decoded => plus_v(&decoded),
    }
}

/// The value as Go's `json.Marshal` writes it after decoding: keys sorted, numbers as float64,
/// `<`, `>` and `&` escaped.
pub(super) fn as_json(value: &EntryValue) -> String {
    let mut out = String::new();
    marshal(&decode(value), &mut out);
    out
}

/// Ginkgo cannot read a report whose value is no JSON, so none is the same as nil.
fn decode(value: &EntryValue) -> Value {
    serde_json::from_str(&value.as_json).unwrap_or(Value::Null)
}

fn marshal(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Number(number) => out.push_str(&json_number(number.as_f64().unwrap_or_default())),
        Value::String(text) => quote(text, out),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                marshal(item, out);
            }
            out.push(']');
        }
        Value::Object(fields) => {
            out.push('{');
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(key, _)| *key);
            for (index, (key, value)) in fields.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                quote(key, out);
                out.push(':');
                marshal(value, out);
            }
            out.push('}');
        }
    }
}

/// As JavaScript prints numbers, except for a `-0`.
fn json_number(value: f64) -> String {
    if value != 0.0 && !(1e-6..1e21).contains(&value.abs()) {
        let text = format!("{value:e}");
        return if value.abs() < 1.0 { text } else { text.replace('e', "e+") };
    }
    if value == 0.0 && value.is_sign_negative() { "-0".to_owned() } else { value.to_string() }
}

fn quote(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..='\u{1f}' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                let _infallible = write!(out, "\\u{:04x}", u32::from(character));
            }
            _ => out.push(character),
        }
    }
    out.push('"');
}

/// `fmt.Sprintf("%+v", value)` of a decoded value.
fn plus_v(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => shortest(number.as_f64().unwrap_or_default()),
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            format!("[{}]", items.iter().map(plus_v).collect::<Vec<_>>().join(" "))
        }
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(key, _)| *key);
            let fields: Vec<_> =
                fields.into_iter().map(|(key, value)| format!("{key}:{}", plus_v(value))).collect();
            format!("map[{}]", fields.join(" "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(as_json: &str, representation: &str) -> EntryValue {
        EntryValue { as_json: as_json.to_owned(), representation: representation.to_owned() }
    }

    #[test]
    fn json_is_written_as_go_does() {
        for (json, go) in [
            (
                "{\"b\":1e3,\"a\":[true,null,\"<&>\\u0001\\b\u{2028}é\"]}",
                "{\"a\":[true,null,\"\\u003c\\u0026\\u003e\\u0001\\b\\u2028é\"],\"b\":1000}",
            ),
            ("1e21", "1e+21"),
            ("0.00000025", "2.5e-7"),
            ("12345678901234567890", "12345678901234567000"),
            ("-0.0", "-0"),
            ("", "null"),
        ] {
            assert_eq!(as_json(&value(json, "")), go);
        }
    }

    #[test]
    fn the_suites_representation_comes_first() {
        assert_eq!(representation(&value("1", "one")), "one");
        assert_eq!(representation(&value("null", "one")), "");
        assert_eq!(
            representation(&value("{\"b\":[1,null],\"a\":1e6}", "")),
            "map[a:1e+06 b:[1 <nil>]]"
        );
    }
}
