//! One wrong thing at a time, and exactly its rule is broken.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::collections::BTreeSet;

use multibeam_conformance::rules::{Level, Rule, Status};
use multibeam_conformance::{Online, UrlAnswer, Verdict, input, qualifying_with, urls, verify};
use serde_json::json;
use support::{Run, Submission, broken, found};

/// What makes a submission wrong.
type Spoil = fn(&mut Submission);

/// The first spec's text in the sorted JUnit file, and where it stands in the log.
const SPEC: &str = "[sig-api-machinery] API priority and fairness should support FlowSchema API operations [Conformance]";

/// Rule, what was done, and the begin of the finding.
const CASES: &[(Rule, &str, Spoil, &str)] = &[
    (Rule::PrTitle, "no title", |s| title(s, ""), "the title is empty"),
    (Rule::PrTitleFormat, "no release", |s| title(s, "Conformance of turbo"), "the title \""),
    (
        Rule::PrTitleVersion,
        "another release",
        |s| title(s, "Results for v1.35/turbo"),
        "the title says v1.35",
    ),
    (
        Rule::PrOneProduct,
        "two products",
        |s| changed(s, &["v1.36/turbo/e2e.log", "v1.36/other/e2e.log"]),
        "2 directories",
    ),
    (Rule::PrOneCommit, "two commits", |s| s.request.pull_request.commits = Some(2), "2 commits"),
    (Rule::PrOneCommit, "no commit", |s| s.request.pull_request.commits = Some(0), "0 commits"),
    (Rule::FilesPresent, "no readme", |s| remove(s, "README.md"), "README.md is missing"),
    (Rule::FilesPresent, "no product", |s| remove(s, "PRODUCT.yaml"), "PRODUCT.yaml is missing"),
    (Rule::FilesPresent, "no log", |s| remove(s, "e2e.log"), "e2e.log is missing"),
    (Rule::FilesPresent, "no junit", |s| remove(s, "junit_01.xml"), "junit_01.xml is missing"),
    (Rule::FilesNotEmpty, "empty readme", |s| empty(s, "README.md"), "README.md is empty"),
    (Rule::FilesNotEmpty, "empty product", |s| empty(s, "PRODUCT.yaml"), "PRODUCT.yaml is empty"),
    (Rule::FilesNotEmpty, "empty log", |s| empty(s, "e2e.log"), "e2e.log is empty"),
    (Rule::FilesNotEmpty, "empty junit", |s| empty(s, "junit_01.xml"), "junit_01.xml is empty"),
    (Rule::FilesOnly, "a tarball", |s| add(s, "sonobuoy.tar.gz"), "sonobuoy.tar.gz is no file"),
    (Rule::FilesOnly, "a directory", |s| add(s, "docs/steps.md"), "docs/steps.md is no file"),
    (Rule::FilesOnly, "a second junit", |s| add(s, "junit_02.xml"), "junit_02.xml is no file"),
    (
        Rule::FilesOnly,
        "lower case",
        |s| rename(s, "README.md", "readme.md"),
        "readme.md must be spelled README.md",
    ),
    (
        Rule::FilesOnly,
        "a changed file",
        |s| changed(s, &["v1.36/turbo/e2e.log", "v1.36/turbo/x"]),
        "x is no file",
    ),
    (Rule::FilesFolder, "no release", |s| s.folder = "turbo".into(), "the directory is not called"),
    (
        Rule::FilesFolder,
        "release with patch",
        |s| s.folder = "v1.36.2/turbo".into(),
        "the directory is not called",
    ),
    (
        Rule::FilesFolder,
        "a changed file",
        |s| changed(s, &["v1.36/e2e.log"]),
        "v1.36/e2e.log does not lie",
    ),
    (
        Rule::ReleaseSupported,
        "too old",
        |s| s.request.qualifying = qualifying_with("v1.39".parse().unwrap()),
        "v1.36 is none of the releases that qualify: v1.37, v1.38, v1.39",
    ),
    (Rule::ProductMapping, "a list", |s| product(s, "- a\n"), "expected a mapping"),
    (
        Rule::ProductMapping,
        "no YAML",
        |s| s.replace("PRODUCT.yaml", "vendor:", "vendor: ["),
        "not valid YAML",
    ),
    (
        Rule::ProductScalars,
        "a list",
        |s| s.replace("PRODUCT.yaml", "Yoyodyne", "[Yoyodyne]"),
        "vendor: a list",
    ),
    (
        Rule::ProductFields,
        "no vendor",
        |s| s.replace("PRODUCT.yaml", "vendor: Yoyodyne\n", ""),
        "the field vendor is missing",
    ),
    (
        Rule::ProductFields,
        "null",
        |s| s.replace("PRODUCT.yaml", "Yoyodyne", "~"),
        "vendor: has no value",
    ),
    (
        Rule::ProductBlank,
        "blank",
        |s| s.replace("PRODUCT.yaml", "Yoyodyne", "' '"),
        "vendor: is blank",
    ),
    (
        Rule::ProductUrls,
        "no URL",
        |s| s.replace("PRODUCT.yaml", "https://yoyo.dyne/turbo-encabulator\n", "yoyo.dyne\n"),
        "website_url: \"yoyo.dyne\" is no URL",
    ),
    (
        Rule::ProductEmail,
        "no address",
        |s| s.replace("PRODUCT.yaml", "turbo@yoyo.dyne", "turbo"),
        "contact_email_address: ",
    ),
    (
        Rule::ProductType,
        "capitals",
        |s| s.replace("PRODUCT.yaml", "type: distribution", "type: Distribution"),
        "type: \"Distribution\" is none of",
    ),
    (
        Rule::ProductLogo,
        "a PNG",
        |s| s.replace("PRODUCT.yaml", "encabulator.svg", "encabulator.png"),
        "product_logo_url: a .png file",
    ),
    (
        Rule::ProductQuoted,
        "a number",
        |s| s.replace("PRODUCT.yaml", "'v1.7.4'", "1.30"),
        "version: 1.30 is no text",
    ),
    (
        Rule::ProductKnown,
        "a typo",
        |s| s.replace("PRODUCT.yaml", "repo_url", "repo_ulr"),
        "repo_ulr: is no field",
    ),
    (
        Rule::ProductKnown,
        "twice",
        |s| s.replace("PRODUCT.yaml", "name:", "vendor: Yoyodyne\nname:"),
        "vendor: is there twice",
    ),
    (
        Rule::ProductContentType,
        "a PDF",
        |s| answer(s, UrlAnswer::ContentType("application/pdf".into())),
        "documentation_url: is served as",
    ),
    (
        Rule::ProductReachable,
        "no answer",
        |s| answer(s, UrlAnswer::Failed("timed out".into())),
        "documentation_url: cannot be reached",
    ),
    (
        Rule::ReadmeSteps,
        "a link",
        |s| put(s, "README.md", "See https://yoyo.dyne/how-to\n"),
        "1 words besides links",
    ),
    (Rule::JunitReadable, "no XML", |s| put(s, "junit_01.xml", "<testsuites>"), "not well-formed"),
    (
        Rule::JunitReadable,
        "another root",
        |s| put(s, "junit_01.xml", "<testsuite/>"),
        "the root element is",
    ),
    (
        Rule::JunitCounters,
        "a counter",
        |s| s.replace("junit_01.xml", "errors=\"0\"", "errors=\"1\""),
        "<testsuites> says errors=\"1\"",
    ),
    (
        Rule::JunitCounters,
        "an unselected case",
        |s| cut(s, "[It] [sig-zoo] Ungulates should graze 3\""),
        "<testsuite> says",
    ),
    (
        Rule::TestsRequired,
        "a missing test",
        |s| rerun(s, |run| drop(run.specs.remove(0))),
        "missing: [sig-",
    ),
    (
        Rule::TestsSkipped,
        "a skipped test",
        |s| move_first(s, |run| &mut run.skipped),
        "skipped: [sig-",
    ),
    (Rule::TestsPassed, "a failed test", |s| move_first(s, |run| &mut run.failed), "failed: [sig-"),
    (
        Rule::TestsOnce,
        "a test twice",
        |s| rerun(s, |run| run.specs.push(run.specs[0].clone())),
        "twice, first at line",
    ),
    (
        Rule::TestsOther,
        "another failed",
        |s| rerun(s, |run| run.failed.push("[sig-zoo] Felines should purr".into())),
        "failed: [sig-zoo]",
    ),
    (
        Rule::RunSkip,
        "a skip",
        |s| rerun(s, |run| run.config["SkipStrings"] = json!(["Serial"])),
        "SkipStrings is \"Serial\"",
    ),
    (
        Rule::RunDry,
        "a dry run",
        |s| rerun(s, |run| run.config["DryRun"] = json!(true)),
        "DryRun is",
    ),
    (Rule::LogReadable, "UTF-16", |s| utf16(s, "e2e.log"), "the encoding is UTF-16"),
    (Rule::LogSummary, "cut off", |s| cut_line(s, "SUCCESS! --"), "no line `SUCCESS!"),
    (
        Rule::LogSummary,
        "a failed suite",
        |s| s.replace("e2e.log", "SUCCESS! --", "FAIL! - Interrupted by User --"),
        "it says \"FAIL!",
    ),
    (
        Rule::LogSummary,
        "pending",
        |s| s.replace("e2e.log", "0 Pending", "1 Pending"),
        "it says \"SUCCESS!",
    ),
    (
        Rule::LogAfterSummary,
        "a second run begins",
        |s| append(s, "e2e.log", &format!("{SPEC}\n")),
        "a spec after the last summary",
    ),
    (
        Rule::LogVersion,
        "another server",
        |s| rerun(s, |run| run.server = "v1.35.4"),
        "the API server is v1.35.4",
    ),
    (
        Rule::LogVersion,
        "another suite",
        |s| rerun(s, |run| run.suite = "v1.37.0-alpha.1"),
        "the suite is v1.37.0",
    ),
    (
        Rule::LogVersionLines,
        "no line",
        |s| s.replace("e2e.log", "e2e test version", "e2e version"),
        "no line `e2e test version:`",
    ),
    (
        Rule::LogFlakes,
        "a flake",
        |s| {
            s.replace(
                "e2e.log",
                "• [1.500 seconds]",
                "↺ [FLAKEY TEST - TOOK 2 ATTEMPTS TO PASS] [1.500 seconds]",
            )
        },
        "a spec passed only",
    ),
    (
        Rule::LogFlakes,
        "a count",
        |s| s.replace("e2e.log", "0 Pending", "1 Flaked | 0 Pending"),
        "1 specs passed only",
    ),
    (Rule::LogVerbose, "dots", dots, "it names none of the 446"),
    (
        Rule::JunitInLog,
        "not in the log",
        |s| s.replace("e2e.log", SPEC, "[sig-zoo] x"),
        "not in e2e.log: [sig-api-machinery] API",
    ),
    (
        Rule::LogInJunit,
        "not in junit",
        |s| {
            s.replace(
                "e2e.log",
                SPEC,
                &format!("[sig-zoo] Felines should purr [Conformance]\n{SPEC}"),
            )
        },
        "not in junit_01.xml: [sig-zoo]",
    ),
    (
        Rule::LogOutcomes,
        "other counts",
        |s| s.replace("e2e.log", "446 Passed", "445 Passed"),
        "the log says 445 passed",
    ),
    (
        Rule::LogOutcomes,
        "failed in the log",
        |s| s.replace("e2e.log", "• [1.500 seconds]", "• [FAILED] [1.500 seconds]"),
        "the log says that it failed",
    ),
];

fn title(s: &mut Submission, title: &str) {
    s.request.pull_request.title = Some(title.to_owned());
}

fn changed(s: &mut Submission, files: &[&str]) {
    s.request.pull_request.files = Some(files.iter().map(|file| (*file).to_owned()).collect());
}

fn remove(s: &mut Submission, name: &str) {
    s.files.remove(name).unwrap();
}

fn put(s: &mut Submission, name: &str, text: &str) {
    s.files.insert(name.to_owned(), text.into());
}

fn product(s: &mut Submission, text: &str) {
    put(s, "PRODUCT.yaml", text);
}

fn empty(s: &mut Submission, name: &str) {
    put(s, name, "");
}

fn add(s: &mut Submission, name: &str) {
    put(s, name, "x");
}

fn append(s: &mut Submission, name: &str, text: &str) {
    let old = s.text(name);
    put(s, name, &format!("{old}{text}"));
}

fn rename(s: &mut Submission, from: &str, to: &str) {
    let bytes = s.files.remove(from).unwrap();
    s.files.insert(to.to_owned(), bytes);
}

fn rerun(s: &mut Submission, change: impl FnOnce(&mut Run)) {
    let mut run = Run::good();
    change(&mut run);
    s.files = Submission::of(&run).files;
}

/// The first of the specs that passed becomes one of another sort.
fn move_first(s: &mut Submission, to: fn(&mut Run) -> &mut Vec<String>) {
    rerun(s, |run| {
        let text = run.specs.remove(0);
        to(run).push(text);
    });
}

fn utf16(s: &mut Submission, name: &str) {
    let text = format!("\u{feff}{}", s.text(name));
    let bytes = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    s.files.insert(name.to_owned(), bytes);
}

fn cut_line(s: &mut Submission, begin: &str) {
    let text = s.text("e2e.log");
    let kept: Vec<&str> = text.lines().filter(|line| !line.starts_with(begin)).collect();
    put(s, "e2e.log", &kept.join("\n"));
}

/// Removes a whole case.
fn cut(s: &mut Submission, name: &str) {
    let text = s.text("junit_01.xml");
    let at = text.find(name).unwrap();
    let begin = text[..at].rfind("<testcase").unwrap();
    let end = at + text[at..].find("</testcase>").unwrap() + "</testcase>".len();
    put(s, "junit_01.xml", &format!("{}{}", &text[..begin], &text[end..]));
}

/// What a run without `-v` prints.
fn dots(s: &mut Submission) {
    let text = s.text("e2e.log");
    let kept: Vec<&str> = text.lines().filter(|line| !line.starts_with("[sig-")).collect();
    put(s, "e2e.log", &kept.join("\n"));
}

fn answer(s: &mut Submission, answer: UrlAnswer) {
    let url = "https://yoyo.dyne/turbo-encabulator/docs".to_owned();
    s.request.online = Some(Online { answers: [(url, answer)].into() });
}

/// A request that leaves nothing unchecked.
fn complete() -> Submission {
    let mut submission = Submission::good();
    title(&mut submission, "Conformance results for v1.36/turbo");
    let files = ["README.md", "PRODUCT.yaml", "e2e.log", "junit_01.xml"];
    let files = files.map(|name| format!("v1.36/turbo/{name}"));
    submission.request.pull_request.files = Some(files.to_vec());
    submission.request.pull_request.commits = Some(1);
    let html = UrlAnswer::ContentType("text/html; charset=utf-8".into());
    answer(&mut submission, html);
    submission
}

#[test]
fn a_good_submission_is_verified_and_every_rule_holds() {
    let checked = complete().verify();
    assert_eq!(found(&checked), [""; 0]);
    assert_eq!(checked.verdict, Verdict::Verified);
    assert_eq!((checked.required, checked.passed), (446, 446));
    assert_eq!(checked.product.as_deref(), Some("turbo"));
    assert_eq!(checked.outcomes.len(), Rule::ALL.len());
    for (outcome, rule) in checked.outcomes.iter().zip(Rule::ALL) {
        assert_eq!((outcome.rule, &outcome.status), (*rule, &Status::Holds));
    }
    let mut strict = complete();
    strict.request.strict = true;
    assert_eq!(strict.verify().verdict, Verdict::Verified);
}

#[test]
fn each_wrong_thing_breaks_exactly_its_rule() {
    let mut wrong = Vec::new();
    for (rule, what, spoil, message) in CASES {
        let mut submission = Submission::good();
        spoil(&mut submission);
        let checked = submission.verify();
        let verdict = match rule.info().level {
            Level::Error => Verdict::NotVerified,
            Level::Warning => Verdict::Verified,
        };
        let found = found(&checked);
        let first = checked.outcomes.iter().flat_map(|outcome| outcome.findings()).next();
        let said = first.is_some_and(|finding| finding.message.starts_with(message));
        if broken(&checked) != [*rule] || !said || checked.verdict != verdict {
            wrong.push(format!("{rule}, {what}: {}: {found:#?}", checked.verdict));
        }
        assert_eq!(checked.outcomes.len(), Rule::ALL.len(), "{what}");
        // A warning is one only until it is asked to be more.
        assert_eq!(submission.strict_verdict(), Verdict::NotVerified, "{what}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_rule_has_a_case() {
    let with: BTreeSet<Rule> = CASES.iter().map(|(rule, ..)| *rule).collect();
    let without: Vec<&Rule> = Rule::ALL.iter().filter(|rule| !with.contains(rule)).collect();
    // A case of its own: it takes a link.
    assert_eq!(without, [&Rule::FilesPlain]);
}

#[test]
fn a_link_is_listed_and_never_followed() {
    let submission = Submission::good();
    let root = tempfile::tempdir().unwrap();
    let directory = submission.write(root.path());
    let elsewhere = root.path().join("elsewhere.log");
    std::fs::rename(directory.join("e2e.log"), &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, directory.join("e2e.log")).unwrap();
    let found = input::collect(&[directory]).unwrap();
    let checked = verify(&found[0], &submission.request);
    assert_eq!(broken(&checked), [Rule::FilesPlain]);
    assert!(found[0].log.is_none());
}

#[test]
fn what_was_not_given_is_not_checked_and_changes_nothing() {
    let checked = Submission::good().verify();
    assert_eq!(checked.verdict, Verdict::Verified);
    let open = checked.outcomes.iter().filter(|o| matches!(o.status, Status::NotChecked(_)));
    let open: Vec<Rule> = open.map(|outcome| outcome.rule).collect();
    let expected = [
        Rule::PrTitle,
        Rule::PrTitleFormat,
        Rule::PrTitleVersion,
        Rule::PrOneProduct,
        Rule::PrOneCommit,
        Rule::ProductContentType,
        Rule::ProductReachable,
    ];
    assert_eq!(open, expected);
}

#[test]
fn an_unknown_release_is_no_verdict_unless_something_is_wrong() {
    let mut submission = Submission::good();
    submission.folder = "v1.99/turbo".into();
    let text = submission.text("e2e.log").replace("v1.36.", "v1.99.");
    put(&mut submission, "e2e.log", &text);
    let checked = submission.verify();
    assert_eq!(checked.verdict, Verdict::CouldNotTell, "{:?}", found(&checked));
    assert_eq!(checked.origin, None);
    remove(&mut submission, "README.md");
    assert_eq!(submission.verify().verdict, Verdict::NotVerified);
}

#[test]
fn a_list_that_is_given_wins_over_the_built_in_one() {
    use multibeam_conformance::catalog::{Catalog, Origin};
    let mut submission = Submission::good();
    let text = "- codename: '[sig-zoo] Felines should purr [Conformance]'\n  release: v1.30\n\
                - codename: '[sig-zoo] Later [Conformance]'\n  release: v1.37\n";
    let origin = Origin::File("conformance.yaml".into());
    submission.request.catalog = Some(Catalog::parse(origin, text).unwrap());
    let checked = submission.verify();
    assert_eq!(broken(&checked), [Rule::TestsRequired]);
    assert_eq!((checked.required, checked.passed), (1, 0));
}

#[test]
fn results_without_a_submission_around_them_are_verified_by_their_log() {
    let submission = Submission::good();
    let root = tempfile::tempdir().unwrap();
    let target = root.path().join("20260101-000000-abcd/cilium");
    std::fs::create_dir_all(&target).unwrap();
    for name in ["e2e.log", "junit_01.xml"] {
        std::fs::write(target.join(name), &submission.files[name]).unwrap();
    }
    std::fs::write(root.path().join("20260101-000000-abcd/run.json"), "{}").unwrap();
    for paths in
        [vec![root.path().to_owned()], vec![target.join("e2e.log"), target.join("junit_01.xml")]]
    {
        let found = input::collect(&paths).unwrap();
        assert_eq!(found.len(), 1);
        let checked = verify(&found[0], &submission.request);
        assert_eq!(checked.verdict, Verdict::Verified, "{:?}", support::found(&checked));
        assert_eq!(checked.claim.unwrap().minor, support::MINOR);
        assert!(!checked.submission);
    }
    // One of the two is no evidence.
    let found = input::collect(&[target.join("junit_01.xml")]).unwrap();
    assert_eq!(broken(&verify(&found[0], &submission.request)), [Rule::FilesPresent]);
}

#[test]
fn several_submissions_in_one_directory_are_places_of_their_own() {
    let root = tempfile::tempdir().unwrap();
    let mut submission = Submission::good();
    submission.write(root.path());
    submission.folder = "v1.36/other".into();
    submission.write(root.path());
    let found = input::collect(&[root.path().to_owned()]).unwrap();
    let places: Vec<_> = found.iter().map(|e| e.folder.clone().unwrap().1).collect();
    assert_eq!(places, ["other", "turbo"]);
    assert!(found.iter().all(|e| verify(e, &submission.request).verdict == Verdict::Verified));
    assert_eq!(urls(&found[0]).len(), 4);
}
