//! The format as data: one table that the type check and the JSON schema are both made from, so
//! that the two cannot say different things.

use crate::human::{ByteSize, HumanDuration};

/// A mapping with known keys.
#[derive(Debug)]
pub(crate) struct Object {
    /// What a reader calls it, with an article: `a cluster`.
    pub(crate) name: &'static str,
    /// What it is for.
    pub(crate) doc: &'static str,
    /// Its keys in the order in which they are documented.
    pub(crate) fields: &'static [Field],
    /// What any other key holds, if other keys are allowed.
    pub(crate) extra: Option<&'static Extra>,
}

/// One key of an [`Object`].
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) key: &'static str,
    pub(crate) ty: Ty,
    pub(crate) required: bool,
    /// One or more sentences for the reader of the schema.
    pub(crate) doc: &'static str,
}

/// Keys that the user chooses.
#[derive(Debug)]
pub(crate) struct Extra {
    pub(crate) keys: KeyRule,
    pub(crate) value: Ty,
}

/// What a key of the user's choice may look like.
#[derive(Debug)]
pub(crate) struct KeyRule {
    /// What such a key is called: `a label`.
    pub(crate) what: &'static str,
    /// For the schema.
    pub(crate) pattern: &'static str,
    /// In words, for the error.
    pub(crate) rule: &'static str,
    /// The same rule for the check.
    pub(crate) allows: fn(&str) -> bool,
}

/// The type of a value.
#[derive(Debug)]
pub(crate) enum Ty {
    /// Exactly this text: the format's name and version.
    Const(&'static str),
    /// A string in which `${...}` may stand.
    Text,
    /// A string, number or boolean, taken as it is written; `${...}` may stand in it.
    Scalar,
    /// `true` or `false`.
    Bool,
    /// A whole number within bounds (inclusive).
    Int { min: i64, max: i64 },
    /// A duration within bounds (inclusive).
    Duration { min: HumanDuration, max: HumanDuration },
    /// The same, or `off`.
    DurationOrOff { min: HumanDuration, max: HumanDuration },
    /// A size within bounds (inclusive).
    Size { min: ByteSize, max: ByteSize },
    /// One of a few words.
    Choice(&'static [&'static str]),
    /// A list.
    List { item: &'static Ty, min: usize },
    /// A mapping.
    Object(&'static Object),
}

/// The word that switches a duration off.
pub(crate) const OFF: &str = "off";

/// A key that must be there.
pub(crate) const fn required(key: &'static str, ty: Ty, doc: &'static str) -> Field {
    Field { key, ty, required: true, doc }
}

/// A key that may be left out.
pub(crate) const fn optional(key: &'static str, ty: Ty, doc: &'static str) -> Field {
    Field { key, ty, required: false, doc }
}
