//! One JUnit file for all targets of a run.

use std::io::{BufWriter, Write};

use super::junit::{Counts, open_root, write_suite};
use super::xml::{HEADER, XmlWriter};
use super::{Dialect, RenderError, ReportSource};
use crate::report::duration;

/// A target in a file for the whole matrix.
#[derive(Debug)]
pub struct MatrixTarget<'a, S: ?Sized> {
    /// Name of the target; stands in brackets before the name of its suite.
    pub name: &'a str,
    /// Its merged report.
    pub source: &'a S,
    /// The dialect of its suite.
    pub dialect: Dialect,
}

/// Writes one JUnit file with a `<testsuite>` per target, named `[target] suite`. Counts and times
/// of the root are sums over the targets, as when Ginkgo merges JUnit files.
///
/// # Errors
/// When a report cannot be loaded or read, or the output takes no more.
pub fn matrix_junit<S: ReportSource + ?Sized>(
    targets: &[MatrixTarget<'_, S>],
    out: &mut impl Write,
) -> Result<(), RenderError> {
    let mut counts = Counts::default();
    let mut seconds = 0.0;
    for target in targets {
        counts.add(Counts::of(target.source));
        seconds += duration::seconds(target.source.suite().run_time);
    }
    let mut out = BufWriter::new(out);
    out.write_all(HEADER.as_bytes())?;
    let mut xml = XmlWriter::new(&mut out);
    open_root(&mut xml, &counts, seconds)?;
    for target in targets {
        write_suite(&mut xml, target.source, target.dialect, &format!("[{}] ", target.name))?;
    }
    xml.close("testsuites")?;
    out.flush()?;
    Ok(())
}
