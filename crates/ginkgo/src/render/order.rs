//! The orders in which a merged report is written.

use std::cmp::Ordering;

use super::{Dialect, ReportSource};
use crate::report::GoTime;

/// Order of the log: specs that were not selected first, in the order of the report (which has them
/// as the dry run does), then all others by the time they ended. A report without an end, such as
/// that of a spec skipped after a failure in its Ordered container, stands where it began.
pub fn log_order<S: ReportSource + ?Sized>(source: &S) -> Vec<usize> {
    let mut order: Vec<usize> = (0..source.len()).collect();
    order.sort_by(|&a, &b| {
        let (a, b) = (source.summary(a), source.summary(b));
        match (a.is_unselected(), b.is_unselected()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => {
                ended(&a.end_time, &a.start_time).cmp_instant(ended(&b.end_time, &b.start_time))
            }
        }
    });
    order
}

fn ended<'a>(end: &'a GoTime, start: &'a GoTime) -> &'a GoTime {
    if end.is_zero() { start } else { end }
}

/// Order of the JUnit file: by full text, then by start time, as Kubernetes' framework sorts its
/// own. Reports that agree in both keep the order of the report.
pub fn junit_order<S: ReportSource + ?Sized>(source: &S, dialect: Dialect) -> Vec<usize> {
    let texts: Vec<String> =
        (0..source.len()).map(|index| source.summary(index).full_text(dialect.version())).collect();
    let mut order: Vec<usize> = (0..source.len()).collect();
    order.sort_by(|&a, &b| {
        let start = |index: usize| &source.summary(index).start_time;
        texts[a].cmp(&texts[b]).then_with(|| start(a).cmp_instant(start(b)))
    });
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::MemorySource;
    use crate::report::SuiteHeader;
    use crate::version::Version;

    fn source(specs: &[&str]) -> MemorySource {
        let specs = specs.iter().map(|spec| spec.as_bytes().to_vec());
        MemorySource::new(SuiteHeader::default(), specs).unwrap()
    }

    #[test]
    fn the_log_has_unselected_specs_first_and_the_others_by_end() {
        let source = source(&[
            r#"{"State":"passed","EndTime":"2026-01-01T00:00:09Z"}"#,
            r#"{"State":"skipped","StartTime":"2026-01-01T00:00:30Z"}"#,
            r#"{"State":"failed","EndTime":"2026-01-01T01:00:05+01:00"}"#,
            r#"{"State":"skipped","StartTime":"2026-01-01T00:00:06Z","Failure":{"Message":"x"}}"#,
            r#"{"State":"pending","StartTime":"2026-01-01T00:00:20Z"}"#,
        ]);
        assert_eq!(log_order(&source), [1, 4, 2, 3, 0]);
    }

    #[test]
    fn the_junit_file_is_sorted_by_text_then_start() {
        let source = source(&[
            r#"{"LeafNodeText":"b","StartTime":"2026-01-01T00:00:09Z"}"#,
            r#"{"LeafNodeText":"b","StartTime":"2026-01-01T01:00:05+01:00"}"#,
            r#"{"ContainerHierarchyTexts":["","a"],"LeafNodeText":"z"}"#,
            r#"{"LeafNodeText":"A"}"#,
        ]);
        let order =
            |minor, patch| junit_order(&source, Dialect::new(Version::new(2, minor, patch)));
        assert_eq!(order(34, 0), [3, 2, 1, 0]);
        assert_eq!(order(25, 0), [2, 3, 1, 0], "older full texts begin with a blank");
    }
}
