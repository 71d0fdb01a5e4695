//! What a run file names on the disk, for those who can look there.

use multibeam_document::Place;
use multibeam_document::yaml::Span;

use crate::settings::suite::{RawSuite, Suite};

/// A file or directory that a run file names, and where it does. Paths are as written, with
/// references replaced; relative ones begin at the directory of the run file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mention {
    /// What is named.
    pub what: Mentioned,
    /// Where the path stands.
    pub place: Place,
    /// Where the context stands that goes with it, if there is one.
    pub context: Option<Place>,
}

/// What a run file names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mentioned {
    /// The suite of a target.
    Binary {
        /// The target's name; empty when it has none.
        target: String,
        /// The path.
        path: String,
    },
    /// The working directory of a suite's processes.
    WorkDir {
        /// The path.
        path: String,
    },
    /// How a cluster is reached.
    Kubeconfig {
        /// The cluster's name.
        cluster: String,
        /// The path.
        path: String,
        /// Nothing means the current context.
        context: Option<String>,
    },
    /// The directory for all runs.
    Results {
        /// The path.
        path: String,
    },
}

/// Mentions in the making. Empty paths are mistakes of their own and are left out.
#[derive(Debug, Default)]
pub(crate) struct Mentions(Vec<(Mentioned, Span, Option<Span>)>);

// === impl Mentions ===

impl Mentions {
    pub(crate) fn add(&mut self, what: Mentioned, at: Span) {
        self.add_with_context(what, at, None);
    }

    /// Adds a path with which a context goes that stands somewhere else.
    pub(crate) fn add_with_context(&mut self, what: Mentioned, at: Span, context: Option<Span>) {
        let (Mentioned::Binary { path, .. }
        | Mentioned::WorkDir { path }
        | Mentioned::Kubeconfig { path, .. }
        | Mentioned::Results { path }) = &what;
        if !path.trim().is_empty() {
            self.0.push((what, at, context));
        }
    }

    /// What the suite of a target names.
    pub(crate) fn add_suite(&mut self, target: &str, written: &RawSuite, suite: &Suite) {
        if let Some(at) = &written.binary {
            let (target, path) = (target.to_owned(), suite.binary.clone());
            self.add(Mentioned::Binary { target, path }, at.span);
        }
        if let (Some(at), Some(path)) = (&written.workdir, &suite.workdir) {
            self.add(Mentioned::WorkDir { path: path.clone() }, at.span);
        }
    }

    /// All of them in the order in which they were made.
    pub(crate) fn placed(self, place: impl Fn(Span) -> Place) -> Vec<Mention> {
        let placed = self.0.into_iter().map(|(what, at, context)| Mention {
            what,
            place: place(at),
            context: context.map(&place),
        });
        placed.collect()
    }
}
