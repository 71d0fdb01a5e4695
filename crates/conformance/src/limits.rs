//! How much is taken of what may be hostile. Real submissions stay far below each of these.

/// Bytes of one piece of XML (a tag, or a run of text without a line end or entity between).
pub const XML_PIECE: u64 = 16 << 20;

/// Depth of nested XML elements. JUnit files have four.
pub const XML_DEPTH: usize = 64;

/// Cases of a JUnit file.
pub const CASES: u64 = 1_000_000;

/// Bytes of names that are kept of one file: of cases that ran, and of specs in a log.
pub const NAME_BYTES: usize = 24 << 20;

/// Bytes of the message of a failed case that are kept.
pub const MESSAGE: usize = 4 << 10;

/// Suites and properties of a JUnit file that are kept, each.
pub const SUITES: usize = 1_000;

/// Bytes of a line of a log that are looked at; the rest of the line is skipped.
pub const LINE: usize = 64 << 10;

/// Bytes of PRODUCT.yaml, README.md, and of a conformance.yaml.
pub const SMALL_FILE: u64 = 4 << 20;

/// YAML nodes of one file.
pub const YAML_NODES: usize = 100_000;

/// Depth of nested YAML.
pub const YAML_DEPTH: usize = 16;

/// Entries of one archive or directory tree.
pub const ENTRIES: usize = 100_000;

/// Bytes of the paths of all files of one archive or directory tree.
pub const PATHS: usize = 16 << 20;

/// Depth of a directory tree.
pub const TREE_DEPTH: usize = 24;

/// Bytes of an archive after decompression.
pub const ARCHIVE: u64 = 8 << 30;

/// Bytes out per byte in of a compressed archive, once more than [`RATIO_FROM`] came out. Logs reach
/// about 30.
pub const RATIO: u64 = 250;

/// Bytes up to which no ratio is asked for.
pub const RATIO_FROM: u64 = 64 << 20;

/// Bytes of an archive's member headers: long names and the like, which are read into memory.
pub const HEADERS: u64 = 1 << 20;
