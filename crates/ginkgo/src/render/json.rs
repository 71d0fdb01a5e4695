//! The merged `report.json`: what `--ginkgo.json-report` writes, a list with one `types.Report`.

use std::io::{BufWriter, Write};

use super::{RenderError, ReportSource, source};

/// Writes the merged report, one spec at a time, in the order of the source. Spec reports are
/// written as the suite sent them.
///
/// # Errors
/// When a report cannot be loaded, or the output takes no more.
pub fn write<S: ReportSource + ?Sized>(
    source: &S,
    out: &mut impl Write,
) -> Result<(), RenderError> {
    let mut out = BufWriter::new(out);
    let suite = serde_json::to_string(source.suite()).map_err(RenderError::Suite)?;
    let fields = suite.strip_suffix('}').expect("a struct is written as an object");
    write!(out, "[{fields},\"SpecReports\":[")?;
    for index in 0..source.len() {
        out.write_all(if index == 0 { b"\n" } else { b",\n" })?;
        out.write_all(&source::load_raw(source, index)?)?;
    }
    out.write_all(b"\n]}]\n")?;
    out.flush()?;
    Ok(())
}
