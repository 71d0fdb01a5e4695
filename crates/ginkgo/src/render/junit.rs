//! `junit_01.xml` as Kubernetes' test framework writes it: Ginkgo's JUnit report without timelines
//! of passed and skipped specs, without failure messages in attributes, without labels in names,
//! cases sorted by full text and start time.

use std::io::{BufWriter, Write};

use super::location::component_list;
use super::printer::Printer;
use super::timeline::{self, Detail};
use super::xml::{HEADER, XmlWriter};
use super::{Dialect, RenderError, ReportSource, failure, go_text, go_value, order, source};
use crate::report::{SpecReport, SuiteHeader, duration};
use crate::spec::{SpecState, full_text};

/// Writes the JUnit file of one target, one spec at a time.
///
/// # Errors
/// When a report cannot be loaded or read, or the output takes no more.
pub fn write<S: ReportSource + ?Sized>(
    source: &S,
    dialect: Dialect,
    out: &mut impl Write,
) -> Result<(), RenderError> {
    let mut out = BufWriter::new(out);
    out.write_all(HEADER.as_bytes())?;
    let mut xml = XmlWriter::new(&mut out);
    let counts = Counts::of(source);
    open_root(&mut xml, &counts, duration::seconds(source.suite().run_time))?;
    write_suite(&mut xml, source, dialect, "")?;
    xml.close("testsuites")?;
    out.flush()?;
    Ok(())
}

/// How many cases a suite has of each kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) tests: usize,
    pub(super) pending: usize,
    pub(super) skipped: usize,
    pub(super) errors: usize,
    pub(super) failures: usize,
}

/// Opens the root element over all suites of a file; `seconds` is the sum of their times.
pub(super) fn open_root<W: Write>(
    xml: &mut XmlWriter<W>,
    counts: &Counts,
    seconds: f64,
) -> Result<(), RenderError> {
    let attributes = [
        ("tests", counts.tests.to_string()),
        ("disabled", (counts.pending + counts.skipped).to_string()),
        ("errors", counts.errors.to_string()),
        ("failures", counts.failures.to_string()),
        ("time", go_text::shortest(seconds)),
    ];
    Ok(xml.open("testsuites", &borrowed(&attributes))?)
}

/// Writes one `<testsuite>`; `prefix` stands before the suite's name.
pub(super) fn write_suite<W: Write, S: ReportSource + ?Sized>(
    xml: &mut XmlWriter<W>,
    source: &S,
    dialect: Dialect,
    prefix: &str,
) -> Result<(), RenderError> {
    let suite = source.suite();
    let counts = Counts::of(source);
    let attributes = [
        ("name", format!("{prefix}{}", suite.suite_description)),
        ("package", suite.suite_path.clone()),
        ("tests", counts.tests.to_string()),
        ("disabled", counts.pending.to_string()),
        ("skipped", counts.skipped.to_string()),
        ("errors", counts.errors.to_string()),
        ("failures", counts.failures.to_string()),
        ("time", go_text::shortest(duration::seconds(suite.run_time))),
        ("timestamp", suite.start_time.junit()),
    ];
    xml.open("testsuite", &borrowed(&attributes))?;
    write_properties(xml, &suite_properties(suite, dialect))?;
    for index in order::junit_order(source, dialect) {
        let spec = source::load(source, index)?;
        write_case(xml, &suite.suite_description, &spec, dialect)?;
    }
    Ok(xml.close("testsuite")?)
}

fn borrowed<'a>(pairs: &'a [(&'a str, String)]) -> Vec<(&'a str, &'a str)> {
    pairs.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

fn write_properties<W: Write, N: AsRef<str>>(
    xml: &mut XmlWriter<W>,
    properties: &[(N, String)],
) -> Result<(), RenderError> {
    xml.open("properties", &[])?;
    for (name, value) in properties {
        xml.leaf("property", &[("name", name.as_ref()), ("value", value)], b"")?;
    }
    Ok(xml.close("properties")?)
}

fn suite_properties(suite: &SuiteHeader, dialect: Dialect) -> Vec<(&'static str, String)> {
    let config = &suite.suite_config;
    let bracketed = |items: &[String]| format!("[{}]", items.join(","));
    let mut properties = vec![
        ("SuiteSucceeded", suite.suite_succeeded.to_string()),
        ("SuiteHasProgrammaticFocus", suite.suite_has_programmatic_focus.to_string()),
        ("SpecialSuiteFailureReason", suite.special_suite_failure_reasons.join(",")),
        ("SuiteLabels", bracketed(&suite.suite_labels)),
    ];
    if dialect.constraints() {
        properties.push(("SuiteSemVerConstraints", bracketed(&suite.suite_sem_ver_constraints)));
    }
    if dialect.component_constraints() {
        let components = component_list(suite.components());
        properties.push(("SuiteComponentSemVerConstraints", format!("[{components}]")));
    }
    properties.push(("RandomSeed", config.random_seed.to_string()));
    properties.push(("RandomizeAllSpecs", config.randomize_all_specs.to_string()));
    properties.push(("LabelFilter", config.label_filter.clone()));
    if dialect.constraints() {
        properties.push(("SemVerFilter", config.sem_ver_filter.clone()));
    }
    properties.push(("FocusStrings", config.focus_strings.join(",")));
    properties.push(("SkipStrings", config.skip_strings.join(",")));
    properties.push(("FocusFiles", config.focus_files.join(";")));
    properties.push(("SkipFiles", config.skip_files.join(";")));
    properties.push(("FailOnPending", config.fail_on_pending.to_string()));
    if dialect.fail_on_empty() {
        properties.push(("FailOnEmpty", config.fail_on_empty.to_string()));
    }
    properties.push(("FailFast", config.fail_fast.to_string()));
    properties.push(("FlakeAttempts", config.flake_attempts.to_string()));
    properties.push(("DryRun", config.dry_run.to_string()));
    properties.push(("ParallelTotal", config.parallel_total.to_string()));
    properties.push(("OutputInterceptorMode", config.output_interceptor_mode.clone()));
    properties
}

fn write_case<W: Write>(
    xml: &mut XmlWriter<W>,
    classname: &str,
    spec: &SpecReport,
    dialect: Dialect,
) -> Result<(), RenderError> {
    let name = case_name(spec, dialect);
    let time = go_text::shortest(duration::seconds(spec.run_time));
    let state = spec.state.as_str();
    let mut attributes =
        vec![("name", name.as_str()), ("classname", classname), ("status", state), ("time", &time)];
    let owner = owner(spec);
    if !owner.is_empty() {
        attributes.push(("owner", owner));
    }
    xml.open("testcase", &attributes)?;
    write_outcome(xml, spec)?;
    if !spec.captured_std_out_err.is_empty() {
        xml.leaf("system-out", &[], spec.captured_std_out_err.as_bytes())?;
    }
    if !matches!(spec.state, SpecState::Passed | SpecState::Skipped) {
        let mut printer = Printer::new(Vec::new());
        let moments = timeline::moments(spec, Detail::VeryVerbose);
        timeline::print(&mut printer, 0, spec, &moments, Detail::VeryVerbose, dialect)?;
        let text = printer.into_inner();
        if !text.is_empty() {
            xml.leaf("system-err", &[], &text)?;
        }
    }
    if dialect.entry_properties() && !spec.report_entries.is_empty() {
        let entries: Vec<_> = spec
            .report_entries
            .iter()
            .map(|entry| (&entry.name, go_value::as_json(&entry.value)))
            .collect();
        write_properties(xml, &entries)?;
    }
    Ok(xml.close("testcase")?)
}

/// `[It] full text`, with constraints where the version knows them.
fn case_name(spec: &SpecReport, dialect: Dialect) -> String {
    let mut name = format!("[{}]", spec.leaf_node_type);
    let text = full_text(&spec.container_hierarchy_texts, &spec.leaf_node_text, dialect.version());
    if !text.is_empty() {
        name.push(' ');
        name.push_str(&text);
    }
    let constraints = spec.sem_ver_constraints();
    if dialect.constraints() && !constraints.is_empty() {
        name.push_str(&format!(" [{}]", constraints.join(", ")));
    }
    let components = spec.component_sem_ver_constraints();
    if dialect.component_constraints() && !components.is_empty() {
        name.push_str(&format!(" [{}]", component_list(components)));
    }
    name.trim().to_owned()
}

/// What follows `owner:` in the last label that begins so; such a label has no line end.
fn owner(spec: &SpecReport) -> &str {
    let mut owner = "";
    for label in spec.labels() {
        if let Some((prefix, name)) = label.split_at_checked("owner:".len())
            && prefix.eq_ignore_ascii_case("owner:")
            && !name.contains('\n')
        {
            owner = name;
        }
    }
    owner
}

fn write_outcome<W: Write>(xml: &mut XmlWriter<W>, spec: &SpecReport) -> Result<(), RenderError> {
    match outcome(spec)? {
        Outcome::Passed => Ok(()),
        Outcome::Skipped(message) => Ok(xml.leaf("skipped", &[("message", &message)], b"")?),
        Outcome::Failed { element, kind, text } => {
            Ok(xml.leaf(element, &[("message", ""), ("type", kind)], &text)?)
        }
    }
}

/// How a case ended, as JUnit files tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing is said.
    Passed,
    /// `<skipped>` with this message.
    Skipped(String),
    /// `<failure>` or `<error>`.
    Failed {
        /// The element's name.
        element: &'static str,
        /// Its `type`.
        kind: &'static str,
        /// Its text.
        text: Vec<u8>,
    },
}

/// The name of a case and how it ended, as [`write`] writes them.
///
/// # Errors
/// When the failure cannot be printed.
pub fn case(spec: &SpecReport, dialect: Dialect) -> Result<(String, Outcome), RenderError> {
    Ok((case_name(spec, dialect), outcome(spec)?))
}

fn outcome(spec: &SpecReport) -> Result<Outcome, RenderError> {
    // "aborted" counts as an error and is written as a failure; that is Ginkgo's choice.
    let (element, kind) = match spec.state {
        SpecState::Invalid | SpecState::Passed => return Ok(Outcome::Passed),
        SpecState::Pending => return Ok(Outcome::Skipped("pending".to_owned())),
        SpecState::Skipped => {
            let mut message = "skipped".to_owned();
            if !spec.failure.message.is_empty() {
                message.push_str(" - ");
                message.push_str(&spec.failure.message);
            }
            return Ok(Outcome::Skipped(message));
        }
        SpecState::Failed => ("failure", "failed"),
        SpecState::Timedout => ("failure", "timedout"),
        SpecState::Aborted => ("failure", "aborted"),
        SpecState::Interrupted => ("error", "interrupted"),
        SpecState::Panicked => ("error", "panicked"),
    };
    let mut printer = Printer::new(Vec::new());
    failure::full(&mut printer, 0, spec.state, &spec.failure, true)?;
    let mut text = printer.into_inner();
    if !spec.additional_failures.is_empty() {
        text.extend_from_slice(
            b"\nThere were additional failures detected after the initial failure. \
              These are visible in the timeline\n",
        );
    }
    Ok(Outcome::Failed { element, kind, text })
}

// === impl Counts ===

impl Counts {
    pub(super) fn of<S: ReportSource + ?Sized>(source: &S) -> Self {
        let mut counts = Self { tests: source.len(), ..Self::default() };
        for index in 0..source.len() {
            match source.summary(index).state {
                SpecState::Skipped => counts.skipped += 1,
                SpecState::Pending => counts.pending += 1,
                SpecState::Failed | SpecState::Timedout => counts.failures += 1,
                SpecState::Interrupted | SpecState::Aborted | SpecState::Panicked => {
                    counts.errors += 1;
                }
                SpecState::Invalid | SpecState::Passed => {}
            }
        }
        counts
    }

    pub(super) fn add(&mut self, other: Self) {
        self.tests += other.tests;
        self.pending += other.pending;
        self.skipped += other.skipped;
        self.errors += other.errors;
        self.failures += other.failures;
    }
}
