//! The lines by which Ginkgo sums up a run.

use serde::Serialize;

/// `SUCCESS! -- 402 Passed | 0 Failed | 0 Pending | 6799 Skipped`, or `FAIL! ...`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Line, from 1.
    pub line: u64,
    /// Whether it says SUCCESS.
    pub succeeded: bool,
    /// Its numbers. A suite whose set-up failed has none.
    pub counts: Option<Counts>,
    /// The line itself.
    pub text: String,
}

/// The numbers of a summary.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the fields are the words of the line")]
pub struct Counts {
    pub passed: u64,
    pub failed: u64,
    pub flaked: u64,
    pub pending: u64,
    pub skipped: u64,
}

// === impl Summary ===

impl Summary {
    /// Reads a line that begins with `SUCCESS! -` or `FAIL! -`.
    pub(super) fn read(line: u64, text: &str) -> Self {
        let counts = text.split_once(" -- ").and_then(|(_, counts)| Counts::read(counts));
        Self { line, succeeded: text.starts_with("SUCCESS!"), counts, text: text.to_owned() }
    }

    /// With the numbers that stand in the line after it: so they do when several reasons of a
    /// failure stand in its own.
    pub(super) fn with_counts_of(mut self, next: &str) -> Self {
        self.counts = Counts::read(next);
        self
    }
}

// === impl Counts ===

impl Counts {
    /// Reads `402 Passed | 0 Failed | ...`; nothing when it is something else.
    fn read(text: &str) -> Option<Self> {
        let mut counts = Self::default();
        let mut seen = 0;
        for part in text.trim().split(" | ") {
            let (number, word) = part.trim().split_once(' ')?;
            let number = number.parse().ok()?;
            let count = match word {
                "Passed" => &mut counts.passed,
                "Failed" => &mut counts.failed,
                "Flaked" => &mut counts.flaked,
                "Pending" => &mut counts.pending,
                "Skipped" => &mut counts.skipped,
                "Repeated" => continue,
                _ => return None,
            };
            *count = number;
            seen += 1;
        }
        (seen >= 2).then_some(counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_ginkgo_prints() {
        let text = "FAIL! -- 82 Passed | 31 Failed | 1 Flaked | 1 Repeated | 6 Pending | 9 Skipped";
        let summary = Summary::read(7, text);
        let counts = Counts { passed: 82, failed: 31, flaked: 1, pending: 6, skipped: 9 };
        assert_eq!((summary.succeeded, summary.counts), (false, Some(counts)));
        let text = "FAIL! - Interrupted by User -- 1 Passed | 0 Failed | 0 Pending | 2 Skipped";
        assert_eq!(Summary::read(7, text).counts.unwrap().skipped, 2);
        let summary = Summary::read(7, "FAIL! - one reason, another reason");
        assert_eq!(summary.counts, None);
        let next = "3 Passed | 0 Failed | 0 Pending | 0 Skipped";
        assert_eq!(summary.with_counts_of(next).counts.unwrap().passed, 3);
        let text = "FAIL! -- A BeforeSuite node failed so all tests were skipped.";
        assert_eq!(Summary::read(7, text).counts, None);
        assert!(Summary::read(1, "SUCCESS! -- 1 Passed | 0 Failed").succeeded);
    }
}
