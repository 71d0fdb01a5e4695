//! What is kept of a JUnit file: counts of everything, names of what ran or should have.

use std::io::Read;

use super::{Case, CaseState, Header, Item, JunitError, JunitReader};
use crate::catalog::CONFORMANCE;
use crate::limits::{NAME_BYTES, SUITES};

/// A JUnit file in so far as the rules ask for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Junit {
    /// The root's counters.
    pub root: Header,
    /// The suites.
    pub suites: Vec<SuiteFacts>,
    /// Cases that ran, and those that are conformance tests, in the order of the file.
    pub cases: Vec<Case>,
}

/// A suite.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SuiteFacts {
    /// What its header says.
    pub header: Header,
    /// What its cases say.
    pub counted: Counted,
    /// Properties: name, value, line.
    pub properties: Vec<(String, String, u64)>,
}

/// Cases, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    /// All of them.
    pub tests: u64,
    /// With a failure.
    pub failures: u64,
    /// With an error.
    pub errors: u64,
    /// Marked pending.
    pub pending: u64,
    /// Skipped.
    pub skipped: u64,
}

impl Junit {
    /// Reads a file to its end.
    ///
    /// # Errors
    /// When it is none that the bot reads.
    pub fn read(input: impl Read) -> Result<Self, JunitError> {
        let mut reader = JunitReader::new(input);
        let mut junit = Self::default();
        let mut kept = 0;
        while let Some(item) = reader.next_item()? {
            match item {
                Item::Root(header) => junit.root = header,
                Item::Suite(header) => {
                    if junit.suites.len() >= SUITES {
                        let what = format!("more than {SUITES} suites");
                        return Err(JunitError::Limit { line: header.line, what });
                    }
                    junit.suites.push(SuiteFacts { header, ..SuiteFacts::default() });
                }
                Item::Property { name, value, line } => {
                    kept += name.len() + value.len();
                    too_many_bytes(kept, line)?;
                    if let Some(suite) = junit.suites.last_mut()
                        && suite.properties.len() < SUITES
                    {
                        suite.properties.push((name, value, line));
                    }
                }
                Item::Case(case) => {
                    if let Some(suite) = junit.suites.last_mut() {
                        suite.count(&case);
                    }
                    if case.state.ran() || case.is_conformance() {
                        kept += case.name.len() + case.message.len();
                        too_many_bytes(kept, case.line)?;
                        junit.cases.push(case);
                    }
                }
            }
        }
        Ok(junit)
    }

    /// A property of any suite, with its line.
    #[must_use]
    pub fn property(&self, name: &str) -> Option<(&str, u64)> {
        let all = self.suites.iter().flat_map(|suite| &suite.properties);
        let mut found = all.filter(|(key, ..)| key == name);
        found.next().map(|(_, value, line)| (value.as_str(), *line))
    }
}

fn too_many_bytes(kept: usize, line: u64) -> Result<(), JunitError> {
    if kept <= NAME_BYTES {
        return Ok(());
    }
    Err(JunitError::Limit { line, what: format!("more than {NAME_BYTES} bytes of names") })
}

// === impl SuiteFacts ===

impl SuiteFacts {
    fn count(&mut self, case: &Case) {
        let counted = &mut self.counted;
        counted.tests += 1;
        match case.state {
            CaseState::Passed => {}
            CaseState::Failed => counted.failures += 1,
            CaseState::Error => counted.errors += 1,
            CaseState::Pending => counted.pending += 1,
            CaseState::Skipped => counted.skipped += 1,
        }
    }
}

// === impl Case ===

impl Case {
    /// Whether the bot takes it for a conformance test.
    #[must_use]
    pub fn is_conformance(&self) -> bool {
        self.name.contains(CONFORMANCE)
    }

    /// Whether it is a spec, and no node of the suite itself.
    #[must_use]
    pub fn is_spec(&self) -> bool {
        let tag = self.name.strip_prefix('[').and_then(|rest| rest.split_once(']'));
        !tag.is_some_and(|(tag, _)| {
            multibeam_ginkgo::report::NodeType::from_word(tag).is_suite_level()
        })
    }

    /// The name as the bot holds it against the list of required tests: without `[It] `, and with
    /// the characters that some tools escape twice.
    #[must_use]
    pub fn required_name(&self) -> String {
        let name = self.name.replace("&#39;", "'").replace("&#34;", "\"").replace("&gt;", ">");
        let name = name.replace("'cat /tmp/health'", "\"cat /tmp/health\"");
        name.strip_prefix("[It] ").map(str::to_owned).unwrap_or(name)
    }
}
