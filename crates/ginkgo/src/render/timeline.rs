//! The timeline of a spec: its writer output with everything that happened in between.

use std::io::{self, Write};

use super::go_text::unstyled;
use super::printer::Printer;
use super::{Dialect, failure, go_value, progress};
use crate::report::{
    AdditionalFailure, EntryVisibility, Failure, NodeType, ProgressReport, ReportEntry, SpecEvent,
    SpecEventType, SpecReport, TimelineLocation, duration,
};

/// How much of a timeline is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail {
    /// As with `-v`: the log.
    Verbose,
    /// As with `-vv`: the JUnit file.
    VeryVerbose,
}

/// Something that happened within a spec.
#[derive(Debug, Clone, Copy)]
pub(super) enum Moment<'a> {
    Failure(&'a Failure),
    Additional(&'a AdditionalFailure),
    Entry(&'a ReportEntry),
    Progress(&'a ProgressReport),
    Event(&'a SpecEvent),
}

/// All that happened, in order; with [`Detail::Verbose`] without what `-v` hides.
///
/// Ginkgo numbers the moments of a spec, so the order is total. Moments with the same number (a
/// report made by something else) stay as they are listed here.
pub(super) fn moments(report: &SpecReport, detail: Detail) -> Vec<Moment<'_>> {
    let mut moments = Vec::new();
    if !report.failure.is_zero() {
        moments.push(Moment::Failure(&report.failure));
        moments.extend(report.failure.additional_failure.as_deref().map(Moment::Additional));
    }
    moments.extend(report.additional_failures.iter().map(Moment::Additional));
    moments.extend(report.report_entries.iter().map(Moment::Entry));
    moments.extend(report.progress_reports.iter().map(Moment::Progress));
    moments.extend(report.spec_events.iter().map(Moment::Event));
    moments.sort_by_key(|moment| moment.location().order);
    if detail == Detail::Verbose {
        moments.retain(|moment| match moment {
            Moment::Entry(entry) => entry.visibility != EntryVisibility::Never,
            Moment::Event(event) => !event.spec_event_type.is_very_verbose(),
            _ => true,
        });
    }
    moments
}

/// Prints the writer output with `moments` in between, each after the output that came before it.
pub(super) fn print<W: Write>(
    out: &mut Printer<W>,
    levels: usize,
    report: &SpecReport,
    moments: &[Moment<'_>],
    detail: Detail,
    dialect: Dialect,
) -> io::Result<()> {
    // Offsets count the bytes that were written; where the suite wrote invalid UTF-8 its JSON has
    // longer replacements, so an offset can point into the middle of a character.
    let output = report.captured_ginkgo_writer_output.as_bytes();
    let mut cursor = 0;
    for moment in moments {
        let offset = usize::try_from(moment.location().offset).unwrap_or(0);
        let end = offset.clamp(cursor, output.len());
        out.run_on(levels, &output[cursor..end])?;
        cursor = end;
        print_moment(out, levels, report, moment, detail, dialect)?;
    }
    out.run_on(levels, &output[cursor..])
}

fn print_moment<W: Write>(
    out: &mut Printer<W>,
    levels: usize,
    report: &SpecReport,
    moment: &Moment<'_>,
    detail: Detail,
    dialect: Dialect,
) -> io::Result<()> {
    let very_verbose = detail == Detail::VeryVerbose;
    match moment {
        Moment::Failure(failure) if very_verbose => {
            failure::full(out, levels, report.state, failure, false)
        }
        Moment::Failure(failure) => failure::short(out, levels, report.state, failure),
        Moment::Additional(additional) if very_verbose => {
            failure::full(out, levels, additional.state, &additional.failure, true)
        }
        Moment::Additional(additional) => {
            failure::short(out, levels, additional.state, &additional.failure)
        }
        Moment::Entry(entry) => print_entry(out, levels, entry),
        Moment::Progress(report) => {
            progress::print(out, levels, very_verbose && dialect.progress_with_output(), report)
        }
        Moment::Event(event) => print_event(out, levels, event, very_verbose),
    }
}

/// Prints name, place and time of a report entry, then its value.
pub(super) fn print_entry<W: Write>(
    out: &mut Printer<W>,
    levels: usize,
    entry: &ReportEntry,
) -> io::Result<()> {
    let time = entry.time.console();
    // The tags matter: a name can end in braces.
    let title =
        format!("{{{{bold}}}}{}{{{{gray}}}} - {} @ {time}{{{{/}}}}", entry.name, entry.location);
    out.block(levels, &*unstyled(&title))?;
    out.block(levels + 1, &*unstyled(&go_value::representation(&entry.value)))
}

fn print_event<W: Write>(
    out: &mut Printer<W>,
    levels: usize,
    event: &SpecEvent,
    with_place: bool,
) -> io::Result<()> {
    let place = if with_place { format!("- {} ", event.code_location) } else { String::new() };
    let time = event.timeline_location.time.console();
    let took = || duration::display(duration::round_to_millis(event.duration));
    let message = &event.message;
    let node: NodeType = event.node_type;
    let text = match event.spec_event_type {
        SpecEventType::Invalid => return Ok(()),
        SpecEventType::ByStart => format!("STEP: {message} {place}@ {time}"),
        SpecEventType::ByEnd => format!("END STEP: {message} {place}@ {time} ({})", took()),
        SpecEventType::NodeStart => format!("> Enter [{node}] {message} {place}@ {time}"),
        SpecEventType::NodeEnd => format!("< Exit [{node}] {message} {place}@ {time} ({})", took()),
        SpecEventType::SpecRepeat => {
            format!("\nAttempt #{} Passed.  Repeating ↺ @ {time}\n\n", event.attempt)
        }
        SpecEventType::SpecRetry => {
            format!("\nAttempt #{} Failed.  Retrying ↺ @ {time}\n\n", event.attempt)
        }
    };
    out.block(levels, text)
}

// === impl Moment ===

impl Moment<'_> {
    fn location(&self) -> &TimelineLocation {
        match self {
            Self::Failure(failure) => &failure.timeline_location,
            Self::Additional(additional) => &additional.failure.timeline_location,
            Self::Entry(entry) => &entry.timeline_location,
            Self::Progress(report) => &report.timeline_location,
            Self::Event(event) => &event.timeline_location,
        }
    }
}
