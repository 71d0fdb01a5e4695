//! JUnit, for CI systems that show it: a suite per place, a case per rule.

use std::io::{self, Write};

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};

use super::paint::printable;
use crate::rules::{Finding, Outcome, Status};
use crate::verify::Checked;

pub(super) fn write(out: &mut impl Write, all: &[Checked]) -> io::Result<()> {
    let mut xml = Writer::new_with_indent(&mut *out, b' ', 2);
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    xml.write_event(Event::Start(BytesStart::new("testsuites")))?;
    for checked in all {
        suite(&mut xml, checked)?;
    }
    xml.write_event(Event::End(BytesEnd::new("testsuites")))?;
    writeln!(out)
}

fn suite<W: Write>(xml: &mut Writer<W>, checked: &Checked) -> io::Result<()> {
    let count = |of: fn(&Outcome, bool) -> bool| {
        checked.outcomes.iter().filter(|outcome| of(outcome, checked.strict)).count().to_string()
    };
    let place = printable(&checked.place);
    let attributes = [
        ("name", place.as_str()),
        ("tests", &checked.outcomes.len().to_string()),
        ("failures", &count(fails)),
        ("skipped", &count(|outcome, _| not_checked(outcome).is_some())),
    ];
    xml.write_event(Event::Start(BytesStart::new("testsuite").with_attributes(attributes)))?;
    for outcome in &checked.outcomes {
        case(xml, outcome, &place, checked.strict)?;
    }
    xml.write_event(Event::End(BytesEnd::new("testsuite")))
}

fn case<W: Write>(
    xml: &mut Writer<W>,
    outcome: &Outcome,
    place: &str,
    strict: bool,
) -> io::Result<()> {
    let info = outcome.rule.info();
    let name = format!("{}: {}", info.id, info.title);
    let tag = BytesStart::new("testcase")
        .with_attributes([("name", name.as_str()), ("classname", place)]);
    xml.write_event(Event::Start(tag))?;
    if let Some(reason) = not_checked(outcome) {
        let tag = BytesStart::new("skipped").with_attributes([("message", reason)]);
        xml.write_event(Event::Empty(tag))?;
    } else if !outcome.findings().is_empty() {
        // What does not fail the place must not fail its CI job.
        let element = if fails(outcome, strict) { "failure" } else { "system-out" };
        let lines: Vec<String> = outcome.findings().iter().map(line).collect();
        let text = format!("{}\nhint: {}", lines.join("\n"), info.advice);
        xml.write_event(Event::Start(BytesStart::new(element)))?;
        xml.write_event(Event::Text(BytesText::new(&text)))?;
        xml.write_event(Event::End(BytesEnd::new(element)))?;
    }
    xml.write_event(Event::End(BytesEnd::new("testcase")))
}

fn fails(outcome: &Outcome, strict: bool) -> bool {
    !outcome.findings().is_empty() && outcome.counts(strict)
}

fn not_checked(outcome: &Outcome) -> Option<&str> {
    match &outcome.status {
        Status::NotChecked(reason) | Status::CouldNotTell(reason) => Some(reason),
        Status::Holds | Status::Broken(_) => None,
    }
}

fn line(finding: &Finding) -> String {
    let place = match (&finding.file, finding.line) {
        (Some(file), Some(line)) => format!("{file}:{line}: "),
        (Some(file), None) => format!("{file}: "),
        (None, _) => String::new(),
    };
    printable(&format!("{place}{}", finding.message))
}
