//! JUnit files, read as a stream: what the CNCF's bot sees in them, case by case and with lines.
//!
//! The bot decodes with Go's `encoding/xml`. Where that refuses a file, this reader does, too:
//! another root than `<testsuites>`, entities other than XML's own (a document type's are never
//! expanded), another encoding than UTF-8, characters that XML does not have, counters that are no
//! numbers. Only the direct cases of the root's direct suites are cases.

mod attributes;
mod error;
mod facts;
mod lines;

use std::io::{self, Read};

use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};

use attributes::Attributes;
pub use error::JunitError;
pub use facts::{Counted, Junit, SuiteFacts};
use lines::Lines;

use crate::limits::{CASES, MESSAGE, XML_DEPTH, XML_PIECE};

/// How a case ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaseState {
    /// It has no element that says otherwise.
    Passed,
    /// It has a `<failure>`.
    Failed,
    /// It has an `<error>` and no `<failure>`.
    Error,
    /// It has a `<skipped>`.
    Skipped,
    /// It has a `<skipped>` that says `pending`.
    Pending,
}

/// A case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// The `name`, with the characters that it stands for.
    pub name: String,
    /// The line of its tag, from 1.
    pub line: u64,
    /// How it ended.
    pub state: CaseState,
    /// The `time`: seconds, as they stand there; empty when there are none.
    pub time: String,
    /// The `message` of its failure or error, of a long one the begin; empty when it has none.
    pub message: String,
}

/// The counters of a header; those that are not there or are no numbers are `None`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Header {
    /// The line of its tag, from 1.
    pub line: u64,
    /// When the suite began, in seconds since 1970: its `timestamp`, taken as UTC.
    pub begun: Option<i64>,
    /// Cases.
    pub tests: Option<u64>,
    /// Cases that did not run, pending and skipped.
    pub disabled: Option<u64>,
    /// Cases that were skipped.
    pub skipped: Option<u64>,
    /// Cases with an error.
    pub errors: Option<u64>,
    /// Cases with a failure.
    pub failures: Option<u64>,
}

/// What a file holds, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// The root.
    Root(Header),
    /// A suite begins.
    Suite(Header),
    /// A property of the suite, such as `SkipStrings`.
    Property {
        /// Its name.
        name: String,
        /// Its value.
        value: String,
        /// Line, from 1.
        line: u64,
    },
    /// A case of the suite.
    Case(Case),
}

/// Reads a JUnit file as a stream, in memory that does not depend on its size.
pub struct JunitReader<R> {
    xml: quick_xml::Reader<Lines<R>>,
    buffer: Vec<u8>,
    /// What each open element is.
    open: Vec<Element>,
    case: Option<Case>,
    cases: u64,
    rooted: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Element {
    Root,
    Suite,
    Properties,
    Case,
    Other,
}

// === impl JunitReader ===

impl<R: Read> JunitReader<R> {
    /// A reader from the first byte of a file.
    pub fn new(input: R) -> Self {
        let mut xml = quick_xml::Reader::from_reader(Lines::new(input, XML_PIECE));
        let config = xml.config_mut();
        config.expand_empty_elements = true;
        config.check_comments = true;
        Self { xml, buffer: Vec::new(), open: Vec::new(), case: None, cases: 0, rooted: false }
    }

    /// The next item; nothing after the last one.
    ///
    /// # Errors
    /// When the file is none that the bot reads.
    pub fn next_item(&mut self) -> Result<Option<Item>, JunitError> {
        loop {
            let line = self.xml.get_mut().begin_piece();
            self.refuse_other_encodings(line)?;
            // Taken out, so that an event does not keep `self` borrowed.
            let mut buffer = std::mem::take(&mut self.buffer);
            buffer.clear();
            let step = match self.xml.read_event_into(&mut buffer) {
                Ok(event) => take(event, line, &mut self.open, &mut self.case, &mut self.rooted),
                Err(error) => Err(self.explain(error, line)),
            };
            self.buffer = buffer;
            match step? {
                Step::Item(item) => return self.counted(item).map(Some),
                Step::End => return Ok(None),
                Step::Nothing => {}
            }
        }
    }

    fn counted(&mut self, item: Item) -> Result<Item, JunitError> {
        if let Item::Case(case) = &item {
            self.cases += 1;
            if self.cases > CASES {
                let what = format!("more than {CASES} cases");
                return Err(JunitError::Limit { line: case.line, what });
            }
        }
        Ok(item)
    }

    /// UTF-16 looks like bytes that are no XML; better to say what it is.
    fn refuse_other_encodings(&mut self, line: u64) -> Result<(), JunitError> {
        let encoding = match self.xml.get_mut().first_bytes().map_err(JunitError::Read)? {
            Some([0xff, 0xfe, ..] | [b'<', 0, ..]) => "UTF-16 (little endian)",
            Some([0xfe, 0xff, ..] | [0, b'<', ..]) => "UTF-16 (big endian)",
            _ => return Ok(()),
        };
        Err(JunitError::Encoding { line, encoding: encoding.to_owned() })
    }

    fn explain(&self, error: quick_xml::Error, line: u64) -> JunitError {
        let lines = self.xml.get_ref();
        match error {
            quick_xml::Error::Io(_) if lines.is_over() => JunitError::Limit {
                line,
                what: format!("one tag or text of more than {XML_PIECE} bytes"),
            },
            // The cause itself is kept: below it may lie a limit of whoever gives the bytes.
            quick_xml::Error::Io(error) => JunitError::Read(io::Error::new(error.kind(), error)),
            quick_xml::Error::Encoding(_) => {
                JunitError::Encoding { line, encoding: "no valid UTF-8".to_owned() }
            }
            error => JunitError::Xml { line: lines.line(), message: error.to_string() },
        }
    }
}

/// What an event comes to.
enum Step {
    Item(Item),
    Nothing,
    End,
}

fn take(
    event: Event<'_>,
    line: u64,
    open: &mut Vec<Element>,
    case: &mut Option<Case>,
    rooted: &mut bool,
) -> Result<Step, JunitError> {
    match event {
        Event::Start(tag) => return start(&tag, line, open, case, rooted),
        Event::End(_) => {
            if open.pop() == Some(Element::Case)
                && let Some(case) = case.take()
            {
                return Ok(Step::Item(Item::Case(case)));
            }
            // Go stops reading after the root's end; what follows is not looked at.
            if open.is_empty() {
                return Ok(Step::End);
            }
        }
        Event::Text(text) => characters(&text.into_inner(), line)?,
        Event::CData(text) => characters(&text.into_inner(), line)?,
        Event::GeneralRef(reference) => self::reference(&reference, line)?,
        Event::Decl(declaration) => {
            if let Some(Ok(encoding)) = declaration.encoding()
                && !encoding.eq_ignore_ascii_case("utf-8")
            {
                return Err(JunitError::Encoding { line, encoding: encoding.into_owned() });
            }
        }
        Event::Eof => {
            let message = match open.len() {
                0 if !*rooted => "no element, expected <testsuites>".to_owned(),
                depth => format!("the file ends within {depth} open elements"),
            };
            return Err(JunitError::Xml { line, message });
        }
        // A document type is passed over; its entities are unknown like any other.
        _ => {}
    }
    Ok(Step::Nothing)
}

fn start(
    tag: &BytesStart<'_>,
    line: u64,
    open: &mut Vec<Element>,
    case: &mut Option<Case>,
    rooted: &mut bool,
) -> Result<Step, JunitError> {
    if open.len() >= XML_DEPTH {
        let what = format!("elements nested deeper than {XML_DEPTH}");
        return Err(JunitError::Limit { line, what });
    }
    let attributes = Attributes::read(tag, line)?;
    let local = tag.local_name();
    let name: &str = local.as_ref();
    let (element, item) = match (open.last(), name) {
        (None, "testsuites") => {
            *rooted = true;
            (Element::Root, Some(Item::Root(attributes.header())))
        }
        (None, name) => return Err(JunitError::Root { line, name: name.to_owned() }),
        (Some(Element::Root), "testsuite") => {
            attributes.refuse_other_counters()?;
            (Element::Suite, Some(Item::Suite(attributes.header())))
        }
        (Some(Element::Suite), "properties") => (Element::Properties, None),
        (Some(Element::Properties), "property") => {
            let text = |name| attributes.text(name).to_owned();
            let item = Item::Property { name: text("name"), value: text("value"), line };
            (Element::Other, Some(item))
        }
        (Some(Element::Suite), "testcase") => {
            let text = |name| attributes.text(name).to_owned();
            let (name, time) = (text("name"), text("time"));
            let (state, message) = (CaseState::Passed, String::new());
            *case = Some(Case { name, line, state, time, message });
            (Element::Case, None)
        }
        (Some(Element::Case), name) => {
            if let Some(case) = case.as_mut() {
                case.take(name, attributes.text("message"));
            }
            (Element::Other, None)
        }
        _ => (Element::Other, None),
    };
    open.push(element);
    Ok(item.map_or(Step::Nothing, Step::Item))
}

/// Refuses what XML 1.0 does not have; Go does, too.
fn characters(text: &str, line: u64) -> Result<(), JunitError> {
    let refused = |byte: &u8| *byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r');
    match text.bytes().find(|byte| refused(byte)) {
        None => Ok(()),
        Some(byte) => {
            let before = text.split(char::from(byte)).next().unwrap_or_default();
            let line = line + before.bytes().filter(|byte| *byte == b'\n').count() as u64;
            let message = format!("the character U+{byte:04X}, which XML does not have");
            Err(JunitError::Xml { line, message })
        }
    }
}

fn reference(reference: &BytesRef<'_>, line: u64) -> Result<(), JunitError> {
    let error = |message: String| Err(JunitError::Xml { line, message });
    match reference.resolve_char_ref() {
        Ok(Some(c)) => characters(c.encode_utf8(&mut [0; 4]), line),
        Ok(None) => {
            let name = reference.xml10_content();
            match resolve_predefined_entity(&name) {
                Some(_) => Ok(()),
                None => error(unknown_entity(&name)),
            }
        }
        Err(cause) => error(cause.to_string()),
    }
}

fn unknown_entity(name: &str) -> String {
    format!("the entity &{name}; is unknown, and none is expanded")
}

// === impl Case ===

impl Case {
    /// Takes in an element within it.
    fn take(&mut self, element: &str, message: &str) {
        let state = self.state.with(element, message);
        if state != self.state && state.is_failure() {
            message[..message.floor_char_boundary(MESSAGE)].clone_into(&mut self.message);
        }
        self.state = state;
    }
}

// === impl CaseState ===

impl CaseState {
    /// The state after an element within the case. A skipped case is skipped whatever else it has,
    /// and a failure weighs more than an error: in that order the bot looks.
    fn with(self, element: &str, message: &str) -> Self {
        match (self, element) {
            (Self::Skipped | Self::Pending, _) => self,
            (_, "skipped") if message == "pending" => Self::Pending,
            (_, "skipped") => Self::Skipped,
            (_, "failure") => Self::Failed,
            (Self::Passed, "error") => Self::Error,
            _ => self,
        }
    }

    /// Whether it ran and did not pass.
    #[must_use]
    pub fn is_failure(self) -> bool {
        matches!(self, Self::Failed | Self::Error)
    }

    /// Whether it ran.
    #[must_use]
    pub fn ran(self) -> bool {
        !matches!(self, Self::Skipped | Self::Pending)
    }
}

#[cfg(test)]
mod tests;
