//! From what is written to what is run: rows, references, defaults, and what must not be twice.

mod clusters;
mod scope;
mod suite;

use std::collections::BTreeMap;

use multibeam_document::diagnostic::{Code, Sink};
use multibeam_document::render::quote;
use multibeam_document::yaml::Span;

use crate::bounds::MAX_TARGETS;
use crate::mention::{Mentioned, Mentions};
use crate::name::{self, TARGET_RULE};
use crate::settings::run::{RawRun, RunFile};
use crate::settings::suite::RawSuite;
use crate::settings::target::{RawTarget, Target};
use crate::template::{Row, Template};

use clusters::Bindings;
pub(crate) use scope::Writer;

/// Resolves the targets, and gathers what they name on the disk. The run is only good if the sink has
/// no errors.
pub(crate) fn resolve(raw: RawRun, sink: &mut Sink<'_>) -> (RunFile, Mentions) {
    let mut out = Writer::new(sink);
    let mut seen = Seen::default();
    let mut run = raw.run.clone();
    if let Some(at) = raw.results_dir {
        seen.mentions.add(Mentioned::Results { path: run.results.dir.clone() }, at);
    }
    for target in &raw.targets {
        let suite = target.suite.over(&raw.suite);
        suite::check_once(&suite, target, raw.run.certified, &mut out);
        let known = scope::check(&raw, target, &suite, &mut out);
        let Some(rows) = rows(target, &mut out).filter(|_| known) else {
            continue;
        };
        if run.targets.len() + rows.len() > MAX_TARGETS {
            let span = target.matrix.as_ref().map_or(target.span, |m| m.span);
            let message = format!("more than {MAX_TARGETS} targets in one run");
            let hint = "split the file, or leave rows out with exclude".to_owned();
            out.sink.error(Code::TooLarge, span, message, Some(hint));
            break;
        }
        for row in rows {
            run.targets.extend(one(&raw, target, &suite, &row, &mut seen, &mut out));
            if out.is_full() {
                return (run, seen.mentions);
            }
        }
    }
    (run, seen.mentions)
}

/// What earlier targets have said.
#[derive(Default)]
struct Seen {
    names: Names,
    bindings: Bindings,
    mentions: Mentions,
}

fn rows(target: &RawTarget, out: &mut Writer<'_, '_>) -> Option<Vec<Row>> {
    match &target.matrix {
        None => Some(vec![Row::new()]),
        Some(matrix) => matrix.rows(out.sink),
    }
}

/// One row of one entry of `targets`.
fn one(
    raw: &RawRun,
    target: &RawTarget,
    suite: &RawSuite,
    row: &Row,
    seen: &mut Seen,
    out: &mut Writer<'_, '_>,
) -> Option<Target> {
    // Most specific last.
    let mut labels: BTreeMap<String, String> = BTreeMap::new();
    for (key, value) in &raw.labels {
        labels.insert(key.value.clone(), out.write(value, row, 0));
    }
    labels.extend(row.clone());
    for (key, value) in &target.labels {
        labels.insert(key.value.clone(), out.write(value, row, 0));
    }
    let raw_suite = suite;
    let mut suite = suite::resolve(suite, row, raw.run.certified, out);
    if let (Some(mode), Some(suite)) = (raw.run.mode, &mut suite) {
        mode.apply(raw_suite, suite, out);
    }
    if let (Some(at), true, Some(suite)) = (raw.certified_at, raw.run.certified, &suite) {
        suite::warn_of_whole(suite, at, out);
    }
    let name = target.name.as_ref().map(|template| out.write(template, row, 0));
    if let Some(suite) = &suite {
        seen.mentions.add_suite(name.as_deref().unwrap_or_default(), raw_suite, suite);
    }
    let clusters = clusters::resolve(raw, target, row, seen, out);
    let (template, name) = (target.name.as_ref()?, name?);
    let dir_name = match name::target_dir(&name) {
        Ok(dir) => dir,
        Err(why) => {
            let message = format!("a target cannot be called {}: {why}", quote(&name));
            out.once(Code::BadName, template.span, message, Some(TARGET_RULE.to_owned()));
            return None;
        }
    };
    seen.names.add(template, &name, &dir_name, row, out);
    Some(Target { name, dir_name, labels, suite: suite?, clusters, matrix: row.clone() })
}

/// The directory names that are taken.
#[derive(Default)]
struct Names {
    /// By lower case, because some file systems do not tell cases apart.
    taken: BTreeMap<String, (String, Span)>,
}

// === impl Names ===

impl Names {
    fn add(&mut self, at: &Template, name: &str, dir: &str, row: &Row, out: &mut Writer<'_, '_>) {
        let key = dir.to_ascii_lowercase();
        let Some((first, span)) = self.taken.get(&key) else {
            self.taken.insert(key, (name.to_owned(), at.span));
            return;
        };
        let message = if first == name {
            format!("two targets are called {}", quote(name))
        } else {
            format!(
                "the targets {} and {} would share the directory {dir:?}",
                quote(first),
                quote(name)
            )
        };
        let hint = if *span != at.span {
            format!("the other one is in line {}", span.start.line)
        } else {
            let used: Vec<&str> = at.axes().map(|axis| axis.value.as_str()).collect();
            let unused = row.keys().filter(|axis| !used.contains(&axis.as_str()));
            let unused: Vec<String> = unused.map(|axis| format!("${{matrix.{axis}}}")).collect();
            match unused.is_empty() {
                true => "the values of the axes must differ in letters or digits".to_owned(),
                false => format!(
                    "both are rows of the matrix; put {} into the name",
                    unused.join(" and ")
                ),
            }
        };
        out.once(Code::Duplicate, at.span, message, Some(hint));
    }
}
