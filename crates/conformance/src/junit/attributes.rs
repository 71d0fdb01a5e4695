//! The attributes of a tag, with the characters that their entities stand for.

use std::borrow::Cow;

use multibeam_ginkgo::report::GoTime;
use quick_xml::events::BytesStart;

use super::{Header, JunitError, characters};

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
            let attribute = attribute.map_err(|cause| error(cause.to_string()))?;
            let value = attribute
                .normalized_value(quick_xml::XmlVersion::Implicit1_0)
                .map_err(|cause| error(cause.to_string()))?;
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
