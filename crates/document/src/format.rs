//! From bytes to a tree that has the shape of a format.

use crate::bounds::MAX_FILE_BYTES;
use crate::check;
use crate::diagnostic::{Code, Diagnostics, Sink};
use crate::render::quote;
use crate::suggest;
use crate::table::{Object, Ty};
use crate::yaml::{self, Kind, Node, Span};

/// A sort of file.
#[derive(Debug)]
pub struct Format {
    /// Its keys. Messages call the file by the table's name, such as `a run file`.
    pub root: &'static Object,
    /// What `apiVersion` must be.
    pub api_version: &'static str,
    /// What `kind` must be.
    pub kind: &'static str,
    /// Who writes an example, as a hint.
    pub example: &'static str,
    /// How to write less, as a hint.
    pub shorter: &'static str,
}

/// Reads a file of a format. `file_name` is only repeated in messages; `read` makes of the tree what
/// it means, and may find further mistakes: whatever has another shape has been reported by then.
///
/// # Errors
/// Every mistake in the file, warnings among them. Without one the warnings come with the result.
pub fn parse<T>(
    format: &Format,
    file_name: &str,
    bytes: &[u8],
    read: impl FnOnce(&Node, &mut Sink<'_>) -> T,
) -> Result<(T, Diagnostics), Diagnostics> {
    match examine(format, file_name, bytes, read) {
        (Some(read), found) if !found.has_errors() => Ok((read, found)),
        (_, found) => Err(found),
    }
}

/// Does the same as [`parse`], and gives what was made of a file with mistakes too, for those who look
/// for further ones elsewhere. Nothing was made of one that is no such file at all.
pub fn examine<T>(
    format: &Format,
    file_name: &str,
    bytes: &[u8],
    read: impl FnOnce(&Node, &mut Sink<'_>) -> T,
) -> (Option<T>, Diagnostics) {
    if bytes.len() > MAX_FILE_BYTES {
        // Nothing of such a text is worth being looked at, not even for its lines.
        let mut sink = Sink::new(file_name, "");
        let (found, name) = (bytes.len(), format.root.name);
        let message = format!("the file has {found} bytes, {name} at most {MAX_FILE_BYTES}");
        sink.error(Code::TooLarge, Span::at(1, 1), message, None);
        return (None, sink.finish());
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => return (None, not_utf8(file_name, bytes, error.valid_up_to())),
    };
    let mut sink = Sink::new(file_name, text);
    let read = tree(format, text, &mut sink).map(|root| read(&root, &mut sink));
    (read, sink.finish())
}

/// Whether a file says that its `kind` is the format's, whatever else is wrong with it.
#[must_use]
pub fn says(format: &Format, bytes: &[u8]) -> bool {
    if bytes.len() > MAX_FILE_BYTES {
        return false;
    }
    let text = String::from_utf8_lossy(bytes);
    // What is wrong with the text is for whoever reads the file.
    let root = yaml::load(format, &text, &mut Sink::new("", &text));
    root.is_some_and(|root| root.get("kind").and_then(Node::scalar) == Some(format.kind))
}

fn not_utf8(file_name: &str, bytes: &[u8], good: usize) -> Diagnostics {
    let good = String::from_utf8_lossy(&bytes[..good]);
    let line = good.matches('\n').count() + 1;
    let column = good.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    let lossy = String::from_utf8_lossy(bytes);
    let mut sink = Sink::new(file_name, &lossy);
    let hint = "save the file as UTF-8".to_owned();
    sink.error(Code::Syntax, Span::at(line, column), "not UTF-8", Some(hint));
    sink.finish()
}

/// The tree, unless there is none worth being looked at.
fn tree(format: &Format, text: &str, sink: &mut Sink<'_>) -> Option<Node> {
    // A byte order mark is no part of the text.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if let Some((line, column)) = find(text, '\0') {
        let hint = "this is no text file".to_owned();
        sink.error(Code::Syntax, Span::at(line, column), "a NUL character", Some(hint));
        return None;
    }
    let root = match yaml::load(format, text, sink) {
        Some(root) if !root.is_null() => root,
        _ => {
            if !sink.has_errors() {
                let hint = format.example.to_owned();
                sink.error(Code::Syntax, Span::at(1, 1), "the file is empty", Some(hint));
            }
            return None;
        }
    };
    if matches!(root.kind, Kind::Map(_)) && !is_readable(format, &root, sink) {
        return None;
    }
    check::check(&root, &Ty::Object(format.root), "", sink);
    Some(root)
}

/// Whether the file says that it is of this format. If not, nothing else in it is looked at: every
/// key might mean something else there. A word that is merely misspelt is found with all other mistakes.
fn is_readable(format: &Format, node: &Node, sink: &mut Sink<'_>) -> bool {
    let mut good = true;
    for (key, wanted) in [("apiVersion", format.api_version), ("kind", format.kind)] {
        let Some(value) = node.get(key) else { continue };
        let Some(found) = value.scalar().filter(|found| *found != wanted) else {
            continue;
        };
        let group = wanted.split_once('/').map(|(group, _)| group);
        let same_group = group.is_some_and(|group| found.split('/').next() == Some(group));
        if !same_group && suggest::nearest(found, [wanted]).is_some() {
            continue;
        }
        let hint = if key == "kind" {
            format!("{} has kind: {wanted}", format.root.name)
        } else if same_group {
            format!(
                "the file is of another version of Multibeam; this one reads {wanted}, and {}",
                format.example
            )
        } else {
            format!("write {key}: {wanted}")
        };
        let message = format!("unknown {key} {}", quote(found));
        sink.error(Code::Format, value.span, message, Some(hint));
        good = false;
    }
    good
}

/// Line and column of a character, from 1.
fn find(text: &str, wanted: char) -> Option<(usize, usize)> {
    text.split('\n').enumerate().find_map(|(line, content)| {
        let column = content.chars().position(|c| c == wanted)?;
        Some((line + 1, column + 1))
    })
}
