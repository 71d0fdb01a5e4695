//! The modes of `sonobuoy run --mode`, under the same names: which specs they select.
//!
//! Facts of Sonobuoy v0.57.5 (`cmd/sonobuoy/app/modes.go` of vmware-tanzu/sonobuoy). What its modes
//! say about parallel runs has no meaning here: Multibeam runs specs in parallel as the suite allows,
//! and serial ones alone.

use std::fmt;

use multibeam_document::diagnostic::Code;
use multibeam_document::yaml::Span;
use serde::{Deserialize, Serialize};

use crate::resolve::Writer;
use crate::settings::suite::{RawSuite, Suite};

/// Every conformance spec has it in its text.
const CONFORMANCE: &str = r"\[Conformance\]";

/// What `conformance-lite` leaves out: one text per line.
const LITE: &str = include_str!("../data/conformance-lite.txt");

/// A preset of what is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// All of conformance: what a certificate needs.
    CertifiedConformance,
    /// Conformance without what disturbs others on the cluster.
    NonDisruptiveConformance,
    /// Conformance without what is serial, slow, or disruptive.
    ConformanceLite,
    /// One spec that makes a pod and removes it.
    Quick,
}

// === impl Mode ===

impl Mode {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::CertifiedConformance,
        Self::NonDisruptiveConformance,
        Self::ConformanceLite,
        Self::Quick,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::CertifiedConformance => "certified-conformance",
            Self::NonDisruptiveConformance => "non-disruptive-conformance",
            Self::ConformanceLite => "conformance-lite",
            Self::Quick => "quick",
        }
    }

    /// Why its results cannot be used for a certificate; nothing for the mode whose results can.
    pub fn cannot_certify(self) -> Option<&'static str> {
        match self {
            Self::CertifiedConformance => None,
            Self::NonDisruptiveConformance => Some("it leaves disruptive conformance specs out"),
            Self::ConformanceLite => {
                Some("it leaves serial, slow, and disruptive conformance specs out")
            }
            Self::Quick => Some("it runs a single spec"),
        }
    }

    /// Whether runs of this mode are certified ones.
    pub fn certifies(self) -> bool {
        self.cannot_certify().is_none()
    }

    /// Go regular expressions, of which one must match.
    pub fn focus(self) -> Vec<String> {
        let focus = match self {
            Self::Quick => "Pods should be submitted and removed",
            _ => CONFORMANCE,
        };
        vec![focus.to_owned()]
    }

    /// Go regular expressions, of which none may match.
    pub fn skip(self) -> Vec<String> {
        match self {
            Self::CertifiedConformance | Self::Quick => Vec::new(),
            Self::NonDisruptiveConformance => {
                vec![r"\[Disruptive\]".to_owned(), "NoExecuteTaintManager".to_owned()]
            }
            Self::ConformanceLite => LITE.lines().map(regex_syntax::escape).collect(),
        }
    }

    /// Makes a target's suite what the mode selects. What the file selects itself must be the same.
    pub(crate) fn apply(self, raw: &RawSuite, suite: &mut Suite, out: &mut Writer<'_, '_>) {
        let list = |key, written: &[String], span, own: &[String], out: &mut Writer<'_, '_>| {
            if !written.is_empty() && written != own {
                self.refuse(key, span, out);
            }
        };
        let (focus, skip) = (self.focus(), self.skip());
        if let Some(written) = &raw.focus {
            list("suite.focus", &suite.focus, written.span, &focus, out);
        }
        // A certified run takes no skip anyway, and says so.
        if let Some(written) = raw.skip.as_ref().filter(|_| !self.certifies()) {
            list("suite.skip", &suite.skip, written.span, &skip, out);
        }
        if let Some(written) = &raw.label_filter {
            self.refuse("suite.labelFilter", written.span, out);
        }
        (suite.focus, suite.skip) = (focus, skip);
    }

    fn refuse(self, key: &str, span: Span, out: &mut Writer<'_, '_>) {
        let message = format!("{key} selects other specs than --mode {self}");
        let hint = format!("remove {key}, or leave --mode out");
        out.once(Code::ModeConflict, span, message, Some(hint));
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Parsed, parse_as, pattern};

    const HEAD: &str = "apiVersion: multibeam.dev/v1\nkind: Run\n";

    fn parse(mode: Mode, suite: &str, more: &str) -> Result<Parsed, String> {
        let text = format!(
            "{HEAD}{more}\nsuite: {{binary: ./e2e.test{suite}}}\ntargets: [{{name: a, clusters: [{{name: x}}]}}]\n"
        );
        parse_as("run.yaml", &text, Some(mode)).map_err(|found| found.to_string())
    }

    #[test]
    fn every_mode_is_known_by_its_name_and_selects_with_good_patterns() {
        for mode in Mode::ALL {
            let json = serde_json::to_string(&mode).unwrap();
            assert_eq!(json, format!("\"{mode}\""));
            for text in mode.focus().iter().chain(&mode.skip()) {
                assert!(pattern::check(text).is_ok(), "{text}");
            }
            let run = parse(mode, "", "").unwrap().run;
            assert_eq!(run.mode, Some(mode));
            assert_eq!(run.certified, mode == Mode::CertifiedConformance);
            assert_eq!(run.targets[0].suite.focus, mode.focus());
            assert_eq!(run.targets[0].suite.skip, mode.skip());
        }
        assert_eq!(Mode::ConformanceLite.skip().len(), 59);
    }

    #[test]
    fn the_same_selection_is_no_conflict() {
        assert!(parse(Mode::CertifiedConformance, r", focus: ['\[Conformance\]']", "").is_ok());
        assert!(parse(Mode::NonDisruptiveConformance, r", focus: ['\[Conformance\]']", "").is_ok());
        assert!(parse(Mode::Quick, ", focus: [], skip: []", "").is_ok());
    }

    #[test]
    fn another_selection_is_a_mistake_with_a_place() {
        for (mode, suite, more, expected) in [
            (Mode::Quick, ", focus: [x]", "", "run.yaml:4:36: error: suite.focus selects other"),
            (Mode::Quick, ", skip: [x]", "", "suite.skip selects other specs than --mode quick"),
            (Mode::Quick, ", labelFilter: x", "", "suite.labelFilter selects other"),
            (Mode::CertifiedConformance, ", skip: [x]", "", "a certified run takes every"),
            (Mode::CertifiedConformance, ", labelFilter: x", "", "suite.labelFilter selects"),
            (Mode::ConformanceLite, "", "certified: true", "error: certified: true cannot be"),
        ] {
            let found = parse(mode, suite, more).unwrap_err();
            assert!(found.contains(expected), "{expected:?} in {found}");
            assert!(found.contains("1 error"), "{found}");
        }
    }
}
