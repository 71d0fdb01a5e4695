//! The attributes of a tag, with the characters that their entities stand for.

use std::borrow::Cow;

use multibeam_ginkgo::report::GoTime;
use quick_xml::Error;
use quick_xml::escape::EscapeError;
use quick_xml::events::BytesStart;
use quick_xml::events::attributes::AttrError;
use quick_xml::name::QName;

use super::{Header, JunitError, characters, unknown_entity};

/// The attributes of a tag.
pub(super) struct Attributes<'a> {
    line: u64,
    pairs: Vec<(&'a str, Cow<'a, str>)>,
}

// === impl Attributes ===

impl<'a> Attributes<'a> {
    pub(super) fn read(tag: &'a BytesStart<'_>, line: u64) -> Result<Self, JunitError> {
        let error = |message: String| JunitError::Xml { line, message };
        let mut pairs = Vec::new();
        for attribute in tag.attributes() {
            let attribute = attribute.map_err(|cause| error(in_tag(tag, &cause)))?;
            let value = attribute
                .normalized_value(quick_xml::XmlVersion::Implicit1_0)
                .map_err(|cause| error(in_value(attribute.key, &cause)))?;
            characters(&value, line)?;
            pairs.push((attribute.key.local_name().into_inner(), value));
        }
        Ok(Self { line, pairs })
    }

    pub(super) fn text(&self, name: &str) -> &str {
        let found = self.pairs.iter().find(|(key, _)| *key == name);
        found.map_or("", |(_, value)| value)
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.text(name).trim().parse().ok()
    }

    pub(super) fn header(&self) -> Header {
        Header {
            line: self.line,
            begun: GoTime::parse(&format!("{}Z", self.text("timestamp"))).map(|t| t.to_unix().0),
            tests: self.number("tests"),
            disabled: self.number("disabled"),
            skipped: self.number("skipped"),
            errors: self.number("errors"),
            failures: self.number("failures"),
        }
    }

    /// The two counters that the bot's decoder reads as numbers.
    pub(super) fn refuse_other_counters(&self) -> Result<(), JunitError> {
        for name in ["tests", "failures"] {
            let value = self.text(name).trim();
            if !value.is_empty() && value.parse::<i64>().is_err() {
                let value = value.to_owned();
                return Err(JunitError::Counter { line: self.line, name, value });
            }
        }
        Ok(())
    }
}

/// What the parser says of a tag, without its positions: they count from the beginning of the tag, which
/// nobody sees.
fn in_tag(tag: &BytesStart<'_>, cause: &AttrError) -> String {
    let wrong = match cause {
        AttrError::ExpectedEq(_) => "an attribute without =",
        AttrError::ExpectedValue(_) => "an attribute without a value",
        AttrError::UnquotedValue(_) => "a value without quotes",
        AttrError::ExpectedQuote(..) => "a value without its closing quote",
        AttrError::Duplicated(..) => "the same attribute twice",
    };
    format!("in the tag <{}>, {wrong}", tag.name().as_ref())
}

/// What it says of a value, without its positions.
fn in_value(key: QName<'_>, cause: &Error) -> String {
    let wrong = match cause {
        Error::Escape(EscapeError::UnrecognizedEntity(_, name)) => unknown_entity(name),
        Error::Escape(EscapeError::UnterminatedEntity(_)) => {
            "an & without a ; behind it".to_owned()
        }
        other => other.to_string(),
    };
    format!("in the attribute {}, {wrong}", key.as_ref())
}
