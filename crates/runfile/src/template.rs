//! Strings with `${matrix.AXIS}` and `${cluster.index}` in them.

use std::collections::BTreeMap;

use multibeam_document::diagnostic::{Code, Sink};
use multibeam_document::render::quote;
use multibeam_document::yaml::{Node, Pos, Span, Spanned};

/// One row of a matrix: the value of each axis.
pub(crate) type Row = BTreeMap<String, String>;

/// Where a string stands, which decides what may be referred to in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Outside targets: nothing.
    Run,
    /// In a target or in what all targets share: the matrix.
    Target,
    /// In a cluster: the matrix and the cluster's number.
    Cluster,
}

/// A string, cut at its references.
#[derive(Debug, Clone)]
pub(crate) struct Template {
    pub(crate) span: Span,
    /// Where the text begins, if it stands in the file as it is and refers to nothing: then
    /// every character of the string has its column.
    verbatim: Option<Span>,
    parts: Vec<Part>,
}

#[derive(Debug, Clone)]
enum Part {
    Text(String),
    Axis(Spanned<String>),
    ClusterIndex,
}

// === impl Template ===

impl Template {
    /// Reads a scalar. Nothing comes back if it is no scalar (the type check says so) or a
    /// reference in it cannot be understood (said here).
    pub(crate) fn read(node: &Node, scope: Scope, sink: &mut Sink<'_>) -> Option<Template> {
        let text = node.scalar()?;
        let plain = !text.contains("${");
        let verbatim = node.verbatim().filter(|_| plain);
        let mut template = Template { span: node.span, verbatim, parts: Vec::new() };
        let mut literal = String::new();
        let mut good = true;
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            // `$${` stands for the two characters themselves.
            if let Some(before) = rest[..at].strip_suffix('$') {
                literal.push_str(before);
                literal.push_str("${");
                rest = &rest[at + 2..];
                continue;
            }
            literal.push_str(&rest[..at]);
            let from = text[..text.len() - rest.len() + at].chars().count();
            let Some(length) = rest[at..].find('}') else {
                let hint = "write $${ for the two characters themselves".to_owned();
                sink.error(
                    Code::BadReference,
                    node.within(from, 2),
                    "\"${\" without \"}\"",
                    Some(hint),
                );
                return None;
            };
            let whole = &rest[at..=at + length];
            let span = node.within(from, whole.chars().count());
            let name = whole[2..whole.len() - 1].trim();
            match reference(name, span, scope) {
                Ok(part) => {
                    if !literal.is_empty() {
                        template.parts.push(Part::Text(std::mem::take(&mut literal)));
                    }
                    template.parts.push(part);
                }
                Err(hint) => {
                    let message = format!("{} cannot be used here", quote(whole));
                    sink.error(Code::BadReference, span, message, Some(hint));
                    good = false;
                }
            }
            rest = &rest[at + length + 1..];
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            template.parts.push(Part::Text(literal));
        }
        good.then_some(template)
    }

    /// Where a part of the string stands in the file; the whole scalar where that cannot be told.
    pub(crate) fn within(&self, from: usize, length: usize) -> Span {
        let Some(Span { start: Pos { line, column }, .. }) = self.verbatim else {
            return self.span;
        };
        let column = column + from;
        Span { start: Pos { line, column }, end: Pos { line, column: column + length.max(1) } }
    }

    /// The axes that are referred to.
    pub(crate) fn axes(&self) -> impl Iterator<Item = &Spanned<String>> {
        self.parts.iter().filter_map(|part| match part {
            Part::Axis(name) => Some(name),
            Part::Text(_) | Part::ClusterIndex => None,
        })
    }

    pub(crate) fn has_cluster_index(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::ClusterIndex))
    }

    /// How many bytes [`Self::expand`] gives at most.
    pub(crate) fn expanded_len(&self, row: &Row) -> usize {
        let of = |part: &Part| match part {
            Part::Text(text) => text.len(),
            Part::Axis(name) => row.get(&name.value).map_or(0, String::len),
            // The digits of the largest number.
            Part::ClusterIndex => 10,
        };
        self.parts.iter().map(of).sum()
    }

    /// The string for one row of the matrix and one number of the cluster. The axes have been
    /// checked; one that the row does not have stands for nothing.
    pub(crate) fn expand(&self, row: &Row, index: u32) -> String {
        let mut out = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Axis(name) => out.push_str(row.get(&name.value).map_or("", String::as_str)),
                Part::ClusterIndex => out.push_str(&index.to_string()),
            }
        }
        out
    }
}

fn reference(name: &str, span: Span, scope: Scope) -> Result<Part, String> {
    if let Some(axis) = name.strip_prefix("matrix.").filter(|axis| !axis.is_empty()) {
        return match scope {
            Scope::Run => Err("matrix values exist only within targets".to_owned()),
            Scope::Target | Scope::Cluster => {
                Ok(Part::Axis(Spanned { value: axis.to_owned(), span }))
            }
        };
    }
    if name == "cluster.index" {
        return match scope {
            Scope::Cluster => Ok(Part::ClusterIndex),
            _ => Err("the number of a cluster exists only within an entry of clusters".to_owned()),
        };
    }
    Err("known are ${matrix.AXIS} in a target and ${cluster.index} in a cluster; environment \
         variables are not replaced; write $${ for the two characters themselves"
        .to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, scope: Scope) -> (Option<Template>, Vec<(usize, usize, String)>) {
        let yaml = format!("'{text}'");
        let mut sink = Sink::new("t", &yaml);
        let node = multibeam_document::yaml::load(&crate::FORMAT, &yaml, &mut sink).unwrap();
        let template = Template::read(&node, scope, &mut sink);
        let items = sink.finish().items;
        (template, items.into_iter().map(|d| (d.column, d.length, d.message)).collect())
    }

    fn expand(text: &str) -> String {
        let row = Row::from([("a".into(), "1.30".into()), ("kube-proxy".into(), "ipvs".into())]);
        let (template, found) = read(text, Scope::Cluster);
        assert_eq!(found, []);
        template.unwrap().expand(&row, 7)
    }

    #[test]
    fn references_are_replaced() {
        assert_eq!(expand("v${matrix.a}-${ matrix.kube-proxy }/${cluster.index}"), "v1.30-ipvs/7");
        assert_eq!(expand("plain $HOME {x} $"), "plain $HOME {x} $");
        assert_eq!(expand("$${matrix.a} costs $$"), "${matrix.a} costs $$");
        assert_eq!(expand(""), "");
    }

    #[test]
    fn mistakes_point_at_the_reference() {
        let (template, found) = read("ä-${HOME}-${matrix.a", Scope::Target);
        assert!(template.is_none());
        assert_eq!(found[0], (4, 7, "\"${HOME}\" cannot be used here".into()));
        assert_eq!(found[1].0, 12);
        assert_eq!(read("${cluster.index}", Scope::Target).1.len(), 1);
        assert_eq!(read("${matrix.a}", Scope::Run).1.len(), 1);
        assert_eq!(read("${matrix.}", Scope::Target).1.len(), 1);
    }
}
