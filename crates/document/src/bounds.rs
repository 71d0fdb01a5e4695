//! Limits on what a file may contain, so that a broken or hostile one costs little.
//!
//! None of them is near anything a person would write; each has its reason next to it.

/// Longest accepted file, in bytes. A run file of a hundred targets written out by hand is about
/// 30 kB; more than this is a file of another kind given by mistake.
pub const MAX_FILE_BYTES: usize = 1024 * 1024;

/// Deepest nesting of lists and mappings. The deepest format needs 7 levels.
pub const MAX_DEPTH: usize = 24;

/// Most YAML nodes after aliases are expanded: stops files that multiply themselves through
/// aliases ("billion laughs") long before memory is short.
pub const MAX_NODES: usize = 50_000;

/// Longest single string, in bytes. Paths end at 4,096 on Linux; regular expressions of
/// conformance skips are a few hundred.
pub const MAX_STRING_BYTES: usize = 16 * 1024;

/// Most entries in one list or free-form mapping.
pub const MAX_ENTRIES: usize = 512;

/// Most diagnostics kept for one file; what is beyond is counted only.
pub const MAX_DIAGNOSTICS: usize = 100;
