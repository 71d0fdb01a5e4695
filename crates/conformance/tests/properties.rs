//! Whatever single thing is taken away, renamed, or turned around: it is found.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use multibeam_conformance::junit::Junit;
use multibeam_conformance::log::Log;
use multibeam_conformance::{Evidence, Verdict, input, verify};
use proptest::prelude::*;
use support::{Submission, found};

/// The evidence of a submission, with another text for one of its files.
fn evidence(name: &str, text: &str) -> Evidence {
    let root = tempfile::tempdir().unwrap();
    let mut evidence = input::collect(&[Submission::good().write(root.path())]).unwrap().remove(0);
    match name {
        "junit_01.xml" => evidence.junit = Some((name.into(), Junit::read(text.as_bytes()))),
        _ => evidence.log = Some((name.into(), Log::read(text.as_bytes()))),
    }
    evidence
}

/// Begin and end of the conformance cases of the JUnit file.
fn cases(text: &str) -> Vec<(usize, usize)> {
    let begin = text.match_indices("<testcase ").map(|(at, _)| at);
    let all = begin.map(|at| (at, at + text[at..].find("</testcase>").unwrap() + 11));
    all.filter(|(begin, end)| text[*begin..*end].contains("[Conformance]")).collect()
}

/// Begin and end of the blocks of conformance specs in the log.
fn blocks(text: &str) -> Vec<(usize, usize)> {
    let rule = "------------------------------\n";
    let begin: Vec<usize> = text.match_indices(rule).map(|(at, _)| at).collect();
    let pairs = begin.windows(2).map(|pair| (pair[0], pair[1]));
    pairs.filter(|(begin, end)| text[*begin..*end].contains("[Conformance]")).collect()
}

#[derive(Debug, Clone, Copy)]
enum Change {
    Delete,
    Rename,
    Flip,
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![Just(Change::Delete), Just(Change::Rename), Just(Change::Flip)]
}

/// Another character in the middle of the name.
fn renamed(part: &str) -> String {
    let begin = part.find("[sig-").unwrap();
    let end = begin + part[begin..].find(" [Conformance]").unwrap();
    let at = (begin + end) / 2;
    let at = (at..end).find(|at| part.as_bytes()[*at].is_ascii_alphabetic()).unwrap();
    let other = if &part[at..=at] == "q" { "p" } else { "q" };
    format!("{}{other}{}", &part[..at], &part[at + 1..])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_change_of_the_junit_file_goes_unnoticed(
        change in change(),
        which in any::<prop::sample::Index>(),
        flip in prop::sample::select(vec![
            "<failure message=\"\" type=\"failed\"></failure>",
            "<error message=\"\" type=\"interrupted\"></error>",
            "<skipped message=\"skipped\"></skipped>",
        ]),
    ) {
        let text = Submission::good().text("junit_01.xml");
        let all = cases(&text);
        prop_assert_eq!(all.len(), 446);
        let (begin, end) = all[which.index(all.len())];
        let part = &text[begin..end];
        let part = match change {
            Change::Delete => String::new(),
            Change::Rename => renamed(part),
            Change::Flip => part.replacen("</testcase>", &format!("{flip}</testcase>"), 1),
        };
        let changed = format!("{}{part}{}", &text[..begin], &text[end..]);
        let checked = verify(&evidence("junit_01.xml", &changed), &Submission::good().request);
        prop_assert_eq!(checked.verdict, Verdict::NotVerified, "{:?}", found(&checked));
    }

    #[test]
    fn no_change_of_the_log_goes_unnoticed(
        change in change(),
        which in any::<prop::sample::Index>(),
        flip in prop::sample::select(vec!["• [FAILED] [", "• [PANICKED] [", "S [SKIPPED] [", "P [PENDING] ["]),
    ) {
        let text = Submission::good().text("e2e.log");
        let all = blocks(&text);
        prop_assert_eq!(all.len(), 446);
        let (begin, end) = all[which.index(all.len())];
        let part = &text[begin..end];
        let part = match change {
            Change::Delete => String::new(),
            Change::Rename => renamed(part),
            Change::Flip => part.replacen("• [", flip, 1),
        };
        let changed = format!("{}{part}{}", &text[..begin], &text[end..]);
        let checked = verify(&evidence("e2e.log", &changed), &Submission::good().request);
        prop_assert_eq!(checked.verdict, Verdict::NotVerified, "{:?}", found(&checked));
    }

    #[test]
    fn no_damage_makes_it_panic(
        name in prop::sample::select(vec!["junit_01.xml", "e2e.log", "PRODUCT.yaml"]),
        at in any::<prop::sample::Index>(),
        bytes in prop::collection::vec(any::<u8>(), 0..8),
        length in 0usize..64,
    ) {
        let mut file = Submission::good().files[name].clone();
        let at = at.index(file.len());
        file.splice(at..(at + length).min(file.len()), bytes);
        match name {
            "junit_01.xml" => drop(Junit::read(&file[..])),
            "e2e.log" => drop(Log::read(&file[..])),
            _ => drop(multibeam_conformance::product::Product::parse(&file)),
        }
    }
}
