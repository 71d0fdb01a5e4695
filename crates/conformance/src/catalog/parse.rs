//! conformance.yaml: a list of mappings, of which `codename` and `release` count.

use super::Test;
use crate::limits::SMALL_FILE;
use crate::yaml::{self, Node, Value, YamlError};

/// Why a text is no list of conformance tests.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogError {
    /// It is no YAML.
    #[error("expected the YAML of a conformance.yaml: {0}")]
    Yaml(#[from] YamlError),
    /// It is YAML, of another shape.
    #[error("line {line}: expected a list of tests with `codename` and `release`, got {got}")]
    Shape {
        /// Line, from 1.
        line: u64,
        /// What stands there.
        got: &'static str,
    },
    /// It has no test.
    #[error("expected a list of conformance tests, got none (hint: is it a conformance.yaml?)")]
    Empty,
    /// It is larger than any such list.
    #[error("larger than {SMALL_FILE} bytes, which no list of conformance tests is")]
    Size,
}

pub(super) fn tests(text: &str) -> Result<Vec<Test>, CatalogError> {
    if text.len() as u64 > SMALL_FILE {
        return Err(CatalogError::Size);
    }
    let root = yaml::load(text)?.ok_or(CatalogError::Empty)?;
    let Value::List(items) = root.value else {
        return Err(CatalogError::Shape { line: root.line, got: "no list" });
    };
    let tests: Vec<Test> = items.iter().map(test).collect::<Result<_, _>>()?;
    if tests.is_empty() { Err(CatalogError::Empty) } else { Ok(tests) }
}

fn test(node: &Node) -> Result<Test, CatalogError> {
    let shape = |got| CatalogError::Shape { line: node.line, got };
    let Value::Map(pairs) = &node.value else {
        return Err(shape("an item that is no mapping"));
    };
    let field = |name: &str| {
        let found = pairs.iter().find(|(key, _)| key.text() == Some(name));
        found.and_then(|(_, value)| value.text())
    };
    let text = field("codename").filter(|text| !text.is_empty());
    let text = text.ok_or_else(|| shape("an item without `codename`"))?;
    Ok(Test { text: text.to_owned(), release: field("release").unwrap_or_default().to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_published_shape() {
        let text = "- testname: A, b\n  codename: '[sig-a] it''s b [Conformance]'\n  description: ' x'\n  \
                    release: v1.9, v1.18\n  file: test/e2e/a.go\n- codename: '[sig-b] c [Conformance]'\n  release: 1.25\n";
        let found = tests(text).unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].text, "[sig-a] it's b [Conformance]");
        assert_eq!(found[0].release, "v1.9, v1.18");
        assert_eq!(found[1].release, "1.25");
    }

    #[test]
    fn other_texts_are_refused_with_a_line() {
        assert!(matches!(tests(""), Err(CatalogError::Empty)));
        assert!(matches!(tests("[]"), Err(CatalogError::Empty)));
        assert!(matches!(tests("a: b"), Err(CatalogError::Shape { line: 1, .. })));
        assert!(matches!(tests("- codename: x\n- y\n"), Err(CatalogError::Shape { line: 2, .. })));
        assert!(matches!(tests("- a: b\n"), Err(CatalogError::Shape { line: 1, .. })));
        assert!(matches!(tests("- `<;`"), Err(CatalogError::Yaml(_))));
    }
}
