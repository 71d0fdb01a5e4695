//! Files that people write: YAML in which every value knows its place, held against a table of keys.
//!
//! A [`Format`] is such a table and a name for it. [`parse`] reads a file in one pass and gives what
//! the caller makes of it, or [`Diagnostics`] that name every mistake with line, column, and a hint;
//! [`schema()`] makes the JSON schema of the same table. What a file means is for its own crate: the
//! run file's is `runfile`, the product file's `bundle`.
//!
//! The crate opens no file, reads no environment, and starts nothing.

pub mod bounds;
mod check;
pub mod diagnostic;
mod format;
pub mod human;
mod place;
pub mod render;
mod schema;
pub mod suggest;
pub mod table;
pub mod yaml;

pub use diagnostic::{Code, Diagnostic, Diagnostics, Severity, Sink};
pub use format::{Format, examine, parse, says};
pub use place::Place;
pub use render::Styles;
pub use schema::{schema, schema_text};
