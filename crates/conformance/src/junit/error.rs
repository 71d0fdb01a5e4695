//! Why a file cannot count as a JUnit file.

use std::io;

/// Why a file is no JUnit file that the bot reads.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JunitError {
    /// It is no XML.
    #[error("not well-formed XML: {message}")]
    Xml {
        /// Line, from 1.
        line: u64,
        /// What the parser says.
        message: String,
    },
    /// It is not UTF-8.
    #[error("the encoding is {encoding}, expected UTF-8")]
    Encoding {
        /// Line, from 1.
        line: u64,
        /// What it says or looks like.
        encoding: String,
    },
    /// The root is another element.
    #[error("the root element is <{name}>, expected <testsuites>")]
    Root {
        /// Line, from 1.
        line: u64,
        /// Its name.
        name: String,
    },
    /// A counter is no number.
    #[error("{name}={value:?} of <testsuite> is no number")]
    Counter {
        /// Line, from 1.
        line: u64,
        /// The attribute.
        name: &'static str,
        /// Its value.
        value: String,
    },
    /// One of the [`limits`](crate::limits) is exceeded.
    #[error("{what}, which no JUnit file of a conformance run has")]
    Limit {
        /// Line, from 1.
        line: u64,
        /// What there is too much of.
        what: String,
    },
    /// The file cannot be read on.
    #[error("cannot be read")]
    Read(#[source] io::Error),
}

impl JunitError {
    /// Line, from 1; nothing when the file itself cannot be read.
    #[must_use]
    pub fn line(&self) -> Option<u64> {
        match self {
            Self::Xml { line, .. }
            | Self::Encoding { line, .. }
            | Self::Root { line, .. }
            | Self::Counter { line, .. }
            | Self::Limit { line, .. } => Some(*line),
            Self::Read(_) => None,
        }
    }
}
