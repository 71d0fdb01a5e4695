//! Small YAML documents as a tree with line numbers. Scalars stay text: what they would mean is for
//! the caller, who knows whether quotes stood around them.

use saphyr_parser::{Event, Parser, ScalarStyle};

use crate::limits::{YAML_DEPTH, YAML_NODES};

/// Why a text is no YAML document that is read here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct YamlError {
    /// Line, from 1.
    pub line: u64,
    /// What is wrong.
    pub message: String,
}

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    /// Line, from 1.
    pub(crate) line: u64,
    pub(crate) value: Value,
}

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    /// Text; `plain` when no quotes stood around it and YAML is free to see a number in it.
    Scalar {
        text: String,
        plain: bool,
    },
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
}

/// Reads one document; nothing when the text has none.
pub(crate) fn load(text: &str) -> Result<Option<Node>, YamlError> {
    let mut loader = Loader::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| YamlError {
            line: line(error.marker().line()),
            message: error.info().to_owned(),
        })?;
        loader.take(event, line(span.start.line()))?;
    }
    Ok(loader.root)
}

fn line(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX).max(1)
}

#[derive(Default)]
struct Loader {
    root: Option<Node>,
    open: Vec<Open>,
    nodes: usize,
}

/// A list or mapping whose end has not come yet; of a mapping, keys and values take turns.
struct Open {
    line: u64,
    is_map: bool,
    items: Vec<Node>,
}

// === impl Loader ===

impl Loader {
    fn take(&mut self, event: Event<'_>, line: u64) -> Result<(), YamlError> {
        let error = |message: &str| Err(YamlError { line, message: message.to_owned() });
        match event {
            Event::DocumentStart(_) if self.root.is_some() => {
                return error("a second document, expected one");
            }
            Event::Alias(_) => return error("an alias, expected the value itself"),
            Event::Scalar(text, style, _, _) => {
                let plain = style == ScalarStyle::Plain;
                self.done(Node { line, value: Value::Scalar { text: text.into_owned(), plain } })?;
            }
            Event::SequenceStart(..) => self.open(line, false)?,
            Event::MappingStart(..) => self.open(line, true)?,
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(open) = self.open.pop() {
                    self.done(open.close())?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn open(&mut self, line: u64, is_map: bool) -> Result<(), YamlError> {
        if self.open.len() >= YAML_DEPTH {
            return Err(YamlError { line, message: format!("nested deeper than {YAML_DEPTH}") });
        }
        self.open.push(Open { line, is_map, items: Vec::new() });
        Ok(())
    }

    fn done(&mut self, node: Node) -> Result<(), YamlError> {
        self.nodes += 1;
        if self.nodes > YAML_NODES {
            let message = format!("more than {YAML_NODES} values");
            return Err(YamlError { line: node.line, message });
        }
        match self.open.last_mut() {
            Some(open) => open.items.push(node),
            None => self.root = Some(node),
        }
        Ok(())
    }
}

// === impl Open ===

impl Open {
    fn close(self) -> Node {
        let value = if self.is_map {
            let mut items = self.items.into_iter();
            let pairs = std::iter::from_fn(|| Some((items.next()?, items.next()?)));
            Value::Map(pairs.collect())
        } else {
            Value::List(self.items)
        };
        Node { line: self.line, value }
    }
}

// === impl Node ===

impl Node {
    /// The text of a scalar.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_quotes_are_kept() {
        let root = load("# first\na: 1.30\nb: '1.30'\nc: [x, {y: z}]\n").unwrap().unwrap();
        let Value::Map(pairs) = root.value else { panic!("no mapping") };
        let seen: Vec<_> = pairs.iter().map(|(key, value)| (key.text(), value.line)).collect();
        assert_eq!(seen, [(Some("a"), 2), (Some("b"), 3), (Some("c"), 4)]);
        assert_eq!(pairs[0].1.value, Value::Scalar { text: "1.30".into(), plain: true });
        assert_eq!(pairs[1].1.value, Value::Scalar { text: "1.30".into(), plain: false });
        assert_eq!(load("# nothing\n").unwrap(), None);
    }

    #[test]
    fn hostile_documents_are_refused() {
        let bomb = "a: &a [x, x]\nb: &b [*a, *a]\n";
        assert_eq!(load(bomb).unwrap_err().line, 2);
        let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(load(&deep(YAML_DEPTH)).is_ok());
        assert!(load(&deep(YAML_DEPTH + 1)).unwrap_err().message.contains("deeper"));
        assert!(load(&"[".repeat(100_000)).is_err());
        let long = format!("[{}]", "x,".repeat(YAML_NODES + 1));
        assert!(load(&long).unwrap_err().message.contains("more than"));
        assert!(load("a: 1\n---\nb: 2\n").unwrap_err().message.contains("second document"));
        assert!(load("a: [1\n").is_err());
    }
}
