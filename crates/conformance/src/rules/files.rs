//! Which files there are, and where.

use super::context::RESULTS_ONLY;
use super::{Context, Finding, Rule, Sink};
use crate::Minor;
use crate::evidence::FileKind;

/// The files of a submission.
const SUBMISSION: [&str; 4] = ["README.md", "PRODUCT.yaml", "e2e.log", "junit_01.xml"];

/// Those of them that a run leaves.
const RESULTS: [&str; 2] = ["e2e.log", "junit_01.xml"];

pub(super) fn check(context: &Context<'_>, sink: &mut Sink) {
    let evidence = context.evidence;
    let expected: &[&str] = if context.is_submission() { &SUBMISSION } else { &RESULTS };
    sink.check(Rule::FilesPresent, |found| {
        for name in expected.iter().filter(|name| !is_there(context, name)) {
            found.push(Finding::at(context.path(name), None, format!("{name} is missing")));
        }
    });
    let role = |name: &str| expected.iter().any(|known| name.eq_ignore_ascii_case(known));
    sink.check(Rule::FilesNotEmpty, |found| {
        let plain = evidence.files.iter().filter(|file| file.kind == FileKind::File);
        for file in plain.filter(|file| file.size == 0 && role(&file.name)) {
            let message = format!("{} is empty", file.name);
            found.push(Finding::at(context.path(&file.name), None, message));
        }
    });
    sink.check(Rule::FilesPlain, |found| {
        // What else lies beside the results of a run is nobody's business.
        let counts = |name: &str| context.is_submission() || role(name);
        let others = evidence.files.iter().filter(|file| file.kind != FileKind::File);
        for file in others.filter(|file| counts(&file.name)) {
            let what = match file.kind {
                FileKind::Link => "a symbolic link",
                _ => "no file",
            };
            let message = format!("{} is {what}, expected a plain file", file.name);
            found.push(Finding::at(context.path(&file.name), None, message));
        }
    });
    if !context.is_submission() {
        let rules = [Rule::FilesOnly, Rule::FilesFolder];
        return sink.not_checked(&rules, RESULTS_ONLY);
    }
    sink.check(Rule::FilesOnly, |found| {
        for (path, name) in other_files(context) {
            let known = SUBMISSION.iter().find(|known| name.eq_ignore_ascii_case(known));
            let message = match known {
                Some(known) => format!("{name} must be spelled {known}"),
                None => format!("{name} is no file of a submission"),
            };
            found.push(Finding::at(path, None, message));
        }
    });
    sink.check(Rule::FilesFolder, |found| folders(context, found));
}

/// A link that is named so is there; that it is a link is another mistake.
fn is_there(context: &Context<'_>, name: &str) -> bool {
    let evidence = context.evidence;
    let by_role = match name {
        // Tools give both other names; only a submission has to call them so.
        "junit_01.xml" if !context.is_submission() => evidence.junit.is_some(),
        "e2e.log" if !context.is_submission() => evidence.log.is_some(),
        _ => false,
    };
    by_role || evidence.files.iter().any(|file| file.name.eq_ignore_ascii_case(name))
}

/// Files that are none of the four, of the pull request, else of the directory: path and name.
fn other_files(context: &Context<'_>) -> Vec<(String, String)> {
    match &context.request.pull_request.files {
        Some(files) => {
            let name = |path: &str| path.rsplit_once('/').map_or(path, |(_, name)| name).to_owned();
            let named = files.iter().map(|path| (path.clone(), name(path)));
            named.filter(|(_, name)| !SUBMISSION.contains(&name.as_str())).collect()
        }
        None => {
            // Files in directories below are none of the four, whatever they are called.
            let names = context.evidence.files.iter().map(|file| file.name.as_str());
            let others = names.filter(|name| !SUBMISSION.contains(name));
            others.map(|name| (context.path(name), name.to_owned())).collect()
        }
    }
}

fn folders(context: &Context<'_>, found: &mut Vec<Finding>) {
    match &context.request.pull_request.files {
        Some(files) => {
            for file in files.iter().filter(|file| !is_in_folder(file)) {
                let message = format!("{file} does not lie in vX.Y/PRODUCT");
                found.push(Finding::at(file.clone(), None, message));
            }
        }
        None if context.evidence.folder.is_none() => {
            let message = "the directory is not called vX.Y/PRODUCT";
            found.push(Finding::at(context.evidence.place.clone(), None, message));
        }
        None => {}
    }
}

/// Whether a path of a repository is `vX.Y/PRODUCT/FILE`.
fn is_in_folder(path: &str) -> bool {
    let mut names = path.split('/');
    let release = names.next().and_then(Minor::of_directory);
    let product = names.next().is_some_and(|product| !product.is_empty());
    release.is_some() && product && names.next().is_some_and(|name| !name.is_empty())
}
