//! What a run keeps of discovery: the catalog, and the dry run's report, which holds what Ginkgo
//! says of every spec that never runs. One text: a line with the catalog's length in bytes, the
//! catalog's JSON, and the dry run's JSON.

use bytes::Bytes;
use thiserror::Error;

use crate::catalog::{Catalog, ReadError};
use crate::dryrun::{DryRun, DryRunError};

/// A target's admission to a run.
#[derive(Clone, Debug)]
pub struct Admission {
    /// Specs and groups.
    pub catalog: Catalog,
    /// The dry run's specs, in the catalog's order.
    pub dry_run: DryRun,
    /// The dry run's report as the suite wrote it; `dry_run` shares its memory.
    pub report: Bytes,
}

/// Why stored bytes are no admission.
#[derive(Debug, Error)]
pub enum AdmissionError {
    /// The first line does not give the catalog's length, or less follows.
    #[error("expected a catalog behind its length")]
    Frame,
    /// The catalog cannot be read.
    #[error(transparent)]
    Catalog(#[from] ReadError),
    /// The dry run cannot be read.
    #[error(transparent)]
    DryRun(#[from] DryRunError),
}

impl Admission {
    /// The stored form. `dry_run` is the dry run's JSON report as the suite wrote it.
    #[must_use]
    pub fn encode(catalog: &Catalog, dry_run: &[u8]) -> Vec<u8> {
        let catalog = catalog.to_json();
        let mut bytes = format!("{}\n", catalog.len()).into_bytes();
        bytes.reserve(catalog.len() + dry_run.len());
        bytes.extend_from_slice(&catalog);
        bytes.extend_from_slice(dry_run);
        bytes
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// [`AdmissionError`] when the bytes are something else or of another format.
    pub fn decode(bytes: &Bytes) -> Result<Self, AdmissionError> {
        let line = bytes.iter().position(|byte| *byte == b'\n').ok_or(AdmissionError::Frame)?;
        let length = std::str::from_utf8(&bytes[..line]).ok().and_then(|text| text.parse().ok());
        let length: usize = length.ok_or(AdmissionError::Frame)?;
        let rest = bytes.slice(line + 1..);
        if length > rest.len() {
            return Err(AdmissionError::Frame);
        }
        let report = rest.slice(length..);
        Ok(Self {
            catalog: Catalog::from_json(&rest[..length])?,
            dry_run: DryRun::parse(&report)?,
            report,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_bytes_are_refused() {
        for bytes in ["", "x\n", "99\n{}", "-1\n"] {
            let read = Admission::decode(&Bytes::from(bytes));
            assert!(matches!(read, Err(AdmissionError::Frame)), "{bytes:?}");
        }
        assert!(matches!(
            Admission::decode(&Bytes::from("2\n{}[]")),
            Err(AdmissionError::Catalog(_))
        ));
    }
}
