//! Places in a file, for those who check what this crate cannot: whether a kubeconfig that the
//! file names can be read, say.

use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::render::printable;

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// How many characters of the line are meant (at least 1).
    pub length: usize,
    /// The line of the file, control characters replaced.
    pub source: String,
}

impl Place {
    /// A finding about what stands here.
    #[must_use]
    pub fn finding(
        &self,
        severity: Severity,
        code: Code,
        message: &str,
        hint: Option<&str>,
    ) -> Diagnostic {
        let Self { line, column, length, source } = self.clone();
        // Both repeat what the file says.
        let (message, hint) = (printable(message), hint.map(printable));
        let detail = Vec::new();
        Diagnostic { severity, code, line, column, length, message, hint, detail, source }
    }
}
