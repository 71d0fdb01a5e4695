//! SARIF 2.1.0 (OASIS), as code hosts read it.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::rules::{Finding, Level, Outcome, Rule};
use crate::verify::Checked;

pub(super) fn write(out: &mut impl Write, all: &[Checked]) -> io::Result<()> {
    let rules: Vec<Value> = Rule::ALL.iter().map(|rule| described(*rule)).collect();
    let results: Vec<Value> = all
        .iter()
        .flat_map(|checked| {
            let of = |outcome| results(outcome, checked);
            checked.outcomes.iter().flat_map(of).collect::<Vec<_>>()
        })
        .collect();
    let document = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "multibeam verify",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "results": results,
        }],
    });
    serde_json::to_writer_pretty(&mut *out, &document)?;
    writeln!(out)
}

fn described(rule: Rule) -> Value {
    let info = rule.info();
    json!({
        "id": info.id,
        "shortDescription": {"text": info.title},
        "help": {"text": info.advice},
        "defaultConfiguration": {"level": level(info.level)},
    })
}

fn results(outcome: &Outcome, checked: &Checked) -> Vec<Value> {
    let rule = outcome.rule;
    let level = if outcome.counts(checked.strict) { Level::Error } else { Level::Warning };
    let result = |finding: &Finding| {
        let mut result = json!({
            "ruleId": rule.info().id,
            "level": self::level(level),
            "message": {"text": format!("{} (hint: {})", finding.message, rule.info().advice)},
        });
        // A result without a place is not shown, so one about the whole has the place itself.
        let file = finding.file.as_deref().unwrap_or(&checked.place);
        let mut location = json!({"artifactLocation": {"uri": uri(file)}});
        if let Some(line) = finding.line {
            location["region"] = json!({"startLine": line});
        }
        result["locations"] = json!([{"physicalLocation": location}]);
        result
    };
    outcome.findings().iter().map(result).collect()
}

fn level(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warning => "warning",
    }
}

/// A path as a relative reference (RFC 3986).
fn uri(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_references() {
        assert_eq!(uri("v1.36/cool kube/é%.log"), "v1.36/cool%20kube/%C3%A9%25.log");
    }
}
