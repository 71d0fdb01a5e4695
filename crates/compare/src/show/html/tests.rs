//! The page holds what it must, and nothing of what reports say is obeyed.

use proptest::prelude::*;

use super::super::fixture;
use super::*;
use crate::compare::compare;
use crate::input::{Outcome, Run, Target};
use multibeam_model::outcome::SpecState;

fn hostile(text: &str) -> Run {
    let mut target = Target { name: text.to_owned(), ..Target::default() };
    target.labels.insert(text.to_owned(), text.to_owned());
    let failed = Outcome::Failed { state: SpecState::Failed, message: text.to_owned() };
    target.add(text.to_owned(), failed);
    let mut other = Target { name: format!("{text}2"), ..Target::default() };
    other.add(text.to_owned(), Outcome::Passed);
    other.add(format!("{text}3"), Outcome::Flaked);
    Run { id: text.to_owned(), started: 0, targets: vec![target, other] }
}

/// The page without its own style and script.
fn body(page: &str) -> String {
    let (head, rest) = page.split_once("<style>").unwrap();
    let (_, rest) = rest.split_once("</style>").unwrap();
    let (rest, _) = rest.rsplit_once("<script>").unwrap();
    format!("{head}{rest}")
}

#[test]
fn nothing_that_a_report_says_is_obeyed() {
    let attack =
        "\"'><script>alert(1)</script><img src=x onerror=alert(1)>\u{202e}\u{0}\u{1b}[2J&lt;";
    let page = page(&compare(&[hostile(attack)], &[], None).unwrap());
    let body = body(&page);
    assert!(!body.contains("<script>alert") && !body.contains("<img"), "{body}");
    assert!(!page.contains(['\u{202e}', '\u{0}', '\u{1b}']));
    assert!(body.contains("&amp;lt;"), "what was escaped before stays as it was");
}

#[test]
fn the_page_needs_nothing_else() {
    let page = page(&fixture::nightly());
    assert!(page.contains("default-src 'none'"));
    for outside in ["http://", "https://", "src=", "url(", "@import", "<link", " on", "style="] {
        // A blank before "on" is found in sentences; handlers are attributes.
        let found = match outside {
            " on" => {
                ["onclick=", "onload=", "onerror=", "oninput="].iter().any(|h| page.contains(h))
            }
            _ => body(&page).contains(outside),
        };
        assert!(!found, "{outside}");
    }
}

#[test]
fn the_policy_names_the_style_and_script_that_are_there() {
    let page = page(&fixture::nightly());
    let part = |open: &str, close: &str| {
        let (_, rest) = page.split_once(open).unwrap();
        rest.split_once(close).unwrap().0.to_owned()
    };
    let policy = part("Content-Security-Policy\" content=\"", "\">");
    assert!(policy.contains(&digest(&part("<style>", "</style>"))), "{policy}");
    assert!(policy.contains(&digest(&part("<script>", "</script>"))), "{policy}");
    assert!(!policy.contains("unsafe"));
}

#[test]
fn every_table_has_a_caption_and_every_head_a_scope() {
    let page = page(&fixture::nightly());
    let count = |needle: &str| page.matches(needle).count();
    assert!(count("<table") >= 4);
    assert_eq!(count("<table"), count("<caption"));
    assert_eq!(count("<th ") + count("<th>"), count("scope=\"col\"") + count("scope=\"row\""));
    assert_eq!(count("<h1>"), 1);
    // Every reference to an id leads somewhere.
    for attribute in ["aria-labelledby=\"", "href=\"#", "for=\""] {
        for rest in page.split(attribute).skip(1) {
            let id = rest.split('"').next().unwrap();
            assert!(page.contains(&format!("id=\"{id}\"")), "{attribute}{id}");
        }
    }
}

#[test]
fn failures_are_marked_for_eye_and_ear() {
    let page = page(&fixture::nightly());
    let fails =
        r#"<td class="bad"><span aria-hidden="true">✗</span><span class="unseen">fails</span>"#;
    // Three with IPVS, nine everywhere, two that nothing explains.
    assert_eq!(page.matches(fails).count(), 3 + 9 + 2);
    assert!(page.contains("1. kube-proxy=ipvs"));
    assert!(page.contains("Pods should &lt;b&gt;be&lt;/b&gt; steady"));
    assert!(page.contains("exit 1 &amp; more"), "colours are left out");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn foreign_text_opens_no_element(text in "[<>&\"'/a-z =!-]{0,40}") {
        let plain = body(&page(&compare(&[hostile("plain")], &[], None).unwrap()));
        let other = body(&page(&compare(&[hostile(&text)], &[], None).unwrap()));
        prop_assume!(!text.trim().is_empty());
        let elements = |page: &str| page.matches('<').count();
        prop_assert_eq!(elements(&plain), elements(&other));
    }
}
