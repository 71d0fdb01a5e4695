//! What references mean in a target, and how their text is written out within bounds.

use std::collections::BTreeSet;

use multibeam_document::diagnostic::{Code, Sink};
use multibeam_document::render::quote;
use multibeam_document::suggest;
use multibeam_document::yaml::{Pos, Span};

use crate::bounds::{MAX_EXPANDED_BYTES, MAX_RESOLVED_BYTES};
use crate::settings::run::RawRun;
use crate::settings::suite::RawSuite;
use crate::settings::target::RawTarget;
use crate::template::{Row, Template};

/// Replaces references, counts what that gives, and says each mistake once, however many rows
/// have it.
pub(crate) struct Writer<'s, 'l> {
    pub(super) sink: &'s mut Sink<'l>,
    written: usize,
    full: bool,
    said: BTreeSet<(Pos, Code)>,
}

// === impl Writer ===

impl<'s, 'l> Writer<'s, 'l> {
    pub(super) fn new(sink: &'s mut Sink<'l>) -> Self {
        Writer { sink, written: 0, full: false, said: BTreeSet::new() }
    }

    /// The string for one row and one number of the cluster.
    pub(super) fn write(&mut self, template: &Template, row: &Row, index: u32) -> String {
        if self.full {
            return String::new();
        }
        // Before it is built: a few hundred references to a long value are megabytes.
        let length = template.expanded_len(row);
        if length > MAX_EXPANDED_BYTES {
            self.full = true;
            let message =
                format!("longer than {MAX_EXPANDED_BYTES} bytes with its references replaced");
            self.once(Code::TooLarge, template.span, message, None);
            return String::new();
        }
        self.written += length;
        if self.written > MAX_RESOLVED_BYTES {
            self.full = true;
            let message =
                format!("all targets together have more than {MAX_RESOLVED_BYTES} bytes of text");
            self.once(Code::TooLarge, template.span, message, None);
        }
        template.expand(row, index)
    }

    /// Whether so much was written that it is no use to go on.
    pub(super) fn is_full(&self) -> bool {
        self.full
    }

    /// An error that every row of a matrix may have: said for the first one.
    pub(crate) fn once(&mut self, code: Code, span: Span, message: String, hint: Option<String>) {
        // Beyond the bound strings are empty, and what is wrong with them means nothing.
        let genuine = !self.full || code == Code::TooLarge;
        if genuine && self.said.insert((span.start, code)) {
            self.sink.error(code, span, message, hint);
        }
    }
}

/// Checks that every axis that a target refers to exists, and that every axis is referred to.
pub(super) fn check(
    raw: &RawRun,
    target: &RawTarget,
    suite: &RawSuite,
    out: &mut Writer<'_, '_>,
) -> bool {
    let labels = raw.labels.iter().chain(&target.labels).map(|(_, value)| value);
    let clusters = target.clusters.iter().flat_map(|cluster| cluster.templates());
    let templates: Vec<&Template> =
        target.name.iter().chain(labels).chain(clusters).chain(suite.templates()).collect();
    let axes = target.matrix.as_ref().map(|matrix| matrix.names()).unwrap_or_default();
    let mut good = true;
    let mut used = BTreeSet::new();
    for axis in templates.iter().flat_map(|template| template.axes()) {
        used.insert(axis.value.as_str());
        if axes.contains(&axis.value.as_str()) {
            continue;
        }
        good = false;
        // In a shared section it is the target that needs to be named.
        let shared = axis.span.start < target.span.start;
        let whose = match (shared, target.matrix.is_some()) {
            (true, _) => format!("the target in line {} has no axis", target.span.start.line),
            (false, true) => "the matrix has no axis".to_owned(),
            (false, false) => "the target has no matrix, so no axis".to_owned(),
        };
        let hint = match target.matrix {
            Some(_) => suggest::hint(&axis.value, &axes),
            None => Some("give the target a matrix, or write the value itself".to_owned()),
        };
        out.sink.error(
            Code::BadReference,
            axis.span,
            format!("{whose} {}", quote(&axis.value)),
            hint,
        );
    }
    // A reference with a typo or a name that is missing would make its axis look unused.
    if good && target.name.is_some() && !out.sink.has(Code::BadReference) {
        for axis in target.matrix.iter().flat_map(|matrix| &matrix.axes) {
            let name = axis.name.value.as_str();
            // Under a key with a typo it is mentioned all the same.
            let seen = used.contains(name) || !crate::name::is_axis(name);
            if !seen && !target.mentions.contains(&format!("matrix.{name}}}")) {
                let message = format!("the axis {} is never used", quote(&axis.name.value));
                let hint = format!(
                    "put ${{matrix.{}}} into the name and into what it changes, or make it a label",
                    axis.name.value
                );
                out.sink.error(Code::BadMatrix, axis.name.span, message, Some(hint));
            }
        }
    }
    good
}
