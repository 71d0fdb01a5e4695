//! Entries of mappings: no key twice, and `<<`.

use super::node::{Entry, Kind, Node, Span, Spanned};
use crate::diagnostic::{Code, Sink};
use crate::render::quote;

/// The key that YAML 1.1 used to copy the entries of another mapping.
pub(super) const MERGE: &str = "<<";

/// Adds an entry; a second one of the same key is reported and dropped.
pub(super) fn insert(
    entries: &mut Vec<Entry>,
    key: Spanned<String>,
    value: Node,
    sink: &mut Sink<'_>,
) {
    match entries.iter_mut().find(|e| e.key.value == key.value) {
        // Entries that were merged in have a place elsewhere in the file and give way.
        Some(entry) if entry.merged => *entry = Entry { key, value, merged: false },
        Some(entry) => {
            let message = format!("duplicate key {}", quote(&key.value));
            let hint =
                format!("first given in line {}; keep one of them", entry.key.span.start.line);
            sink.error(Code::DuplicateKey, key.span, message, Some(hint));
        }
        None => entries.push(Entry { key, value, merged: false }),
    }
}

/// `<<: *anchor` or `<<: [*a, *b]`: what is not there yet is taken over.
pub(super) fn merge(entries: &mut Vec<Entry>, at: Span, node: Node, sink: &mut Sink<'_>) {
    let sources = match node.kind {
        Kind::List(items) => items,
        kind => vec![Node { kind, span: node.span }],
    };
    for source in sources {
        let Kind::Map(from) = source.kind else {
            let message = format!(
                "\"<<\" takes a mapping or a list of mappings, found {}",
                source.describe()
            );
            sink.error(Code::WrongType, at, message, None);
            continue;
        };
        for entry in from {
            if !entries.iter().any(|e| e.key.value == entry.key.value) {
                entries.push(Entry { merged: true, ..entry });
            }
        }
    }
}
