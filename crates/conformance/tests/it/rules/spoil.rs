//! Ways to spoil a submission.

use multibeam_conformance::{Online, UrlAnswer};

use crate::support::{Run, Submission};

/// The first spec's text in the sorted JUnit file, and where it stands in the log.
pub(crate) const SPEC: &str = "[sig-api-machinery] API priority and fairness should support FlowSchema API operations [Conformance]";

/// A spec that is no conformance test.
pub(crate) const OTHER: &str = "[sig-zoo] Felines should purr";

pub(crate) fn title(s: &mut Submission, title: &str) {
    s.request.pull_request.title = Some(title.to_owned());
}

pub(crate) fn changed(s: &mut Submission, files: &[&str]) {
    s.request.pull_request.files = Some(files.iter().map(|file| (*file).to_owned()).collect());
}

pub(crate) fn remove(s: &mut Submission, name: &str) {
    s.files.remove(name).unwrap();
}

/// The file lies elsewhere, and a link leads to it.
pub(crate) fn link(s: &mut Submission, name: &str) {
    s.links.insert(name.to_owned());
}

pub(crate) fn put(s: &mut Submission, name: &str, text: &str) {
    s.files.insert(name.to_owned(), text.into());
}

pub(crate) fn product(s: &mut Submission, text: &str) {
    put(s, "PRODUCT.yaml", text);
}

pub(crate) fn empty(s: &mut Submission, name: &str) {
    put(s, name, "");
}

pub(crate) fn add(s: &mut Submission, name: &str) {
    put(s, name, "x");
}

pub(crate) fn append(s: &mut Submission, name: &str, text: &str) {
    let old = s.text(name);
    put(s, name, &format!("{old}{text}"));
}

pub(crate) fn rename(s: &mut Submission, from: &str, to: &str) {
    let bytes = s.files.remove(from).unwrap();
    s.files.insert(to.to_owned(), bytes);
}

pub(crate) fn rerun(s: &mut Submission, change: impl FnOnce(&mut Run)) {
    let mut run = Run::good();
    change(&mut run);
    s.files = Submission::of(&run).files;
}

/// The first of the specs that passed becomes one of another sort.
pub(crate) fn move_first(s: &mut Submission, to: fn(&mut Run) -> &mut Vec<String>) {
    rerun(s, |run| {
        let text = run.specs.remove(0);
        to(run).push(text);
    });
}

pub(crate) fn utf16(s: &mut Submission, name: &str) {
    let text = format!("\u{feff}{}", s.text(name));
    let bytes = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    s.files.insert(name.to_owned(), bytes);
}

pub(crate) fn cut_line(s: &mut Submission, begin: &str) {
    let text = s.text("e2e.log");
    let kept: Vec<&str> = text.lines().filter(|line| !line.starts_with(begin)).collect();
    put(s, "e2e.log", &kept.join("\n"));
}

/// Removes a whole case.
pub(crate) fn cut(s: &mut Submission, name: &str) {
    let text = s.text("junit_01.xml");
    let at = text.find(name).unwrap();
    let begin = text[..at].rfind("<testcase").unwrap();
    let end = at + text[at..].find("</testcase>").unwrap() + "</testcase>".len();
    put(s, "junit_01.xml", &format!("{}{}", &text[..begin], &text[end..]));
}

/// What a run without `-v` prints.
pub(crate) fn dots(s: &mut Submission) {
    let text = s.text("e2e.log");
    let kept: Vec<&str> = text.lines().filter(|line| !line.starts_with("[sig-")).collect();
    put(s, "e2e.log", &kept.join("\n"));
}

pub(crate) fn answer(s: &mut Submission, answer: UrlAnswer) {
    let url = "https://yoyo.dyne/turbo-encabulator/docs".to_owned();
    s.request.online = Some(Online { answers: [(url, answer)].into() });
}
