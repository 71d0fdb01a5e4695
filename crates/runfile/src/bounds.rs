//! Limits on what a run may consist of, on top of those of any document.
//!
//! None of them is near anything a person would write; each has its reason next to it.

pub use multibeam_document::bounds::{
    MAX_DEPTH, MAX_DIAGNOSTICS, MAX_ENTRIES, MAX_FILE_BYTES, MAX_NODES, MAX_STRING_BYTES,
};

/// Longest string after `${...}` is replaced, in bytes: one argument of a Linux process may have
/// 128 KiB.
pub const MAX_EXPANDED_BYTES: usize = 64 * 1024;

/// Most targets of one run after matrices are expanded. Every target keeps processes and a
/// report; a nightly matrix of 3 versions × 4 CNIs × 3 proxy modes is 36.
pub const MAX_TARGETS: usize = 256;

/// Most clusters of one target.
pub const MAX_CLUSTERS: usize = 64;

/// Bound on all strings of the resolved run together, in bytes: matrices multiply whatever the
/// suite section says.
pub const MAX_RESOLVED_BYTES: usize = 16 * 1024 * 1024;
