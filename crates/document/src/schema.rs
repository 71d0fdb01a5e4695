//! The JSON schema, made from the same tables as the type check.

use serde_json::{Map, Value, json};

use crate::bounds::{MAX_ENTRIES, MAX_STRING_BYTES};
use crate::format::Format;
use crate::human::{DURATION_PATTERN, SIZE_PATTERN};
use crate::table::{OFF, Object, Ty};

/// The JSON schema (draft 2020-12) of a format, for editors and for programs that write such files.
/// It says less than the check: rules of strings, bounds of durations, and everything that concerns
/// two places at once are for the parser only.
#[must_use]
pub fn schema(format: &Format, id: &str, title: &str) -> Value {
    let mut root = object(format.root);
    let map = root.as_object_mut().expect("an object's schema is a JSON object");
    map.insert("$schema".into(), json!("https://json-schema.org/draft/2020-12/schema"));
    map.insert("$id".into(), json!(id));
    map.insert("title".into(), json!(title));
    root
}

/// A schema as the text of a file.
#[must_use]
pub fn schema_text(schema: &Value) -> String {
    let mut text = serde_json::to_string_pretty(schema).expect("a JSON value always serializes");
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
        Ty::Text | Ty::Ruled(_) => json!({ "type": "string", "maxLength": MAX_STRING_BYTES }),
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
