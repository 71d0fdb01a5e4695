//! What the conversions of messages to the model have in common: errors that name the field.

mod coordinator;
mod shared;
mod standing;
mod worker;

use std::fmt;

/// A message that cannot be read: the path of the field, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {kind}")]
pub struct WireError {
    /// Where, such as `worker_message.process.news.sealed.attempt`.
    pub path: String,
    /// What.
    pub kind: WireErrorKind,
}

/// What is wrong with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireErrorKind {
    /// A field that must be there is not, or is one that this build does not know.
    #[error("missing (hint: both sides must run the same version of multibeam)")]
    Missing,
    /// An enumeration has a value that this build does not know.
    #[error("unknown value {0} (hint: both sides must run the same version of multibeam)")]
    Unknown(i32),
}

/// A place in a message, kept on the stack: nothing is allocated unless there is an error.
#[derive(Clone, Copy)]
pub(crate) struct At<'a> {
    parent: Option<&'a At<'a>>,
    name: &'static str,
    index: Option<usize>,
}

impl At<'_> {
    pub(crate) fn root(name: &'static str) -> At<'static> {
        At { parent: None, name, index: None }
    }

    /// The field `name` of the message here.
    pub(crate) fn field(&self, name: &'static str) -> At<'_> {
        At { parent: Some(self), name, index: None }
    }

    /// The element `index` of the list `name` of the message here.
    pub(crate) fn element(&self, name: &'static str, index: usize) -> At<'_> {
        At { parent: Some(self), name, index: Some(index) }
    }

    fn error(&self, kind: WireErrorKind) -> WireError {
        WireError { path: self.to_string(), kind }
    }

    pub(crate) fn missing(&self) -> WireError {
        self.error(WireErrorKind::Missing)
    }

    pub(crate) fn unknown(&self, value: i32) -> WireError {
        self.error(WireErrorKind::Unknown(value))
    }

    /// A sub-message that must be there.
    pub(crate) fn required<T>(&self, value: Option<T>) -> Result<T, WireError> {
        value.ok_or_else(|| self.missing())
    }
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            write!(f, "{parent}.")?;
        }
        f.write_str(self.name)?;
        match self.index {
            Some(index) => write!(f, "[{index}]"),
            None => Ok(()),
        }
    }
}

/// What [`TryFrom`] calls; `at` is the place of `wire` in the whole message.
pub(crate) trait FromWire<W>: Sized {
    fn from_wire(wire: W, at: At<'_>) -> Result<Self, WireError>;
}

/// Reads a list, each element with its index in the path.
pub(crate) fn list<W, M: FromWire<W>>(
    wires: Vec<W>,
    at: &At<'_>,
    name: &'static str,
) -> Result<Vec<M>, WireError> {
    wires
        .into_iter()
        .enumerate()
        .map(|(index, wire)| M::from_wire(wire, at.element(name, index)))
        .collect()
}
