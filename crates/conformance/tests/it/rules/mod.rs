//! One wrong thing at a time, and exactly its rule is broken.

mod cases;
mod logs;
mod places;
mod spoil;

use std::collections::BTreeSet;

use multibeam_conformance::rules::{Level, Origin, Rule, Status};
use multibeam_conformance::{UrlAnswer, Verdict};

use crate::support::{Submission, broken, found};
use spoil::{answer, title};

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
    assert_eq!((checked.required, checked.passed), (446, Some(446)));
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
    for (rule, what, spoil, message) in cases::all() {
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
    let with: BTreeSet<Rule> = cases::all().map(|(rule, ..)| *rule).collect();
    let without: Vec<&Rule> = Rule::ALL.iter().filter(|rule| !with.contains(rule)).collect();
    assert!(without.is_empty(), "no case breaks {without:?}");
}

#[test]
fn the_page_about_certification_has_every_rule_in_its_row() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/certification.md");
    let page = std::fs::read_to_string(page).unwrap();
    let row = |begin: &str| page.lines().find(|line| line.starts_with(begin)).unwrap();
    for rule in Rule::ALL {
        let info = rule.info();
        let row = row(match (info.origin, info.level) {
            (Origin::Bot(_), _) => "| the bot |",
            (Origin::Instructions, _) => "| the instructions |",
            (Origin::Reviewers, Level::Error) => "| reviewers |",
            (Origin::Reviewers, Level::Warning) => "| reviewers, as warnings |",
        });
        assert!(row.contains(&format!("`{rule}`")), "{rule} is not in {row}");
        if let Origin::Bot(scenario) = info.origin {
            // The number stands behind the last rule of its scenario.
            let (_, rest) = row.split_once(&format!("`{rule}`")).unwrap();
            let number = rest.split_once('(').unwrap().1.split(')').next().unwrap();
            assert!(number.ends_with(&scenario.to_string()), "{rule}: {number}");
        }
    }
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
fn what_no_server_answered_for_is_not_checked() {
    let mut submission = Submission::good();
    answer(&mut submission, UrlAnswer::Failed("timed out".into()));
    let of = |submission: &Submission, rule| {
        let checked = submission.verify();
        checked.outcomes.into_iter().find(|outcome| outcome.rule == rule).unwrap().status
    };
    let reason = "nobody answered for documentation_url".to_owned();
    assert_eq!(of(&submission, Rule::ProductContentType), Status::NotChecked(reason));
    // Another scheme is told once, also where nobody answers to it.
    submission.replace(
        "PRODUCT.yaml",
        "https://yoyo.dyne/turbo-encabulator/docs",
        "ftp://yoyo.dyne",
    );
    let answers = &mut submission.request.online.as_mut().unwrap().answers;
    answers.insert("ftp://yoyo.dyne".into(), UrlAnswer::Failed("no such scheme".into()));
    let Status::Broken(found) = of(&submission, Rule::ProductReachable) else { panic!("it holds") };
    assert_eq!(found.len(), 1);
    assert!(found[0].message.contains("a URL of ftp"), "{}", found[0].message);
}

#[test]
fn a_pull_request_without_files_is_said_to_have_none() {
    let mut submission = Submission::good();
    submission.request.pull_request.files = Some(Vec::new());
    let found = found(&submission.verify());
    assert!(found.iter().any(|line| line.contains("it changes no file")), "{found:?}");
}
