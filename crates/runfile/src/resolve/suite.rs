//! The suite of a target.

use multibeam_document::diagnostic::Code;
use multibeam_document::render::quote;
use multibeam_document::yaml::{Span, Spanned};

use super::scope::Writer;
use crate::label_filter;
use crate::mode::Mode;
use crate::pattern;
use crate::settings::args::{self, Conflict};
use crate::settings::suite::{DEFAULT_SUITE_TIMEOUT, RawSuite, Suite};
use crate::settings::target::RawTarget;
use crate::template::{Row, Template};

/// What does not depend on the row.
pub(super) fn check_once(
    suite: &RawSuite,
    target: &RawTarget,
    certified: bool,
    out: &mut Writer<'_, '_>,
) {
    if !suite.names_binary {
        let message = "the target has no suite.binary".to_owned();
        let hint = "give the path of the test binary in the suite of the run or of the target";
        out.once(Code::MissingKey, target.span, message, Some(hint.to_owned()));
    }
    for (name, _) in &suite.env {
        if let Some(conflict) = args::variable(&name.value) {
            reserved(conflict, name.span, certified, out);
        }
    }
    if !certified {
        return;
    }
    let refused = "a certified run takes every selected spec";
    if let Some(skip) = suite.skip.as_ref().filter(|skip| !skip.value.is_empty()) {
        let span = skip.value.first().map_or(skip.span, |first| first.span);
        let hint = "remove it, or set certified: false".to_owned();
        out.once(
            Code::NotCertifiable,
            span,
            format!("suite.skip is not allowed: {refused}"),
            Some(hint),
        );
    }
}

/// The suite for one row; nothing if it has no binary.
pub(super) fn resolve(
    suite: &RawSuite,
    row: &Row,
    certified: bool,
    out: &mut Writer<'_, '_>,
) -> Option<Suite> {
    let mut written = Vec::new();
    for template in suite.args.iter().flat_map(|list| &list.value) {
        let arg = out.write(template, row, 0);
        if let Some(conflict) = args::argument(&arg) {
            reserved(conflict, template.span, certified, out);
        }
        if arg.is_empty() {
            let hint = "Go's flag parser stops at it; remove it".to_owned();
            out.once(Code::BadValue, template.span, "an empty argument".to_owned(), Some(hint));
        }
        written.push(arg);
    }
    let mut env = std::collections::BTreeMap::new();
    for (name, value) in &suite.env {
        env.insert(name.value.clone(), out.write(value, row, 0));
    }
    let label_filter =
        suite.label_filter.as_ref().map(|t| filled("suite.labelFilter", t, row, out));
    if let (true, Some(filter), Some(at)) = (certified, &label_filter, &suite.label_filter)
        && filter.contains('!')
    {
        let message = "a label filter with \"!\" is not allowed: a certified run skips nothing";
        let hint = "remove it, or set certified: false".to_owned();
        out.once(Code::NotCertifiable, at.span, message.to_owned(), Some(hint));
    }
    if let (Some(filter), Some(at)) = (&label_filter, &suite.label_filter)
        && let Err(error) = label_filter::check(filter)
    {
        let message = format!("suite.labelFilter: {}", error.message);
        let at = at.within(error.from, error.length);
        out.once(Code::BadLabelFilter, at, message, Some(error.hint));
    }
    let focus = patterns("focus", suite.focus.as_ref(), row, out);
    let skip = patterns("skip", suite.skip.as_ref(), row, out);
    let workdir = suite.workdir.as_ref().map(|t| filled("suite.workdir", t, row, out));
    let binary = filled("suite.binary", suite.binary.as_ref()?, row, out);
    Some(Suite {
        binary,
        args: written,
        env,
        focus,
        skip,
        label_filter,
        timeout: suite.timeout.unwrap_or(DEFAULT_SUITE_TIMEOUT),
        workdir,
    })
}

/// Says that a run is certified and selects nothing: of the suite of Kubernetes v1.36 more than 7,000 specs
/// would run, of which a certificate takes 446.
pub(super) fn warn_of_whole(suite: &Suite, certified: Span, out: &mut Writer<'_, '_>) {
    let filter = suite.label_filter.as_deref().unwrap_or_default();
    if suite.focus.is_empty() && filter.trim().is_empty() {
        let message =
            "without suite.focus or suite.labelFilter a certified run runs every spec of its suite"
                .to_owned();
        let hint = format!(
            "conformance alone is focus: ['\\[Conformance\\]'], or --mode {}",
            Mode::CertifiedConformance
        );
        out.sink.warning(Code::WholeSuite, certified, message, Some(hint));
    }
}

fn reserved(conflict: Conflict, span: Span, certified: bool, out: &mut Writer<'_, '_>) {
    if conflict.certified_only && !certified {
        return;
    }
    let code = if conflict.certified_only { Code::NotCertifiable } else { Code::Reserved };
    let message = format!("{} is not allowed: {}", conflict.name, conflict.why);
    out.once(code, span, message, Some(conflict.hint));
}

fn patterns(
    key: &str,
    list: Option<&Spanned<Vec<Template>>>,
    row: &Row,
    out: &mut Writer<'_, '_>,
) -> Vec<String> {
    let mut all = Vec::new();
    for template in list.iter().flat_map(|list| &list.value) {
        let text = out.write(template, row, 0);
        if text.trim().is_empty() {
            let message = format!("suite.{key}: an empty pattern matches every spec");
            out.once(Code::BadPattern, template.span, message, Some("remove it".to_owned()));
        } else if let Err(error) = pattern::check(&text) {
            let message = format!("suite.{key}: not a Go regular expression: {}", error.message);
            let shown: String = text.chars().skip(error.from).take(error.length).collect();
            let mut hint = format!("see {}", quote(&shown));
            if template.axes().next().is_some() {
                hint = format!("{hint} in {}", quote(&text));
            }
            if error.message.starts_with("unclosed") {
                hint.push_str("; write \\[ or \\( to match the character itself");
            }
            out.once(
                Code::BadPattern,
                template.within(error.from, error.length),
                message,
                Some(hint),
            );
        }
        all.push(text);
    }
    all
}

/// A string that says nothing when it is empty.
pub(super) fn filled(
    key: &str,
    template: &Template,
    row: &Row,
    out: &mut Writer<'_, '_>,
) -> String {
    let text = out.write(template, row, 0);
    if text.trim().is_empty() {
        let hint = "remove the key, or give it a value".to_owned();
        out.once(Code::BadValue, template.span, format!("{key} is empty"), Some(hint));
    }
    text
}
