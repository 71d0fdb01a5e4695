//! Whatever single thing is taken away, renamed, or turned around: it is found.

use crate::support::{
    Change, OTHER_CASES, OTHER_HEADINGS, Submission, all_cases, blocks, cases, changed, found,
    other_case, other_heading,
};
use multibeam_conformance::junit::Junit;
use multibeam_conformance::log::Log;
use multibeam_conformance::{Evidence, Request, Verdict, input, verify};
use proptest::prelude::*;

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

/// Whether the submission with another text for one of its files is refused.
fn is_found(name: &str, text: &str, strict: bool) -> Result<(), TestCaseError> {
    let request = Request { strict, ..Submission::good().request };
    let checked = verify(&evidence(name, text), &request);
    prop_assert_eq!(checked.verdict, Verdict::NotVerified, "{:?}", found(&checked));
    Ok(())
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![Just(Change::Delete), Just(Change::Rename), Just(Change::Flip)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_change_of_the_junit_file_goes_unnoticed(
        change in change(),
        which in any::<prop::sample::Index>(),
        outcome in prop::sample::select(OTHER_CASES.to_vec()),
    ) {
        let text = Submission::good().text("junit_01.xml");
        let all = cases(&text);
        prop_assert_eq!(all.len(), 446);
        let part = all[which.index(all.len())];
        let other = changed(&text, part, change, |part| other_case(part, outcome));
        is_found("junit_01.xml", &other, false)?;
    }

    // What did not run is in no other file, so only a warning tells that it is gone.
    #[test]
    fn no_case_of_any_kind_is_taken_away_or_turned_around_unnoticed(
        change in prop::sample::select(vec![Change::Delete, Change::Flip]),
        which in any::<prop::sample::Index>(),
        outcome in prop::sample::select(OTHER_CASES.to_vec()),
    ) {
        let text = Submission::good().text("junit_01.xml");
        let mut others = all_cases(&text);
        let conformance = cases(&text);
        others.retain(|part| !conformance.contains(part));
        prop_assert_eq!(others.len(), 20 + 4);
        let part = others[which.index(others.len())];
        let other = changed(&text, part, change, |part| other_case(part, outcome));
        is_found("junit_01.xml", &other, true)?;
    }

    #[test]
    fn no_change_of_the_log_goes_unnoticed(
        change in change(),
        which in any::<prop::sample::Index>(),
        heading in prop::sample::select(OTHER_HEADINGS.to_vec()),
    ) {
        let text = Submission::good().text("e2e.log");
        let all = blocks(&text);
        prop_assert_eq!(all.len(), 446);
        let part = all[which.index(all.len())];
        let other = changed(&text, part, change, |part| other_heading(part, heading));
        is_found("e2e.log", &other, false)?;
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
