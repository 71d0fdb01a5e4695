//! The JSON schema of run files, made from the same tables as the type check.

use serde_json::Value;

use crate::FORMAT;

/// The JSON schema (draft 2020-12) of run files, for editors and for programs that write run
/// files. It says less than [`crate::parse`]: references, regular expressions, bounds of
/// durations and everything that concerns two places at once are checked by the parser only.
#[must_use]
pub fn schema() -> Value {
    let id = "https://multibeam.dev/schema/v1/run.schema.json";
    multibeam_document::schema(&FORMAT, id, "Multibeam run file")
}

/// [`schema`] as the text of a file.
#[must_use]
pub fn schema_text() -> String {
    multibeam_document::schema_text(&schema())
}

#[cfg(test)]
mod tests {
    use multibeam_document::table::{KeyRule, Object, Ty};
    use serde_json::json;

    use crate::settings::RUN;

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
