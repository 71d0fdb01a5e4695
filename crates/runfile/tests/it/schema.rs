//! The JSON schema and the parser say the same.

use std::fs;
use std::path::{Path, PathBuf};

use multibeam_runfile::{Code, Example, Severity, parse_bytes, schema, schema_text, template};
use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Value, json};

fn dir() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// YAML as any other program reads it: an independent, small reader for the test files.
fn to_json(text: &str) -> Option<Value> {
    let mut stack: Vec<(Value, Option<String>)> = Vec::new();
    let mut root = None;
    for event in Parser::new_from_str(text.trim_start_matches('\u{feff}')) {
        let done = match event.ok()?.0 {
            Event::SequenceStart(0, None) => {
                stack.push((json!([]), None));
                continue;
            }
            Event::MappingStart(0, None) => {
                stack.push((Value::Object(Map::new()), None));
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => stack.pop()?.0,
            Event::Scalar(text, ScalarStyle::Plain, 0, None) => match text.as_ref() {
                "" | "~" | "null" => Value::Null,
                "true" => json!(true),
                "false" => json!(false),
                text => match (text.parse::<i64>(), text.parse::<f64>()) {
                    (Ok(n), _) => json!(n),
                    (_, Ok(n)) => json!(n),
                    _ => json!(text),
                },
            },
            Event::Scalar(text, _, 0, None) => json!(text),
            // Anchors and tags are not worth a second implementation.
            Event::Alias(_)
            | Event::Scalar(..)
            | Event::SequenceStart(..)
            | Event::MappingStart(..) => {
                return None;
            }
            _ => continue,
        };
        match stack.last_mut() {
            None => root = Some(done),
            Some((Value::Array(items), _)) => items.push(done),
            Some((Value::Object(map), key)) => match key.take() {
                Some(key) => {
                    if map.insert(key, done).is_some() {
                        return None;
                    }
                }
                None => *key = Some(done.as_str().map_or(done.to_string(), str::to_owned)),
            },
            Some(_) => return None,
        }
    }
    root
}

fn yaml(sub: &str) -> Vec<(PathBuf, String)> {
    let all = fs::read_dir(dir().join("tests").join(sub)).unwrap();
    all.map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "yaml"))
        .map(|path| (path.clone(), fs::read_to_string(path).unwrap()))
        .collect()
}

#[test]
fn the_checked_in_schema_is_the_generated_one() {
    let path = dir().join("schema/run.schema.json");
    if std::env::var_os("MULTIBEAM_BLESS").is_some() {
        fs::write(&path, schema_text()).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(found == schema_text(), "{} is old (MULTIBEAM_BLESS=1 rewrites it)", path.display());
}

#[test]
fn the_schema_is_a_schema() {
    assert!(jsonschema::meta::is_valid(&schema()));
}

#[test]
fn what_the_parser_takes_is_valid_under_the_schema() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let examples = Example::ALL.map(|e| (Path::new(e.name()).to_owned(), template(e).to_owned()));
    let mut checked = 0;
    for (path, text) in yaml("good").into_iter().chain(examples) {
        let Some(value) = to_json(&text) else {
            continue;
        };
        checked += 1;
        let errors: Vec<String> =
            validator.iter_errors(&value).map(|e| format!("{}: {e}", e.instance_path())).collect();
        assert!(errors.is_empty(), "{}: {errors:?}", path.display());
    }
    assert!(checked >= 8, "only {checked} files were checked");
}

#[test]
fn what_the_type_check_refuses_is_not_valid_under_the_schema() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let types = [Code::UnknownKey, Code::MissingKey, Code::WrongType, Code::Format];
    // Rules about two keys at once, which the schema leaves to the parser.
    let beyond = ["context without kubeconfig", "the target has no suite.binary"];
    let mut checked = 0;
    for (path, text) in yaml("bad") {
        let Some(value) = to_json(&text) else {
            continue;
        };
        let found = parse_bytes("run.yaml", text.as_bytes()).unwrap_err();
        let by_type = found.items.iter().any(|d| {
            d.severity == Severity::Error
                && types.contains(&d.code)
                && !beyond.contains(&d.message.as_str())
        });
        if by_type {
            checked += 1;
            assert!(!validator.is_valid(&value), "{} is valid under the schema", path.display());
        }
    }
    assert!(checked >= 15, "only {checked} files were checked");
}
