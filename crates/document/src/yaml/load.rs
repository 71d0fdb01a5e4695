//! From text to the tree, within the limits of [`crate::bounds`].

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Span as RawSpan, Tag};

use super::entries::{MERGE, insert, merge};
use super::hint::syntax_hint;
use super::node::{Entry, Kind, Node, Pos, Span, Spanned};
use crate::bounds::{MAX_DEPTH, MAX_ENTRIES, MAX_NODES, MAX_STRING_BYTES};
use crate::diagnostic::{Code, Sink};
use crate::format::Format;
use crate::render::quote;

/// Reads one YAML document. Nothing comes back if the text is no YAML, has no content or exceeds
/// a limit: there is no tree that could be looked at further. Duplicate keys and the like are
/// reported, and the tree is given all the same.
pub fn load(format: &Format, text: &str, sink: &mut Sink<'_>) -> Option<Node> {
    let mut loader = Loader {
        format,
        text,
        sink,
        stack: Vec::new(),
        anchors: BTreeMap::new(),
        nodes: 0,
        root: None,
    };
    match loader.run() {
        Ok(()) => loader.root,
        Err(Stop) => None,
    }
}

/// Reading cannot go on; why is in the sink.
struct Stop;

struct Loader<'t, 's, 'l> {
    format: &'t Format,
    text: &'t str,
    sink: &'s mut Sink<'l>,
    stack: Vec<Frame>,
    /// Finished anchors: the node, how many nodes it has and how deep it is.
    anchors: BTreeMap<usize, (Node, usize, usize)>,
    nodes: usize,
    root: Option<Node>,
}

/// A list or mapping whose end has not come yet.
struct Frame {
    start: Span,
    anchor: usize,
    items: Vec<Node>,
    entries: Vec<Entry>,
    /// The key that waits for its value. `Some(None)` is a key that was reported as unusable.
    key: Option<Option<Spanned<String>>>,
    is_map: bool,
}

// === impl Loader ===

impl Loader<'_, '_, '_> {
    fn run(&mut self) -> Result<(), Stop> {
        let mut documents = 0;
        let text = self.text;
        for event in Parser::new_from_str(text) {
            let (event, raw) = match event {
                Ok(found) => found,
                Err(error) => {
                    let at = Span::at(error.marker().line().max(1), error.marker().col() + 1);
                    self.syntax(at, error.info());
                    return Err(Stop);
                }
            };
            let span = self.span(raw);
            match event {
                Event::DocumentStart(_) => {
                    documents += 1;
                    if documents > 1 {
                        let hint = "put each into its own file".to_owned();
                        let name = self.format.root.name;
                        let message = format!("{name} holds one YAML document, found a second");
                        self.sink.error(Code::Syntax, span, message, Some(hint));
                        return Err(Stop);
                    }
                }
                Event::Alias(id) => self.alias(id, span)?,
                Event::Scalar(value, style, anchor, tag) => {
                    let node = self.scalar(value.into_owned(), style, tag.as_deref(), span)?;
                    self.done(node, anchor)?;
                }
                Event::SequenceStart(anchor, tag) => {
                    self.open(span, anchor, false, tag.as_deref())?
                }
                Event::MappingStart(anchor, tag) => {
                    self.open(span, anchor, true, tag.as_deref())?
                }
                Event::SequenceEnd | Event::MappingEnd => self.close(span)?,
                Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
            }
        }
        Ok(())
    }

    fn span(&self, raw: RawSpan) -> Span {
        let pos = |m: saphyr_parser::Marker| Pos { line: m.line().max(1), column: m.col() + 1 };
        Span { start: pos(raw.start), end: pos(raw.end) }
    }

    fn syntax(&mut self, at: Span, info: &str) {
        // The scanner often notices a tab only a line later.
        let near = at.start.line;
        let tab = (near.saturating_sub(1)..=near).filter(|n| *n > 0).find_map(|number| {
            let line = self.text.lines().nth(number - 1)?;
            let indent = line.len() - line.trim_start_matches([' ', '\t']).len();
            let column = line[..indent].chars().position(|c| c == '\t')?;
            Some(Span::at(number, column + 1))
        });
        match tab {
            Some(at) => self.sink.error(
                Code::Syntax,
                at,
                "a tab in the indentation",
                Some("YAML is indented with spaces; replace the tab".to_owned()),
            ),
            None => self.sink.error(
                Code::Syntax,
                at,
                format!("not valid YAML: {}", info.trim_end_matches('.')),
                syntax_hint(info).map(str::to_owned),
            ),
        }
    }

    fn count(&mut self, nodes: usize, span: Span) -> Result<(), Stop> {
        self.nodes += nodes;
        if self.nodes <= MAX_NODES {
            return Ok(());
        }
        let message = format!("more than {MAX_NODES} YAML nodes, aliases expanded");
        let hint = self.format.shorter.to_owned();
        self.sink.error(Code::TooLarge, span, message, Some(hint));
        Err(Stop)
    }

    fn scalar(
        &mut self,
        text: String,
        style: ScalarStyle,
        tag: Option<&Tag>,
        span: Span,
    ) -> Result<Node, Stop> {
        self.count(1, span)?;
        let string = self.tag(tag, span)?;
        if text.len() > MAX_STRING_BYTES {
            let message =
                format!("a string of {} bytes, at most {MAX_STRING_BYTES} are allowed", text.len());
            self.sink.error(Code::TooLarge, span, message, None);
            return Err(Stop);
        }
        if let Some(bad) = text.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\t')) {
            let message = format!("control character U+{:04X} in a string", u32::from(bad));
            let hint = "no path, name or pattern can hold it; remove it".to_owned();
            self.sink.error(Code::BadValue, span, message, Some(hint));
        }
        let plain = style == ScalarStyle::Plain;
        let verbatim = self.verbatim(&text, style, span);
        Ok(Node { kind: Kind::Scalar { text, plain: plain && !string, verbatim }, span })
    }

    /// How far behind the start the text begins if it stands in the file as it is.
    fn verbatim(&self, text: &str, style: ScalarStyle, span: Span) -> Option<usize> {
        let offset = match style {
            ScalarStyle::Plain => 0,
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => 1,
            ScalarStyle::Literal | ScalarStyle::Folded => return None,
        };
        let single = span.start.line == span.end.line;
        let width = span.end.column.saturating_sub(span.start.column);
        // Escapes are always longer than what they stand for.
        (single && width == text.chars().count() + 2 * offset).then_some(offset)
    }

    /// Whether the tag makes a plain scalar a string.
    fn tag(&mut self, tag: Option<&Tag>, span: Span) -> Result<bool, Stop> {
        let Some(tag) = tag else { return Ok(false) };
        if tag.is_yaml_core_schema() && tag.suffix == "str" {
            return Ok(true);
        }
        let known = ["int", "float", "bool", "null", "seq", "map"];
        // "!" alone says "not to be guessed", which is a string.
        let bare = tag.handle == "!" && tag.suffix.is_empty()
            || tag.handle.is_empty() && tag.suffix == "!";
        let core = tag.is_yaml_core_schema() && known.contains(&tag.suffix.as_str());
        if !bare && !core {
            let message = format!(
                "YAML tag {} is not supported",
                quote(&format!("{}{}", tag.handle, tag.suffix))
            );
            let hint = format!(
                "{} is plain data; files are not included and nothing is evaluated",
                self.format.root.name
            );
            self.sink.error(Code::Syntax, span, message, Some(hint));
            return Err(Stop);
        }
        Ok(bare)
    }

    fn open(
        &mut self,
        span: Span,
        anchor: usize,
        is_map: bool,
        tag: Option<&Tag>,
    ) -> Result<(), Stop> {
        self.count(1, span)?;
        self.tag(tag, span)?;
        self.depth(1, span)?;
        self.stack.push(Frame {
            start: span,
            anchor,
            items: Vec::new(),
            entries: Vec::new(),
            key: None,
            is_map,
        });
        Ok(())
    }

    fn depth(&mut self, more: usize, span: Span) -> Result<(), Stop> {
        if self.stack.len() + more <= MAX_DEPTH {
            return Ok(());
        }
        let message = format!("lists and mappings nested more than {MAX_DEPTH} deep");
        self.sink.error(Code::TooLarge, span, message, None);
        Err(Stop)
    }

    fn close(&mut self, end: Span) -> Result<(), Stop> {
        let frame = self.stack.pop().expect("the parser balances starts and ends");
        // A block collection ends where the next thing begins; its first line is what to show.
        let span = Span { start: frame.start.start, end: end.end };
        let kind = if frame.is_map { Kind::Map(frame.entries) } else { Kind::List(frame.items) };
        self.done(Node { kind, span }, frame.anchor)
    }

    fn alias(&mut self, id: usize, span: Span) -> Result<(), Stop> {
        let Some((node, nodes, depth)) = self.anchors.get(&id).cloned() else {
            let message = "an alias that refers to a node it stands in";
            self.sink.error(Code::Syntax, span, message, None);
            return Err(Stop);
        };
        self.count(nodes, span)?;
        self.depth(depth, span)?;
        self.done(node, 0)
    }

    /// Puts a finished node into the collection that is open, or makes it the root.
    fn done(&mut self, node: Node, anchor: usize) -> Result<(), Stop> {
        if anchor > 0 {
            let (nodes, depth) = measure(&node);
            self.anchors.insert(anchor, (node.clone(), nodes, depth));
        }
        let Some(frame) = self.stack.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        // Also bounds the comparison of keys, which costs the square of their number.
        if frame.items.len().max(frame.entries.len()) >= MAX_ENTRIES {
            let message = format!("more than {MAX_ENTRIES} entries in one list or mapping");
            self.sink.error(Code::TooLarge, node.span, message, None);
            return Err(Stop);
        }
        if !frame.is_map {
            frame.items.push(node);
            return Ok(());
        }
        match frame.key.take() {
            None => {
                let key = match &node.kind {
                    Kind::Scalar { text, .. } => {
                        Some(Spanned { value: text.clone(), span: node.span })
                    }
                    _ => {
                        let message = format!("a key must be a string, found {}", node.describe());
                        let hint =
                            "put \"${...}\" and text with braces or brackets in quotes".to_owned();
                        self.sink.error(Code::WrongType, node.span, message, Some(hint));
                        None
                    }
                };
                frame.key = Some(key);
            }
            Some(None) => {}
            Some(Some(key)) if key.value == MERGE => {
                merge(&mut frame.entries, key.span, node, self.sink)
            }
            Some(Some(key)) => insert(&mut frame.entries, key, node, self.sink),
        }
        Ok(())
    }
}

/// How many nodes a tree has, and how deep its collections go.
fn measure(node: &Node) -> (usize, usize) {
    let children: Vec<&Node> = match &node.kind {
        Kind::Scalar { .. } => return (1, 0),
        Kind::List(items) => items.iter().collect(),
        Kind::Map(entries) => entries.iter().map(|e| &e.value).collect(),
    };
    children.into_iter().map(measure).fold((1, 1), |(n, d), (cn, cd)| (n + cn + 1, d.max(cd + 1)))
}
