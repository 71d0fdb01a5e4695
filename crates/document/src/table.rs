//! The format as data: one table that the type check and the JSON schema are both made from, so
//! that the two cannot say different things.

use crate::human::{ByteSize, HumanDuration};

/// A mapping with known keys.
#[derive(Debug)]
pub struct Object {
    /// What a reader calls it, with an article: `a cluster`.
    pub name: &'static str,
    /// What it is for.
    pub doc: &'static str,
    /// Its keys in the order in which they are documented.
    pub fields: &'static [Field],
    /// What any other key holds, if other keys are allowed.
    pub extra: Option<&'static Extra>,
}

/// One key of an [`Object`].
#[derive(Debug)]
pub struct Field {
    /// The key.
    pub key: &'static str,
    /// What its value is.
    pub ty: Ty,
    /// Whether it must be there.
    pub required: bool,
    /// One or more sentences for the reader of the schema.
    pub doc: &'static str,
}

/// Keys that the user chooses.
#[derive(Debug)]
pub struct Extra {
    /// What they look like.
    pub keys: KeyRule,
    /// What their values are.
    pub value: Ty,
}

/// What a key of the user's choice may look like.
#[derive(Debug)]
pub struct KeyRule {
    /// What such a key is called: `a label`.
    pub what: &'static str,
    /// For the schema.
    pub pattern: &'static str,
    /// In words, for the error.
    pub rule: &'static str,
    /// The same rule for the check.
    pub allows: fn(&str) -> bool,
}

/// What a string may hold.
#[derive(Debug)]
pub struct Rule {
    /// What it is called, with an article: `an e-mail address`.
    pub what: &'static str,
    /// What to write instead, for the hint.
    pub hint: &'static str,
    /// The check.
    pub allows: fn(&str) -> bool,
}

/// The type of a value.
#[derive(Debug)]
pub enum Ty {
    /// Exactly this text: the format's name and version.
    Const(&'static str),
    /// A string.
    Text,
    /// A string that must obey a rule.
    Ruled(&'static Rule),
    /// A string, number or boolean, taken as it is written.
    Scalar,
    /// `true` or `false`.
    Bool,
    /// A whole number within bounds (inclusive).
    Int {
        /// The smallest.
        min: i64,
        /// The largest.
        max: i64,
    },
    /// A duration within bounds (inclusive).
    Duration {
        /// The smallest.
        min: HumanDuration,
        /// The largest.
        max: HumanDuration,
    },
    /// The same, or `off`.
    DurationOrOff {
        /// The smallest.
        min: HumanDuration,
        /// The largest.
        max: HumanDuration,
    },
    /// A size within bounds (inclusive).
    Size {
        /// The smallest.
        min: ByteSize,
        /// The largest.
        max: ByteSize,
    },
    /// One of a few words.
    Choice(&'static [&'static str]),
    /// A list.
    List {
        /// What each of its items is.
        item: &'static Ty,
        /// The fewest items.
        min: usize,
    },
    /// A mapping.
    Object(&'static Object),
}

/// The word that switches a duration off.
pub const OFF: &str = "off";

/// A key that must be there.
pub const fn required(key: &'static str, ty: Ty, doc: &'static str) -> Field {
    Field { key, ty, required: true, doc }
}

/// A key that may be left out.
pub const fn optional(key: &'static str, ty: Ty, doc: &'static str) -> Field {
    Field { key, ty, required: false, doc }
}
