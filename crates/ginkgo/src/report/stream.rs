//! Reading a report file without holding it: one spec report at a time.

use std::fmt;
use std::io::Read;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::{ReportError, SuiteHeader};

/// Reads what `--ginkgo.json-report` writes and hands on each spec report as a `T`, in the order of
/// the file. Whatever `T` leaves out (captured output, in a [`SpecSummary`](super::SpecSummary)) is
/// skipped in the stream, however long it is. Gives the suites' own parts, in the same order.
///
/// Many small reads are made; buffer a file.
///
/// # Errors
/// When the input cannot be read or is no list of suite reports. What came before was handed on.
pub fn read_reports<T: DeserializeOwned>(
    json: impl Read,
    mut each: impl FnMut(T),
) -> Result<Vec<SuiteHeader>, ReportError> {
    let mut stream = serde_json::Deserializer::from_reader(json);
    let reports = Reports { each: &mut each, of: PhantomData };
    let headers = reports.deserialize(&mut stream).map_err(ReportError::Stream)?;
    stream.end().map_err(ReportError::Stream)?;
    Ok(headers)
}

/// The list of suite reports.
struct Reports<'a, T, F> {
    each: &'a mut F,
    of: PhantomData<T>,
}

/// One suite report.
struct Report<'a, T, F>(Reports<'a, T, F>);

/// The spec reports of one suite report; Go writes an empty list as `null`.
struct Specs<'a, T, F>(Reports<'a, T, F>);

impl<T, F> Reports<'_, T, F> {
    fn again(&mut self) -> Reports<'_, T, F> {
        Reports { each: self.each, of: PhantomData }
    }
}

impl<'de, T: Deserialize<'de>, F: FnMut(T)> DeserializeSeed<'de> for Reports<'_, T, F> {
    type Value = Vec<SuiteHeader>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, T: Deserialize<'de>, F: FnMut(T)> Visitor<'de> for Reports<'_, T, F> {
    type Value = Vec<SuiteHeader>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of suite reports")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut headers = Vec::new();
        while let Some(header) = list.next_element_seed(Report(self.again()))? {
            headers.push(header);
        }
        Ok(headers)
    }
}

impl<'de, T: Deserialize<'de>, F: FnMut(T)> DeserializeSeed<'de> for Report<'_, T, F> {
    type Value = SuiteHeader;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, T: Deserialize<'de>, F: FnMut(T)> Visitor<'de> for Report<'_, T, F> {
    type Value = SuiteHeader;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a suite report")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut fields: A) -> Result<Self::Value, A::Error> {
        let mut header = Map::new();
        while let Some(key) = fields.next_key::<String>()? {
            if key == "SpecReports" {
                fields.next_value_seed(Specs(self.0.again()))?;
            } else {
                header.insert(key, fields.next_value()?);
            }
        }
        serde_json::from_value(Value::Object(header)).map_err(serde::de::Error::custom)
    }
}

impl<'de, T: Deserialize<'de>, F: FnMut(T)> DeserializeSeed<'de> for Specs<'_, T, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T: Deserialize<'de>, F: FnMut(T)> Visitor<'de> for Specs<'_, T, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of spec reports")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(spec) = list.next_element::<T>()? {
            (self.0.each)(spec);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::SpecSummary;

    fn texts(json: &str) -> Result<(Vec<String>, Vec<SuiteHeader>), ReportError> {
        let mut texts = Vec::new();
        let headers = read_reports(json.as_bytes(), |spec: SpecSummary| texts.push(spec.leaf_text));
        Ok((texts, headers?))
    }

    #[test]
    fn every_spec_of_every_suite_is_handed_on_in_order() {
        let json = r#"[{"SpecReports":[{"LeafNodeText":"a","CapturedStdOutErr":"x"},
            {"LeafNodeText":"b"}],"SuiteDescription":"one"},
            {"SuiteDescription":"two","SpecReports":null},{"SuiteDescription":"three"}]"#;
        let (texts, headers) = texts(json).unwrap();
        assert_eq!(texts, ["a", "b"]);
        let names: Vec<&str> = headers.iter().map(|suite| &*suite.suite_description).collect();
        assert_eq!(names, ["one", "two", "three"]);
    }

    #[test]
    fn what_is_no_report_is_an_error_with_a_place() {
        for (json, word) in [
            ("{}", "a list of suite reports"),
            ("[7]", "a suite report"),
            (r#"[{"SpecReports":7}]"#, "a list of spec reports"),
            (r#"[{"SpecReports":[{"LeafNodeText":"a"}"#, "EOF"),
            ("[] x", "trailing"),
        ] {
            let error = texts(json).unwrap_err();
            let text = format!("{error}: {}", std::error::Error::source(&error).unwrap());
            assert!(text.contains(word) && text.contains("line 1"), "{text}");
        }
    }
}
