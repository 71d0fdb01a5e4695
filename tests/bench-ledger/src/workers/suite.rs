//! What the workers of the benchmark have discovered.

use bytes::Bytes;
use multibeam_ginkgo::sample;

use crate::Outcome;
use crate::reports::COMPRESSION;

/// A suite as all workers know it.
pub(super) struct Suite {
    /// Packed as it is sent.
    pub(super) admission: Bytes,
}

impl Suite {
    /// What stands for the digests of binary and catalog: nobody computes them here.
    pub(super) const DIGEST: &str =
        "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a";

    /// One with so many specs.
    pub(super) fn new(specs: usize) -> Outcome<Self> {
        let names: Vec<String> = (0..specs)
            .map(|n| format!("[sig-bench] Area {} should do number {n} [Conformance]", n % 40))
            .collect();
        let plain = sample::admission(names.iter().map(String::as_str));
        Ok(Self { admission: zstd::bulk::compress(&plain, COMPRESSION)?.into() })
    }
}
