//! What a run file names, held against this host's disk, as far as that shows without starting
//! anything.

use std::path::Path;

use multibeam_runfile::{Code, Diagnostic, Mention, Mentioned, Severity};
use multibeam_worker::agent::{check_binary, check_kubeconfig};

use crate::convert::absolute;
use crate::written::finding;

/// What of a run file's host matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Nothing: the run takes place elsewhere.
    Nothing,
    /// The suites: what would run is asked for, and not where.
    Suites,
    /// All that it names.
    Everything,
}

/// Looks at everything that a run file in `directory` names.
#[must_use]
pub fn check(mentions: &[Mention], directory: &Path, extent: Extent) -> Vec<Diagnostic> {
    let wanted = mentions.iter().filter(|mention| match extent {
        Extent::Nothing => false,
        Extent::Suites => !matches!(mention.what, Mentioned::Kubeconfig { .. }),
        Extent::Everything => true,
    });
    let wrong = wanted.filter_map(|Mention { what, place }| {
        let (code, text) = mistake(what, directory)?;
        Some(finding(place, Severity::Error, code, &text))
    });
    wrong.collect()
}

fn mistake(what: &Mentioned, directory: &Path) -> Option<(Code, String)> {
    let (code, result) = match what {
        Mentioned::Binary { path, .. } => {
            (Code::BadSuite, check_binary(&absolute(directory, path)))
        }
        Mentioned::WorkDir { path } => (Code::BadSuite, check_work_dir(&absolute(directory, path))),
        Mentioned::Kubeconfig { cluster, path, context } => {
            let path = absolute(directory, path);
            (Code::BadKubeconfig, check_kubeconfig(cluster, &path, context.as_deref()))
        }
    };
    result.err().map(|text| (code, text))
}

fn check_work_dir(path: &Path) -> Result<(), String> {
    let expected = || format!("expected a directory at {}", path.display());
    match std::fs::metadata(path) {
        Ok(found) if found.is_dir() => Ok(()),
        Ok(_) => Err(format!("{}, but that is none", expected())),
        Err(error) => {
            Err(format!("{}: {error} (hint: the suite's processes run in it)", expected()))
        }
    }
}
