//! A name that one suite process carries into everything it makes in the cluster.
//!
//! Kubernetes' e2e framework labels its namespaces with `e2e-run=<UUID>`, one UUID per process, but
//! never tells anybody which process has which. The process does tell its own name, though: the
//! framework's clients use client-go's default user agent, which begins with the base name of
//! `argv[0]`, and the API server writes the user agent's first part into `metadata.managedFields`
//! of every object and field that a client makes. So a worker that starts each suite process with
//! an `argv[0]` of its own can later tell whose leavings these are, namespace by namespace.

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// Stands between the program's own name and the mark in `argv[0]`.
const SEPARATOR: &str = ".mb-";

/// The API server cuts field managers at 128 characters.
const LONGEST_PROGRAM: usize = 80;

/// Tells one suite process from every other one that ever ran in a cluster.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SuiteMark(String);

/// A text that cannot be a [`SuiteMark`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no mark of a suite process, expected 4 to 40 lower-case letters, digits, and inner hyphens"
)]
pub struct InvalidMark(String);

impl SuiteMark {
    /// Makes a mark. It must never be used for two processes: take a random text, or the run's id
    /// with session, process number, and a count of its starts.
    ///
    /// # Errors
    /// If the text is not 4 to 40 lower-case letters, digits, and inner hyphens.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidMark> {
        let text = text.into();
        let fits = (4..=40).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !text.starts_with('-')
            && !text.ends_with('-');
        if fits { Ok(Self(text)) } else { Err(InvalidMark(text)) }
    }

    /// The text of the mark.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What to start the suite program as (`argv[0]`), e.g. `e2e.test.mb-7f3a-2-1`. The file that is
    /// executed stays the same.
    pub fn argv0(&self, program: &Path) -> String {
        let name =
            program.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        // A slash or blank would end the user agent's first part too early.
        let name: String = name
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
            .take(LONGEST_PROGRAM)
            .collect();
        let name = if name.is_empty() { "suite" } else { &name };
        format!("{name}{SEPARATOR}{}", self.0)
    }

    /// Finds the mark in a field manager's name; `None` for managers that are no marked process.
    pub fn of_manager(manager: &str) -> Option<Self> {
        let (_, mark) = manager.rsplit_once(SEPARATOR)?;
        Self::new(mark).ok()
    }
}

impl fmt::Display for SuiteMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for SuiteMark {
    type Error = InvalidMark;

    fn try_from(text: String) -> Result<Self, InvalidMark> {
        Self::new(text)
    }
}

impl From<SuiteMark> for String {
    fn from(mark: SuiteMark) -> Self {
        mark.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_survives_the_way_through_argv0_and_the_user_agent() {
        let mark = SuiteMark::new("7f3a-2-1").unwrap();
        for program in ["/opt/k8s/e2e.test", "odd name/é/v1.36.mb-old/x", "/"] {
            let argv0 = mark.argv0(Path::new(program));
            // client-go: base name of argv[0] + "/" + version; the API server takes what stands
            // before the first slash.
            let user_agent =
                format!("{argv0}/v1.36.2 (linux/amd64) kubernetes/abc -- [sig-apps] x");
            let manager = user_agent.split('/').next().unwrap();
            assert_eq!(SuiteMark::of_manager(manager), Some(mark.clone()), "{argv0}");
            assert!(manager.len() <= 128);
        }
    }

    #[test]
    fn other_managers_have_no_mark() {
        for manager in
            ["e2e.test", "kubectl-create", "kube-controller-manager", "", "x.mb-", "x.mb-AB CD"]
        {
            assert_eq!(SuiteMark::of_manager(manager), None, "{manager}");
        }
    }

    #[test]
    fn odd_marks_are_refused() {
        for text in ["", "abc", "-abcd", "abcd-", "ABCD", "a/bc", &"x".repeat(41)] {
            assert!(SuiteMark::new(text).is_err(), "{text}");
        }
    }
}
