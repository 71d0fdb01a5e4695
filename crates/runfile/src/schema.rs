//! The JSON schema, made from the same tables as the type check.

use serde_json::{Map, Value, json};

use crate::bounds::{MAX_ENTRIES, MAX_STRING_BYTES};
use crate::human::{DURATION_PATTERN, SIZE_PATTERN};
use crate::settings::RUN;
use crate::table::{OFF, Object, Ty};

/// The JSON schema (draft 2020-12) of run files, for editors and for programs that write run
/// files. It says less than [`crate::parse`]: references, regular expressions, bounds of
/// durations and everything that concerns two places at once are checked by the parser only.
pub fn schema() -> Value {
    let mut root = object(&RUN);
    let map = root.as_object_mut().expect("an object's schema is a JSON object");
    map.insert("$schema".into(), json!("https://json-schema.org/draft/2020-12/schema"));
    map.insert("$id".into(), json!("https://multibeam.dev/schema/v1/run.schema.json"));
    map.insert("title".into(), json!("Multibeam run file"));
    root
}

/// [`schema`] as the text of a file.
pub fn schema_text() -> String {
    let mut text = serde_json::to_string_pretty(&schema()).expect("a JSON value always serializes");
    text.push('\n');
    text
}

fn object(object: &Object) -> Value {
    let mut properties = Map::new();
    for field in object.fields {
        let mut value = ty(&field.ty);
        let map = value.as_object_mut().expect("every type's schema is a JSON object");
        map.insert("description".into(), json!(field.doc));
        properties.insert(field.key.into(), value);
    }
    let required: Vec<&str> = object.fields.iter().filter(|f| f.required).map(|f| f.key).collect();
    let mut out = json!({
        "type": "object",
        "description": object.doc,
        "properties": properties,
        "maxProperties": MAX_ENTRIES,
        "additionalProperties": false,
    });
    let map = out.as_object_mut().expect("written as an object above");
    if !required.is_empty() {
        map.insert("required".into(), json!(required));
    }
    if let Some(extra) = object.extra {
        map.insert("additionalProperties".into(), ty(&extra.value));
        map.insert("propertyNames".into(), json!({ "pattern": extra.keys.pattern }));
    }
    out
}

fn ty(ty_: &Ty) -> Value {
    match ty_ {
        Ty::Const(text) => json!({ "const": text }),
        Ty::Text => json!({ "type": "string", "maxLength": MAX_STRING_BYTES }),
        Ty::Scalar => {
            json!({ "type": ["string", "number", "boolean"], "maxLength": MAX_STRING_BYTES })
        }
        Ty::Bool => json!({ "type": "boolean" }),
        Ty::Int { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Ty::Duration { .. } => {
            json!({ "type": "string", "minLength": 2, "pattern": DURATION_PATTERN })
        }
        Ty::DurationOrOff { .. } => json!({
            "anyOf": [{ "type": "string", "minLength": 2, "pattern": DURATION_PATTERN }, { "const": OFF }],
        }),
        Ty::Size { .. } => json!({ "type": "string", "pattern": SIZE_PATTERN }),
        Ty::Choice(words) => json!({ "enum": words }),
        Ty::List { item, min } => {
            json!({ "type": "array", "items": ty(item), "minItems": min, "maxItems": MAX_ENTRIES })
        }
        Ty::Object(inner) => object(inner),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::KeyRule;

    fn rules(object: &'static Object, found: &mut Vec<&'static KeyRule>) {
        let extra = object.extra.iter().inspect(|extra| found.push(&extra.keys));
        let own: Vec<&Ty> = extra.map(|extra| &extra.value).collect();
        for mut ty in object.fields.iter().map(|field| &field.ty).chain(own) {
            while let Ty::List { item, .. } = ty {
                ty = item;
            }
            if let Ty::Object(inner) = ty {
                rules(inner, found);
            }
        }
    }

    #[test]
    fn patterns_of_keys_say_what_their_checks_do() {
        let mut found = Vec::new();
        rules(&RUN, &mut found);
        let kinds: std::collections::BTreeSet<&str> = found.iter().map(|rule| rule.what).collect();
        assert_eq!(kinds.len(), 3, "{kinds:?}");
        let long = ["x".repeat(63), "x".repeat(64), "X".repeat(128), "X".repeat(129)];
        let words =
            ["", "a", "A1", "1a", "_a", "-a", "a-b", "a_b", "a.b", "a/b", "a b", "é", "a\n"];
        for rule in found {
            let schema = json!({ "pattern": rule.pattern });
            let validator = jsonschema::validator_for(&schema).unwrap();
            for word in words.into_iter().chain(long.iter().map(String::as_str)) {
                let valid = validator.is_valid(&json!(word));
                assert_eq!(valid, (rule.allows)(word), "{}: {word:?}", rule.what);
            }
        }
    }
}
